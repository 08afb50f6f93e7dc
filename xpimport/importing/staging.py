"""The first half of an import: read the whole file, check every cell, and set the rows down outside the store.

The rows lie in a SQLite file of their own, so that reading a long list holds no lock on the store. It is made
afresh by each attempt; what has to outlive a kill (rejections, counts, the cursor) is in the store.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xpimport.errors import FileRefused
from xpimport.importing.formats import Batch, FormatOptions, Malformed
from xpimport.importing.formats.opening import open_list
from xpimport.importing.sources import SourceFile
from xpimport.rules.definition import Definition, choose_columns
from xpimport.rules.rows import FILE_STEP
from xpimport.rules.values import check_column
from xpimport.store.driver import sqlite3

Progress = Callable[[int, int, int], None]
"""Called with rows read, bytes read and bytes in all."""


@dataclass(frozen=True)
class Column:
    """A column that is taken: its place and title in the file, the attribute it fills, how a cell is checked."""

    index: int
    title: str
    attribute: str
    kind: str
    max_length: int | None


@dataclass(frozen=True)
class Staged:
    """What reading a source gave: counts of rows, and the columns seen."""

    read: int
    rejected: int
    header: list[str]
    ignored: list[str]
    attributes: list[str]


def fingerprint(files: Sequence[SourceFile]) -> list[str]:
    """The SHA-256 of each file.

    Raises:
        FileRefused: a file went away or cannot be read (`no_file`).
    """
    found = []
    for file in files:
        try:
            with file.path.open("rb") as content:
                found.append(hashlib.file_digest(content, "sha256").hexdigest())
        except OSError as problem:
            raise FileRefused(f"Cannot read {file.path}: {problem.strerror}.", code="no_file") from None
    return found


@contextmanager
def scratch(path: Path, attributes: Sequence[str]) -> Iterator["sqlite3.Connection"]:
    """An empty staging file at `path` with a column for each attribute; nothing in it is meant to survive."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "cache_size = -64000"):
            db.execute(f"PRAGMA {pragma}")
        columns = "".join(f', "{name}"' for name in attributes)
        db.execute(f"CREATE TABLE people (row INTEGER PRIMARY KEY, key TEXT NOT NULL{columns})")
        db.execute("CREATE TABLE rejected (row INTEGER PRIMARY KEY, column TEXT, value TEXT, reason TEXT, cells TEXT)")
        db.execute("BEGIN")
        yield db
        if db.in_transaction:
            db.execute("COMMIT")
    finally:
        db.close()


def columns_of(
    header: Sequence[str], definition: Definition, kinds: Mapping[str, tuple[str, int | None]], name: str
) -> list[Column]:
    """The columns of a file that are taken, in their order. Raises FileRefused, see `choose_columns`."""
    chosen = choose_columns(header, definition, list(kinds), name)
    return [Column(index, header[index], attribute, *kinds[attribute]) for attribute, index in chosen.items()]


def options_of(definition: Definition) -> FormatOptions:
    """How the text of this import's lists is read."""
    return FormatOptions(
        format=definition.format,
        sheet=definition.sheet,
        delimiter=definition.delimiter,
        quote=definition.quote,
        encoding=definition.encoding,
    )


def stage(
    path: Path,
    files: Sequence[SourceFile],
    definition: Definition,
    kinds: Mapping[str, tuple[str, int | None]],
    progress: Progress,
) -> Staged:
    """Read and check all `files` into the staging file at `path`.

    Raises:
        FileRefused: a file cannot be imported as a whole, or it changed while it was read (`file_changed`).
    """
    total = sum(file.bytes for file in files)
    readers = [open_list(file.path, options_of(definition), file.name) for file in files]
    try:
        plans = [columns_of(r.header, definition, kinds, f.name) for r, f in zip(readers, files, strict=True)]
        attributes = list(dict.fromkeys(column.attribute for plan in plans for column in plan))
        read = done = 0
        with scratch(path, attributes) as db:
            for number, (reader, file, plan) in enumerate(zip(readers, files, plans, strict=True)):
                writer = _Writer(db, plan, definition.identify_by, number * FILE_STEP)
                for batch in reader.batches():
                    read += writer.write(batch)
                    progress(read, done + batch.offset, total)
                done += file.bytes
                _check_unchanged(file)
            rejected = db.execute("SELECT count(*) FROM rejected").fetchone()[0]
        taken = {column.title for column in plans[0]}
        ignored = [title for title in readers[0].header if title not in taken]
        return Staged(read, rejected, readers[0].header, ignored, attributes)
    finally:
        for reader in readers:
            reader.close()


