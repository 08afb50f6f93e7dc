"""stop-trigger, release-trigger, approve-trigger and resend: what a person decides about a send."""

from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Yes, example, store_of
from xpimport.clock import now
from xpimport.defining import imports
from xpimport.errors import Invalid
from xpimport.flow import triggers
from xpimport.hints import command
from xpimport.importing import tasks
from xpimport.rules import trigger as rules


@example("xpimport stop-trigger vip")
def stop_trigger(
    ctx: typer.Context,
    which: Annotated[str, typer.Argument(metavar="TASK|IMPORT", help="A task's number, or an import's name.")],
) -> None:
    """Stop a send before it begins, or in its middle."""
    with store_of(ctx) as store:
        stopped = triggers.stop(store, which)
    task = stopped.trigger.task
    if stopped.before == rules.STOPPED:
        screen.say(f"The trigger of task {task} was stopped already.")
    elif stopped.before == rules.SENDING:
        screen.say(
            f"Stopped the trigger of task {task} in mid-send: {screen.counted(stopped.accepted, 'message')} went out,"
        )
        screen.say(
            f"{screen.counted(stopped.unsent, 'person', 'people')} not reached yet; a message on its way may still arrive."
        )
    else:
        screen.say(f"Stopped the trigger of task {task}: nothing was sent.")
    screen.say(f"Undo: {command('release-trigger', task)}")


@example("xpimport release-trigger 12 --at 10:30")
def release_trigger(
    ctx: typer.Context,
    task: Annotated[int, typer.Argument(help="The task.")],
    at: Annotated[str | None, typer.Option("--at", help="HH:MM, or ISO 8601 with an offset; without it: now.")] = None,
) -> None:
    """Arm a trigger that did not send; the next tick sends it, to those not sent to yet."""
    with store_of(ctx) as store:
        released = triggers.release(store, task, at)
        zone = imports.timezone_of(store, task)
        ahead = released.send_at > now()
    when = screen.instant(released.send_at, zone, distance=ahead)
    screen.say(f"The trigger of task {task} is armed: {f'it sends at {when}' if ahead else 'the next tick sends it'}.")
    screen.say(f"Undo: {command('stop-trigger', task)}")


@example("xpimport approve-trigger 12")
def approve_trigger(ctx: typer.Context, task: Annotated[int, typer.Argument(help="The task.")]) -> None:
    """Let a send that needs approval go out at its time; without it, it is not sent."""
    with store_of(ctx) as store:
        trigger = triggers.approve(store, task)
        zone = imports.timezone_of(store, task)
    when = screen.instant(trigger.send_at, zone, distance=True) if trigger.send_at else "its time"
    screen.say(f"Approved the trigger of task {task}: it sends at {when}.")
    screen.say(f"Undo: {command('stop-trigger', task)}")


@example("xpimport resend 12 --uncertain")
def resend(
    ctx: typer.Context,
    task: Annotated[int, typer.Argument(help="The task.")],
    uncertain: Annotated[bool, typer.Option("--uncertain", help="Those who may have got it already.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Those whose message did not get through.")] = False,
    yes: Yes = False,
) -> None:
    """Send a campaign again to those whose message failed or may be lost; the next tick does it."""
    if uncertain == failed:
        raise Invalid("Say whom: --uncertain or --failed.")
    which = "uncertain" if uncertain else "failed"
    with store_of(ctx) as store:
        tasks.known(store, task)
        if uncertain and not screen.confirm("Some of them may get the message twice. Go on?", yes=yes):
            screen.say("Left alone.")
            return
        _, count = triggers.resend(store, task, which)
    screen.say(f"{screen.counted(count, 'person', 'people')} of task {task} will be sent to again by the next tick.")
    screen.say(f"Undo: {command('stop-trigger', task)}")
