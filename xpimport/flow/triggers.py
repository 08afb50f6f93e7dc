"""What a person decides about triggers: stop one, release one."""

from dataclasses import dataclass
from datetime import datetime

from xpimport.clock import now
from xpimport.defining import imports
from xpimport.errors import NotFound
from xpimport.people import subscriptions
from xpimport.rules.schedule import parse_when, parse_zone
from xpimport.rules.tokens import read_token
from xpimport.sending import decisions
from xpimport.sending.content.compose import secret_of
from xpimport.sending.decisions import Stopped
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store


@dataclass(frozen=True)
class Released:
    """A trigger armed again, for its new instant (UTC)."""

    trigger: Trigger
    send_at: datetime


def stop(store: Store, which: str) -> Stopped:
    """Stop the trigger of a task (by number) or the newest stoppable one of an import (by name).

    Raises:
        NotFound: no such task or import, or the task has no trigger.
        Refused: there is nothing to stop.
    """
    if which.isdigit():
        return decisions.stop(store, known_task(store, int(which)))
    found = imports.get(store, which)
    return decisions.stop(store, decisions.stoppable_of_import(store, found.id, found.name))


def release(store: Store, task: int, at: str | None) -> Released:
    """Arm the trigger of a task again; `at` is ISO 8601 with an offset, or HH:MM in the import's zone.

    Raises:
        NotFound: no such task, or it has no trigger.
        Invalid: `at` is no time, or lies in the past.
        Refused: the trigger's state does not allow it.
    """
    known_task(store, task)
    decisions.check_releasable(store, task)
    moment = None
    if at is not None:
        zone = store.scalar("SELECT i.timezone FROM tasks t JOIN imports i ON i.id = t.import_id WHERE t.id = ?", task)
        moment = parse_when(at, parse_zone(zone), now())
    trigger = decisions.release(store, task, moment)
    return Released(trigger, trigger.send_at or now())


def approve(store: Store, task: int) -> Trigger:
    """Let the trigger of a task send at its instant.

    Raises:
        NotFound: no such task, or it has no trigger.
        Refused: it needs no approval, or its instant has passed.
    """
    return decisions.approve(store, known_task(store, task))


def resend(store: Store, task: int, which: str) -> tuple[Trigger, int]:
    """Arm the send of a task again for its `uncertain` or `failed` people; how many they are.

    Raises:
        NotFound: no such task, or it has no trigger.
        Refused: its send is not over, or there is nobody to send to again.
    """
    return decisions.resend(store, known_task(store, task), which)


def unsubscribe(store: Store, token: str) -> tuple[str, bool]:
    """Opt out the address that a token's message went to, and its profile; the medium, and whether that was new.

    Raises:
        NotFound: the token is not one of this store's.
    """
    found = read_token(secret_of(store), token)
    row = found and store.one(
        "SELECT c.medium, d.address, d.profile_id FROM deliveries d JOIN triggers g ON g.id = d.trigger_id"
        " JOIN campaigns c ON c.id = g.campaign_id WHERE d.trigger_id = ? AND d.profile_id = ?",
        *found,
    )
    if not row:
        raise NotFound("This token is not one of this store. Copy it whole from the link in the message.")
    return row["medium"], subscriptions.opt_out(store, row["profile_id"], row["medium"], row["address"])


def known_task(store: Store, task: int) -> int:
    """That number, if it is a task's.

    Raises:
        NotFound: it is not.
    """
    if store.scalar("SELECT 1 FROM tasks WHERE id = ?", task) is None:
        raise NotFound(f"There is no task {task}. See: xpimport task list")
    return task
