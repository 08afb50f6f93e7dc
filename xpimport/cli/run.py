"""run-now, tick, stop-trigger and release-trigger."""

from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Yes, example, store_of
from xpimport.cli.task import say_notes, summary, trigger_line
from xpimport.clock import now
from xpimport.defining import imports
from xpimport.errors import Failed, Invalid, Unreachable
from xpimport.flow import triggers as deciding
from xpimport.flow.import_run import Progress
from xpimport.flow.import_run import run_now as run_import
from xpimport.flow.tick import Ticked, send_due
from xpimport.reporting.history import task_details
from xpimport.rules import trigger as rules
from xpimport.rules.forecast import Forecast
from xpimport.sending import triggers
from xpimport.sending.delivery.send import Sent
from xpimport.store.database import Store


@example("xpimport run-now vip")
def run_now(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="IMPORT", help="The import.")],
    source: Annotated[str | None, typer.Option("--source", help="Another file, for this run only; - is stdin.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Send even if the same list was sent before.")] = False,
    rest_of: Annotated[
        int | None,
        typer.Option("--rest-of", metavar="TASK", help="Send only to people whom that task did not send to."),
    ] = None,
    strict_exit: Annotated[bool, typer.Option("--strict-exit", help="Exit 3 when rows or messages failed.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the task as JSON.")] = False,
) -> None:
    """Run an import now, and send at once where its send time is blank."""
    with store_of(ctx) as store:
        with screen.progress() as bars:
            zone = imports.get(store, name).timezone
            steps = Progress(bars.reading, bars.merging, bars.sending, lambda found: _tell_forecast(found, zone))
            task = run_import(store, name, source=source, again=again, progress=steps, rest_of=rest_of)
            sent = send_at_once(store, task, steps)
        details = task_details(store, task)
    if details["status"] == "failed":
        if json:
            screen.json_out(details)
        kind = Unreachable if details["error"]["code"] == Unreachable.code else Failed
        raise kind(f"{details['error']['message']} (task {task})")
    if json:
        screen.json_out(details)
    else:
        summary(details, zone)
    _next_step(details, zone, quiet=json)
    if sent is not None and not sent.connected:
        raise Unreachable(
            f"No connection could be made, so nothing was sent: {sent.problem}. The next ticks try again."
        )
    delivery = details["delivery"] or {"failed": 0}
    if strict_exit and (details["rows"]["rejected"] or delivery["failed"]):
        raise typer.Exit(3)


def _tell_forecast(found: Forecast, zone: str) -> None:
    """Before the long part of a run with a send time: whether it is expected to be through by then."""
    if found.send_at is None or found.seconds is None or (found.seconds < 1 and not found.late):
        return
    when = screen.moment(found.completes, zone)
    sends = screen.moment(found.send_at, zone)
    if found.late:
        screen.say(
            f"Warning: expected to take {screen.lasting(found.seconds)}, until {when}; its send time, {sends}, would be "
            "missed, and then nothing is sent."
        )
    else:
        screen.say(f"Expected to take {screen.lasting(found.seconds)}, until {when}; it sends at {sends}.")


def send_at_once(store: Store, task: int, steps: Progress) -> Sent | None:
    """Send the trigger of a task that has just completed, where its moment is now; None where it is not."""
    trigger = triggers.of_task(store, task)
    if trigger is None or trigger.state != rules.SCHEDULED or trigger.send_at is None or trigger.send_at > now():
        return None
    return send_due(store, trigger, steps)


def _next_step(details: "dict[str, object]", zone: str, *, quiet: bool) -> None:
    """What to do now, on stderr; with JSON on stdout the trigger's state too."""
    task, trigger = details["id"], details["trigger"]
    say_notes(details)
    if isinstance(trigger, dict):
        if quiet:
            screen.say(trigger_line(trigger, zone))
        if trigger["state"] == rules.SCHEDULED:
            if trigger["approval"] == "needed":
                screen.say(f"It is sent only if somebody approves it before: xpimport approve-trigger {task}")
            screen.say(f"Stop it: xpimport stop-trigger {task}")
        elif trigger["state"] == rules.HELD:
            same = trigger["reason"] in {"same_content", "same_people"}
            again = f", or run again with --again: xpimport run-now {details['import']} --again" if same else ""
            screen.say(f"Send it all the same: xpimport release-trigger {task}{again}")
        elif trigger["state"] in rules.RELEASABLE and trigger["reason"] not in rules.FINAL_IGNORED:
            screen.say(f"Send it all the same: xpimport release-trigger {task}")
        elif trigger["state"] == rules.SENT:
            screen.say(f"Who did not get it, and why: xpimport report {task} --excluded")
    screen.say(f"All of it: xpimport task show {task}")


@example("xpimport tick   (cron runs it every minute: xpimport crontab install)")
def tick(ctx: typer.Context) -> None:
    """Do what is due: cron calls this every minute. Silent when all is well."""
    from xpimport.flow.tick import tick as do_what_is_due
    from xpimport.store.idle import note_tick

    with store_of(ctx) as store:
        done: Ticked = do_what_is_due(store)
        note_tick(str(store.path))
    if done.problems:
        raise Failed("; ".join(done.problems))


@example("xpimport stop-trigger vip")
def stop_trigger(
    ctx: typer.Context,
    which: Annotated[str, typer.Argument(metavar="TASK|IMPORT", help="A task's number, or an import's name.")],
) -> None:
    """Stop a send before it begins, or in its middle."""
    with store_of(ctx) as store:
        stopped = deciding.stop(store, which)
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
    screen.say(f"Undo: xpimport release-trigger {task}")


@example("xpimport release-trigger 12 --at 10:30")
def release_trigger(
    ctx: typer.Context,
    task: Annotated[int, typer.Argument(help="The task.")],
    at: Annotated[str | None, typer.Option("--at", help="HH:MM, or ISO 8601 with an offset; without it: now.")] = None,
) -> None:
    """Arm a trigger that did not send; the next tick sends it, to those not sent to yet."""
    with store_of(ctx) as store:
        released = deciding.release(store, task, at)
        row = store.one("SELECT i.timezone FROM tasks t JOIN imports i ON i.id = t.import_id WHERE t.id = ?", task)
        ahead = released.send_at > now()
    when = screen.moment(released.send_at, row["timezone"], distance=ahead)
    screen.say(f"The trigger of task {task} is armed: {f'it sends at {when}' if ahead else 'the next tick sends it'}.")
    screen.say(f"Undo: xpimport stop-trigger {task}")


@example("xpimport approve-trigger 12")
def approve_trigger(ctx: typer.Context, task: Annotated[int, typer.Argument(help="The task.")]) -> None:
    """Let a send that needs approval go out at its time; without it, it is not sent."""
    with store_of(ctx) as store:
        trigger = deciding.approve(store, task)
        row = store.one("SELECT i.timezone FROM tasks t JOIN imports i ON i.id = t.import_id WHERE t.id = ?", task)
    when = screen.moment(trigger.send_at, row["timezone"], distance=True) if trigger.send_at else "its time"
    screen.say(f"Approved the trigger of task {task}: it sends at {when}.")
    screen.say(f"Undo: xpimport stop-trigger {task}")


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
        deciding.known_task(store, task)
        if uncertain and not screen.confirm("Some of them may get the message twice. Go on?", yes=yes):
            screen.say("Left alone.")
            return
        _, count = deciding.resend(store, task, which)
    screen.say(f"{screen.counted(count, 'person', 'people')} of task {task} will be sent to again by the next tick.")
    screen.say(f"Undo: xpimport stop-trigger {task}")
