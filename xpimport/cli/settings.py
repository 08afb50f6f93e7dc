"""init, settings and attribute."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Nl, example, form, group, store_of
from xpimport.defining import attributes, settings
from xpimport.rules.schedule import parse_zone
from xpimport.store.database import create_store


@example("xpimport init --timezone Europe/Dublin")
def init(
    ctx: typer.Context,
    timezone: Annotated[str | None, typer.Option("--timezone", help="The zone of schedules and send times.")] = None,
) -> None:
    """Make the store. A second time changes nothing but the zone, where one is named."""
    import uuid

    path: Path = ctx.find_root().obj
    if timezone is not None:
        parse_zone(timezone)
    store, new = create_store(path)
    try:
        if new:
            with store.writing():
                store.db.execute("INSERT INTO settings VALUES ('store.id', ?)", (uuid.uuid4().hex,))
        if new or timezone is not None:
            zone, origin = (timezone, "") if timezone else settings.local_zone()
            kept = settings.put(store, "timezone", zone)
            said = f"Time zone {kept}" + (f" (from {origin})" if origin else "") + "."
        else:
            said = f"Time zone {settings.get(store, 'timezone')}."
        screen.say(f"{'Made the store' if new else 'There is a store at'} {path}. {said}")
        if new:
            screen.say("Sending is off until: xpimport settings set triggers on")
            screen.say("Next: xpimport campaign add --help")
    finally:
        store.close()


settings_app = group("The store's settings, the master switch among them.")


@settings_app.command("list", epilog="Example: xpimport settings list")
def settings_list(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all settings."""
    with store_of(ctx) as store:
        rows = [
            {"name": v.name, "value": v.value, "default": v.is_default, "help": v.help}
            for v in settings.everything(store)
        ]
    columns = {"name": "setting", "value": "value", "help": "what it is"}
    screen.listing(rows, columns, form(json=json, csv=csv, nl=nl), "")


@settings_app.command("set", epilog="Example: xpimport settings set triggers on")
def settings_set(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Which setting.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
) -> None:
    """Change a setting."""
    with store_of(ctx) as store:
        kept = settings.put(store, name, value)
    screen.say(f"Sending is {kept}." if name == "triggers" else f"{name} is now {kept or 'empty'}.")
    if name == "triggers" and kept == "off":
        screen.say("Triggers that come due are held; none fires by itself when the switch goes on again.")
    if kept.startswith("env:"):
        screen.say("Mind that cron does not have your environment; file:PATH works there too.")


attribute_app = group("What is known of a person: names with types.")


@attribute_app.command("add", epilog="Example: xpimport attribute add first_name string")
def attribute_add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _.")],
    type: Annotated[str, typer.Argument(help="string, number, integer, boolean, date, datetime, json, email, ...")],
    max_length: Annotated[int | None, typer.Option("--max-length", help="Characters of a string (101).")] = None,
) -> None:
    """Add an attribute that lists can fill and campaigns can print."""
    with store_of(ctx) as store:
        added = attributes.add(store, name, type, max_length)
    screen.say(f"Added the attribute {added.name} ({added.type}). In a campaign: {{{{ {added.name} }}}}")


@attribute_app.command("list", epilog="Example: xpimport attribute list")
def attribute_list(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all attributes."""
    with store_of(ctx) as store:
        rows = [asdict(found) for found in attributes.everything(store).values()]
    columns = {"name": "attribute", "type": "type", "max_length": "max length", "built_in": "built in"}
    screen.listing(rows, columns, form(json=json, csv=csv, nl=nl), "")
