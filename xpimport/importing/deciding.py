"""What becomes of each staged person: who it is in the store, whether anything differs, how subscriptions end.

A decision depends on the store but not on the batches before it (the list's opt-outs were recorded first, keys are
distinct), so another process decides the next batch while the one before is written. That counts only if nobody else
has committed since; otherwise it is decided again under the lock.
"""

import pickle
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from xpimport.importing.consent import consent_of
from xpimport.importing.settling import unchanging
from xpimport.importing.staging import Staged
from xpimport.importing.tasks import Run
from xpimport.processes import end, start
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3

WHO = """(
    rank INTEGER PRIMARY KEY, row INTEGER NOT NULL, profile INTEGER, changed INTEGER NOT NULL, kept INTEGER NOT NULL,
    email_final INTEGER, sms_final INTEGER)"""
ADOPTED = "CREATE TEMP TABLE IF NOT EXISTS adopted (rank INTEGER PRIMARY KEY, profile INTEGER NOT NULL)"


@dataclass(frozen=True)
class Batch:
    """People of the table `people` (of a sorted part) with a rank after `after` and up to `upto`."""

    people: str
    after: int
    upto: int


def plain(attributes: Sequence[str]) -> list[str]:
    """The attributes that are no subscription and no time of one."""
    special = {*SUBSCRIPTION.values(), *SUBSCRIPTION_TIME.values()}
    return [name for name in attributes if name not in special]


def merged(name: str, run: Run) -> str:
    """SQL for the value that an attribute of an existing profile p ends with: a blank cell of s keeps or clears."""
    if run.definition.blank == "clear" and name not in {"user_id", run.definition.identify_by}:
        return f's."{name}"'
    return f'coalesce(s."{name}", p."{name}")'


def decide(store: Store, run: Run, attributes: Sequence[str], batch: Batch, who: str) -> None:
    """Fill the table `who` for one batch; `profile` stays NULL for new people."""
    joins, adopting = _profile(store, run, attributes, batch)
    consents = [consent_of(store, medium, run, attributes) for medium in SUBSCRIPTION]
    # Joined on user_id it cannot differ; an adopted profile had none.
    compared = [name for name in plain(attributes) if name != "user_id" or adopting]
    differs = [f'{merged(name, run)} IS NOT p."{name}"' for name in compared]
    differs += [f"({one.final}) IS NOT p.{SUBSCRIPTION[one.medium]}" for one in consents]
    finals = ", ".join(f"({one.final})" for one in consents)
    kept = " OR ".join(one.kept for one in consents)
    store.db.execute(f"DELETE FROM {who}")
    store.db.execute(
        f"INSERT INTO {who} SELECT s.rank, s.row, p.id, p.id IS NOT NULL AND ({' OR '.join(differs)}), ({kept}), {finals}"
        f" FROM {batch.people} s {joins} {' '.join(one.join for one in consents)} WHERE s.rank > ? AND s.rank <= ?",
        (batch.after, batch.upto),
    )


def adopts(store: Store, run: Run, attributes: Sequence[str]) -> bool:
    """Whether a new user_id may find a profile without user_id by its address."""
    if run.definition.identify_by == "email" or "email" not in attributes:
        return False
    return bool(
        store.scalar("SELECT EXISTS (SELECT 1 FROM main.profiles WHERE user_id IS NULL AND email_key IS NOT NULL)")
    )


