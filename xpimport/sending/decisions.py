"""What a person decides about a trigger, each in one transaction: stop, release, approve, send again."""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from xpimport.clock import now
from xpimport.errors import NotFound, Refused
from xpimport.hints import command
from xpimport.rules import trigger as rules
from xpimport.rules.delivery import REDECIDED, UNSENT, sql_in
from xpimport.sending import triggers
from xpimport.sending.triggers import Trigger
from xpimport.store.claims import lapsed
from xpimport.store.database import Store

SETTLING = 10.0
"""Seconds for which stopping a send waits for messages that have been begun."""


@dataclass(frozen=True)
class Stopped:
    """What stopping did: the trigger, how it stood before, and how many had got it when its last message had ended.

    `under_way` are those whose message had not ended after `SETTLING`.
    """

    trigger: Trigger
    before: str
    accepted: int
    unsent: int
    under_way: int


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
        raise Refused(f"Import {name!r} has no trigger yet. See: {command('task', 'list', '--import', name)}")
    return int(task)


def releasable_of_import(store: Store, import_id: int) -> int | None:
    """The task of an import's newest trigger that can be released."""
    marks = ", ".join("?" * len(rules.RELEASABLE))
    return _newest(
        store,
        f"state IN ({marks}) AND coalesce(reason, '') NOT IN ('import_failed', 'empty_audience')",
        import_id,
        *rules.RELEASABLE,
    )


def approvable_of_import(store: Store, import_id: int) -> int | None:
    """The task of an import's newest trigger that waits for its approval."""
    return _newest(store, "approval = 'needed' AND state IN ('waiting', 'scheduled', 'held')", import_id)


def resendable_of_import(store: Store, import_id: int, who: str) -> int | None:
    """The task of an import's newest send that is over and has `uncertain` or `failed` people, as `who` says."""
    anybody = "EXISTS (SELECT 1 FROM deliveries d WHERE d.trigger_id = triggers.id AND d.state = ?)"
    return _newest(store, f"state NOT IN ('waiting', 'scheduled', 'sending') AND {anybody}", import_id, who)


def _newest(store: Store, condition: str, import_id: int, *values: object) -> int | None:
    task = store.scalar(f"SELECT max(task_id) FROM triggers WHERE import_id = ? AND {condition}", import_id, *values)
    return None if task is None else int(task)


def stop(store: Store, task: int) -> Stopped:
    """Stop the trigger of a task; one that is stopped already stays so.

    Returns when its sender has ended the messages that were begun, so that none begins after the answer.

    Raises:
        NotFound: the task has no trigger.
        Refused: it was sent, or its instant has passed.
    """
    with store.writing():
        trigger = triggers.of_task(store, task)
        if trigger is None:
            raise NotFound(f"Task {task} has no trigger, so there is nothing to stop.")
        if trigger.state != rules.STOPPED:
            if trigger.state not in rules.STOPPABLE:
                how = {rules.SENT: "was sent", rules.MISSED: "was missed"}.get(trigger.state, f"is {trigger.state}")
                raise Refused(f"The trigger of task {task} {how} already; there is nothing left to stop.")
            owner, sign = store.one("SELECT owner, heartbeat FROM triggers WHERE id = ?", trigger.id)
            triggers.move(store, trigger.id, trigger.state, rules.STOPPED, "stopped")
    if trigger.state == rules.SENDING:
        _let_settle(store, trigger.id, owner, sign)
    accepted, final, under_way = store.one(
        "SELECT count(*) FILTER (WHERE state = 'accepted'),"
        f" count(*) FILTER (WHERE NOT {sql_in('state', UNSENT)}), count(*) FILTER (WHERE state = 'attempting')"
        " FROM deliveries WHERE trigger_id = ?",
        trigger.id,
    )
    # Before it is decided who gets it, everybody of the list may.
    audience = store.scalar("SELECT count(*) FROM audience WHERE task_id = ?", task)
    return Stopped(triggers.get(store, trigger.id), trigger.state, accepted, audience - final, under_way)


