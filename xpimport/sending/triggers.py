"""The trigger in the store: made with its task, moved by compare-and-set, every move recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from xpimport.clock import from_text, now, to_text
from xpimport.rules import trigger as rules
from xpimport.rules.definition import Definition
from xpimport.rules.delivery import REACHED, sql_in
from xpimport.rules.throttle import Canary
from xpimport.store.claims import me
from xpimport.store.database import Store


@dataclass(frozen=True)
class Trigger:
    """A trigger as it stands; instants in UTC, `send_at` None while a send at once waits for its import.

    `key_epoch` None: it began before there were epochs. `content_id` None: its content is not frozen yet.
    """

    id: int
    task: int
    import_id: int
    campaign_id: int
    campaign: str
    state: str
    reason: str | None
    send_at: datetime | None
    grace: timedelta
    retry_for: timedelta
    generation: int
    decided: bool
    problem: str | None
    wake_at: datetime | None
    approval: str | None
    canary: Canary | None
    canary_below: int | None
    canary_until: datetime | None
    key_epoch: int | None
    content_id: int | None

    @property
    def retries_end(self) -> datetime:
        """When retries, and taking up an interrupted send, come to an end."""
        return (self.send_at or now()) + self.retry_for


class ClaimLost(Exception):
    """This process's claim of a trigger holds no longer: it was stopped, or another process has taken it over."""


SELECT = "SELECT g.*, c.name AS campaign FROM triggers g JOIN campaigns c ON c.id = g.campaign_id"


def trigger_of(row: Any) -> Trigger:
    """The trigger that a row of SELECT holds."""
    return Trigger(
        id=row["id"],
        task=row["task_id"],
        import_id=row["import_id"],
        campaign_id=row["campaign_id"],
        campaign=row["campaign"],
        state=row["state"],
        reason=row["reason"],
        send_at=from_text(row["send_at"]) if row["send_at"] else None,
        grace=timedelta(seconds=row["grace"]),
        retry_for=timedelta(seconds=row["retry_for"]),
        generation=row["generation"],
        decided=row["decided_at"] is not None,
        problem=row["problem"],
        wake_at=from_text(row["wake_at"]) if row["wake_at"] else None,
        approval=row["approval"],
        canary=Canary.from_json(row["canary"]) if row["canary"] else None,
        canary_below=row["canary_below"],
        canary_until=from_text(row["canary_until"]) if row["canary_until"] else None,
        key_epoch=row["key_epoch"],
        content_id=row["content_id"],
    )


def get(store: Store, trigger: int) -> Trigger:
    """The trigger of that number."""
    return trigger_of(store.one(SELECT + " WHERE g.id = ?", trigger))


def of_task(store: Store, task: int) -> Trigger | None:
    """The trigger that a task armed, if it has one."""
    row = store.one(SELECT + " WHERE g.task_id = ?", task)
    return None if row is None else trigger_of(row)


def create(
    store: Store, task: int, import_id: int, campaign_id: int, definition: Definition, send_at: datetime | None
) -> None:
    """Make the waiting trigger of a task that begins; inside the transaction that makes the task."""
    instant = to_text(send_at) if send_at else None
    canary = None
    if definition.canary:
        canary = Canary(definition.canary, definition.canary_wait, definition.canary_max_failed).to_json()
    cursor = store.db.execute(
        "INSERT INTO triggers (task_id, import_id, campaign_id, state, send_at, grace, retry_for, wake_at, canary, approval,"
        " key_epoch) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?, ?, (SELECT key_epoch FROM high_water))",
        (
            task,
            import_id,
            campaign_id,
            instant,
            definition.grace,
            definition.retry_for,
            instant,
            canary,
            "needed" if definition.require_approval else None,
        ),
    )
    record_move(store, int(cursor.lastrowid or 0), None, rules.WAITING, "import_started")


def record_move(store: Store, trigger: int, before: str | None, after: str, reason: str) -> None:
    """Inside a transaction: note a move; one that a person made gives the trigger another version."""
    if reason in rules.BY_PEOPLE:
        store.db.execute("UPDATE triggers SET version = version + 1 WHERE id = ?", (trigger,))
    store.db.execute(
        'INSERT INTO trigger_moves (trigger_id, moved_at, from_state, to_state, reason, "by") VALUES (?, ?, ?, ?, ?, ?)',
        (trigger, to_text(now()), before, after, reason, me()),
    )


def move(
    store: Store,
    trigger: int,
    before: str,
    after: str,
    reason: str,
    *,
    send_at: datetime | None = None,
    wake_at: datetime | None = None,
    generation: int | None = None,
) -> bool:
    """Move a trigger if it still is where it was (and of this claim); inside a transaction. True if it moved."""
    rules.check_move(before, after, reason)
    kept = reason if reason in rules.KEPT_REASONS else None
    moved = store.db.execute(
        "UPDATE triggers SET state = ?, reason = ?, send_at = coalesce(?, send_at), wake_at = ?, owner = NULL, problem = NULL,"
        " heartbeat = NULL, finished_at = ? WHERE id = ? AND state = ? AND (? IS NULL OR generation = ?)",
        (
            after,
            kept,
            to_text(send_at) if send_at else None,
            to_text(wake_at) if wake_at else None,
            None if after in {rules.SCHEDULED, rules.SENDING} else to_text(now()),
            trigger,
            before,
            generation,
            generation,
        ),
    ).rowcount
    if moved:
        record_move(store, trigger, before, after, reason)
        if after in {rules.SCHEDULED, rules.SENDING}:
            # Its deliveries are about to change: see sending/delivery/counts.py.
            store.db.execute("DELETE FROM delivery_counts WHERE trigger_id = ?", (trigger,))
    return bool(moved)


