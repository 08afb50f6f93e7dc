"""Which of the files that a place lists are taken, and whether they are finished."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from xpimport.errors import FileRefused
from xpimport.importing.sources.source import Listed, Source, SourceFile, companion
from xpimport.rules.afterwards import RENAME, parse_afterwards
from xpimport.rules.definition import Definition
from xpimport.rules.setting_kinds import DURATION
from xpimport.rules.settings import Setting

LOOK = Setting("file.look", "2s", DURATION, "how far apart run-now looks twice at a file to see that it is finished")

Key = tuple[str, int, int]


@dataclass(frozen=True)
class Taken:
    """What completed runs of the same source took: when the newest file was written (unix ns), and which files.

    `files` are those of the newest such run, and all that were written at that same moment; `last` only the former.
    """

    newest: int
    files: frozenset[Key]
    last: frozenset[Key]


def key_of(location: str, size: int, modified: int) -> Key:
    """What tells a file that was taken from another."""
    return location, size, modified


def select(
    source: Source, definition: Definition, at: datetime, taken: Taken | None = None, *, again: bool = False
) -> list[Listed]:
    """The files to take at the instant `at`, as `--take` says, in the order in which they are read: oldest first.

    A pattern never goes back behind the newest file taken before; with `oldest` and `all` no file is taken twice
    unless it is asked for `again`. A fixed name is taken whatever its date.

    Raises:
        FileRefused: there is none (`no_file`), or all are too old (`file_too_old`).
    """
    found = [file for file in source.list() if not _is_other(file.name, source, definition)]
    newer = ""
    if source.names.varies and taken is not None:
        newer = " newer than the last one taken"
        found = [file for file in found if _is_new(file, definition, taken, again=again)]
    if not found:
        raise FileRefused(
            f"There is no file {source.wanted}{newer}. Put it there, or name another with --source.", code="no_file"
        )
    if definition.max_age is not None:
        found = _fresh(found, at.timestamp() - definition.max_age)
    found.sort(key=lambda file: (file.modified or 0, file.name))
    return {"newest": found[-1:], "oldest": found[:1], "all": found}[definition.take]


def _is_other(name: str, source: Source, definition: Definition) -> bool:
    """Whether a name that the pattern matches is a marker, a count file, or a list that was renamed after its run."""
    if not source.names.varies:
        return False
    after = parse_afterwards(definition.after)
    if after.kind == RENAME and name.endswith(after.value):
        return True
    named = [named for named in (definition.marker, definition.count_file) if named]
    return any(name.endswith(one) if one.startswith(".") else name == one for one in named)


def _is_new(file: Listed, definition: Definition, taken: Taken, *, again: bool) -> bool:
    if file.modified is None:
        return True
    key = key_of(file.location, file.bytes, file.modified)
    if again and key in taken.last:
        return True
    return file.modified >= taken.newest and (definition.take == "newest" or key not in taken.files)


def _fresh(found: Sequence[Listed], oldest: float) -> list[Listed]:
    if any(file.modified is None for file in found):
        raise FileRefused(
            f"The server does not say when {found[0].name} was written, so --max-age cannot be held. Leave it out.",
            code="file_too_old",
        )
    fresh = [file for file in found if (file.modified or 0) >= oldest * 1e9]
    if not fresh:
        raise FileRefused(
            f"{found[-1].name} was written longer ago than --max-age allows. Deliver a new one.", code="file_too_old"
        )
    return fresh


def fingerprint(files: Sequence[Listed]) -> dict[str, list[int]]:
    """What two looks compare: for each file its size and when it was written."""
    return {file.location: [file.bytes, file.modified or 0] for file in files}


def unfinished(source: Source, files: Sequence[Listed], definition: Definition) -> str | None:
    """Why the files are not known to be finished by their marker or count file; None when they are."""
    for file in files:
        for named in (definition.marker, definition.count_file):
            if named is not None and source.beside(file, companion(file.name, named)) is None:
                return f"{file.name} is not finished: {companion(file.name, named)} is not there yet."
    return None


def expected_rows(source: Source, file: Listed, count_file: str) -> int:
    """How many rows the count file of a list announces.

    Raises:
        FileRefused: it holds no number (`count_file`), or nothing yet (`file_unfinished`).
    """
    name = companion(file.name, count_file)
    found = source.beside(file, name)
    text = "" if found is None else source.read(found).decode("utf-8", "replace").lstrip("\ufeff").strip()
    if not text:
        raise FileRefused(f"{file.name} is not finished: the count file {name} is empty.", code="file_unfinished")
    if not text.isascii() or not text.isdigit():
        raise FileRefused(f"The count file {name} holds {text[:40]!r}, not a number of rows.", code="count_file")
    return int(text)


def put_away(source: Source, files: Sequence[SourceFile], definition: Definition) -> list[str]:
    """Do what `--after` says with lists that were imported, and with their markers and count files.

    The marker goes first: should this stop half-way, a list without its marker waits, but a marker without its list
    would vouch for the next one before that is whole.

    Returns: a sentence for each file that was left alone since it is no longer the one that was read.
    """
    left: list[str] = []
    gone: list[Listed] = []
    beside: list[Listed] = []
    for file in (file.origin for file in files if file.origin is not None):
        if not source.unchanged(file):
            left.append(f"{file.location} was replaced while it was imported, so it was left where it is.")
            continue
        gone.append(file)
        for named in (definition.marker, definition.count_file):
            found = source.beside(file, companion(file.name, named)) if named else None
            if found is not None and found not in beside:
                beside.append(found)
    for file in [*beside, *gone]:
        _put_away_one(source, file, definition)
    return left


def _put_away_one(source: Source, file: Listed, definition: Definition) -> None:
    after = parse_afterwards(definition.after)
    if after.kind == "delete":
        source.delete(file)
        return
    number = 1
    while not source.move(file, after.target(file.where, number)):
        number += 1
        if number > 10_000:
            raise FileRefused(f"{file.location} was not put away: 10,000 files of its name are there.", code="after")
