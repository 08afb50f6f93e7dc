"""An open store: reading, writing, and what SQLite raises as an error of ours."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xpimport.clock import VARIABLE, frozen
from xpimport.errors import Busy, Refused, StoreRefused
from xpimport.store.driver import sqlite3
from xpimport.store.location import files_directory

CLOCK = "store.clock"
"""The setting that says `typed` where a store was made while the clock was set by hand."""

PATIENCE = 30.0
"""Seconds that a write waits for another process's transaction before it gives up with exit code 75."""


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Give what SQLite raises about the file at `path` as an error of ours, with the next step.

    Raises:
        Busy: another process keeps it locked.
        StoreRefused: it is damaged or cannot be read.
    """
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a mistake of ours, not the file's
    except sqlite3.DatabaseError as problem:
        raise _error_of(problem, path) from problem


@dataclass(frozen=True)
class Store:
    """An open store: its file and one connection, in autocommit mode until `writing()` begins a transaction."""

    path: Path
    db: "sqlite3.Connection"

    @property
    def files(self) -> Path:
        """The directory beside the store: outbox, reports, working files."""
        return Path(files_directory(str(self.path)))

    def folder(self, name: str) -> Path:
        """A folder inside `files`, made private when it is not there yet."""
        folder = self.files / name
        # `parents` would give the outer one the usual mode.
        self.files.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def one(self, sql: str, *values: object) -> Any:
        """The first row of a question, or None. Like all reads, it raises what `explained` does."""
        with explained(self.path):
            return self.db.execute(sql, values).fetchone()

    def all(self, sql: str, *values: object) -> list[Any]:
        """All rows of a question."""
        with explained(self.path):
            return self.db.execute(sql, values).fetchall()

    def scalar(self, sql: str, *values: object) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *values)
        return None if row is None else row[0]

    def check_clock(self) -> None:
        """Let a store that was made by the real clock only be read while the clock is set by hand.

        A rehearsal in it would move tomorrow's runs, or mail real people.

        Raises:
            Refused: this is so.
        """
        if frozen() is None or self.scalar("SELECT 1 FROM settings WHERE name = ? AND value = 'typed'", CLOCK):
            return
        raise Refused(
            f"The clock is set by {VARIABLE}, and the store {self.path} was made by the real one, so it is only read. "
            f"Unset {VARIABLE}, or rehearse in a store of its own: {VARIABLE}=... xpimport --db rehearsal.db init"
        )

    @contextmanager
    def writing(self, patience: float = PATIENCE) -> Iterator[None]:
        """One write transaction: committed at the end, rolled back when anything is raised.

        Raises:
            Busy: the lock was not to be had within `patience` seconds.
            Refused: see `check_clock`.
            StoreRefused: the store is read-only or damaged, or the disk is full.
        """
        self.check_clock()
        with self.transaction(patience):
            yield

    @contextmanager
    def transaction(self, patience: float = PATIENCE) -> Iterator[None]:
        """As `writing`, whatever the clock."""
        self._begin(patience)
        try:
            yield
            self.db.execute("COMMIT")
        except BaseException as problem:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
            if isinstance(problem, sqlite3.OperationalError | sqlite3.DatabaseError):
                raise _error_of(problem, self.path) from problem
            raise

    def _begin(self, patience: float) -> None:
        # SQLite's own busy handler sleeps ever longer and starves beside a writer that commits and begins
        # again at once (12 s were measured), so the lock is asked for often and at random distances.
        self.db.execute("PRAGMA busy_timeout = 0")
        deadline = time.monotonic() + patience
        try:
            while True:
                try:
                    self.db.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as problem:
                    if not _is_busy(problem):
                        raise _error_of(problem, self.path) from problem
                    if time.monotonic() > deadline:
                        raise Busy(
                            f"The store {self.path} is locked by another process for over {patience:g} s. "
                            "Nothing was changed; try again."
                        ) from None
                    time.sleep(random.uniform(0.001, 0.008))  # noqa: S311 - spread, not secrecy
                else:
                    return
        finally:
            self.db.execute("PRAGMA busy_timeout = 5000")

    def close(self) -> None:
        """Give the connection back."""
        self.db.close()


def _is_busy(problem: Exception) -> bool:
    return "locked" in str(problem) or "busy" in str(problem)


def _error_of(problem: Exception, path: Path) -> Busy | StoreRefused:
    """SQLite's word on what went wrong, as an error of ours with the next step."""
    text = str(problem)
    if _is_busy(problem):
        return Busy(f"The store {path} is locked by another process. Nothing was changed; try again.")
    if "readonly" in text or "unable to open" in text:
        return StoreRefused(f"The store {path} cannot be written ({text}). Make it and its directory writable.")
    if "full" in text:
        return StoreRefused(f"No room left to write the store {path} ({text}).")
    if "not a database" in text:
        return StoreRefused(f"{path} is not a store of xpimport; it was left alone. Name another with --db.")
    if "malformed" in text:
        return StoreRefused(f"The store {path} is damaged ({text}). Restore it from a backup; it was left alone.")
    return StoreRefused(
        f"The store {path} cannot be used ({text}). Try again; if it stays so, restore it from a backup."
    )