def _profile(store: Store, run: Run, attributes: Sequence[str], batch: Batch) -> tuple[str, bool]:
    """The joins that give each staged row s the profile p that it is about, if there is one; whether some are adopted."""
    if run.definition.identify_by == "email":
        by_email = "(SELECT min(id) FROM main.profiles WHERE email_key = s.key)"
        return f"LEFT JOIN main.profiles p ON p.id = {by_email}", False
    if not adopts(store, run, attributes):
        return "LEFT JOIN main.profiles p ON p.user_id = s.key", False
    # A new user_id adopts the one profile without user_id that has its address; of two such rows, the first.
    store.db.execute(ADOPTED)
    store.db.execute("DELETE FROM temp.adopted")
    store.db.execute(
        "INSERT INTO temp.adopted SELECT min(rank), profile FROM (SELECT s.rank AS rank, min(p.id) AS profile"
        f" FROM {batch.people} s JOIN main.profiles p ON p.user_id IS NULL AND p.email_key = lower(s.email)"
        " WHERE s.rank > ? AND s.rank <= ? AND NOT EXISTS (SELECT 1 FROM main.profiles WHERE user_id = s.key)"
        " GROUP BY s.rank HAVING count(*) = 1) GROUP BY profile",
        (batch.after, batch.upto),
    )
    known = "coalesce((SELECT id FROM main.profiles WHERE user_id = s.key), a.profile)"
    return f"LEFT JOIN temp.adopted a ON a.rank = s.rank LEFT JOIN main.profiles p ON p.id = {known}", True


class Ahead:
    """Has stretches of people decided by another process, each while the one before is written.

    A stretch is many batches long, since each commit of the writer empties the page cache of the other process.
    """

    def __init__(self, store: Store, run: Run, staged: Staged, place: Path) -> None:
        """Keep decisions in two files called like `place`, in turn."""
        self._store = store
        self._files = [place.with_name(f"{place.name}.who-{number}") for number in range(2)]
        for file in self._files:
            with closing(sqlite3.connect(file, isolation_level=None)) as made:
                made.execute("PRAGMA journal_mode = OFF")
                made.execute(f"CREATE TABLE who {WHO}")
            file.chmod(0o600)
        self._process = start("xpimport.importing.decider")
        self._now: _Stretch | None = None
        self._next: _Stretch | None = None
        # Without its helper the writer decides everything itself.
        self._lost = False
        self._tell((str(store.path), run, staged.attributes, staged.parts, self._files))

    def _tell(self, message: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            self._lost = True

    def covers(self, batch: Batch) -> bool:
        """Whether the present stretch has all of a batch; if not, the next one is waited for, outside any lock."""
        if self._now is not None and self._now.batch.people == batch.people and batch.after < self._now.batch.upto:
            return True
        if self._now is not None and self._now.decided:
            self._store.db.execute("DETACH DATABASE ahead")
        self._now, self._next = self._next, None
        if self._now is None or self._lost:
            return False
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            self._now.decided = pickle.load(self._process.stdout)  # noqa: S301 - from our own process
        except (EOFError, OSError, pickle.UnpicklingError):
            self._lost = True
        if self._now.decided:
            # Nobody changes it until it is let go.
            self._store.db.execute("ATTACH DATABASE ? AS ahead", (unchanging(self._files[self._now.turn]),))
        return self._now.decided

    def end(self) -> int | None:
        """The last rank of the present stretch, beyond which a batch is not to go."""
        return None if self._now is None else self._now.batch.upto

    def take(self, version: int) -> str | None:
        """Under the lock: the table with the decisions, if nobody else has committed since they were begun.

        `version` is what `data_version` tells the writer in this transaction.
        """
        if self._now is None or not self._now.decided or self._now.version != version:
            return None
        return "ahead.who"

    def begin(self, stretch: Batch | None, version: int) -> None:
        """Under the lock: have the stretch after the present one decided meanwhile, if that was not begun yet."""
        if self._next is not None or stretch is None or self._lost:
            return
        self._next = _Stretch(stretch, version, 0 if self._now is None else 1 - self._now.turn)
        self._tell((stretch, self._next.turn))

    def close(self) -> None:
        """Let go of the files and the process."""
        end(self._process)
        if self._now is not None and self._now.decided:
            self._store.db.execute("DETACH DATABASE ahead")


@dataclass
class _Stretch:
    batch: Batch
    version: int
    turn: int
    decided: bool = False
