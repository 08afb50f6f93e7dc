"""What a person decides about triggers: stop, release, approve, resend."""

from dataclasses import dataclass
from datetime import datetime

from xpimport.clock import now
from xpimport.defining import attributes, imports, settings
from xpimport.flow import adopt, named
from xpimport.importing import tasks
from xpimport.rules.schedule import parse_when, parse_zone
from xpimport.sending import decisions, triggers
from xpimport.sending.content.frozen import is_frozen_as
from xpimport.sending.decisions import Stopped
from xpimport.sending.delivery.config import content_now
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store


@dataclass(frozen=True)
class Released:
    """A trigger armed again, for its new instant (UTC), and the reason for which it would be held there, if any.

    `other_content`: how many people of this list got the campaign as it was before it was changed.
    """

    trigger: Trigger
    send_at: datetime
    obstacle: str | None
    other_content: int


@dataclass(frozen=True)
class Resent:
    """A trigger armed again for so many `people`; `other_content` as in `Released`."""

    trigger: Trigger
    people: int
    other_content: int


def _other_content(store: Store, task: int) -> int:
    """How many people of a task's list got another content than its campaign has now."""
    trigger = triggers.of_task(store, task)
    if trigger is None or trigger.content_id is None:
        return 0
    content = content_now(store, trigger.campaign_id, attributes.types(store), settings.load(store))
    if is_frozen_as(store, trigger.content_id, content):
        return 0
    return triggers.reached(store, trigger.id)


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


def release(store: Store, which: str, at: str | None, *, approved: bool = False) -> Released:
    """Arm the trigger of a task, or of an import's newest, again.

    `at` is ISO 8601 with an offset, or HH:MM in the import's zone; `approved` also gives the approval that it needs.

    Raises:
        NotFound: no such task or import, or the task has no trigger.
        Invalid: `at` is no time, or lies in the past.
        Refused: the trigger's state does not allow it, or the store is in doubt.
    """
    adopt.check(store)

    def act(task: int) -> Released:
        decisions.check_releasable(store, task, moved=at is not None)
        instant = at and parse_when(at, parse_zone(imports.timezone_of(store, task)), now())
        others = _other_content(store, task)
        trigger = decisions.release(store, task, instant or None, approved=approved)
        return Released(trigger, trigger.send_at or now(), triggers.obstacle(store, trigger), others)

    return named.act_on(store, which, "release-trigger", decisions.releasable_of_import, act)


def approve(store: Store, which: str) -> Trigger:
    """Let the trigger of a task, or of an import's newest, send at its instant.

    Raises:
        NotFound: no such task or import, or the task has no trigger.
        Refused: it needs no approval, or its instant has passed.
    """
    return named.act_on(
        store, which, "approve-trigger", decisions.approvable_of_import, lambda task: decisions.approve(store, task)
    )


def resend(store: Store, which: str, who: str) -> Resent:
    """Arm the send of a task, or of an import's newest, again for its `uncertain` or `failed` people.

    Raises:
        NotFound: no such task or import, or the task has no trigger.
        Refused: its send is not over, there is nobody to send to again, or the store is in doubt.
    """
    adopt.check(store)

    def others(store: Store, import_id: int) -> int | None:
        return decisions.resendable_of_import(store, import_id, who)

    def act(task: int) -> Resent:
        other_content = _other_content(store, task)
        return Resent(*decisions.resend(store, task, who), other_content)

    return named.act_on(store, which, "resend", others, act)
