"""Sending to the platform: a chunk of people is one intent and one call, and has one outcome."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from xpimport import signals
from xpimport.clock import now
from xpimport.rules.delivery import Verdict
from xpimport.rules.refusals import About, hold_reason
from xpimport.rules.values import BUILT_IN
from xpimport.sending.audience.exclusion import said_no
from xpimport.sending.channels import Outcome, Outgoing
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.content.compose import decoded, select_profile
from xpimport.sending.delivery import canary, ledger
from xpimport.sending.delivery.config import Progress, SendConfig
from xpimport.sending.delivery.ledger import SHUFFLED, Grant
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store
from xpimport.store.high_water import Noting


class BulkSend:
    """Hands the people of a send over, chunk by chunk; `verdict` says why it ended (GO: nobody is left for now)."""

    def __init__(
        self,
        store: Store,
        trigger: Trigger,
        config: SendConfig,
        total: int,
        progress: Progress,
        heed: Callable[[], None],
    ) -> None:
        """Prepare to send to `total` people."""
        self._heed = heed
        self._store, self._trigger, self._config = store, trigger, config
        self._total, self._progress = total, progress
        self._below, self._fresh = canary.limits(trigger)
        self.verdict = Verdict.GO
        self.problem: str | None = None
        self.hold: str | None = None
        self.resume_at = now()

    def run(self, noting: Noting) -> None:
        """Send until nobody is left, or nothing more may be begun; each chunk is noted before it goes.

        Raises:
            Unreachable, Invalid: the platform cannot be reached, or a setting is missing.
        """
        config = self._config
        session = open_channel(config.kind.name, config.settings, config.place, config.options).connect()
        done = 0
        try:
            while self.verdict is Verdict.GO:
                room = self._room()
                self._heed()
                with self._store.writing():
                    people, chunk = self._begin(room)
                if chunk is None:
                    return
                noting.write()
                outcome = session.send(chunk)
                grants = [Grant(row["profile_id"], row["attempts"] + 1, ("", {}, "", "", "", 0)) for row in people]
                self._record(grants, outcome)
                done += len(people)
                self._progress(done, self._total)
        finally:
            session.close()

    def _room(self) -> int:
        """How many people the next chunk may have; waits until it is one at least, or a signal comes."""
        limiter = self._config.limiter
        while not (room := limiter.allowed(self._config.kind.people_a_call, time.monotonic())):
            if signals.pending():
                return 0
            time.sleep(min(1.0, limiter.wait()))
        return room

    def _begin(self, room: int) -> tuple[list[Any], Outgoing | None]:
        """Inside a transaction: the next chunk, and the intent for it once it is made."""
        self.verdict = ledger.verdict(self._store, self._trigger)
        if self.verdict is Verdict.GO and not self._config.is_open():
            self.verdict = Verdict.SHUT
        if self.verdict is not Verdict.GO:
            return [], None
        at = now()
        found = self._next(room, int(at.timestamp()))
        while found and not (people := self._willing(found, at)):
            found = self._next(room, int(at.timestamp()))
        if not found:
            return [], None
        chunk = self._chunk(people)
        ledger.record_intents(self._store, self._trigger, [(row["user_id"], row["profile_id"]) for row in people], at)
        ledger.record_heartbeat(self._store, self._trigger)
        self._config.limiter.spend(len(people))
        return people, chunk

    def _next(self, room: int, at: int) -> list[Any]:
        fresh = "d.state = 'pending'" + (f" AND {SHUFFLED} < {self._below}" if self._below is not None else "")
        either = (
            f"({fresh}) OR (d.state = 'retry' AND d.retry_at <= :at)"
            if self._fresh
            else ("d.state = 'retry' AND d.retry_at <= :at")
        )
        return self._store.db.execute(
            f"SELECT d.profile_id, d.attempts, {said_no()} AS no, {select_profile(self._config.campaign.kinds)} FROM deliveries d"
            f" JOIN profiles p ON p.id = d.profile_id WHERE d.trigger_id = :trigger AND ({either})"
            " AND p.user_id IS NOT NULL ORDER BY d.profile_id LIMIT :room",
            {"trigger": self._trigger.id, "at": at, "room": room},
        ).fetchall()

    def _willing(self, found: Sequence[Any], at: datetime) -> list[Any]:
        """Inside a transaction: those who have not said no since it was decided who gets the campaign."""
        self._store.db.executemany(
            "UPDATE deliveries SET state = 'excluded', reason = ?, changed_at = ?, retry_at = NULL WHERE trigger_id = ?"
            " AND profile_id = ?",
            [
                (row["no"], int(at.timestamp()), self._trigger.id, row["profile_id"])
                for row in found
                if row["no"] is not None
            ],
        )
        return [row for row in found if row["no"] is None]

    def _chunk(self, people: Sequence[Any]) -> Outgoing:
        campaign = self._config.campaign
        named = ",".join(str(row["profile_id"]) for row in people)
        key = hashlib.sha256(
            f"{campaign.store_id}/{campaign.key_epoch}/{self._trigger.id}/{named}".encode()
        ).hexdigest()[:32]
        targets = {row["user_id"]: variables(row, campaign.kinds) for row in people}
        return Outgoing(key=key, to="", sender="", body=json.dumps(targets, ensure_ascii=False).encode())

    def _record(self, grants: list[Grant], outcome: Outcome) -> None:
        whole = outcome.about in {About.OURS, About.RATE} and outcome.reply is not None
        with self._store.writing():
            if whole:
                ledger.return_to_pending(self._store, self._trigger, grants)
            else:
                ledger.record(self._store, self._trigger, [(grant, outcome) for grant in grants])
        if whole and outcome.reply and outcome.about is About.OURS:
            # One call has many people, so that one refusal is about all of them.
            self.verdict, self.hold, self.problem = Verdict.REFUSED, hold_reason(outcome.reply), outcome.detail
        elif whole:
            self.verdict, self.problem = Verdict.LATER, outcome.detail
            self.resume_at = now() + timedelta(seconds=min(outcome.retry_after or 60.0, 86_400.0))
        elif outcome.connection_lost:
            self.verdict, self.problem = Verdict.DISCONNECTED, outcome.detail


def variables(row: Any, kinds: Mapping[str, str]) -> dict[str, object]:
    """What the platform's template may use of a person: attributes of our own; it has addresses and consent itself."""
    own = {name: row[name] for name in kinds if name not in BUILT_IN and row[name] is not None}
    return decoded(own, kinds)