def arm(
    store: Store,
    task: int,
    *,
    completed_at: datetime,
    audience: int,
    guard: bool,
    same_content: bool,
    same_people: bool = False,
    late_start: bool = False,
) -> None:
    """Decide the trigger of an import that completes; inside the completing transaction."""
    trigger = of_task(store, task)
    if trigger is None or trigger.state != rules.WAITING:
        return
    arming = rules.when_completed(
        completed_at=completed_at,
        send_at=trigger.send_at,
        audience=audience,
        guard=guard,
        same_content=same_content,
        same_people=same_people,
        late_start=late_start,
    )
    wake = arming.send_at if arming.state == rules.SCHEDULED else None
    move(store, trigger.id, rules.WAITING, arming.state, arming.reason, send_at=arming.send_at, wake_at=wake)


def disarm_failed(store: Store, task: int) -> None:
    """A failed import sends nothing; inside the transaction that fails the task."""
    trigger = of_task(store, task)
    if trigger is not None and trigger.state == rules.WAITING:
        move(store, trigger.id, rules.WAITING, rules.IGNORED, "import_failed")


def ignore_late(store: Store) -> list[int]:
    """Ignore triggers whose send instant came while their import was still running; returns their tasks."""
    at = to_text(now())
    late = store.all("SELECT id, task_id FROM triggers WHERE state = 'waiting' AND wake_at <= ?", at)
    tasks = []
    for row in late:
        with store.writing():
            if move(store, row["id"], rules.WAITING, rules.IGNORED, "import_too_late"):
                tasks.append(row["task_id"])
    return tasks


def reached(store: Store, trigger: int) -> int:
    """How many people a trigger has reached, or may have."""
    return int(
        store.scalar(f"SELECT count(*) FROM deliveries WHERE trigger_id = ? AND {sql_in('state', REACHED)}", trigger)
    )


def keeping_content(store: Store, campaign_id: int) -> list[int]:
    """The tasks whose send of a campaign has begun and is not over: a change of the campaign is not for them."""
    rows = store.all(
        "SELECT task_id FROM triggers WHERE campaign_id = ? AND content_id IS NOT NULL AND state = 'sending' ORDER BY id",
        campaign_id,
    )
    return [row["task_id"] for row in rows]


_SWITCHED_OFF = "NOT EXISTS (SELECT 1 FROM settings WHERE name = 'triggers' AND value = 'on')"


def switched_off(store: Store) -> bool:
    """Whether the master switch is off, as it is in a new store."""
    return bool(store.scalar(f"SELECT {_SWITCHED_OFF}"))


def check_mine(store: Store, trigger: Trigger) -> None:
    """Inside a transaction: that this claim still holds, before anything of the send is changed.

    Raises:
        ClaimLost: it does not.
    """
    mine = store.scalar(
        "SELECT state = 'sending' AND generation = ? FROM triggers WHERE id = ?", trigger.generation, trigger.id
    )
    if not mine:
        raise ClaimLost


def obstacle(store: Store, trigger: Trigger) -> str | None:
    """The reason for which this trigger is held as things are, in mid-send too; None where nothing is in its way."""
    # One question: it is asked with every message of a send.
    off, live = store.one(f"SELECT {_SWITCHED_OFF}, live FROM campaigns WHERE id = ?", trigger.campaign_id)
    if off:
        return "triggers_off"
    return None if live else "campaign_paused"


def set_back(store: Store, trigger: int, problem: str) -> None:
    """Leave a send that broke alone for a while, keeping why; after its time it is held, or missed if it never began.

    Raises:
        XpimportError: the store cannot be written.
    """
    with store.writing():
        found = get(store, trigger)
        if found.state not in {rules.SCHEDULED, rules.SENDING}:
            return
        ends = found.retries_end if found.state == rules.SENDING else (found.send_at or now()) + found.grace
        if now() > ends:
            after, reason = (
                (rules.HELD, "resume_too_late") if found.state == rules.SENDING else (rules.MISSED, "no_tick")
            )
            move(store, trigger, found.state, after, reason)
            store.db.execute("UPDATE triggers SET problem = ? WHERE id = ?", (problem, trigger))
            return
        setbacks = store.scalar("SELECT setbacks FROM triggers WHERE id = ?", trigger) + 1
        wake = min(now() + rules.setback_wait(setbacks), ends + timedelta(seconds=1))
        store.db.execute(
            "UPDATE triggers SET owner = NULL, heartbeat = NULL, wake_at = ?, setbacks = ?, problem = ? WHERE id = ?",
            (to_text(wake), setbacks, problem, trigger),
        )


def give_back(store: Store, trigger: Trigger, wake_at: datetime, problem: str | None = None) -> None:
    """Let go of a send that is not over: another tick goes on at `wake_at`; `problem` is why, where there is one."""
    with store.writing():
        store.db.execute(
            "UPDATE triggers SET owner = NULL, heartbeat = NULL, wake_at = ?, problem = ? WHERE id = ?"
            " AND generation = ? AND state = 'sending'",
            (to_text(wake_at), problem, trigger.id, trigger.generation),
        )
