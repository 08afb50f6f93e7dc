"""The trigger in the store: made with its task, moved by compare-and-set, every move recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from xpimport.clock import from_text, now, to_text
from xpimport.errors import NotFound, Refused
from xpimport.rules import trigger as rules
from xpimport.rules.definition import Definition
from xpimport.sending import rest
from xpimport.store.claims import heartbeat, lapsed, me
from xpimport.store.database import Store


@dataclass(frozen=True)
class Trigger:
    """A trigger as it stands; instants in UTC, `send_at` None while a send at once waits for its import."""

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

    @property
    def retries_end(self) -> datetime:
        """When retries, and taking up an interrupted send, come to an end."""
        return (self.send_at or now()) + self.retry_for


@dataclass(frozen=True)
class Stopped:
    """What stopping did: the trigger, how it stood before, and how many had got it by then."""

    trigger: Trigger
    before: str
    accepted: int
    unsent: int


_SELECT = "SELECT g.*, c.name AS campaign FROM triggers g JOIN campaigns c ON c.id = g.campaign_id"


def _trigger(row: Any) -> Trigger:
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
    )


def get(store: Store, trigger: int) -> Trigger:
    """The trigger of that number."""
    return _trigger(store.one(_SELECT + " WHERE g.id = ?", trigger))


def of_task(store: Store, task: int) -> Trigger | None:
    """The trigger that a task armed, if it has one."""
    row = store.one(_SELECT + " WHERE g.task_id = ?", task)
    return None if row is None else _trigger(row)


def create(
    store: Store, task: int, import_id: int, campaign_id: int, definition: Definition, send_at: datetime | None
) -> None:
    """Make the waiting trigger of a task that begins; inside the transaction that makes the task."""
    moment = to_text(send_at) if send_at else None
    cursor = store.db.execute(
        "INSERT INTO triggers (task_id, import_id, campaign_id, state, send_at, grace, retry_for, wake_at)"
        " VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
        (task, import_id, campaign_id, moment, definition.grace, definition.retry_for, moment),
    )
    _record(store, int(cursor.lastrowid or 0), None, rules.WAITING, "import_started")


def _record(store: Store, trigger: int, before: str | None, after: str, reason: str) -> None:
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
        _record(store, trigger, before, after, reason)
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


def due(store: Store) -> list[Trigger]:
    """Triggers whose moment has come: to begin, or to go on with; the earliest first."""
    rows = store.all(
        _SELECT + " WHERE g.wake_at <= ? AND g.state IN ('scheduled', 'sending') ORDER BY g.send_at, g.id",
        to_text(now()),
    )
    return [_trigger(row) for row in rows]


def claim(store: Store, trigger: Trigger) -> Trigger | None:
    """Take a due trigger for this process, or settle it (missed, switched off); None when there is nothing to send.

    Stop competes for the same row, so exactly one of the two wins.
    """
    with store.writing():
        row = store.one("SELECT * FROM triggers WHERE id = ?", trigger.id)
        state, off = row["state"], switched_off(store)
        if state == rules.SCHEDULED:
            current = get(store, trigger.id)
            if current.send_at is None or current.send_at > now():
                return None
            if rules.is_missed(current.send_at, current.grace, now()):
                move(store, trigger.id, state, rules.MISSED, "no_tick")
                return None
            if off:
                move(store, trigger.id, state, rules.HELD, "triggers_off")
                return None
            if _behind_another(store, current) or rest.undecided(store, current.id):
                return None
            move(store, trigger.id, state, rules.SENDING, "due", wake_at=now())
        elif state != rules.SENDING or not lapsed(row["owner"], row["heartbeat"]):
            return None
        elif off:
            move(store, trigger.id, state, rules.HELD, "triggers_off")
            return None
        store.db.execute(
            "UPDATE triggers SET generation = generation + 1, owner = ?, heartbeat = ?, began_at = coalesce(began_at, ?),"
            " wake_at = ? WHERE id = ?",
            (me(), heartbeat(), to_text(now()), to_text(now()), trigger.id),
        )
        return get(store, trigger.id)


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


def switched_off(store: Store) -> bool:
    """Whether the master switch is off, as it is in a new store."""
    return bool(store.scalar("SELECT NOT EXISTS (SELECT 1 FROM settings WHERE name = 'triggers' AND value = 'on')"))


def give_back(store: Store, trigger: Trigger, wake_at: datetime, problem: str | None = None) -> None:
    """Let go of a send that is not over: another tick goes on at `wake_at`; `problem` is why, where there is one."""
    with store.writing():
        store.db.execute(
            "UPDATE triggers SET owner = NULL, heartbeat = NULL, wake_at = ?, problem = ? WHERE id = ?"
            " AND generation = ? AND state = 'sending'",
            (to_text(wake_at), problem, trigger.id, trigger.generation),
        )


def stoppable_of_import(store: Store, import_id: int, name: str) -> int:
    """The task of an import's newest trigger that can be stopped, else of its newest one, whatever became of it.

    Raises:
        Refused: it has none.
    """
    marks = ", ".join("?" * len(rules.STOPPABLE))
    task = store.scalar(
        f"SELECT max(task_id) FROM triggers WHERE import_id = ? AND state IN ({marks})", import_id, *rules.STOPPABLE
    )
    if task is None:
        task = store.scalar("SELECT max(task_id) FROM triggers WHERE import_id = ?", import_id)
    if task is None:
        raise Refused(f"Import {name!r} has no trigger yet. See: xpimport task list --import {name}")
    return int(task)


def stop(store: Store, task: int) -> Stopped:
    """Stop the trigger of a task; one that is stopped already stays so.

    Raises:
        NotFound: the task has no trigger.
        Refused: it was sent, or its moment has passed.
    """
    with store.writing():
        trigger = of_task(store, task)
        if trigger is None:
            raise NotFound(f"Task {task} has no trigger, so there is nothing to stop.")
        if trigger.state != rules.STOPPED:
            if trigger.state not in rules.STOPPABLE:
                how = {rules.SENT: "was sent", rules.MISSED: "was missed"}.get(trigger.state, f"is {trigger.state}")
                raise Refused(f"The trigger of task {task} {how} already; there is nothing left to stop.")
            move(store, trigger.id, trigger.state, rules.STOPPED, "stopped")
        accepted, unsent = store.one(
            "SELECT count(*) FILTER (WHERE state = 'accepted'),"
            " count(*) FILTER (WHERE state IN ('pending', 'attempting', 'retry')) FROM deliveries WHERE trigger_id = ?",
            trigger.id,
        )
        return Stopped(get(store, trigger.id), trigger.state, accepted, unsent)


def check_releasable(store: Store, task: int) -> Trigger:
    """The trigger of a task, if it may be armed again; inside the releasing transaction.

    Raises:
        NotFound: the task has no trigger.
        Refused: its state, or the import's, does not allow it.
    """
    trigger = of_task(store, task)
    if trigger is None:
        raise NotFound(f"Task {task} has no trigger, so there is nothing to release.")
    if trigger.state not in rules.RELEASABLE:
        raise Refused(f"The trigger of task {task} is {trigger.state}; only one that did not send can be released.")
    if trigger.reason in rules.FINAL_IGNORED:
        raise Refused(f"The trigger of task {task} has nobody to send to: {rules.REASONS[trigger.reason]}.")
    status = store.scalar("SELECT status FROM tasks WHERE id = ?", task)
    if status != "completed":
        raise Refused(f"The import of task {task} is {status}, not completed; nothing can be sent for it.")
    return trigger


def release(store: Store, task: int, at: datetime | None) -> Trigger:
    """Arm a trigger again, for people not yet sent to; the next tick after its instant sends.

    `at` None keeps the original instant where it is still ahead, else takes this moment.

    Raises:
        NotFound, Refused: see `check_releasable`.
    """
    with store.writing():
        trigger = check_releasable(store, task)
        moment = at or max(trigger.send_at or now(), now())
        move(store, trigger.id, trigger.state, rules.SCHEDULED, "released", send_at=moment, wake_at=moment)
        # Exclusions are decided anew, for everybody who has no final fate yet.
        store.db.execute("UPDATE triggers SET decided_at = NULL WHERE id = ?", (trigger.id,))
        return get(store, trigger.id)
