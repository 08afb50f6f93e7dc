"""Claiming a due trigger: exactly one process sends it, and stop competes for the same row."""

from xpimport.clock import now, to_text
from xpimport.rules import trigger as rules
from xpimport.sending.audience import already_sent, caps
from xpimport.sending.triggers import SELECT, Trigger, get, move, obstacle, trigger_of
from xpimport.store import high_water
from xpimport.store.claims import heartbeat, lapsed, me
from xpimport.store.database import Store


def due(store: Store) -> list[Trigger]:
    """Triggers whose instant has come: to begin, or to go on with; the earliest first."""
    rows = store.all(
        SELECT + " WHERE g.wake_at <= ? AND g.state IN ('scheduled', 'sending') ORDER BY g.send_at, g.id",
        to_text(now()),
    )
    return [trigger_of(row) for row in rows]


def claim(store: Store, trigger: Trigger) -> Trigger | None:
    """Take a due trigger for this process, or settle it (missed, held); None when there is nothing to send.

    Stop competes for the same row, so exactly one of the two wins.
    """
    with store.writing():
        current = get(store, trigger.id)
        doubt = high_water.doubt(store)
        if current.state == rules.SCHEDULED:
            mine = _begin(store, current, doubt.reason if doubt else None)
        else:
            mine = _take_up(store, current, doubt.reason if doubt else obstacle(store, current))
        if not mine:
            return None
        store.db.execute(
            "UPDATE triggers SET generation = generation + 1, owner = ?, heartbeat = ?, began_at = coalesce(began_at, ?),"
            " wake_at = ? WHERE id = ?",
            (me(), heartbeat(), to_text(now()), to_text(now()), trigger.id),
        )
        return get(store, trigger.id)


def _begin(store: Store, trigger: Trigger, doubt: str | None) -> bool:
    """Move what is scheduled to `sending`, or settle it; a `doubt` of the store holds it, however late it is."""
    if trigger.send_at is None or trigger.send_at > now():
        return False
    after, reason = rules.SENDING, "due"
    if doubt is not None:
        after, reason = rules.HELD, doubt
    elif trigger.approval == "needed":
        after, reason = rules.MISSED, "not_approved"
    elif rules.is_missed(trigger.send_at, trigger.grace, now()):
        after, reason = rules.MISSED, "no_tick"
    elif off := obstacle(store, trigger):
        after, reason = rules.HELD, off
    elif _behind_another(store, trigger) or _others_decide(store, trigger.id):
        return False
    move(store, trigger.id, trigger.state, after, reason, wake_at=now() if after == rules.SENDING else None)
    return after == rules.SENDING


def _take_up(store: Store, trigger: Trigger, off: str | None) -> bool:
    """Whether a send that nobody carries on is this process's now; what is in its way holds it."""
    owner, sign = store.one("SELECT owner, heartbeat FROM triggers WHERE id = ?", trigger.id)
    if trigger.state != rules.SENDING or not lapsed(owner, sign):
        return False
    if off is not None:
        move(store, trigger.id, trigger.state, rules.HELD, off)
    return off is None


def _others_decide(store: Store, trigger: int) -> bool:
    return already_sent.undecided(store, trigger) or caps.undecided(store, trigger)


def _behind_another(store: Store, trigger: Trigger) -> bool:
    """Whether an earlier trigger of the same import and instant has yet to say whom it sends to (`same_send`)."""
    return bool(
        store.scalar(
            "SELECT EXISTS (SELECT 1 FROM triggers WHERE import_id = ? AND send_at = ? AND id < ? AND (state = 'scheduled'"
            " OR (state = 'sending' AND decided_at IS NULL)))",
            trigger.import_id,
            to_text(trigger.send_at) if trigger.send_at else None,
            trigger.id,
        )
    )
