"""run-now and tick: imports and sends, by hand and by the clock."""

from typing import Annotated, Any

import typer

from xpimport.cli import screen
from xpimport.cli.options import example, store_of
from xpimport.cli.task import offer_release, say_notes, summary, trigger_line
from xpimport.defining import imports
from xpimport.errors import Failed, Unreachable
from xpimport.flow.import_run import run_now as run_import
from xpimport.flow.progress import Progress
from xpimport.flow.tick import tick as do_what_is_due
from xpimport.hints import command
from xpimport.reporting.history import task_details
from xpimport.rules import trigger as rules
from xpimport.rules.forecast import Forecast


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
            ran = run_import(store, name, source=source, again=again, progress=steps, rest_of=rest_of)
        details = task_details(store, ran.task)
    if details["status"] == "failed":
        if json:
            screen.json_out(details)
        kind = Unreachable if details["error"]["code"] == Unreachable.code else Failed
        raise kind(f"Task {ran.task} failed: {details['error']['message']}")
    if json:
        screen.json_out(details)
    else:
        summary(details, zone)
    _next_step(details, zone, quiet=json)
    if ran.sent is not None and ran.sent.broken:
        raise Failed(f"The send broke off: {ran.sent.problem}. A later tick goes on.")
    if ran.sent is not None and not ran.sent.connected:
        if ran.sent.trigger.state == rules.HELD:
            raise Unreachable(f"Nothing was sent: {ran.sent.problem}")
        raise Unreachable(
            f"No connection could be made, so nothing was sent: {ran.sent.problem}. The next ticks try again."
        )
    delivery = details["delivery"] or {"failed": 0}
    if strict_exit and (details["rows"]["rejected"] or delivery["failed"]):
        raise typer.Exit(3)


def _tell_forecast(found: Forecast, zone: str) -> None:
    """Before the long part of a run with a send time: whether it is expected to be through by then."""
    if found.send_at is None or found.seconds is None or (found.seconds < 1 and not found.late):
        return
    when = screen.instant(found.completes, zone)
    sends = screen.instant(found.send_at, zone)
    if found.late:
        screen.say(
            f"Warning: expected to take {screen.lasting(found.seconds)}, until {when}; its send time, {sends}, would be "
            "missed, and then nothing is sent."
        )
    else:
        screen.say(f"Expected to take {screen.lasting(found.seconds)}, until {when}; it sends at {sends}.")


def _next_step(details: dict[str, Any], zone: str, *, quiet: bool) -> None:
    """What to do now, on stderr; with JSON on stdout the trigger's state too."""
    task, trigger = details["id"], details["trigger"]
    say_notes(details)
    if isinstance(trigger, dict):
        if quiet:
            screen.say(trigger_line(trigger, zone))
        if trigger["state"] == rules.SCHEDULED:
            if trigger["approval"] == "needed":
                screen.say(f"It is sent only if somebody approves it before: {command('approve-trigger', task)}")
            screen.say(f"Stop it: {command('stop-trigger', task)}")
        elif trigger["state"] == rules.HELD:
            same = trigger["reason"] in {"same_content", "same_people"}
            offer_release(trigger, task)
            if same:
                screen.say(f"Or run it again: {command('run-now', details['import'], '--again')}")
        elif trigger["state"] in rules.RELEASABLE and trigger["reason"] not in rules.FINAL_IGNORED:
            offer_release(trigger, task)
        elif trigger["state"] == rules.SENT:
            screen.say(f"Who did not get it, and why: {command('report', task, '--excluded')}")
    screen.say(f"All of it: {command('task', 'show', task)}")


@example("xpimport tick")
def tick(ctx: typer.Context) -> None:
    """Do what is due: cron calls this every minute. Silent when all is well."""
    from xpimport.store.idle import note_tick

    with store_of(ctx) as store:
        done = do_what_is_due(store)
        note_tick(str(store.path))
    if done.problems:
        raise Failed("\n".join(done.problems))
