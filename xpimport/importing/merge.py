"""The second half of an import: sorted rows become profiles, in short write transactions.

Each transaction also records what became of its rows, so a killed import goes on where it stopped.
"""

import time
from collections.abc import Callable, Sequence

from xpimport.clock import to_text
from xpimport.errors import Refused
from xpimport.importing.consent import Consent, consent_of
from xpimport.importing.settling import PAUSE, schema
from xpimport.importing.staging import Staged
from xpimport.importing.tasks import Run
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.claims import heartbeat, me
from xpimport.store.database import Store

LONGEST = 0.2
"""Seconds that one write transaction aims to stay under, so that other commands get their turn."""

FIRST_BATCH, LARGEST_BATCH = 2_000, 50_000

WHO = """
CREATE TEMP TABLE IF NOT EXISTS who (
    rank INTEGER PRIMARY KEY, row INTEGER NOT NULL, profile INTEGER NOT NULL, is_new INTEGER NOT NULL,
    changed INTEGER NOT NULL, kept INTEGER NOT NULL, email_final INTEGER, email_revived INTEGER,
    sms_final INTEGER, sms_revived INTEGER)
"""
ADOPTED = "CREATE TEMP TABLE IF NOT EXISTS adopted (rank INTEGER PRIMARY KEY, profile INTEGER NOT NULL)"


def merge(store: Store, run: Run, staged: Staged, progress: Callable[[int, int], None]) -> None:
    """Merge all people that are staged, from the task's cursor on. `progress` gets people done and in all.

    Raises:
        Refused: the task is no longer this process's.
    """
    store.db.execute(WHO)
    store.db.execute(ADOPTED)
    cursor = store.scalar("SELECT cursor_key FROM tasks WHERE id = ?", run.task)
    total = sum(part.people for part in staged.parts)
    size, done = FIRST_BATCH, 0
    for number in range(len(staged.parts)):
        people = f"{schema(number)}.people"
        last = store.scalar(f"SELECT max(rank) FROM {people}") or 0
        at = 0 if cursor is None else store.scalar(f"SELECT max(rank) FROM {people} WHERE key <= ?", cursor) or 0
        done += at
        while at < last:
            upto = min(at + size, last)
            began = time.monotonic()
            with store.writing():
                _Batch(store, run, staged.attributes, people, (at, upto)).merge()
            took = time.monotonic() - began
            done, at = done + upto - at, upto
            progress(min(done, total), total)
            size = int(max(200, min(LARGEST_BATCH, size * min(2.0, LONGEST / max(took, 0.001)))))
            time.sleep(PAUSE)


