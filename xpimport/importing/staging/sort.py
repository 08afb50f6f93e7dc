"""Sets checked rows down in the order of their keys, in files beside the store, with memory that does not grow.

Several processes may do this for one list: each gathers rows as they come, then each sorts a range of the keys out of
what all have gathered, with SQLite's own external sort. In key order neighbouring rows touch neighbouring pages of
the store's index, which is what a merge into ten million profiles lives on. A sorted part has the tables

    people    rank (ascending with key), row, key, a column an attribute (see `written_columns`); one row a key
    replaced  the same without rank: rows that a later row of the same key replaces
    rejected  row, column, value, reason, cells
    opting_out  as replaced: rejected rows that say no to being written to
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from xpimport.importing.staging.validate import ValidatedBlock
from xpimport.rules.values import EMAIL_KEY
from xpimport.store.driver import sqlite3

SAMPLE_STEP = 500
"""Every so many rows a key is remembered, to deal out the keys evenly."""

MOST_SAMPLES = 20_000
"""Keys that are remembered; then every other one is forgotten."""

Range = tuple[str, str | None]
"""Keys from the first up to but without the second; None: to the end."""

_OTHER_KEY = "_email_key"

_REJECTED = 'CREATE TABLE rejected (row INTEGER PRIMARY KEY, "column" TEXT, value TEXT, reason TEXT, cells TEXT)'


@dataclass(frozen=True)
class SortedPart:
    """A sorted part: its file, and how many people it has."""

    path: str
    people: int


def no_room(path: Path, problem: Exception) -> str:
    """What to say when the rows of a list cannot be set down at `path`."""
    return f"The list cannot be laid out in {path.parent}: {problem}. Make room there, and run it again."


def _scratch(path: Path) -> "sqlite3.Connection":
    """A new private file of which nothing is meant to survive a crash."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, isolation_level=None)
    for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -12000"):
        db.execute(f"PRAGMA {pragma}")
    return db


def written_columns(attributes: Sequence[str]) -> list[str]:
    """The columns that hold the attributes of a row; that of `email_key` has "" where the key is the address itself.

    Most addresses are their own keys, and so are not written, sorted and read twice.
    """
    return [_OTHER_KEY if name == EMAIL_KEY else name for name in attributes]


def _columns(attributes: Sequence[str]) -> str:
    return ", ".join(["row", "key", *(f'"{name}"' for name in written_columns(attributes))])


def _table(name: str, attributes: Sequence[str], rank: str = "") -> str:
    computed = (
        f", {EMAIL_KEY} AS (CASE {_OTHER_KEY} WHEN '' THEN email ELSE {_OTHER_KEY} END)"
        if EMAIL_KEY in attributes
        else ""
    )
    return f"CREATE TABLE {name} ({rank}{_columns(attributes)}{computed})"


class RowWriter:
    """Sets rows down as they come, in the file `path`; ends with `end` or `close`."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        self._db = _scratch(path)
        self._db.execute("BEGIN")
        self._db.execute(_REJECTED)
        for table in ("gathered", "opting_out"):
            self._db.execute(f"CREATE TABLE {table} ({_columns(attributes)})")
        self._insert = f"INSERT INTO {{}} VALUES (?, ?{', ?' * len(attributes)})"
        self._step = SAMPLE_STEP
        self._samples: list[str] = []

    def add(self, block: ValidatedBlock) -> None:
        """Take checked rows, and the rejected ones."""
        self._db.executemany(self._insert.format("gathered"), block.rows)
        if block.rejected:
            self._db.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?, ?)", block.rejected)
        if block.opting_out:
            self._db.executemany(self._insert.format("opting_out"), block.opting_out)
        self._samples += [key for key in block.keys[:: self._step] if key]
        if len(self._samples) > MOST_SAMPLES:
            self._samples = self._samples[::2]
            self._step *= 2

    def end(self) -> tuple[int, list[str]]:
        """Close the file; returns how many rows were taken, and a sample of the keys, evenly spaced."""
        rows = sum(
            self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("gathered", "rejected")
        )
        self._db.execute("COMMIT")
        self._db.close()
        return int(rows), self._samples

    def close(self) -> None:
        """Give everything up."""
        self._db.close()


def split_key_ranges(samples: Sequence[Sequence[str]], workers: int) -> list[Range]:
    """As many ranges of keys, about even, as there are workers; in order, and together all keys."""
    # A worker that sampled more sparsely has seen more rows for each of its keys.
    keys = sorted(key for one in samples for key in one)
    cuts = sorted({keys[len(keys) * number // workers] for number in range(1, workers)}) if keys else []
    found: list[Range] = list(zip(["", *cuts], [*cuts, None], strict=True))
    return found + [("", "")] * (workers - len(found))


def sort_range(
    path: Path, gathered: Sequence[Path], own: Path, between: Range, attributes: Sequence[str]
) -> SortedPart:
    """Make the sorted part `path` of one range of the keys in all files `gathered`, with what `own` has rejected."""
    names = _columns(attributes)
    low, high = between
    within, bound = ("key >= ? AND key < ?", [low, high]) if high is not None else ("key >= ?", [low])
    with closing(_scratch(path)) as db:
        for number, file in enumerate(gathered):
            db.execute(f"ATTACH DATABASE ? AS gathered_{number}", (str(file),))
        db.execute("BEGIN")
        db.execute(_table("people", attributes, "rank INTEGER PRIMARY KEY, "))
        for table in ("replaced", "opting_out"):
            db.execute(_table(table, attributes))
        db.execute(_REJECTED)
        parts = [f"SELECT {names} FROM gathered_{number}.gathered WHERE {within}" for number in range(len(gathered))]
        db.execute(
            f"INSERT INTO people ({names}) SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY key, row",
            bound * len(gathered),
        )
        again = "FROM people a JOIN people b ON b.rank = a.rank + 1 AND b.key = a.key"
        wanted = ", ".join(f"a.{name}" for name in names.split(", "))
        db.execute(f"INSERT INTO replaced SELECT {wanted} {again}")
        db.execute(f"DELETE FROM people WHERE rank IN (SELECT a.rank {again})")
        for table in ("rejected", "opting_out"):
            db.execute(f"INSERT INTO {table} SELECT * FROM gathered_{gathered.index(own)}.{table}")
        people = db.execute("SELECT count(*) FROM people").fetchone()[0]
        db.execute("COMMIT")
    return SortedPart(str(path), int(people))
