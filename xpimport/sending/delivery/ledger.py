"""The ledger: one row for each (trigger, profile), with the intent durable before the first byte of a message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xpimport import signals
from xpimport.clock import now, to_text
from xpimport.errors import Invalid
from xpimport.rules.bounces import is_bounce
from xpimport.rules.definition import ADDRESS
from xpimport.rules.delivery import FAILED, RETRY, SETTLED, UNCERTAIN, Verdict, sql_in
from xpimport.rules.engagement import PROOFS
from xpimport.rules.throttle import retry_wait
from xpimport.rules.tokens import Purpose, make_key, make_old_token, old_key_of
from xpimport.rules.trigger import backoff
from xpimport.rules.values import address_key
from xpimport.sending.audience.exclusion import blocked
from xpimport.sending.channels import Outcome
from xpimport.sending.content.compose import Job, address_of, select_profile
from xpimport.sending.triggers import Trigger, check_mine, obstacle
from xpimport.store.addresses import suppress
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store

LOOKED_AT = 500
"""People looked at in one transaction, so that a run of exclusions does not hold the lock for long."""


@dataclass(frozen=True)
class IntentContext:
    """What the ledger needs to know of a campaign."""

    medium: str
    ignore_subscription: bool
    kinds: Mapping[str, str]
    store_id: str
    secret: bytes
    key_epoch: int
    """Of the keys that are given out now; those of before are still read."""


@dataclass(frozen=True)
class Grant:
    """A message whose intent is in the ledger, to be made and handed over by one connection.

    `refused_before`: an earlier claim met a refusal of ours with this person. `unanswered`: the last try had no answer.
    """

    profile: int
    attempt: int
    job: Job
    refused_before: bool = False
    unanswered: bool = False


def mark_interrupted(store: Store, trigger: Trigger) -> int:
    """After a claim: what an earlier sender had begun and not recorded may have gone out, and is not sent again.

    Raises:
        ClaimLost: it was stopped in the meantime.
    """
    with store.writing():
        check_mine(store, trigger)
        found = store.db.execute(
            "UPDATE deliveries SET state = 'uncertain', reason = 'interrupted', changed_at = ? WHERE trigger_id = ?"
            " AND state = 'attempting'",
            (int(now().timestamp()), trigger.id),
        ).rowcount
        heed_events(store, trigger)
        return found


def heed_events(store: Store, trigger: Trigger) -> None:
    """Inside a transaction: whatever came back before a message's outcome was recorded proves that it was accepted."""
    store.db.execute(
        f"UPDATE deliveries SET state = 'accepted', reason = NULL, detail = NULL, retry_at = NULL"
        f" WHERE trigger_id = ? AND {sql_in('state', (UNCERTAIN, RETRY))} AND profile_id IN (SELECT profile_id FROM events"
        f" WHERE trigger_id = ? AND kind IN ({', '.join(str(int(kind)) for kind in sorted(PROOFS))}))",
        (trigger.id, trigger.id),
    )


def verdict(store: Store, trigger: Trigger) -> Verdict:
    """Inside a transaction: whether more messages may be begun: anything but SHUT and what the receiver says."""
    mine = store.scalar(
        "SELECT state = 'sending' AND generation = ? FROM triggers WHERE id = ?", trigger.generation, trigger.id
    )
    if not mine:
        return Verdict.LOST
    if signals.pending():
        return Verdict.INTERRUPTED
    return {None: Verdict.GO, "triggers_off": Verdict.OFF}.get(obstacle(store, trigger), Verdict.PAUSED)


def record_intents(store: Store, trigger: Trigger, people: Sequence[tuple[str, int]], at: datetime) -> None:
    """Inside a transaction: these (address, profile) are about to be sent to."""
    if people:
        store.db.execute("UPDATE high_water SET intents = intents + ?", (len(people),))
    store.db.executemany(
        "UPDATE deliveries SET state = 'attempting', reason = NULL, detail = NULL, address = ?, attempts = attempts + 1,"
        " changed_at = ?, retry_at = NULL WHERE trigger_id = ? AND profile_id = ?",
        [(address, int(at.timestamp()), trigger.id, profile) for address, profile in people],
    )


def record(store: Store, trigger: Trigger, outcomes: Sequence[tuple[Grant, Outcome]]) -> None:
    """Inside a transaction: what became of messages. A late word may settle `uncertain`, never the reverse."""
    at = now()
    seconds = int(at.timestamp())
    store.db.executemany(
        "UPDATE deliveries SET state = ?, reason = ?, detail = ?, changed_at = ?, retry_at = ? WHERE trigger_id = ?"
        " AND profile_id = ? AND (state = 'attempting' OR (state = 'uncertain' AND ?))",
        [
            (
                outcome.state,
                outcome.reason or None,
                outcome.detail or None,
                seconds,
                _retry_at(at, grant, outcome),
                trigger.id,
                grant.profile,
                outcome.state in SETTLED,
            )
            for grant, outcome in outcomes
        ],
    )


