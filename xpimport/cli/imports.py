"""import: the automation that a list follows."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any

import typer

from xpimport.cli import screen
from xpimport.cli.import_options import definition_changes, with_import_options
from xpimport.cli.options import Csv, Json, Nl, Yes, form, group, store_of
from xpimport.clock import now
from xpimport.defining import imports, settings
from xpimport.defining.imports import Import
from xpimport.flow.import_check import CheckedList, check_import
from xpimport.flow.imports import Kept, keep_import
from xpimport.hints import command
from xpimport.rules.definition import Definition
from xpimport.rules.durations import format_duration, parse_duration
from xpimport.rules.guess import attribute_name
from xpimport.rules.locations import shown_source
from xpimport.rules.settings import TIMEZONE
from xpimport.rules.trigger import send_instant

app = group("Where a list comes from, how it is read, when it runs, and which campaign goes to its people.")

Name = Annotated[str, typer.Argument(help="The import.")]


@app.command(
    "add",
    epilog="Example: xpimport import add vip --source /lists/vip.csv --schedule 'daily 03:00' --campaign welcome --send-at 09:00",
)
@with_import_options
def add(
    ctx: typer.Context,
    name: Name,
    source: Annotated[
        str,
        typer.Option(
            "--source", help="A path, pattern or address: /lists/vip-*.csv, sftp://..., https://..., s3://..., - ."
        ),
    ],
    options: Mapping[str, Any],
) -> None:
    """Add an import, active at once."""
    with store_of(ctx) as store:
        draft = Import(
            name=name,
            definition=Definition(source=source, **definition_changes(options)),
            timezone=options["timezone"] or settings.get(store, TIMEZONE).key,
            schedule=options["schedule"],
            campaign=options["campaign"],
            send_at=options["send_at"],
        )
        kept = keep_import(store, draft)
    _tell(kept, "Added")


@app.command("edit", epilog="Example: xpimport import edit vip --send-at 10:30")
@with_import_options
def edit(
    ctx: typer.Context,
    name: Name,
    options: Mapping[str, Any],
    source: Annotated[str | None, typer.Option("--source", help="A path, pattern or address.")] = None,
    no_campaign: Annotated[bool, typer.Option("--no-campaign", help="Send nothing any more.")] = False,
    no_send_at: Annotated[bool, typer.Option("--no-send-at", help="Send as soon as the import completes.")] = False,
    no_schedule: Annotated[bool, typer.Option("--no-schedule", help="Run by hand only.")] = False,
) -> None:
    """Change an import. A trigger that is armed keeps its instant."""
    changes = definition_changes(options) | ({"source": source} if source else {})
    with store_of(ctx) as store:
        found = imports.get(store, name)
        draft = replace(
            found,
            definition=replace(found.definition, **changes),
            timezone=options["timezone"] or found.timezone,
            schedule=None if no_schedule else options["schedule"] or found.schedule,
            campaign=None if no_campaign else options["campaign"] or found.campaign,
            campaign_id=None if no_campaign else found.campaign_id,
            send_at=None if no_campaign or no_send_at else options["send_at"] or found.send_at,
        )
        kept = keep_import(store, draft)
    _tell(kept, "Changed")


def _tell(kept: Kept, verb: str) -> None:
    found = kept.found
    screen.say(f"{verb} the import {found.name}, reading {shown_source(found.definition.source)}.")
    if found.next_run_at is not None:
        screen.say(f"Next run: {screen.instant(found.next_run_at, found.timezone, distance=True)}.")
        if found.campaign is not None:
            send = send_instant(found.send_at, found.timezone, found.next_run_at)
            when = "as soon as it completes" if send is None else screen.instant(send, found.timezone, distance=True)
            screen.say(f"It then sends {found.campaign}: {when}.")
    for warning in kept.warnings:
        screen.say(f"Warning: {warning}")
    screen.say(f"Try it without writing anything: {command('import', 'check', found.name)}")


def _shown(found: Import) -> dict[str, Any]:
    send = send_instant(found.send_at, found.timezone, found.next_run_at or now()) if found.campaign else None
    definition = vars(found.definition).copy()
    return {
        "name": found.name,
        "active": found.active,
        "source": shown_source(definition.pop("source")),
        "schedule": found.schedule,
        "timezone": found.timezone,
        "next_run_at": _stamp(found.next_run_at),
        "campaign": found.campaign,
        "send_at": found.send_at,
        "next_send_at": _stamp(send),
        "last_task": found.last_task,
        "last_status": found.last_status,
        "last_run_at": _stamp(found.last_run_at),
        **definition,
    }


def _stamp(instant: Any) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%dT%H:%M:%SZ}"


@app.command("list", epilog="Example: xpimport import list --json")
def list_(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all imports, newest first, with their next and last run."""
    chosen = form(json=json, csv=csv, nl=nl)
    with store_of(ctx) as store:
        found = imports.everything(store)
    rows = [_shown(one) for one in found]
    if chosen == "table":
        for row, one in zip(rows, found, strict=True):
            row["next_run_at"] = screen.instant(one.next_run_at, one.timezone) if one.next_run_at else "by hand"
            row["last"] = f"{one.last_status} (task {one.last_task})" if one.last_task else ""
            row["sends"] = f"{one.campaign} {one.send_at or 'at once'}" if one.campaign else ""
    columns = {
        "name": "import",
        "active": "active",
        "schedule": "schedule",
        "next_run_at": "next run",
        "sends": "sends",
        "last": "last run",
    }
    screen.listing(rows, columns, chosen, "No imports yet. Add one: xpimport import add --help")


