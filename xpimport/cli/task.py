"""task: the Task History."""

import sys
import time
from typing import Annotated, Any

import typer

from xpimport.cli import engagement, screen
from xpimport.cli.options import Csv, Json, Nl, TaskOrImport, form, group, store_of
from xpimport.cli.when import since_option, until_option
from xpimport.clock import to_text
from xpimport.defining import campaigns, imports, settings
from xpimport.errors import Cancelled, Invalid
from xpimport.flow import named
from xpimport.hints import command
from xpimport.reporting.history import task_details, task_list
from xpimport.rules import trigger as rules
from xpimport.rules.settings import TIMEZONE
from xpimport.store.database import Store

app = group("What ran, what came of each row, and what became of each person.")

TYPES = ("profile_import", "excluded_users_report")
STATUSES = ("running", "waiting_for_file", "completed", "failed", "skipped", "interrupted")


@app.command("list", epilog="Example: xpimport task list --import vip --since 7d")
def list_(
    ctx: typer.Context,
    import_: Annotated[str | None, typer.Option("--import", help="Tasks of this import.")] = None,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Tasks that trigger this campaign.")] = None,
    type: Annotated[str | None, typer.Option("--type", help="profile_import or excluded_users_report.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="completed, failed, running, ...")] = None,
    trigger: Annotated[
        str | None, typer.Option("--trigger", help="Tasks whose trigger is sent, held, missed, ...")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", help="Started after: 7d, or a date.")] = None,
    until: Annotated[str | None, typer.Option("--until", help="Started before: 7d, or a date.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many.")] = 100,
    watch: Annotated[bool, typer.Option("--watch", help="Draw it again every 2 s, until Ctrl-C.")] = False,
    json: Json = False,
    csv: Csv = False,
    nl: Nl = False,
) -> None:
    """Show tasks, newest first."""
    chosen = form(json=json, csv=csv, nl=nl)
    states = {state for move in rules.MOVES for state in move}
    given = (("--type", type, TYPES), ("--status", status, STATUSES), ("--trigger", trigger, sorted(states)))
    for option, value, allowed in given:
        if value is not None and value not in allowed:
            raise Invalid(f"{option} {value!r} is none of: {', '.join(allowed)}.")
    with store_of(ctx) as store:
        zone = settings.get(store, TIMEZONE).key
        if import_ is not None:
            imports.get(store, import_)
        if campaign is not None:
            campaigns.get(store, campaign)
        wanted = {"import": import_, "campaign": campaign, "type": type, "status": status, "trigger": trigger}
        filters = {name: value for name, value in wanted.items() if value is not None}
        for option, at in (("since", since_option(since, zone)), ("until", until_option(until, zone))):
            if at is not None:
                filters[option] = to_text(at)
        if watch:
            _watch(store, filters, limit, zone, chosen)
            return
        found = task_list(store, filters, limit)
    if chosen != "table":
        screen.listing(found, {}, chosen, "")
        return
    _table(found, zone)


def _watch(store: Store, filters: dict[str, str], limit: int, zone: str, chosen: str) -> None:
    """Draw the list again and again, as the tasks move."""
    if chosen != "table" or not sys.stdout.isatty():
        raise Invalid("--watch draws on a terminal. For a script: xpimport task list --json")
    try:
        while True:
            screen.clear()
            _table(task_list(store, filters, limit), zone)
            time.sleep(2)
    except Cancelled:
        return


def _table(found: list[dict[str, Any]], zone: str) -> None:
    rows = [_line(details, zone) for details in found]
    read = {kind: kind for kind in ("opened", "clicked") if any(row[kind] for row in rows)}
    columns = {
        "id": "task",
        "what": "what",
        "started": "started",
        "status": "status",
        "rows": "rows",
        "rejected": "rejected",
        "trigger": "trigger",
        "accepted": "accepted",
        **read,
    }
    screen.listing(rows, columns, "table", "No tasks yet. Run an import: xpimport run-now --help")


def _line(details: dict[str, Any], zone: str) -> dict[str, Any]:
    trigger, delivery = details["trigger"], details["delivery"]
    imported = details["type"] == "profile_import"
    return {
        "id": details["id"],
        "what": details["import"] if imported else f"excluded users ({details['import']})",
        "started": screen.instant(details["started_at"], zone),
        "status": details["status"],
        "rows": details["rows"]["read"] if imported else "",
        "rejected": details["rows"]["rejected"] if imported else "",
        "trigger": _short(trigger) if trigger else "",
        "accepted": delivery["accepted"] if delivery else "",
        "opened": engagement.short(details["engagement"], "opened"),
        "clicked": engagement.short(details["engagement"], "clicked"),
    }


def _short(trigger: dict[str, Any]) -> str:
    reason = f" ({trigger['reason']})" if trigger["reason"] else ""
    state = "needs approval" if needs_approval(trigger) else trigger["state"]
    return f"{trigger['campaign']} {state}{reason}"


def needs_approval(trigger: dict[str, Any]) -> bool:
    """Whether a trigger would go out but for its approval."""
    return bool(trigger["approval"] == "needed" and trigger["state"] in {rules.WAITING, rules.SCHEDULED})


@app.command("show", epilog="Example: xpimport task show 12")
def show(ctx: typer.Context, which: TaskOrImport, json: Json = False) -> None:
    """Show everything about one task; of an import by name, its newest."""
    with store_of(ctx) as store:
        task = named.task_of(store, which)
        details = task_details(store, task)
        zone = imports.timezone_of(store, task)
    if json:
        screen.json_out(details)
        return
    summary(details, zone)
    say_notes(details)
    _offers(details)


def summary(details: dict[str, Any], zone: str) -> None:
    """A task as a person reads it, on stdout: the file, each row's fate, each person's fate."""
    rows, delivery, error = details["rows"], details["delivery"], details["error"]
    files = ", ".join(f"{file['name']} ({file['bytes']:,} bytes)" for file in details["files"])
    started, finished = details["started_at"], details["finished_at"]
    screen.pairs(
        [
            ("Task", f"{details['id']}, {details['type'].replace('_', ' ')} of {details['import']}"),
            ("Status", details["status"] + (f", attempt {details['attempt']}" if details["attempt"] > 1 else "")),
            ("Rest of", f"task {details['rest_of']}" if details["rest_of"] else None),
            ("Scheduled for", screen.instant(details["scheduled_for"], zone)),
            ("Started", screen.instant(started, zone)),
            ("Finished", screen.instant(finished, zone)),
            ("Progress", _progress(details, zone)),
            ("Waiting", details.get("waiting_because")),
            ("File", files),
            ("Report", details.get("output")),
            ("Reports", ", ".join(f"task {one['id']}" for one in details.get("reports") or [])),
            ("Error", f"{error['code']}: {error['message']}" if error else None),
            ("Guard", details.get("guard")),
            ("Ignored columns", ", ".join(details.get("ignored_columns") or [])),
        ],
        messages={"Waiting", "Error", "Guard"},
    )
    if details["type"] != "profile_import" or not details["files"]:
        return
    fates = [
        (name.replace("_", " "), rows[name])
        for name in ("created", "updated", "unchanged", "merged", "rejected", "not_imported")
    ]
    screen.table(
        [[name, count] for name, count in fates if count or name != "not imported"] + [["= rows read", rows["read"]]],
        ["rows", ""],
    )
    if rows["kept_unsubscribed"]:
        people = screen.counted(rows["kept_unsubscribed"], "person", "people")
        screen.tell(f"{people} marked as subscribed had opted out, or their address had; they were left so.")
    if rows["opted_out_of_rejected"]:
        screen.tell(
            f"{screen.counted(rows['opted_out_of_rejected'], 'rejected row')} opted somebody out; that was kept."
        )
    if rows["time_ahead"]:
        people = screen.counted(rows["time_ahead"], "person", "people")
        screen.tell(f"{people} had a time of consent that is still ahead, which takes no opt-out back.")
    if details.get("same_people") is not None:
        last = details["same_people_task"]
        screen.tell(f"{screen.percent(details['same_people'])} of these people were in the last run (task {last}) too.")
    if details["rejections"]:
        screen.table([[one["reason"], one["count"]] for one in details["rejections"]], ["rejected because", "rows"])
    if delivery is not None:
        _deliveries(delivery)
        _came_back(delivery, details["engagement"])
    if details["trigger"]:
        screen.tell(trigger_line(details["trigger"], zone))


def _progress(details: dict[str, Any], zone: str) -> str | None:
    """How far a run is, in a line; of one that was interrupted, how far it came."""
    progress, expected = details.get("progress"), details.get("expected_at")
    if progress is None:
        return None
    done, total, unit = progress["done"], progress["total"], progress["unit"]
    text = f"{progress['stage']}, {screen.number(done)} {unit}"
    if done < total:
        about = "about " if progress["stage"] == "reading" else ""
        text += f" of {about}{screen.number(total)} ({screen.percent(done / total)})"
    if details["status"] != "running":
        return text
    if progress["rate"] is not None:
        text += f", {screen.number(round(progress['rate']))} {unit}/s"
    if progress["seconds_left"]:
        text += f", {screen.lasting(progress['seconds_left'])} left of {progress['stage']}"
    return text + (f"; expected to complete {screen.instant(expected, zone, distance=True)}" if expected else "")


def _deliveries(delivery: dict[str, Any]) -> None:
    parts = ("accepted", "failed", "excluded", "uncertain", "unsent")
    screen.table([[name, delivery[name]] for name in parts] + [["= audience", delivery["audience"]]], ["people", ""])
    reasons = [[f"excluded: {one['reason']}", one["count"]] for one in delivery["excluded_by_reason"]]
    reasons += [[f"failed: {one['reason']}", one["count"]] for one in delivery["failed_by_reason"]]
    if reasons:
        screen.table(reasons, ["not sent because", "people"])


def _came_back(delivery: dict[str, Any], came: dict[str, Any]) -> None:
    bounced = came["bounced"]["of_accepted"]
    if bounced:
        screen.tell(f"Of the {screen.number(delivery['accepted'])} accepted {screen.number(bounced)} bounced later.")
    engagement.table(came)


def trigger_line(trigger: dict[str, Any], zone: str) -> str:
    """One sentence on a trigger: what it will do, or why it did not."""
    campaign, state, reason = trigger["campaign"], trigger["state"], trigger["reason"]
    because = f", because {rules.REASONS[reason]}" if reason in rules.REASONS else ""
    when = ""
    if trigger["send_at"] and state in {rules.SCHEDULED, rules.WAITING}:
        when = f" for {screen.instant(trigger['send_at'], zone, distance=True)}"
    approval = ", needs approval" if needs_approval(trigger) else ""
    return f"Campaign {campaign}: {state}{when}{because}{approval}."


def say_notes(details: dict[str, Any]) -> None:
    """What there is to know of a task beyond its counts."""
    for note in details.get("notes") or []:
        screen.say(f"Note: {note}")


def _offers(details: dict[str, Any]) -> None:
    task, trigger, delivery = details["id"], details["trigger"], details["delivery"]
    if details.get("about_task"):
        screen.say(f"The file again: {command('report', task)} > excluded.csv")
        screen.say(f"As it stands today: {command('report', details['about_task'], '--excluded')} > excluded.csv")
    if trigger:
        _offers_of_trigger(details)
    if details.get("rejections"):
        screen.say(f"Rejected rows: {command('report', task, '--rejected')} > rejected.csv")
        if trigger:
            rest = command("run-now", details["import"], "--source", "rejected.csv", "--rest-of", task)
            screen.say(f"Corrected, send to the rest: {rest}")
    if delivery and delivery["excluded"] + delivery["failed"] + delivery["uncertain"]:
        screen.say(f"Excluded users report: {command('report', task, '--excluded')} > excluded.csv")


def offer_release(trigger: dict[str, Any], task: int) -> None:
    """How a trigger that did not send is sent after all: what holds it first, where a command takes that away."""
    if trigger["reason"] in rules.IN_DOUBT:
        screen.say(f"First, let this store go on: {command('adopt')}")
        return
    if trigger["reason"] == "triggers_off":
        screen.say(f"First, switch sending on: {command('settings', 'set', 'triggers', 'on')}")
    if trigger["reason"] == "campaign_paused":
        screen.say(f"First, let the campaign go on: {command('campaign', 'resume', trigger['campaign'])}")
    screen.say(f"Send it all the same: {command('release-trigger', task)}")


def _offers_of_trigger(details: dict[str, Any]) -> None:
    task, trigger, delivery = details["id"], details["trigger"], details["delivery"]
    if details.get("problem"):
        screen.say(f"Last problem: {details['problem']}")
    if trigger["approval"] == "needed" and trigger["state"] in {rules.WAITING, rules.SCHEDULED, rules.HELD}:
        screen.say(f"It is sent only if somebody approves it before: {command('approve-trigger', task)}")
    if trigger["state"] in rules.STOPPABLE:
        screen.say(f"Stop it: {command('stop-trigger', task)}")
    over = bool(delivery) and not delivery["unsent"]
    if trigger["state"] in rules.RELEASABLE and trigger["reason"] not in rules.FINAL_IGNORED and not over:
        offer_release(trigger, task)
    if over:
        for which in ("uncertain", "failed"):
            if delivery[which]:
                screen.say(f"Send again to those who are {which}: {command('resend', task, f'--{which}')}")
