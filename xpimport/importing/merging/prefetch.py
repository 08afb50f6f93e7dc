"""Stretches of people resolved by another process, each while the one before is written."""

import pickle
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from xpimport.importing.merging.parts import immutable_uri
from xpimport.importing.merging.resolve import RESOLVED, RankRange
from xpimport.importing.staging.stage import Staged
from xpimport.importing.tasks import Run
from xpimport.processes import Helper, Lost
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3


class Prefetch:
    """Has stretches of people resolved by another process, each while the one before is written.

    A stretch is many batches long, since each commit of the writer empties the page cache of the other process.
    """

    def __init__(self, store: Store, run: Run, staged: Staged, place: Path) -> None:
        """Keep results in two files called like `place`, in turn."""
        self._store = store
        self._files = [place.with_name(f"{place.name}.resolved-{number}") for number in range(2)]
        for file in self._files:
            with closing(sqlite3.connect(file, isolation_level=None)) as made:
                made.execute("PRAGMA journal_mode = OFF")
                made.execute(f"CREATE TABLE resolved {RESOLVED}")
            file.chmod(0o600)
        self._resolver = Helper.start("xpimport.importing.merging.resolver", pickle)
        self._now: _Stretch | None = None
        self._next: _Stretch | None = None
        # Without its helper the writer resolves everything itself.
        self._lost = False
        self._tell((str(store.path), run, staged.attributes, staged.parts, self._files))

    def _tell(self, message: object) -> None:
        try:
            self._resolver.send(message)
        except Lost:
            self._lost = True

    def covers(self, batch: RankRange) -> bool:
        """Whether the present stretch has all of a batch; if not, the next one is waited for, outside any lock."""
        if self._now is not None and self._now.batch.people == batch.people and batch.after < self._now.batch.upto:
            return True
        if self._now is not None and self._now.resolved:
            self._store.db.execute("DETACH DATABASE prefetched")
        self._now, self._next = self._next, None
        if self._now is None or self._lost:
            return False
        try:
            self._now.resolved = self._resolver.receive()
        except Lost:
            self._lost = True
        if self._now.resolved:
            # Nobody changes it until it is let go.
            self._store.db.execute("ATTACH DATABASE ? AS prefetched", (immutable_uri(self._files[self._now.turn]),))
        return self._now.resolved

    def end(self) -> int | None:
        """The last rank of the present stretch, beyond which a batch is not to go."""
        return None if self._now is None else self._now.batch.upto

    def take(self, version: int) -> str | None:
        """Under the lock: the table of resolved people, if nobody else has committed since they were begun.

        `version` is what `data_version` tells the writer in this transaction.
        """
        if self._now is None or not self._now.resolved or self._now.version != version:
            return None
        return "prefetched.resolved"

    def begin(self, stretch: RankRange | None, version: int) -> None:
        """Under the lock: have the stretch after the present one resolved meanwhile, if that was not begun yet."""
        if self._next is not None or stretch is None or self._lost:
            return
        self._next = _Stretch(stretch, version, 0 if self._now is None else 1 - self._now.turn)
        self._tell((stretch, self._next.turn))

    def close(self) -> None:
        """Let go of the files and the process."""
        self._resolver.close()
        if self._now is not None and self._now.resolved:
            self._store.db.execute("DETACH DATABASE prefetched")


@dataclass
class _Stretch:
    batch: RankRange
    version: int
    turn: int
    resolved: bool = False
