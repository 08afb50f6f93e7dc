"""Lists on this machine: a path, a pattern in its last part, date parts, or standard input."""

import re
import sys
from collections.abc import Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from zoneinfo import ZoneInfo

from xpimport.errors import FileRefused, Invalid
from xpimport.importing.sources import SourceFile
from xpimport.rules.definition import Definition

_DATE_PART = re.compile(r"\{(%[^{}]*)\}")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
STDIN = "-"


def check_source(source: str) -> str:
    """A source as it is kept: local paths made absolute, so that cron finds them too.

    Raises:
        Invalid: a kind of source that is not known.
    """
    scheme = _SCHEME.match(source)
    if scheme and scheme[1].lower() != "file":
        raise Invalid(
            f"--source {source!r}: no source of the kind {scheme[1]!r} is known. Name a local path or pattern."
        )
    if source == STDIN:
        return source
    bare = source[len("file:") :] if scheme else source
    bare = "/" + bare.lstrip("/") if bare.startswith("//") else bare
    return str(Path(bare).expanduser().absolute())


def is_pattern(source: str) -> bool:
    """Whether the last part of a source may name several files."""
    name = Path(source).name
    return bool(_DATE_PART.search(name)) or any(mark in name for mark in "*?[")


def find(definition: Definition, zone: ZoneInfo, at: datetime, last_taken: int | None) -> list[SourceFile]:
    """The files that a source names at the instant `at`, as `--take` says, in the order in which they are read.

    `last_taken` is when the newest file taken before was written (unix ns): a pattern never goes back behind it.

    Raises:
        FileRefused: there is none (`no_file`), all are too old (`file_too_old`), or it is a directory (`not_a_file`).
    """
    path = Path(_DATE_PART.sub(lambda part: at.astimezone(zone).strftime(part[1]), definition.source))
    if path.is_dir():
        raise FileRefused(
            f"{path} is a directory. Name a file in it, or a pattern like {path}/*.csv", code="not_a_file"
        )
    if not is_pattern(definition.source):
        found = [_file(path)] if path.exists() else []
    else:
        found = [file for file in _matching(path) if last_taken is None or file.modified >= last_taken]
    if not found:
        newer = " newer than the last one taken" if last_taken is not None and is_pattern(definition.source) else ""
        raise FileRefused(
            f"There is no file {path}{newer}. Put it there, or name another with --source.", code="no_file"
        )
    if definition.max_age is not None:
        oldest = (at.timestamp() - definition.max_age) * 1e9
        fresh = [file for file in found if file.modified >= oldest]
        if not fresh:
            raise FileRefused(
                f"{found[-1].name} was written longer ago than --max-age allows. Deliver a new one.",
                code="file_too_old",
            )
        found = fresh
    found.sort(key=lambda file: (file.modified, file.name))
    return {"newest": found[-1:], "oldest": found[:1], "all": found}[definition.take]


def _matching(path: Path) -> list[SourceFile]:
    try:
        entries = sorted(path.parent.iterdir())
    except OSError as problem:
        raise FileRefused(f"Cannot look into {path.parent}: {problem.strerror}.", code="no_file") from None
    names = [entry for entry in entries if fnmatchcase(entry.name, path.name) and entry.is_file()]
    return [_file(entry) for entry in names if not entry.name.startswith(".")]


def _file(path: Path) -> SourceFile:
    try:
        state = path.stat()
    except OSError as problem:
        raise FileRefused(f"Cannot look at {path}: {problem.strerror}.", code="no_file") from None
    return SourceFile(path.name, path, state.st_size, state.st_mtime_ns)


def look(files: Sequence[SourceFile]) -> dict[str, list[int]]:
    """What two looks compare: for each file its size and when it was written."""
    return {str(file.path): [file.bytes, file.modified] for file in files}


def beside(file: SourceFile, named: str) -> Path:
    """The done-marker or count file of a list: `.done` is added to its name, anything else stands in its folder."""
    return file.path.with_name(file.name + named) if named.startswith(".") else file.path.parent / named


def unfinished(files: Sequence[SourceFile], definition: Definition) -> str | None:
    """Why the files are not known to be finished by their marker or count file; None when they are."""
    for file in files:
        for named in (definition.marker, definition.count_file):
            if named is not None and not beside(file, named).exists():
                return f"{file.name} is not finished: {beside(file, named).name} is not there yet."
    return None


def expected_rows(files: Sequence[SourceFile], count_file: str) -> int:
    """How many rows the count files announce together.

    Raises:
        FileRefused: one of them holds no number (`count_file`).
    """
    total = 0
    for file in files:
        path = beside(file, count_file)
        text = path.read_text(encoding="utf-8", errors="replace").strip()
        if not text.isascii() or not text.isdigit():
            raise FileRefused(
                f"The count file {path.name} holds {text[:40]!r}, not a number of rows.", code="count_file"
            )
        total += int(text)
    return total


def copy_stdin(target: Path) -> SourceFile:
    """Keep standard input as a private file, so that it can be read like any other.

    Raises:
        FileRefused: standard input is a terminal (`no_file`).
    """
    if sys.stdin.isatty():
        raise FileRefused("Standard input is a terminal. Pipe a list into the command, or name a file.", code="no_file")
    import os
    import shutil

    with os.fdopen(os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    state = target.stat()
    return SourceFile(STDIN, target, state.st_size, state.st_mtime_ns)
