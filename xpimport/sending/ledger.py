"""The ledger: one row for each (trigger, profile), with the intent durable before the first byte of a message."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xpimport.clock import now
from xpimport.errors import Invalid
from xpimport.rules.definition import ADDRESS
from xpimport.rules.trigger import backoff
from xpimport.sending.channels import Outcome, Outgoing
from xpimport.sending.exclusion import blocked
from xpimport.sending.mime import MessageSkeleton
from xpimport.sending.render import NotPersonalised, Templates
from xpimport.sending.triggers import Trigger, switched_off
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store

LOOKED_AT = 500
"""People looked at in one transaction, so that a run of exclusions does not hold the lock for long."""


@dataclass(frozen=True)
class Campaign:
    """What a send needs to know of its campaign, compiled."""

    medium: str
    ignore_subscription: bool
    templates: Templates
    skeleton: MessageSkeleton
    kinds: Mapping[str, str]
    store_id: str

    @property
    def domain(self) -> str:
        """The part of Message-IDs after the @: the sender's own domain."""
        return self.skeleton.sender.rpartition("@")[2]


@dataclass(frozen=True)
class Grant:
    """A message whose intent is in the ledger, ready for one connection."""

    profile: int
    attempt: int
    message: Outgoing


def key_of(store_id: str, trigger: int, profile: int) -> str:
    """The idempotency key of a person's message in a send: the same on every attempt, different in every store."""
    return hashlib.sha256(f"{store_id}/{trigger}/{profile}".encode()).hexdigest()[:32]


def select_profile(kinds: Mapping[str, str]) -> str:
    """The columns of a profile p that a template may use."""
    return ", ".join(f'p."{name}"' for name in kinds)


def values_of(row: Any, kinds: Mapping[str, str]) -> dict[str, object]:
    """A profile's attributes as a template sees them: JSON as lists and maps, the rest as stored."""
    values: dict[str, object] = {}
    for name, kind in kinds.items():
        value = row[name]
        values[name] = json.loads(value) if kind == "json" and value is not None else value
    return values


def compose(campaign: Campaign, row: Any, *, key: str, date: datetime) -> Outgoing:
    """One person's message.

    Raises:
        NotPersonalised: the template asks for what this person does not have.
        Invalid: the address cannot be written to.
    """
    rendered = campaign.templates.render(values_of(row, campaign.kinds))
    return campaign.skeleton.outgoing(
        rendered,
        key=key,
        to=row[ADDRESS[campaign.medium]],
        message_id=f"{key}@{campaign.domain}",
        date=date,
        extra_headers={"List-Unsubscribe": f"<mailto:{campaign.skeleton.sender}?subject=unsubscribe>"},
    )


def in_doubt(store: Store, trigger: Trigger) -> int:
    """After a claim: what an earlier sender had begun and not recorded may have gone out, and is not sent again."""
    with store.writing():
        return store.db.execute(
            "UPDATE deliveries SET state = 'uncertain', reason = 'interrupted', changed_at = ? WHERE trigger_id = ?"
            " AND state = 'attempting'",
            (int(now().timestamp()), trigger.id),
        ).rowcount


def still_mine(store: Store, trigger: Trigger) -> str:
    """Inside a transaction: `go`, or why nothing more may be started: `lost` (stopped, taken over) or `off`."""
    row = store.one("SELECT state, generation FROM triggers WHERE id = ?", trigger.id)
    if row["state"] != "sending" or row["generation"] != trigger.generation:
        return "lost"
    return "off" if switched_off(store) else "go"


def record(store: Store, trigger: Trigger, outcomes: Sequence[tuple[Grant, Outcome]]) -> None:
    """Inside a transaction: what became of messages. A late word may settle `uncertain`, never the reverse."""
    at = now()
    for grant, outcome in outcomes:
        retry_at = int((at + backoff(grant.attempt)).timestamp()) if outcome.state == "retry" else None
        store.db.execute(
            "UPDATE deliveries SET state = ?, reason = ?, detail = ?, changed_at = ?, retry_at = ? WHERE trigger_id = ?"
            " AND profile_id = ? AND (state = 'attempting' OR (state = 'uncertain' AND ? IN ('accepted', 'failed')))",
            (
                outcome.state,
                outcome.reason or None,
                outcome.detail or None,
                int(at.timestamp()),
                retry_at,
                trigger.id,
                grant.profile,
                outcome.state,
            ),
        )
    store.db.execute(
        "UPDATE triggers SET heartbeat = ? WHERE id = ? AND generation = ? AND owner IS NOT NULL",
        (heartbeat(), trigger.id, trigger.generation),
    )


