"""settings: what holds for the whole store, the master switch among it."""

from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Nl, form, group, store_of
from xpimport.flow import settings
from xpimport.rules.settings import TRIGGERS

app = group("The store's settings, the master switch among them.")


@app.command("list", epilog="Example: xpimport settings list")
def list_(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all settings."""
    with store_of(ctx) as store:
        rows = [
            {"name": v.name, "value": v.value, "default": v.is_default, "help": v.help} for v in settings.listed(store)
        ]
    columns = {"name": "setting", "value": "value", "help": "what it is"}
    screen.listing(rows, columns, form(json=json, csv=csv, nl=nl), "")


@app.command("set", epilog="Example: xpimport settings set triggers on")
def set_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Which setting.")],
    value: Annotated[str, typer.Argument(help="Its new value.")],
) -> None:
    """Change a setting."""
    with store_of(ctx) as store:
        kept = settings.put(store, name, value)
    screen.say(f"Sending is {kept}." if name == TRIGGERS.name else f"{name} is now {kept or 'empty'}.")
    _say_held(name, kept)
    if kept.startswith("env:"):
        screen.say("Mind that cron does not have your environment; file:PATH works there too.")


@app.command("unset", epilog="Example: xpimport settings unset smtp.timeout")
def unset(ctx: typer.Context, name: Annotated[str, typer.Argument(help="Which setting.")]) -> None:
    """Take a setting back to its default."""
    with store_of(ctx) as store:
        default = settings.unset(store, name)
    is_off = f"Sending is {default}, which is the default."
    screen.say(is_off if name == TRIGGERS.name else f"{name} is back to its default: {default or 'empty'}.")
    _say_held(name, default)


def _say_held(name: str, value: str) -> None:
    if name == TRIGGERS.name and value == "off":
        screen.say("Triggers that come due are held; none fires by itself when the switch goes on again.")