def _let_settle(store: Store, trigger: int, owner: str | None, sign: str | None) -> None:
    """Wait until the sender of a stopped trigger has said what became of the messages that it had begun."""
    deadline = time.monotonic() + SETTLING
    while time.monotonic() < deadline and not lapsed(owner, sign):
        if not store.scalar(
            "SELECT EXISTS (SELECT 1 FROM deliveries WHERE trigger_id = ? AND state = 'attempting')", trigger
        ):
            return
        time.sleep(0.02)


def check_releasable(store: Store, task: int, *, moved: bool = False) -> Trigger:
    """The trigger of a task, if it may be armed again; inside the releasing transaction.

    One that is scheduled may be `moved` to another instant.

    Raises:
        NotFound: the task has no trigger.
        Refused: its state, or the import's, does not allow it.
    """
    trigger = triggers.of_task(store, task)
    if trigger is None:
        raise NotFound(f"Task {task} has no trigger, so there is nothing to release.")
    if trigger.state not in rules.RELEASABLE and not (moved and trigger.state == rules.SCHEDULED):
        raise Refused(f"The trigger of task {task} is {trigger.state}; only one that did not send can be released.")
    if trigger.reason in rules.FINAL_IGNORED:
        raise Refused(f"The trigger of task {task} has nobody to send to: {rules.REASONS[trigger.reason]}.")
    status = store.scalar("SELECT status FROM tasks WHERE id = ?", task)
    if status != "completed":
        raise Refused(f"The import of task {task} is {status}, not completed; nothing can be sent for it.")
    if store.scalar("SELECT removed_at IS NOT NULL FROM campaigns WHERE id = ?", trigger.campaign_id):
        raise Refused(f"The campaign {trigger.campaign!r} of task {task} was removed; nothing can be sent for it.")
    if not _anybody_left(store, trigger):
        raise Refused(
            f"Everybody of task {task} got it, or may have got it. Those who may: {command('resend', task, '--uncertain')}"
        )
    return trigger


def _anybody_left(store: Store, trigger: Trigger) -> bool:
    """Whether there is anybody in a trigger's audience to decide about."""
    return bool(
        store.scalar(
            "SELECT EXISTS (SELECT 1 FROM audience a LEFT JOIN deliveries d ON d.trigger_id = ? AND d.profile_id = a.profile_id"
            f" WHERE a.task_id = ? AND (d.state IS NULL OR {sql_in('d.state', UNSENT | REDECIDED)}))",
            trigger.id,
            trigger.task,
        )
    )


def release(store: Store, task: int, at: datetime | None, *, approved: bool = False) -> Trigger:
    """Arm a trigger again, for people not yet sent to; the next tick after its instant sends.

    `at` None keeps the original instant where it is still ahead, else takes now. An approval that is needed stays
    needed, unless `approved` gives it; where no instant is ahead, there is the grace to give it in.

    Raises:
        NotFound, Refused: see `check_releasable`.
    """
    with store.writing():
        trigger = check_releasable(store, task, moved=at is not None)
        instant = at or max(trigger.send_at or now(), now())
        waits = trigger.approval == "needed" and instant <= now()
        # It is woken by its approval, or else to be missed when the grace is over.
        wake = instant + trigger.grace + timedelta(seconds=1) if waits else instant
        triggers.move(store, trigger.id, trigger.state, rules.SCHEDULED, "released", send_at=instant, wake_at=wake)
        if approved and trigger.approval == "needed":
            _give_approval(store, trigger.id, rules.SCHEDULED)
        # Exclusions are decided anew, for everybody who has no final fate yet. Somebody who releases a trigger has
        # looked at what became of its canary: that is over.
        store.db.execute(
            "UPDATE triggers SET decided_at = NULL, content_id = NULL, setbacks = 0,"
            " canary = CASE WHEN canary_until IS NULL THEN canary END WHERE id = ?",
            (trigger.id,),
        )
        return triggers.get(store, trigger.id)


