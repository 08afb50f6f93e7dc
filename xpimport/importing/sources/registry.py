"""The kinds of places there are. A kind's file is loaded when a source of it is first used."""

from dataclasses import replace
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from xpimport.errors import Invalid
from xpimport.importing.sources.source import Source, SourceKind, missing_extra
from xpimport.rules.afterwards import LEAVE, check_afterwards, parse_afterwards
from xpimport.rules.definition import Definition
from xpimport.rules.locations import STDIN, Location, parse_location
from xpimport.rules.names import check_path, dated, names_at
from xpimport.rules.settings import Settings

SOURCES = {"file": "local", STDIN: "stdin", "http": "http", "https": "http", "sftp": "sftp", "s3": "s3"}
"""The registration: scheme -> its file in this folder."""


@cache
def source_kind(scheme: str) -> SourceKind:
    """What the kind of place with that scheme says of itself."""
    declared: SourceKind = import_module(f"{__package__}.{SOURCES[scheme]}").SOURCE
    return declared


def every_source() -> list[SourceKind]:
    """All kinds of places; loads the files of all."""
    return [source_kind(scheme) for scheme in {file: scheme for scheme, file in SOURCES.items()}.values()]


def check_source(definition: Definition) -> Definition:
    """A definition as it is kept: local paths absolute, so that cron finds them too; what was cleared, gone.

    Raises:
        Invalid: the source, or an option of it, cannot work; without a secret in the message.
    """
    definition = replace(
        definition,
        password=definition.password or None,
        key=definition.key or None,
        token=definition.token or None,
        marker=definition.marker or None,
        count_file=definition.count_file or None,
    )
    location = parse_location(definition.source)
    kind = source_kind(location.scheme)
    _check_options(definition, location, kind)
    definition = replace(
        definition,
        password=_reference("password", definition.password),
        key=_reference("key", definition.key),
        token=_reference("token", definition.token),
    )
    if kind.package is not None and find_spec(kind.package) is None:
        raise Invalid(missing_extra(location.scheme, kind.package))
    definition = kind.check(definition, location)
    if location.scheme == STDIN:
        return definition
    path = definition.source if location.scheme == "file" else location.path
    check_path(path)
    names = names_at(path, datetime(2026, 11, 24))  # noqa: DTZ001 - only its form counts
    check_afterwards(parse_afterwards(definition.after), names, definition.marker)
    return definition


def _check_options(definition: Definition, location: Location, kind: SourceKind) -> None:
    title = kind.title.format(scheme=location.scheme)
    for name in ("password", "key", "token"):
        if getattr(definition, name) is not None and name not in kind.credentials:
            raise Invalid(f"--{name} does nothing for {title}. Leave it out (import edit: --{name} '').{kind.instead}")
    parse_afterwards(definition.after)
    given = {"marker": definition.marker, "count-file": definition.count_file}
    for name, value in given.items():
        if value is not None and not kind.has_companions:
            raise Invalid(f"--{name} cannot be used with {title}, which shows one file only. Leave it out.")
        if value is not None and kind.has_folder and "/" in value:
            raise Invalid(f"{value!r}: a marker or count file stands in the folder of the list. Give its name only.")
    if definition.after != LEAVE and not kind.has_folder:
        raise Invalid(f"--after {definition.after}: {title} can only be left. Leave --after out.")


def _reference(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    kind, _, place = text.partition(":")
    if kind not in {"env", "file"} or not place:
        raise Invalid(f"--{name}: a secret is given by reference only: file:/path/to/it (mode 0600) or env:NAME.")
    return f"file:{Path(place).expanduser().absolute()}" if kind == "file" else text


def open_source(definition: Definition, instant: datetime, settings: Settings) -> Source:
    """The place that a checked definition names, for a run at `instant` (in the import's zone).

    Raises:
        FileRefused: the place says no, or the package for it is missing (`missing_extra`).
        Unreachable: it cannot be reached.
        Invalid: a secret is not to be had.
    """
    location = parse_location(definition.source)
    location = replace(location, query=dated(location.query, instant))
    return source_kind(location.scheme).open(location, names_at(location.path, instant), definition, settings)
