"""Whose an event is: its key, verified, names a delivery of this store; nothing else does."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xpimport.clock import from_text
from xpimport.rules.events import Reported
from xpimport.rules.tokens import Named, Purpose, old_key_of, read_key, read_unsubscribe_token
from xpimport.store import epochs
from xpimport.store.database import Store
from xpimport.store.secret import secret_of

_OURS = re.compile(r"[a-z2-7]{32}|[a-z2-7]{40}", re.IGNORECASE)
_OLD = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)


@dataclass(frozen=True)
class Delivery:
    """The message that an event is about; instants in unix seconds.

    `address` is the one that it went to, else the profile's of today. `began` is when its send began, `handed_over` when
    the message was, as far as that is known. `apart`: why it counts nowhere, though a no in it is heeded; else None.
    """

    trigger: int
    profile: int
    medium: str
    address: str | None
    state: str
    reason: str | None
    began: int
    handed_over: int
    apart: str | None = None


class Matcher:
    """Finds the deliveries that reported events are about."""

    def __init__(self, store: Store) -> None:
        """Look up what keys are verified with."""
        self._store, self._secret = store, secret_of(store)
        self._before: dict[str, Named] | None = None

    def is_ours(self, key: str, purpose: Purpose) -> bool:
        """Whether a key is one of this store's for that purpose."""
        return self._named(key, purpose) is not None

    def match(self, events: Sequence[Reported]) -> list[Delivery | str]:
        """For each event its delivery, or the reason for which it has none; inside the transaction that counts them."""
        named = [self._name(event) for event in events]
        found = self._deliveries({one for one in named if isinstance(one, Named)})
        return [
            one if isinstance(one, str) else found.get(one) or self._without_row(event, one) or "unknown_message"
            for event, one in zip(events, named, strict=True)
        ]

    def _without_row(self, event: Reported, named: Named) -> Delivery | None:
        """Whom an event is about whose delivery is gone, or was made in another copy of this store: a no in it is heeded.

        It is the address that the event names, else the one that the person has today.
        """
        row = self._store.one(
            "SELECT closed_at, ? BETWEEN coalesce(key_epoch, 1) AND ? AS ours FROM triggers WHERE id = ?",
            named.epoch or 1,
            epochs.current(self._store),
            named.trigger,
        )
        closed = row is not None and row["ours"] and row["closed_at"] is not None
        if not closed and not epochs.knows(self._store, named.epoch or 1, named.profile):
            return None
        address = event.address if closed else None
        if address is None:
            address = self._store.scalar("SELECT email FROM profiles WHERE id = ?", named.profile)
        if address is None:
            return None
        why = "too_old" if closed else "unknown_message"
        return Delivery(named.trigger, named.profile, "email", str(address), "accepted", None, 0, 0, why)

    def _named(self, key: str, purpose: Purpose) -> Named | None:
        if purpose is Purpose.UNSUBSCRIBE:
            return read_unsubscribe_token(self._secret, key)
        named = read_key(self._secret, purpose, key)
        return self._of_before(key.lower()) if named is None and _OLD.fullmatch(key) else named

    def _name(self, event: Reported) -> Named | str:
        # Some give the whole Message-ID for the key.
        key = (event.key or "").strip(" <>").partition("@")[0]
        named = self._named(key, event.purpose) if key else None
        if named is not None:
            return named
        return "wrong_signature" if _OURS.fullmatch(key) else "no_key"

    def _of_before(self, key: str) -> Named | None:
        """Whom a key of before there were epochs names: it is a hash, so those of all such sends are made anew, once."""
        if self._before is None:
            store_id = str(self._store.scalar("SELECT value FROM settings WHERE name = 'store.id'"))
            rows = self._store.db.execute(
                "SELECT d.trigger_id, d.profile_id FROM triggers g JOIN deliveries d ON d.trigger_id = g.id"
                " WHERE g.key_epoch IS NULL"
            )
            self._before = {old_key_of(store_id, *row): Named(None, *row) for row in rows}
        return self._before.get(key)

    def _deliveries(self, wanted: Iterable[Named]) -> Mapping[Named, Delivery]:
        db, last = self._store.db, epochs.current(self._store)
        db.execute("CREATE TEMP TABLE IF NOT EXISTS wanted (epoch INTEGER, trigger_id INTEGER, profile_id INTEGER)")
        db.execute("DELETE FROM temp.wanted")
        db.executemany("INSERT INTO temp.wanted VALUES (?, ?, ?)", [(n.epoch, n.trigger, n.profile) for n in wanted])
        rows = db.execute(
            "SELECT w.epoch, d.trigger_id, d.profile_id, c.medium, d.state, d.reason, d.attempts, d.changed_at,"
            # Of what another copy sent it is not known when; not before it was to.
            " coalesce(g.began_at, g.send_at) AS began_at,"
            " g.closed_at, coalesce(d.address, CASE c.medium WHEN 'email' THEN p.email ELSE p.mobile_number END) AS address,"
            " EXISTS (SELECT 1 FROM trigger_moves m WHERE m.trigger_id = g.id AND m.reason = 'resent') AS resent"
            " FROM temp.wanted w CROSS JOIN deliveries d ON d.trigger_id = w.trigger_id AND d.profile_id = w.profile_id"
            " JOIN triggers g ON g.id = d.trigger_id JOIN campaigns c ON c.id = g.campaign_id"
            " LEFT JOIN profiles p ON p.id = d.profile_id"
            # A number of before this trigger was made here is another copy's.
            " WHERE coalesce(w.epoch, 1) BETWEEN coalesce(g.key_epoch, 1) AND ?",
            (last,),
        )
        return {Named(row["epoch"], row["trigger_id"], row["profile_id"]): _delivery(row) for row in rows}


def _delivery(row: Any) -> Delivery:
    began = int(from_text(row["began_at"]).timestamp()) if row["began_at"] else 0
    # Of several tries nobody knows which one an event is about.
    known = row["state"] == "accepted" and row["attempts"] == 1 and not row["resent"]
    return Delivery(
        trigger=row["trigger_id"],
        profile=row["profile_id"],
        medium=row["medium"],
        address=row["address"],
        state=row["state"],
        reason=row["reason"],
        began=began,
        handed_over=row["changed_at"] if known else began,
        apart=None if row["closed_at"] is None else "too_old",
    )
