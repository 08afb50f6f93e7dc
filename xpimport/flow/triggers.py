"""What a person decides about triggers: stop, release, approve, resend."""

from dataclasses import dataclass
from datetime import datetime

from xpimport.clock import now
from xpimport.defining import imports
from xpimport.importing import tasks
from xpimport.rules.schedule import parse_when, parse_zone
from xpimport.sending import decisions
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
        return decisions.stop(store, tasks.known(store, int(which)))
    found = imports.get(store, which)
    return decisions.stop(store, decisions.stoppable_of_import(store, found.id, found.name))


def release(store: Store, task: int, at: str | None) -> Released:
    """Arm the trigger of a task again; `at` is ISO 8601 with an offset, or HH:MM in the import's zone.

    Raises:
        NotFound: no such task, or it has no trigger.
        Invalid: `at` is no time, or lies in the past.
        Refused: the trigger's state does not allow it.
    """
    tasks.known(store, task)
    decisions.check_releasable(store, task)
    instant = None
    if at is not None:
        instant = parse_when(at, parse_zone(imports.timezone_of(store, task)), now())
    trigger = decisions.release(store, task, instant)
    return Released(trigger, trigger.send_at or now())


def approve(store: Store, task: int) -> Trigger:
    """Let the trigger of a task send at its instant.

    Raises:
        NotFound: no such task, or it has no trigger.
        Refused: it needs no approval, or its instant has passed.
    """
    return decisions.approve(store, tasks.known(store, task))


def resend(store: Store, task: int, which: str) -> tuple[Trigger, int]:
    """Arm the send of a task again for its `uncertain` or `failed` people; how many they are.

    Raises:
        NotFound: no such task, or it has no trigger.
        Refused: its send is not over, or there is nobody to send to again.
    """
    return decisions.resend(store, tasks.known(store, task), which)
