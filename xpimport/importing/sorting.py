"""Sets checked rows down in the order of their keys, in files beside the store, with memory that does not grow.

Rows are gathered, sorted and written out as runs; at the end the runs are merged range by range. Several processes
may do this for one list, each with its own runs; then each merges the runs of all for its share of the key ranges.
In key order neighbouring rows touch neighbouring pages of the store's index, which is what a merge into ten million
profiles lives on. A sorted part has the tables

    people    rank (ascending with key), row, key, a column an attribute; one row a key
    replaced  the same of rows that a later row of the same key replaces
    rejected  row, column, value, reason, cells
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path

from xpimport.importing.checking import Row
from xpimport.store.driver import sqlite3

RUN_ROWS = 40_000
"""Rows that are gathered in memory before they are written out as a run."""

MARK_STEP = 200
"""Every so many rows of a run its key is remembered, to find ranges without an index."""

RANGE_ROWS = 50_000
"""Rows that are merged at a time."""

MOST_RUNS = 100
"""Runs in one file; then they are merged into one, as SQLite joins at most 500 tables in a union."""

REJECTED = 'CREATE TABLE rejected (row INTEGER PRIMARY KEY, "column" TEXT, value TEXT, reason TEXT, cells TEXT)'

_number, _key = itemgetter(0), itemgetter(1)


@dataclass(frozen=True)
class Run:
    """One sorted table of rows: which file and table it is, every `MARK_STEP`th key, and how many rows it has."""

    path: str
    table: str
    marks: list[str]
    rows: int


@dataclass(frozen=True)
class Part:
    """A sorted part: its file, and how many people it has."""

    path: str
    people: int


def _scratch(path: Path) -> "sqlite3.Connection":
    """A new private file of which nothing is meant to survive a crash, in a transaction."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
        db.execute(f"PRAGMA {pragma}")
    return db


def _columns(attributes: Sequence[str]) -> str:
    return "row, key" + "".join(f', "{name}"' for name in attributes)


