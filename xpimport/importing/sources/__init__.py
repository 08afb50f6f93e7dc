"""Where lists come from. Each kind of place is one file here, loaded when a source of that kind is used.

`check` says at `import add` whether a source and its options fit; `open_source` connects; `choosing` picks files.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from xpimport.errors import Invalid
from xpimport.rules.afterwards import LEAVE, check_afterwards, parse_afterwards
from xpimport.rules.definition import Definition
from xpimport.rules.locations import STDIN, Location, is_loopback, parse_location
from xpimport.rules.names import Names, check_dates, check_path, dated, names_at

Fetching = Callable[[int, int], None]
"""Told how many bytes of how many are here."""

SMALL = 64 * 1024
"""Bytes of a count file that are looked at."""


@dataclass(frozen=True)
class Listed:
    """A file as its place lists it.

    `where` is its path or key there, `location` the same as it may be shown, `modified` is in unix nanoseconds,
    `version` is what changes when the content does (an ETag). None: the place does not say.
    """

    name: str
    where: str
    location: str
    bytes: int
    modified: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class SourceFile:
    """A list to read: its bare name, where it is, its size in bytes, when it was last written (unix nanoseconds).

    `expected` is how many rows its count file announces; `origin` is what it was fetched from.
    """

    name: str
    path: Path
    bytes: int
    modified: int
    location: str = ""
    expected: int | None = None
    origin: Listed | None = None


class Source(Protocol):
    """A place that was opened for one import. Every method may raise Unreachable."""

    names: Names
    wanted: str
    """What is looked for, as messages name it."""
    looks: int
    """How many equal looks prove that a file is finished: one where a place shows whole files only."""

    def list(self) -> list[Listed]:
        """Every file that is asked for; raises FileRefused where the place says no."""

    def beside(self, file: Listed, named: str) -> Listed | None:
        """The file called `named` in the folder of another, if it is there."""

    def read(self, file: Listed) -> bytes:
        """The beginning of a small file, at most SMALL bytes."""

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        """Bring a file, as it was listed, to the private file `target`; where it is local already it stays."""

    def unchanged(self, file: Listed) -> bool:
        """Whether the file is still what was listed."""

    def move(self, file: Listed, where: str) -> bool:
        """Give a file another path; False, and nothing is done, where another file has it."""

    def delete(self, file: Listed) -> None:
        """Remove a file."""

    def close(self) -> None:
        """Give connections back."""


def companion(name: str, named: str) -> str:
    """The marker or count file of a list: `.done` is added to its name, anything else stands in its folder."""
    return name + named if named.startswith(".") else named


def check(definition: Definition) -> Definition:
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
    _check_options(definition, location)
    definition = replace(
        definition,
        password=_reference("password", definition.password),
        key=_reference("key", definition.key),
        token=_reference("token", definition.token),
    )
    if location.scheme == STDIN:
        return definition
    if location.scheme == "file":
        from xpimport.importing.sources.local import absolute

        definition = replace(definition, source=absolute(location.path))
        location = parse_location("file:" + definition.source)
    elif location.scheme in {"http", "https"}:
        _check_http(definition, location)
    else:
        _check_installed(location.scheme)
    check_path(location.path)
    names = names_at(location.path, datetime(2026, 11, 24))  # noqa: DTZ001 - only its form counts
    check_afterwards(parse_afterwards(definition.after), names, definition.marker)
    return definition


_TAKES = {"file": (), STDIN: (), "http": ("password", "token"), "https": ("password", "token"), "s3": ()}
_TAKES["sftp"] = ("password", "key")


def _check_options(definition: Definition, location: Location) -> None:
    kind = {"file": "a local source", STDIN: "standard input"}.get(location.scheme, f"an {location.scheme} source")
    for name in ("password", "key", "token"):
        if getattr(definition, name) is not None and name not in _TAKES[location.scheme]:
            instead = " Its credentials are those of the AWS_* variables or of AWS_PROFILE." * (location.scheme == "s3")
            raise Invalid(f"--{name} does nothing for {kind}. Leave it out (import edit: --{name} '').{instead}")
    parse_afterwards(definition.after)
    if location.scheme not in {"http", "https", STDIN}:
        for named in (definition.marker, definition.count_file):
            if named is not None and "/" in named:
                raise Invalid(
                    f"{named!r}: a marker or count file stands in the folder of the list. Give its name only."
                )
        return
    given = {"marker": definition.marker, "count-file": definition.count_file}
    for name, value in given.items():
        if value is not None and location.scheme != STDIN:
            raise Invalid(f"--{name} cannot be used with {kind}, which shows one file only. Leave it out.")
    if definition.after != LEAVE:
        raise Invalid(f"--after {definition.after}: {kind} can only be left. Leave --after out.")


def _check_http(definition: Definition, location: Location) -> None:
    if any(mark in location.path for mark in "*[") or "/re:" in location.path:
        raise Invalid(
            "--source: an http address is one file, since there is no listing to match a pattern with. "
            "Date parts work: https://host/lists/vip-{%Y-%m-%d}.csv"
        )
    check_dates(location.query)
    if definition.password and definition.token:
        raise Invalid("--password and --token exclude each other. Leave one out.")
    if (location.user is None) != (definition.password is None):
        raise Invalid("A user in the address and --password go together: https://user@host/... --password file:PATH")
    if (definition.password or definition.token) and location.scheme == "http" and not is_loopback(location.host):
        raise Invalid("--source: with http the password or token would cross the network in the clear. Use https.")


def _check_installed(scheme: str) -> None:
    from importlib.util import find_spec

    if find_spec(MODULES[scheme]) is None:
        raise Invalid(missing_extra(scheme))


MODULES = {"sftp": "paramiko", "s3": "obstore"}


def missing_extra(scheme: str) -> str:
    """What to do where the library for a kind of source is not installed."""
    return f"A source of the kind {scheme} needs the package {MODULES[scheme]}. Run: pip install 'xpimport[{scheme}]'"


def _reference(name: str, text: str | None) -> str | None:
    if text is None:
        return None
    kind, _, place = text.partition(":")
    if kind not in {"env", "file"} or not place:
        raise Invalid(f"--{name}: a secret is given by reference only: file:/path/to/it (mode 0600) or env:NAME.")
    return f"file:{Path(place).expanduser().absolute()}" if kind == "file" else text


def open_source(definition: Definition, moment: datetime, settings: Mapping[str, str]) -> Source:
    """The place that a checked definition names, for a run at `moment` (in the import's zone).

    Raises:
        FileRefused: the place says no, or the package for it is missing (`missing_extra`).
        Unreachable: it cannot be reached.
        Invalid: a secret is not to be had.
    """
    location = parse_location(definition.source)
    names = names_at(location.path, moment)
    if location.scheme == "file":
        from xpimport.importing.sources.local import Local

        return Local(names)
    if location.scheme == "sftp":
        from xpimport.importing.sources.sftp import open_sftp

        return open_sftp(location, names, definition, settings)
    if location.scheme == "s3":
        from xpimport.importing.sources.s3 import open_s3

        return open_s3(location, names)
    from xpimport.importing.sources.http import open_http

    return open_http(replace(location, query=dated(location.query, moment)), names, definition, settings)