def return_to_pending(store: Store, trigger: Trigger, grants: Sequence[Grant]) -> None:
    """Inside a transaction: intents of messages that provably were not begun.

    That an earlier try had no answer is kept: the receiver may be at that one still.
    """
    store.db.executemany(
        "UPDATE deliveries SET state = 'pending', reason = ?, attempts = attempts - 1 WHERE trigger_id = ?"
        " AND profile_id = ? AND state = 'attempting'",
        [("no_answer" if grant.unanswered else None, trigger.id, grant.profile) for grant in grants],
    )


def hold_back(store: Store, trigger: Trigger, grants: Sequence[Grant]) -> None:
    """Inside a transaction: their messages met a refusal of ours, and were provably not taken; the next claim ends with them."""
    return_to_pending(store, trigger, grants)
    store.db.executemany(
        "UPDATE deliveries SET refused_claims = refused_claims + 1 WHERE trigger_id = ? AND profile_id = ?",
        [(trigger.id, grant.profile) for grant in grants],
    )


def record_theirs(store: Store, trigger: Trigger, outcomes: Sequence[tuple[Grant, Outcome]]) -> None:
    """Inside a transaction: people who were held back, and turned out to be refused for themselves."""
    seconds = int(now().timestamp())
    store.db.executemany(
        "UPDATE deliveries SET state = ?, reason = ?, detail = ?, changed_at = ?, attempts = attempts + 1"
        " WHERE trigger_id = ? AND profile_id = ? AND state = 'pending'",
        [
            (outcome.state, outcome.reason, outcome.detail, seconds, trigger.id, grant.profile)
            for grant, outcome in outcomes
        ],
    )


def refund(store: Store, trigger: Trigger, people: Sequence[int]) -> None:
    """Inside a transaction: the last attempt of these was not their own matter."""
    store.db.executemany(
        "UPDATE deliveries SET attempts = max(0, attempts - 1) WHERE trigger_id = ? AND profile_id = ? AND state = 'retry'",
        [(trigger.id, profile) for profile in people],
    )


def record_bounces(store: Store, medium: str, outcomes: Sequence[tuple[Grant, Outcome]]) -> None:
    """Inside a transaction: addresses that the server does not know are not written to again."""
    gone = [grant.job[2] for grant, outcome in outcomes if outcome.state == FAILED and is_bounce(outcome.reply)]
    if gone:
        suppress(store, [(address_key(medium, address), medium, "bounced", to_text(now())) for address in gone])


def _retry_at(at: datetime, grant: Grant, outcome: Outcome) -> int | None:
    if outcome.state != RETRY:
        return None
    return int((at + retry_wait(backoff(grant.attempt), outcome.retry_after)).timestamp())


def record_heartbeat(store: Store, trigger: Trigger) -> None:
    """Inside a transaction: say that the sender of this claim is at work."""
    store.db.execute(
        "UPDATE triggers SET heartbeat = ? WHERE id = ? AND generation = ? AND owner IS NOT NULL",
        (heartbeat(), trigger.id, trigger.generation),
    )


_UNANSWERED = frozenset({"no_answer", "server_error"})

SHUFFLED = "((d.profile_id * 2654435761 + d.trigger_id) & 4294967295)"
"""SQL for a number from 0 to 2**32 - 1 that is the same for a person in a send, and unlike their neighbours'."""


