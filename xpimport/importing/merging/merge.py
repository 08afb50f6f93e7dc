"""The second half of an import: sorted rows become profiles, in short write transactions.

Each transaction also records what became of its rows, so a killed import goes on where it stopped.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from xpimport.clock import to_text
from xpimport.errors import Refused
from xpimport.importing.consent import lift_opt_outs, not_ahead
from xpimport.importing.merging.parts import schema
from xpimport.importing.merging.prefetch import Prefetch
from xpimport.importing.merging.reconcile import PAUSE, record_opt_outs
from xpimport.importing.merging.resolve import RESOLVED, RankRange, merged_value, plain_attributes, resolve
from xpimport.importing.staging.stage import Staged
from xpimport.importing.tasks import Run
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.claims import heartbeat, me
from xpimport.store.database import Store

LONGEST = 0.15
"""Seconds that one write transaction aims to stay under, so that other commands get their turn."""

FIRST_BATCH, LARGEST_BATCH = 2_000, 100_000

MANY = 20_000
"""People from which on a second process pays."""

STRETCH = 200_000
"""People resolved ahead at a time."""


def merge(store: Store, run: Run, staged: Staged, place: Path, progress: Callable[[int, int], None]) -> None:
    """Merge all people that are staged, from the task's cursor on; the parts are attached, immutable.

    `progress` gets people done and in all.

    Raises:
        Refused: the task is no longer this process's.
    """
    store.db.execute(f"CREATE TEMP TABLE IF NOT EXISTS resolved {RESOLVED}")
    total = sum(part.people for part in staged.parts)
    with _prefetch(store, run, staged, place) as prefetch:
        # The helper starts meanwhile.
        if store.scalar("SELECT cursor_key FROM tasks WHERE id = ?", run.task) is None:
            record_opt_outs(store, run, staged)
        _Merge(store, run, staged, prefetch).all(total, progress)
    for medium in SUBSCRIPTION:
        for number in range(len(staged.parts)):
            lift_opt_outs(store, run, medium, staged.attributes, f"{schema(number)}.people")


@contextmanager
def _prefetch(store: Store, run: Run, staged: Staged, place: Path) -> Iterator[Prefetch | None]:
    if sum(part.people for part in staged.parts) < MANY:
        yield None
        return
    prefetch = Prefetch(store, run, staged, place)
    try:
        yield prefetch
    finally:
        prefetch.close()


class _Merge:
    """Walks through the sorted parts."""

    def __init__(self, store: Store, run: Run, staged: Staged, prefetch: Prefetch | None) -> None:
        self._store, self._run, self._staged, self._prefetch = store, run, staged, prefetch
        self._plain = plain_attributes(staged.attributes)
        self._size = FIRST_BATCH
        self._parts = [
            (f"{schema(number)}.people", self._done(number), self._last(number)) for number in range(len(staged.parts))
        ]

    def _last(self, number: int) -> int:
        return int(self._store.scalar(f"SELECT max(rank) FROM {schema(number)}.people") or 0)

    def _done(self, number: int) -> int:
        cursor = self._store.scalar("SELECT cursor_key FROM tasks WHERE id = ?", self._run.task)
        if cursor is None:
            return 0
        return int(self._store.scalar(f"SELECT max(rank) FROM {schema(number)}.people WHERE key <= ?", cursor) or 0)

    def _following(self, before: RankRange | None, size: int) -> RankRange | None:
        """The people after `before`, at most `size` of them and all in one part."""
        for people, done, last in self._parts:
            after = done
            if before is not None:
                if people < before.people:
                    continue
                after = before.upto if people == before.people else done
            if after < last:
                return RankRange(people, after, min(after + size, last))
        return None

    def all(self, total: int, progress: Callable[[int, int], None]) -> None:
        """Merge batch after batch."""
        done = sum(done for _, done, _ in self._parts)
        batch = self._following(None, self._size)
        if self._prefetch is not None:
            version = self._store.scalar("PRAGMA main.data_version")
            self._prefetch.begin(self._following(None, LARGEST_BATCH), version)
        while batch is not None:
            if self._prefetch is not None and self._prefetch.covers(batch):
                batch = replace(batch, upto=min(batch.upto, self._prefetch.end() or batch.upto))
            began = time.monotonic()
            with self._store.writing():
                self._merge(batch)
            took = time.monotonic() - began
            done += batch.upto - batch.after
            progress(min(done, total), total)
            self._size = int(max(200, min(LARGEST_BATCH, self._size * min(2.0, LONGEST / max(took, 0.001)))))
            time.sleep(PAUSE)
            batch = self._following(batch, self._size)

    def _merge(self, batch: RankRange) -> None:
        """Inside a transaction: write a resolved batch, and have what follows resolved meanwhile."""
        store = self._store
        if store.scalar("SELECT owner FROM tasks WHERE id = ? AND status = 'running'", self._run.task) != me():
            raise Refused(f"Task {self._run.task} was taken over by another process.")
        version = store.scalar("PRAGMA main.data_version")
        resolved = self._prefetch.take(version) if self._prefetch is not None else None
        if resolved is None:
            resolved = "temp.resolved"
            resolve(store, self._run, self._staged.attributes, batch, resolved)
        if self._prefetch is not None:
            end = self._prefetch.end()
            present = batch if end is None else replace(batch, upto=end)
            self._prefetch.begin(self._following(present, STRETCH), version)
        self._write(batch, f"{resolved} w", f"w.rank > {batch.after} AND w.rank <= {batch.upto}")

    def _write(self, batch: RankRange, resolved: str, within: str) -> None:
        store = self._store
        # New people are numbered by their rank; the lock is ours, so nobody else takes these numbers.
        newest = store.scalar("SELECT seq FROM main.sqlite_sequence WHERE name = 'profiles'") or 0
        number = f"coalesce(w.profile, {newest - batch.after} + w.rank)"
        counts = store.one(
            "SELECT count(*) AS n, count(*) - count(profile) AS new, coalesce(sum(changed), 0) AS changed,"
            f" coalesce(sum(kept), 0) AS kept FROM {resolved} WHERE {within}"
        )
        if counts["changed"]:
            self._update(batch, resolved, within)
        if counts["new"]:
            self._insert(batch, resolved, within, number)
        store.db.execute(
            f"INSERT INTO audience (task_id, profile_id, row) SELECT ?, {number}, w.row FROM {resolved} WHERE {within}"
            " ORDER BY 2",
            (self._run.task,),
        )
        store.db.execute(
            "UPDATE tasks SET cursor_key = ?, rows_created = rows_created + ?, rows_updated = rows_updated + ?,"
            " rows_unchanged = rows_unchanged + ?, kept_unsubscribed = kept_unsubscribed + ?, heartbeat = ? WHERE id = ?",
            (
                store.scalar(f"SELECT key FROM {batch.people} WHERE rank = ?", batch.upto),
                counts["new"],
                counts["changed"],
                counts["n"] - counts["new"] - counts["changed"],
                counts["kept"],
                heartbeat(),
                self._run.task,
            ),
        )

    def _given(self, medium: str) -> str:
        """The time of the subscription that the file gives, or nothing."""
        column = SUBSCRIPTION_TIME[medium]
        return not_ahead(self._run, f"s.{column}") if column in self._staged.attributes else "NULL"

    def _update(self, batch: RankRange, resolved: str, within: str) -> None:
        sets = [f'"{name}" = {merged_value(name, self._run)}' for name in self._plain]
        for medium, column in SUBSCRIPTION.items():
            time_column, final = SUBSCRIPTION_TIME[medium], f"w.{medium}_final"
            sets.append(f"{column} = {final}")
            sets.append(
                f"{time_column} = CASE WHEN {final} IS p.{column} THEN p.{time_column}"
                f" ELSE coalesce({self._given(medium)}, :at) END"
            )
        self._store.db.execute(
            f"UPDATE main.profiles AS t SET {', '.join(sets)}, changed_task = :task"
            f" FROM {resolved} JOIN {batch.people} s ON s.rank = w.rank JOIN main.profiles p ON p.id = w.profile"
            f" WHERE {within} AND w.changed AND t.id = w.profile",
            {"at": to_text(self._run.started_at), "task": self._run.task},
        )

    def _insert(self, batch: RankRange, resolved: str, within: str, number: str) -> None:
        names = [f'"{name}"' for name in self._plain]
        values = [f's."{name}"' for name in self._plain]
        for medium, column in SUBSCRIPTION.items():
            names += [column, SUBSCRIPTION_TIME[medium]]
            values.append(f"w.{medium}_final")
            values.append(f"CASE WHEN w.{medium}_final IS NOT NULL THEN coalesce({self._given(medium)}, :at) END")
        self._store.db.execute(
            f"INSERT INTO main.profiles (id, created_task, changed_task, {', '.join(names)})"
            f" SELECT {number}, :task, :task, {', '.join(values)}"
            f" FROM {resolved} JOIN {batch.people} s ON s.rank = w.rank"
            f" WHERE {within} AND w.profile IS NULL ORDER BY w.rank",
            {"at": to_text(self._run.started_at), "task": self._run.task},
        )