def _give_approval(store: Store, trigger: int, state: str) -> None:
    """Inside a transaction: what is scheduled is due at its instant again, also where that has passed meanwhile."""
    store.db.execute(
        "UPDATE triggers SET approval = 'given', wake_at = CASE state WHEN 'scheduled' THEN send_at ELSE wake_at END"
        " WHERE id = ?",
        (trigger,),
    )
    triggers.record_move(store, trigger, state, state, "approved")


def approve(store: Store, task: int) -> Trigger:
    """Let a trigger that needs approval send at its instant; one that is approved stays so.

    Raises:
        NotFound: the task has no trigger.
        Refused: it needs no approval, or its instant has passed.
    """
    with store.writing():
        trigger = triggers.of_task(store, task)
        if trigger is None:
            raise NotFound(f"Task {task} has no trigger, so there is nothing to approve.")
        if trigger.approval is None:
            raise Refused(
                f"The trigger of task {task} needs no approval. Ask for it with: import edit --require-approval"
            )
        if trigger.approval == "needed":
            _check_in_time(trigger)
            _give_approval(store, trigger.id, trigger.state)
        return triggers.get(store, trigger.id)


def _check_in_time(trigger: Trigger) -> None:
    """Refuse to approve what would not be sent any more."""
    both = f"Approve and send it: {command('release-trigger', trigger.task, '--approve')}"
    if trigger.state not in {rules.WAITING, rules.SCHEDULED, rules.HELD}:
        raise Refused(f"The trigger of task {trigger.task} is {trigger.state}. {both}")
    if trigger.state == rules.SCHEDULED and trigger.send_at and rules.is_missed(trigger.send_at, trigger.grace, now()):
        raise Refused(f"The moment of task {trigger.task}, and its grace, have passed. {both}")


def resend(store: Store, task: int, which: str) -> tuple[Trigger, int]:
    """Arm the send of a task again for those who are `uncertain` or `failed`; how many they are.

    They may get the message a second time, which is why a person says so; the Message-ID stays the same.

    Raises:
        NotFound: the task has no trigger.
        Refused: its send is not over, or there is nobody to send to again.
    """
    with store.writing():
        trigger = triggers.of_task(store, task)
        if trigger is None:
            raise NotFound(f"Task {task} has no trigger, so there is nothing to send again.")
        if trigger.state not in {rules.SENT, *rules.RELEASABLE}:
            raise Refused(f"The trigger of task {task} is {trigger.state}; wait until it is over, or stop it first.")
        if trigger.state != rules.SENT and _unsent(store, trigger):
            raise Refused(f"The send of task {task} is not through. First: {command('release-trigger', task)}")
        count = store.db.execute(
            "UPDATE deliveries SET state = 'pending', reason = NULL, detail = NULL, attempts = 0, changed_at = ?"
            " WHERE trigger_id = ? AND state = ?",
            (int(now().timestamp()), trigger.id, which),
        ).rowcount
        if not count:
            raise Refused(f"Nobody of task {task} is {which}, so there is nothing to send again.")
        triggers.move(store, trigger.id, trigger.state, rules.SCHEDULED, "resent", send_at=now(), wake_at=now())
        # What was decided stays decided: nobody else is sent to, and who has opted out since is left out.
        store.db.execute("UPDATE triggers SET canary = NULL, content_id = NULL WHERE id = ?", (trigger.id,))
        return triggers.get(store, trigger.id), count


def _unsent(store: Store, trigger: Trigger) -> bool:
    return trigger.decided and bool(
        store.scalar(
            f"SELECT EXISTS (SELECT 1 FROM deliveries WHERE trigger_id = ? AND {sql_in('state', UNSENT)})",
            trigger.id,
        )
    )
