"""A part of the audience goes first; when its wait is over, the others follow, or the send holds itself."""

from datetime import datetime, timedelta

from xpimport.clock import now, to_text
from xpimport.rules.delivery import TRIED, sql_in
from xpimport.sending import triggers
from xpimport.sending.delivery.ledger import SHUFFLED
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store

ALL = 1 << 32


def limits(trigger: Trigger) -> tuple[int | None, bool]:
    """For the granter: below which `SHUFFLED` number people are sent to (None: all), and whether anybody new is at all."""
    if trigger.canary is None:
        return None, True
    return trigger.canary_below, trigger.canary_until is None


def evaluate(store: Store, trigger: Trigger) -> bool:
    """Choose who goes first, or, when the wait is over, whether what became of them holds the others back."""
    if trigger.canary is None:
        return False
    if trigger.canary_below is None:
        _choose(store, trigger)
        return False
    if trigger.canary_until is None or now() < trigger.canary_until:
        return False
    tried, failed = store.one(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'accepted') FROM deliveries WHERE trigger_id = ?"
        f" AND {sql_in('state', TRIED)}",
        trigger.id,
    )
    if trigger.canary.holds(tried=tried, failed=failed):
        return True
    with store.writing():
        triggers.check_mine(store, trigger)
        store.db.execute("UPDATE triggers SET canary = NULL WHERE id = ?", (trigger.id,))
    return False


def _choose(store: Store, trigger: Trigger) -> None:
    """The people with the lowest numbers; a send so small that everybody would go first has no canary."""
    people = store.scalar("SELECT count(*) FROM deliveries WHERE trigger_id = ? AND state = 'pending'", trigger.id)
    size = trigger.canary.size(people) if trigger.canary else 0
    below = store.scalar(
        f"SELECT {SHUFFLED} AS mixed FROM deliveries d WHERE d.trigger_id = ? AND d.state = 'pending' ORDER BY mixed"
        " LIMIT 1 OFFSET ?",
        trigger.id,
        size,
    )
    with store.writing():
        triggers.check_mine(store, trigger)
        store.db.execute(
            "UPDATE triggers SET canary_below = ?, canary = CASE WHEN ? THEN canary END WHERE id = ?",
            (ALL if below is None else below, below is not None, trigger.id),
        )


def rest_follows_at(store: Store, trigger: Trigger) -> datetime | None:
    """After a part of a send: when the others follow; None when this send has no canary on its way.

    The wait begins once all of the canary have been tried.
    """
    trigger = triggers.get(store, trigger.id)
    if trigger.canary is None or trigger.canary_below is None:
        return None
    if trigger.canary_until is not None:
        return trigger.canary_until
    waiting = store.scalar(
        f"SELECT EXISTS (SELECT 1 FROM deliveries d WHERE d.trigger_id = ? AND d.state = 'pending' AND {SHUFFLED} < ?)",
        trigger.id,
        trigger.canary_below,
    )
    if waiting:
        return None
    until = now() + timedelta(seconds=trigger.canary.wait)
    with store.writing():
        triggers.check_mine(store, trigger)
        store.db.execute("UPDATE triggers SET canary_until = ? WHERE id = ?", (to_text(until), trigger.id))
    return until