@app.command("show", epilog="Example: xpimport import show vip")
def show(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Show one import with all that was set."""
    with store_of(ctx) as store:
        found = imports.get(store, name)
    shown = _shown(found)
    if json:
        screen.json_out(shown)
        return
    definition, default = found.definition, Definition(source="")
    screen.pairs(
        [
            ("Import", found.name),
            ("Active", found.active),
            ("Source", shown_source(definition.source)),
            ("Who is who", definition.identify_by),
            ("Mapping", ", ".join(f"{column} → {target}" for column, target in definition.mapping.items())),
            ("Schedule", f"{found.schedule} ({found.timezone})" if found.schedule else "by hand"),
            (
                "Next run",
                screen.instant(found.next_run_at, found.timezone, distance=True) if found.next_run_at else None,
            ),
            ("Campaign", found.campaign),
            ("Sends", (found.send_at or "as soon as it completes") if found.campaign else None),
            ("Grace", format_duration(parse_duration(f"{definition.grace}s"))),
            ("Catch-up", format_duration(parse_duration(f"{definition.catch_up}s"))),
            ("Retries for", format_duration(parse_duration(f"{definition.retry_for}s"))),
            ("Last run", f"task {found.last_task}, {found.last_status}" if found.last_task else None),
        ]
        + [
            (key.replace("_", " ").capitalize(), value if isinstance(value, str | int | float) else ", ".join(value))
            for key, value in vars(definition).items()
            if value != getattr(default, key)
            and key not in {"source", "mapping", "identify_by", "grace", "catch_up", "retry_for"}
        ]
    )


@app.command("activate", epilog="Example: xpimport import activate vip")
def activate(ctx: typer.Context, name: Name) -> None:
    """Switch an import's schedule on; what was missed meanwhile stays missed."""
    with store_of(ctx) as store:
        found, changed = imports.set_active(store, name, active=True)
    screen.say(
        f"{name} {'is active' if changed else 'was active already'}. Undo: {command('import', 'deactivate', name)}"
    )
    if found.next_run_at:
        screen.say(f"Next run: {screen.instant(found.next_run_at, found.timezone, distance=True)}.")


@app.command("deactivate", epilog="Example: xpimport import deactivate vip")
def deactivate(ctx: typer.Context, name: Name) -> None:
    """Switch an import's schedule off; run-now still works, an armed trigger keeps its instant."""
    with store_of(ctx) as store:
        _, changed = imports.set_active(store, name, active=False)
    screen.say(
        f"{name} {'is inactive' if changed else 'was inactive already'}. Undo: {command('import', 'activate', name)}"
    )


@app.command("remove", epilog="Example: xpimport import remove vip --yes")
def remove(ctx: typer.Context, name: Name, yes: Yes = False) -> None:
    """Take an import out of use; its tasks stay in the history."""
    with store_of(ctx) as store:
        imports.get(store, name)
        if not screen.confirm(f"Remove the import {name}?", yes=yes):
            screen.say("Left alone.")
            return
        imports.remove(store, name)
    screen.say(f"Removed the import {name}.")


def _tell_untaken(name: str, looked: CheckedList) -> None:
    """The commands that make an import take its other columns; a mapping is always given as a whole."""
    for one in looked.untaken:
        if one.add:
            screen.tell(f"Take {one.column}: {one.add}")
    pairs = dict(looked.taken)
    for one in looked.untaken:
        attribute = attribute_name(one.column)
        # A user_id that is not taken would say who is who, which the email address does here.
        if attribute not in {"user_id", *pairs.values()}:
            pairs[one.column] = attribute
    if len(pairs) > len(looked.taken) and any(one.map for one in looked.untaken):
        options = [word for column, attribute in pairs.items() for word in ("--map", f"{column}={attribute}")]
        screen.tell(f"Take them by a mapping: {command('import', 'edit', name, *options)}")


@app.command("check", epilog="Example: xpimport import check vip")
def check(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Read the list as a run would and say what it would do; nothing is written."""
    with store_of(ctx) as store:
        looked = check_import(store, name)
    if json:
        screen.json_out([asdict(one) for one in looked])
        return
    for one in looked:
        taken_rows = screen.counted(one.read - sum(one.rejected.values()), "row")
        screen.pairs(
            [
                ("File", f"{one.name}, {one.bytes:,} bytes"),
                ("Rows", one.read),
                ("Would be taken", f"{taken_rows} of {screen.counted(one.people, 'person', 'people')}"),
                ("Would be rejected", sum(one.rejected.values())),
                ("Ignored columns", ", ".join(one.ignored)),
            ]
        )
        places = {column: one.header.index(column) for column in one.taken}
        screen.table(
            [
                [column, one.taken[column], one.looks_like[column], *(row[place] for row in one.first_rows)]
                for column, place in places.items()
            ],
            ["column", "attribute", "looks like", *(f"row {number}" for number in range(1, len(one.first_rows) + 1))],
        )
        if one.untaken:
            screen.table([[it.column, it.looks_like] for it in one.untaken], ["column that is not taken", "looks like"])
            _tell_untaken(name, one)
        if one.rejected:
            screen.table([[reason, count] for reason, count in one.rejected.items()], ["rejected because", "rows"])
    screen.say(f"Nothing was written. Run it: {command('run-now', name)}")