def _check_unchanged(file: SourceFile) -> None:
    try:
        state = file.path.stat()
    except OSError:
        state = None
    if state is None or (state.st_size, state.st_mtime_ns) != (file.bytes, file.modified):
        raise FileRefused(
            f"{file.name} changed while it was read. Deliver it under another name and rename it when it is whole.",
            code="file_changed",
        )


class _Writer:
    """Checks batches of one file, column by column, and sets the good rows and the rejected ones down."""

    def __init__(self, db: "sqlite3.Connection", columns: Sequence[Column], identify_by: str, base: int) -> None:
        self._db = db
        self._base = base
        self._columns = columns
        self._identifier = next(column for column in columns if column.attribute == identify_by)
        names = "".join(f', "{column.attribute}"' for column in columns)
        marks = ", ?" * len(columns)
        self._insert = f"INSERT INTO people (row, key{names}) VALUES (?, ?{marks})"
        self._fold = identify_by == "email"

    def write(self, batch: Batch) -> int:
        """Set one batch down; returns how many rows it had."""
        bad: dict[int, tuple[Column, str]] = {}
        values: list[list[object]] = []
        cells = list(zip(*batch.records, strict=True))
        for column in self._columns:
            checked = check_column(column.kind, cells[column.index], column.max_length) if cells else None
            if checked is None:
                continue
            values.append(list(checked.values))
            for index, reason in checked.bad.items():
                bad.setdefault(index, (column, reason))
        self._put_identifier_first(values, cells, bad)
        self._insert_good(batch, values, bad)
        rejected = [self._rejection(batch, index, *found) for index, found in bad.items()]
        rejected += [self._malformed(found) for found in batch.malformed]
        if rejected:
            self._db.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", rejected)
        return len(batch.records) + len(batch.malformed)

    def _put_identifier_first(
        self, values: Sequence[list[object]], cells: Sequence[Sequence[str]], bad: dict[int, tuple[Column, str]]
    ) -> None:
        if not values:
            return
        column = self._identifier
        for index, value in enumerate(values[self._columns.index(column)]):
            if value is None:
                blank = not cells[column.index][index].strip()
                reason = "missing_identifier" if blank else self._reason(column, cells[column.index][index])
                bad[index] = (column, reason)

    def _reason(self, column: Column, cell: str) -> str:
        found = check_column(column.kind, [cell], column.max_length)
        return found.bad.get(0, "missing_identifier")

    def _insert_good(self, batch: Batch, values: Sequence[list[object]], bad: Mapping[int, tuple[Column, str]]) -> None:
        if not batch.records:
            return
        keys: Sequence[object] = values[self._columns.index(self._identifier)]
        if self._fold:
            keys = [None if key is None else str(key).lower() for key in keys]
        rows = zip([self._base + line for line in batch.lines], keys, *values, strict=True)
        good = [row for index, row in enumerate(rows) if index not in bad] if bad else rows
        self._db.executemany(self._insert, good)

    def _rejection(self, batch: Batch, index: int, column: Column, reason: str) -> tuple[object, ...]:
        record = batch.records[index]
        cells = json.dumps(record, ensure_ascii=False)
        return (self._base + batch.lines[index], column.title, record[column.index], reason, cells)

    def _malformed(self, found: Malformed) -> tuple[object, ...]:
        """The identifier comes first here too: a row too short to have one is missing it."""
        cells = json.dumps(found.cells, ensure_ascii=False)
        row = self._base + found.line
        place = self._identifier
        if found.reason == "wrong_column_count":
            cell = found.cells[place.index] if place.index < len(found.cells) else ""
            checked = check_column(place.kind, [cell], place.max_length)
            if checked.values[0] is None:
                return (row, place.title, cell, checked.bad.get(0, "missing_identifier"), cells)
        return (row, None, found.detail, found.reason, cells)