class Sorter:
    """Gathers rows and writes them to runs in the file `path`; ends with `runs`, `finish` or `close`."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        self._path = path
        self._attributes = attributes
        self._people: dict[object, Row] = {}
        self._replaced: list[Row] = []
        self._runs: list[Run] = []
        self._made = 0
        self._db = _scratch(path)
        self._db.execute("BEGIN")
        self._db.execute(REJECTED)
        self._db.execute(f"CREATE TABLE replaced ({_columns(attributes)})")
        self.read = 0

    def add(self, rows: list[Row], rejected: Sequence[Row]) -> None:
        """Take checked rows, of which a later one (by row number) of the same key replaces an earlier one."""
        self.read += len(rows) + len(rejected)
        fresh = dict(zip(map(_key, rows), rows, strict=True))
        if len(fresh) == len(rows) and self._people.keys().isdisjoint(fresh):
            self._people.update(fresh)
        else:
            for row in rows:
                self._take(row)
        if rejected:
            self._db.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", rejected)
        if len(self._people) >= RUN_ROWS:
            self._flush()

    def _take(self, row: Row) -> None:
        held = self._people.get(row[1])
        if held is None:
            self._people[row[1]] = row
            return
        earlier, later = sorted((held, row), key=_number)
        self._people[row[1]] = later
        self._replaced.append(earlier)

    def _flush(self) -> None:
        if not self._people:
            return
        keys: list[str] = sorted(self._people)  # type: ignore[arg-type]
        table = self._new_table()
        marks = ", ?" * len(self._attributes)
        self._db.executemany(f"INSERT INTO {table} VALUES (NULL, ?, ?{marks})", map(self._people.__getitem__, keys))
        self._db.executemany(f"INSERT INTO replaced VALUES (?, ?{marks})", self._replaced)
        self._runs.append(Run(str(self._path), table, keys[::MARK_STEP], len(keys)))
        self._people, self._replaced = {}, []
        if len(self._runs) == MOST_RUNS:
            self._join_runs()

    def _new_table(self) -> str:
        self._made += 1
        self._db.execute(f"CREATE TABLE run_{self._made} (rank INTEGER PRIMARY KEY, {_columns(self._attributes)})")
        return f"run_{self._made}"

    def _join_runs(self) -> None:
        table = self._new_table()
        for between in ranges(self._runs):
            self._db.execute(*_merging(table, self._runs, between, self._attributes, {str(self._path): "main"}))
        sql = f"SELECT key FROM {table} WHERE (rank - 1) % {MARK_STEP} = 0 ORDER BY rank"
        marks = [row[0] for row in self._db.execute(sql)]
        rows = sum(run.rows for run in self._runs)
        for run in self._runs:
            self._db.execute(f"DROP TABLE {run.table}")
        self._runs = [Run(str(self._path), table, marks, rows)]

    def runs(self) -> list[Run]:
        """Write out what is left, close the file of the runs, and tell of all of them."""
        self._flush()
        self._db.execute("COMMIT")
        self._db.close()
        return self._runs

    def finish(self, part: Path) -> Part:
        """Make the one sorted part of all that was taken, by this process alone."""
        if self._runs:
            found = self.runs()
            return merge_runs(part, found, ranges(found), self._path, self._attributes)
        self._flush()
        if not self._runs:
            self._new_table()
        self._db.execute("ALTER TABLE run_1 RENAME TO people")
        people = sum(run.rows for run in self._runs)
        self.runs()
        self._path.rename(part)
        return Part(str(part), people)

    def close(self) -> None:
        """Give everything up."""
        self._db.close()


def ranges(runs: Sequence[Run]) -> list[tuple[str, str | None]]:
    """Key ranges (after, up to and including) of about `RANGE_ROWS` rows each, which cover all keys together."""
    marks = sorted(mark for run in runs for mark in run.marks)
    step = max(1, RANGE_ROWS // MARK_STEP)
    cuts = sorted(set(marks[step::step]))
    return list(zip(["", *cuts], [*cuts, None], strict=True))


def _merging(
    target: str,
    runs: Sequence[Run],
    between: tuple[str, str | None],
    attributes: Sequence[str],
    schemas: Mapping[str, str],
) -> tuple[str, list[str]]:
    """SQL that appends the rows of a key range from all runs to `target`, sorted; and its values."""
    low, high = between
    names = _columns(attributes)
    parts: list[str] = []
    bound: list[str] = []
    for run in runs:
        first = max(0, bisect_right(run.marks, low) - 1) * MARK_STEP
        part = f"SELECT {names} FROM {schemas[run.path]}.{run.table} WHERE rank > {first} AND key > ?"
        bound.append(low)
        if high is not None:
            part += f" AND rank <= {bisect_right(run.marks, high) * MARK_STEP} AND key <= ?"
            bound.append(high)
        parts.append(part)
    return f"INSERT INTO {target} ({names}) SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY key, row", bound


def merge_runs(
    path: Path, runs: Sequence[Run], share: Iterable[tuple[str, str | None]], own: Path, attributes: Sequence[str]
) -> Part:
    """Make the sorted part `path` of the key ranges `share`, with what was rejected and replaced in the file `own`."""
    names = _columns(attributes)
    with closing(_scratch(path)) as db:
        schemas = {}
        for number, file in enumerate(sorted({str(own), *(run.path for run in runs)})):
            db.execute(f"ATTACH DATABASE ? AS runs_{number}", (file,))
            schemas[file] = f"runs_{number}"
        db.execute("BEGIN")
        db.execute(f"CREATE TABLE people (rank INTEGER PRIMARY KEY, {names})")
        db.execute(f"CREATE TABLE replaced ({names})")
        db.execute(REJECTED)
        for between in share:
            db.execute(*_merging("people", runs, between, attributes, schemas))
        again = "FROM people a JOIN people b ON b.rank = a.rank + 1 AND b.key = a.key"
        wanted = ", ".join(f"a.{name}" for name in names.split(", "))
        db.execute(f"INSERT INTO replaced SELECT {wanted} {again}")
        db.execute(f"DELETE FROM people WHERE rank IN (SELECT a.rank {again})")
        for table in ("replaced", "rejected"):
            db.execute(f"INSERT INTO {table} SELECT * FROM {schemas[str(own)]}.{table}")
        people = db.execute("SELECT count(*) FROM people").fetchone()[0]
        db.execute("COMMIT")
    return Part(str(path), int(people))