class _Batch:
    """The people of one write transaction: those of the table `people` with a rank after `between[0]` up to `[1]`."""

    def __init__(
        self, store: Store, run: Run, attributes: Sequence[str], people: str, between: tuple[int, int]
    ) -> None:
        self._store, self._run, self._attributes = store, run, attributes
        self._people, self._between = people, between
        self._by_email = run.definition.identify_by == "email"
        special = {*SUBSCRIPTION.values(), *SUBSCRIPTION_TIME.values()}
        self._plain = [name for name in attributes if name not in special]
        self._consents = [consent_of(store, medium, run, attributes) for medium in SUBSCRIPTION]

    def merge(self) -> None:
        """Work out what becomes of each person, do it, and record it in the task."""
        store = self._store
        if store.scalar("SELECT owner FROM tasks WHERE id = ? AND status = 'running'", self._run.task) != me():
            raise Refused(f"Task {self._run.task} was taken over by another process.")
        store.db.execute("DELETE FROM temp.who")
        self._decide(self._profile())
        counts = store.one(
            "SELECT count(*) AS n, coalesce(sum(is_new), 0) AS new, coalesce(sum(changed), 0) AS changed,"
            " coalesce(sum(kept), 0) AS kept, sum(email_revived OR sms_revived) AS revived FROM temp.who"
        )
        if counts["revived"]:
            for consent in self._consents:
                self._take_back(consent)
        if counts["changed"]:
            self._update()
        if counts["new"]:
            self._insert()
        store.db.execute(
            "INSERT INTO audience (task_id, profile_id, row) SELECT ?, profile, row FROM temp.who ORDER BY profile",
            (self._run.task,),
        )
        self._record(counts["n"], counts["new"], counts["changed"], counts["kept"])

    def _profile(self) -> str:
        """The joins that give each staged row s the profile p that it is about, if there is one."""
        if self._by_email:
            return "LEFT JOIN main.profiles p ON p.id = (SELECT min(id) FROM main.profiles WHERE email_key = s.key)"
        adopts = "email" in self._attributes and self._store.scalar(
            "SELECT EXISTS (SELECT 1 FROM main.profiles WHERE user_id IS NULL AND email_key IS NOT NULL)"
        )
        if not adopts:
            return "LEFT JOIN main.profiles p ON p.user_id = s.key"
        # A new user_id adopts the one profile without user_id that has its address; of two such rows, the first.
        self._store.db.execute("DELETE FROM temp.adopted")
        self._store.db.execute(
            "INSERT INTO temp.adopted SELECT min(rank), profile FROM (SELECT s.rank AS rank, min(p.id) AS profile"
            f" FROM {self._people} s JOIN main.profiles p ON p.user_id IS NULL AND p.email_key = lower(s.email)"
            " WHERE s.rank > ? AND s.rank <= ? AND NOT EXISTS (SELECT 1 FROM main.profiles WHERE user_id = s.key)"
            " GROUP BY s.rank HAVING count(*) = 1) GROUP BY profile",
            self._between,
        )
        return (
            "LEFT JOIN temp.adopted a ON a.rank = s.rank LEFT JOIN main.profiles p"
            " ON p.id = coalesce((SELECT id FROM main.profiles WHERE user_id = s.key), a.profile)"
        )

    def _merged(self, name: str) -> str:
        """The value that an attribute of an existing profile ends with: a blank cell keeps or clears."""
        if self._run.definition.blank == "clear" and name not in {"user_id", self._run.definition.identify_by}:
            return f's."{name}"'
        return f'coalesce(s."{name}", p."{name}")'

    def _decide(self, profile: str) -> None:
        """Set down for each person who it is, whether anything stored differs, and the subscriptions they end with."""
        differs = [f'{self._merged(name)} IS NOT p."{name}"' for name in self._plain]
        differs += [f"({one.final}) IS NOT p.{SUBSCRIPTION[one.medium]}" for one in self._consents]
        finals = ", ".join(f"({one.final}), ({one.revived})" for one in self._consents)
        kept = " OR ".join(one.kept for one in self._consents)
        joins = " ".join(one.join for one in self._consents)
        # New people are numbered here, so that one pass sets down profile and audience; the lock is ours.
        newest = self._store.scalar("SELECT seq FROM main.sqlite_sequence WHERE name = 'profiles'") or 0
        self._store.db.execute(
            f"INSERT INTO temp.who SELECT s.rank, s.row, coalesce(p.id, ? + s.rank), p.id IS NULL,"
            f" p.id IS NOT NULL AND ({' OR '.join(differs)}), ({kept}), {finals}"
            f" FROM {self._people} s {profile} {joins} WHERE s.rank > ? AND s.rank <= ?",
            (newest - self._between[0], *self._between),
        )

    def _take_back(self, consent: Consent) -> None:
        """A consent later than an address's opt-out takes it back."""
        self._store.db.execute(
            f"DELETE FROM opt_outs WHERE medium = ? AND address IN (SELECT {consent.address} FROM temp.who w"
            f" JOIN {self._people} s ON s.rank = w.rank LEFT JOIN main.profiles p ON p.id = w.profile"
            f" WHERE w.{consent.medium}_revived)",
            (consent.medium,),
        )

    def _given(self, medium: str) -> str:
        """The time of the subscription that the file gives, or nothing."""
        column = SUBSCRIPTION_TIME[medium]
        return f"s.{column}" if column in self._attributes else "NULL"

    def _update(self) -> None:
        sets = [f'"{name}" = {self._merged(name)}' for name in self._plain]
        for medium, column in SUBSCRIPTION.items():
            time_column, final = SUBSCRIPTION_TIME[medium], f"w.{medium}_final"
            sets.append(f"{column} = {final}")
            sets.append(
                f"{time_column} = CASE WHEN {final} IS p.{column} THEN p.{time_column}"
                f" ELSE coalesce({self._given(medium)}, :at) END"
            )
        self._store.db.execute(
            f"UPDATE main.profiles AS t SET {', '.join(sets)}, changed_task = :task"
            f" FROM temp.who w JOIN {self._people} s ON s.rank = w.rank JOIN main.profiles p ON p.id = w.profile"
            " WHERE w.changed AND t.id = w.profile",
            {"at": to_text(self._run.started_at), "task": self._run.task},
        )

    def _insert(self) -> None:
        names = [f'"{name}"' for name in self._plain]
        values = [f's."{name}"' for name in self._plain]
        for medium, column in SUBSCRIPTION.items():
            names += [column, SUBSCRIPTION_TIME[medium]]
            values.append(f"w.{medium}_final")
            values.append(f"CASE WHEN w.{medium}_final IS NOT NULL THEN coalesce({self._given(medium)}, :at) END")
        self._store.db.execute(
            f"INSERT INTO main.profiles (id, created_task, changed_task, {', '.join(names)})"
            f" SELECT w.profile, :task, :task, {', '.join(values)}"
            f" FROM temp.who w JOIN {self._people} s ON s.rank = w.rank WHERE w.is_new ORDER BY w.rank",
            {"at": to_text(self._run.started_at), "task": self._run.task},
        )

    def _record(self, people: int, new: int, changed: int, kept: int) -> None:
        key = self._store.scalar(f"SELECT key FROM {self._people} WHERE rank = ?", self._between[1])
        self._store.db.execute(
            "UPDATE tasks SET cursor_key = ?, rows_created = rows_created + ?, rows_updated = rows_updated + ?,"
            " rows_unchanged = rows_unchanged + ?, kept_unsubscribed = kept_unsubscribed + ?, heartbeat = ? WHERE id = ?",
            (key, new, changed, people - new - changed, kept, heartbeat(), self._run.task),
        )
