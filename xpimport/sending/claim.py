"""Claiming a due trigger: exactly one process sends it, and stop competes for the same row."""

from xpimport.clock import now, to_text
from xpimport.rules import trigger as rules
from xpimport.sending.audience import already_sent, caps
from xpimport.sending.triggers import SELECT, Trigger, get, move, obstacle, trigger_of
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
    """Take a due trigger for this process, or settle it (missed, switched off, paused); None when there is nothing to send.

    Stop competes for the same row, so exactly one of the two wins.
    """
    with store.writing():
        row = store.one("SELECT * FROM triggers WHERE id = ?", trigger.id)
        state, off = row["state"], obstacle(store, trigger)
        if state == rules.SCHEDULED:
            current = get(store, trigger.id)
            if current.send_at is None or current.send_at > now():
                return None
            if current.approval == "needed":
                move(store, trigger.id, state, rules.MISSED, "not_approved")
                return None
            if rules.is_missed(current.send_at, current.grace, now()):
                move(store, trigger.id, state, rules.MISSED, "no_tick")
                return None
            if off is not None:
                move(store, trigger.id, state, rules.HELD, off)
                return None
            if _behind_another(store, current) or _others_decide(store, current.id):
                return None
            move(store, trigger.id, state, rules.SENDING, "due", wake_at=now())
        elif state != rules.SENDING or not lapsed(row["owner"], row["heartbeat"]):
            return None
        elif off is not None:
            move(store, trigger.id, state, rules.HELD, off)
            return None
        store.db.execute(
            "UPDATE triggers SET generation = generation + 1, owner = ?, heartbeat = ?, began_at = coalesce(began_at, ?),"
            " wake_at = ? WHERE id = ?",
            (me(), heartbeat(), to_text(now()), to_text(now()), trigger.id),
        )
        return get(store, trigger.id)


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
