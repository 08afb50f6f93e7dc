"""What follows from an event: a delivery's state, an address that is not written to again, somebody who has opted out.

Everything here is inside the caller's transaction. What a person has said since counts more than any report.
"""

from datetime import UTC, datetime

from xpimport.clock import to_text
from xpimport.rules.events import MAIL, Kind, Reported
from xpimport.rules.values import address_key
from xpimport.store.addresses import lifted_since, opt_out, opt_out_person, suppress
from xpimport.store.database import Store
from xpimport.tracking.matching import Delivery

_OPTS_OUT = frozenset({Kind.UNSUBSCRIBED, Kind.COMPLAINED})


def act(store: Store, delivery: Delivery, kind: Kind, at: int, provider: str, *, gone: bool) -> None:
    """Heed an event (unix seconds) of a delivery: it is about the address that the message went to."""
    if delivery.address is None:
        return
    key = address_key(delivery.medium, delivery.address)
    when = _text(at)
    if kind in _OPTS_OUT and not lifted_since(store, "opt_outs", delivery.medium, key, when):
        opt_out_person(store, delivery.profile, delivery.medium, key, when, _source(kind, provider))
    _suppress(store, delivery.medium, key, kind, when, gone=gone)


def act_apart(store: Store, said: Reported, why: str, delivery: Delivery | None, at: int) -> None:
    """Heed what counts nowhere: of a run that is over or a time that cannot be, and a provider's word without any key.

    A mail's word without a verified key is nobody's: anybody can write it. So is a key that is not ours.
    """
    if delivery is not None:
        act(store, delivery, said.kind, at, said.provider, gone=said.gone)
    elif why == "no_key" and said.key is None and said.provider != MAIL:
        accept(store, said, at)


def accept(store: Store, said: Reported, at: int) -> None:
    """Heed an event that names an address and no message."""
    if said.address is None:
        return
    key, when = address_key("email", said.address), _text(at)
    if said.kind in _OPTS_OUT and not lifted_since(store, "opt_outs", "email", key, when):
        opt_out(store, "email", key, when, _source(said.kind, said.provider))
    _suppress(store, "email", key, said.kind, when, gone=said.gone)


def move(store: Store, delivery: Delivery, state: str, reason: str | None, detail: str | None) -> None:
    """Give a delivery the state that its events prove; it was handed over when its send began, as far as is known."""
    store.db.execute(
        "UPDATE deliveries SET state = ?, reason = ?, detail = ?, retry_at = NULL, changed_at = ? WHERE trigger_id = ?"
        " AND profile_id = ?",
        (state, reason, detail, delivery.began, delivery.trigger, delivery.profile),
    )
    counted = store.db.execute(
        "UPDATE delivery_counts SET people = people - 1 WHERE trigger_id = ? AND state = ? AND reason = ?",
        (delivery.trigger, delivery.state, delivery.reason or ""),
    ).rowcount
    if counted:
        store.db.execute(
            "INSERT INTO delivery_counts (trigger_id, state, reason, people) VALUES (?, ?, ?, 1)"
            " ON CONFLICT DO UPDATE SET people = people + 1",
            (delivery.trigger, state, reason or ""),
        )


def _suppress(store: Store, medium: str, key: str, kind: Kind, at: str, *, gone: bool) -> None:
    reason = "bounced" if kind is Kind.BOUNCED and gone else "complaint" if kind is Kind.COMPLAINED else None
    if kind is Kind.COMPLAINED and lifted_since(store, "opt_outs", medium, key, at):
        return  # whoever agreed since has no complaint any more
    if reason is not None and not lifted_since(store, "suppressions", medium, key, at):
        suppress(store, [(key, medium, reason, at)])


def _source(kind: Kind, provider: str) -> str:
    return f"{'complaint' if kind is Kind.COMPLAINED else 'unsubscribe'} ({provider})"


def _text(at: int) -> str:
    return to_text(datetime.fromtimestamp(at, UTC))
