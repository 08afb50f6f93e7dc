"""stop-trigger, release-trigger, approve-trigger and resend: what a person decides about a send."""

from datetime import datetime
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import TaskOrImport, Yes, example, store_of
from xpimport.clock import now
from xpimport.defining import imports
from xpimport.errors import Invalid
from xpimport.flow import adopt, named, triggers
from xpimport.hints import command
from xpimport.rules import trigger as rules


@example("xpimport stop-trigger vip")
def stop_trigger(
    ctx: typer.Context,
    which: TaskOrImport,
) -> None:
    """Stop a send before it begins, or in its middle."""
    with store_of(ctx) as store:
        stopped, doubt = triggers.stop(store, which), adopt.warning(store)
    task = stopped.trigger.task
    if doubt is not None:
        screen.say(
            f"The trigger of task {task} is stopped. What went out from another copy nobody knows here.\n{doubt}"
        )
        return
    if stopped.before == rules.STOPPED:
        screen.say(f"The trigger of task {task} was stopped already.")
    elif stopped.before == rules.SENDING:
        screen.say(
            f"Stopped the trigger of task {task} in mid-send: {screen.counted(stopped.accepted, 'message')} went out,"
        )
        way = ""
        if stopped.under_way:
            way = f", {screen.number(stopped.under_way)} of them with a message on its way that may still arrive"
        screen.say(f"{screen.counted(stopped.unsent, 'person', 'people')} not reached{way}.")
    else:
        screen.say(f"Stopped the trigger of task {task}: nothing was sent.")
    screen.say(f"Undo: {command('release-trigger', task)}")


@example("xpimport release-trigger 12 --at 10:30")
def release_trigger(
    ctx: typer.Context,
    which: TaskOrImport,
    at: Annotated[
        str | None,
        typer.Option("--at", help="HH:MM, or ISO 8601 with an offset; else its own time, or now if that has passed."),
    ] = None,
    approve: Annotated[bool, typer.Option("--approve", help="Also give the approval that it needs.")] = False,
) -> None:
    """Arm a trigger that did not send, for those not sent to yet; a tick sends it at its time."""
    with store_of(ctx) as store:
        released = triggers.release(store, which, at, approved=approve)
        trigger = released.trigger
        zone = imports.timezone_of(store, trigger.task)
        ahead = released.send_at > now()
    task = trigger.task
    if trigger.approval == "needed":
        by = released.send_at if ahead else released.send_at + trigger.grace
        until = screen.instant(by, zone, distance=True)
        screen.say(
            f"The trigger of task {task} is armed and needs approval: it is sent only if it is given by {until}."
        )
        screen.say(f"Approve it: {command('approve-trigger', task)}")
    else:
        screen.say(f"The trigger of task {task} is armed: {_when(released.send_at, zone)}.")
    if released.obstacle is not None:
        screen.say(f"As things are it will be held, because {rules.REASONS[released.obstacle]}.")
    _say_other_content(released.other_content)
    screen.say(f"Undo: {command('stop-trigger', task)}")


def _say_other_content(people: int) -> None:
    if people:
        counted = screen.counted(people, "person", "people")
        screen.say(
            f"The campaign was changed meanwhile: {counted} of this list got it as it was, the others get it as it is."
        )


def _when(send_at: datetime, zone: str) -> str:
    ahead = send_at > now()
    return f"it sends at {screen.instant(send_at, zone, distance=True)}" if ahead else "the next tick sends it"


@example("xpimport approve-trigger 12")
def approve_trigger(ctx: typer.Context, which: TaskOrImport) -> None:
    """Let a send that needs approval go out at its time; without it, it is not sent."""
    with store_of(ctx) as store:
        trigger = triggers.approve(store, which)
        zone = imports.timezone_of(store, trigger.task)
    when = _when(trigger.send_at, zone) if trigger.send_at else "it sends when its import completes"
    screen.say(f"Approved the trigger of task {trigger.task}: {when}.")
    screen.say(f"Undo: {command('stop-trigger', trigger.task)}")


@example("xpimport resend 12 --uncertain")
def resend(
    ctx: typer.Context,
    which: TaskOrImport,
    uncertain: Annotated[bool, typer.Option("--uncertain", help="Those who may have got it already.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Those whose message did not get through.")] = False,
    yes: Yes = False,
) -> None:
    """Send a campaign again to those whose message failed or may be lost; the next tick does it."""
    if uncertain == failed:
        raise Invalid("Say whom: --uncertain or --failed.")
    who = "uncertain" if uncertain else "failed"
    with store_of(ctx) as store:
        named.task_of(store, which)
        if uncertain and not screen.confirm("Some of them may get the message twice. Go on?", yes=yes):
            screen.say("Left alone.")
            return
        resent = triggers.resend(store, which, who)
    task = resent.trigger.task
    screen.say(
        f"{screen.counted(resent.people, 'person', 'people')} of task {task} will be sent to again by the next tick."
    )
    _say_other_content(resent.other_content)
    screen.say(f"Undo: {command('stop-trigger', task)}")