class Granter:
    """Hands out the next messages of a send, in the order of the profiles, retries that are due first, those last whom an
    earlier claim could not send to through no fault of theirs; who is offered again comes when the others have had a turn.

    `below` grants a canary only: people whose `SHUFFLED` number is smaller. `fresh` False grants retries only.
    """

    def __init__(
        self, store: Store, trigger: Trigger, campaign: IntentContext, *, below: int | None = None, fresh: bool = True
    ) -> None:
        self._store, self._trigger, self._campaign = store, trigger, campaign
        self._fresh = fresh
        self._after, self._last, self._pending, self._again = 0, False, fresh, False
        self._held_back: set[int] = set()
        self._part = f" AND {SHUFFLED} < {below}" if below is not None else ""
        columns = select_profile(campaign.kinds)
        why = blocked(campaign.medium, ignore_subscription=campaign.ignore_subscription)
        self._select = (
            f"SELECT d.profile_id, d.attempts, d.reason, d.refused_claims, p.id AS found, {why} AS blocked, {columns}"
            " FROM deliveries d"
            " LEFT JOIN profiles p ON p.id = d.profile_id WHERE d.trigger_id = ?"
        )
        self._retries = self._soonest() is not None

    def _soonest(self) -> int | None:
        soonest = self._store.scalar(
            "SELECT min(retry_at) FROM deliveries WHERE trigger_id = ? AND state = 'retry'", self._trigger.id
        )
        return None if soonest is None else int(soonest)

    def offer_again(self) -> None:
        """Some who were granted are pending as before; the others come first, so that none whom a connection ends over
        stops them.
        """
        self._again = self._fresh
        if not self._pending:
            self._begin_again()

    def _begin_again(self) -> None:
        self._after, self._last, self._pending, self._again = 0, False, self._again, False

    def leave_out(self, grants: Sequence[Grant]) -> None:
        """These are pending, and not to be granted again in this claim."""
        self._held_back.update(grant.profile for grant in grants)

    def next(self, wanted: int) -> list[Grant]:
        """Inside a transaction: intents for up to `wanted` messages, each looked at again for consent."""
        at = now()
        text = at.isoformat()
        grants: list[Grant] = []
        looked = 0
        while len(grants) < wanted and looked < LOOKED_AT:
            rows = self._rows(wanted - len(grants), int(at.timestamp()))
            if not rows:
                break
            looked += len(rows)
            found = [grant for row in rows if (grant := self._grant(row, at, text)) is not None]
            # Before the next look: a retry that is not yet marked would be found a second time.
            record_intents(self._store, self._trigger, [(grant.job[2], grant.profile) for grant in found], at)
            grants += found
        return grants

    @property
    def exhausted(self) -> bool:
        """Whether every pending person has been looked at."""
        return not self._pending

    def _rows(self, wanted: int, at: int) -> list[Any]:
        rows: list[Any] = []
        if self._retries:
            rows = self._store.all(
                self._select + " AND d.state = 'retry' AND d.retry_at <= ? LIMIT ?", self._trigger.id, at, wanted
            )
            # Those refused from now on wait a minute at least, and so belong to another tick.
            self._retries = bool(rows)
        while not rows and self._pending:
            found = self._store.all(
                f"{self._select} AND d.state = 'pending' AND d.refused_claims {'>' if self._last else '='} 0"
                f" AND d.profile_id > ?{self._part} ORDER BY d.profile_id LIMIT ?",
                self._trigger.id,
                self._after,
                wanted,
            )
            rows = [row for row in found if row["profile_id"] not in self._held_back]
            if found:
                self._after = found[-1]["profile_id"]
            if len(found) < wanted:
                self._after, self._pending, self._last = 0, not self._last, True
                if not self._pending:
                    self._begin_again()
        return rows

    def _grant(self, row: Any, at: datetime, text: str) -> Grant | None:
        reason = self._why_not(row)
        if reason is not None:
            self._exclude(row, reason, None, at)
            return None
        values = {name: row[name] for name in self._campaign.kinds}
        try:
            address = address_of(values, self._campaign.medium)
        except Invalid as problem:
            self._exclude(row, "invalid_address", problem.message, at)
            return None
        key, token = self._keys(row["profile_id"])
        return Grant(
            row["profile_id"],
            row["attempts"] + 1,
            (key, values, address, text, token, row["profile_id"]),
            refused_before=row["refused_claims"] > 0,
            unanswered=row["reason"] in _UNANSWERED,
        )

    def _keys(self, profile: int) -> tuple[str, str]:
        """The message's key and its opt-out token."""
        secret, trigger = self._campaign.secret, self._trigger
        if trigger.key_epoch is None:
            return old_key_of(self._campaign.store_id, trigger.id, profile), make_old_token(secret, trigger.id, profile)
        named = (self._campaign.key_epoch, trigger.id, profile)
        return make_key(secret, Purpose.MESSAGE, *named), make_key(secret, Purpose.UNSUBSCRIBE, *named)

    def _why_not(self, row: Any) -> str | None:
        if row["found"] is None:
            return "forgotten"
        if row[ADDRESS[self._campaign.medium]] is None:
            return "no_address"
        return None if row["blocked"] is None else str(row["blocked"])

    def _exclude(self, row: Any, reason: str, detail: str | None, at: datetime) -> None:
        self._store.db.execute(
            "UPDATE deliveries SET state = 'excluded', reason = ?, detail = ?, address = ?, changed_at = ?, retry_at = NULL"
            " WHERE trigger_id = ? AND profile_id = ?",
            (
                reason,
                detail,
                row[ADDRESS[self._campaign.medium]],
                int(at.timestamp()),
                self._trigger.id,
                row["profile_id"],
            ),
        )