class Granter:
    """Hands out the next messages of a send, in the order of the profiles, retries that are due first."""

    def __init__(self, store: Store, trigger: Trigger, campaign: Campaign) -> None:
        self._store, self._trigger, self._campaign = store, trigger, campaign
        self._after = 0
        self._pending = True
        columns = select_profile(campaign.kinds)
        why = blocked(campaign.medium, ignore_subscription=campaign.ignore_subscription)
        self._select = (
            f"SELECT d.profile_id, d.attempts, p.id AS found, {why} AS blocked, {columns} FROM deliveries d"
            " LEFT JOIN profiles p ON p.id = d.profile_id WHERE d.trigger_id = ?"
        )

    def next(self, wanted: int) -> list[Grant]:
        """Inside a transaction: intents for up to `wanted` messages, each looked at again for consent."""
        grants: list[Grant] = []
        looked = 0
        while len(grants) < wanted and looked < LOOKED_AT:
            rows = self._rows(wanted - len(grants))
            if not rows:
                break
            looked += len(rows)
            grants += [grant for row in rows if (grant := self._grant(row)) is not None]
        return grants

    @property
    def exhausted(self) -> bool:
        """Whether every pending person has been looked at."""
        return not self._pending

    def _rows(self, wanted: int) -> list[Any]:
        rows = self._store.all(
            self._select + " AND d.state = 'retry' AND d.retry_at <= ? LIMIT ?",
            self._trigger.id,
            int(now().timestamp()),
            wanted,
        )
        if not rows and self._pending:
            rows = self._store.all(
                self._select + " AND d.state = 'pending' AND d.profile_id > ? ORDER BY d.profile_id LIMIT ?",
                self._trigger.id,
                self._after,
                wanted,
            )
            self._pending = len(rows) == wanted
            if rows:
                self._after = rows[-1]["profile_id"]
        return rows

    def _grant(self, row: Any) -> Grant | None:
        reason = self._why_not(row)
        if reason is not None:
            self._settle(row, "excluded", reason, None)
            return None
        key = key_of(self._campaign.store_id, self._trigger.id, row["profile_id"])
        try:
            message = compose(self._campaign, row, key=key, date=now())
        except NotPersonalised as problem:
            self._settle(row, "failed", "not_personalised", problem.detail)
            return None
        except Invalid as problem:
            self._settle(row, "excluded", "invalid_address", problem.message)
            return None
        self._store.db.execute(
            "UPDATE deliveries SET state = 'attempting', reason = NULL, detail = NULL, address = ?, attempts = attempts + 1,"
            " changed_at = ?, retry_at = NULL WHERE trigger_id = ? AND profile_id = ?",
            (message.to, int(now().timestamp()), self._trigger.id, row["profile_id"]),
        )
        return Grant(row["profile_id"], row["attempts"] + 1, message)

    def _why_not(self, row: Any) -> str | None:
        if row["found"] is None:
            return "forgotten"
        if row[ADDRESS[self._campaign.medium]] is None:
            return "no_address"
        return None if row["blocked"] is None else str(row["blocked"])

    def _settle(self, row: Any, state: str, reason: str, detail: str | None) -> None:
        address = row[ADDRESS[self._campaign.medium]]
        self._store.db.execute(
            "UPDATE deliveries SET state = ?, reason = ?, detail = ?, address = ?, changed_at = ?, retry_at = NULL"
            " WHERE trigger_id = ? AND profile_id = ?",
            (state, reason, detail, address, int(now().timestamp()), self._trigger.id, row["profile_id"]),
        )
