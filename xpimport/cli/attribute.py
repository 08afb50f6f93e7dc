"""attribute: what is known of a person."""

from dataclasses import asdict
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Nl, form, group, store_of
from xpimport.defining import attributes

app = group("What is known of a person: names with types.")


@app.command("add", epilog="Example: xpimport attribute add first_name string")
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and _.")],
    type: Annotated[str, typer.Argument(help="string, number, integer, boolean, date, datetime, json, email, ...")],
    max_length: Annotated[int | None, typer.Option("--max-length", help="Characters of a string (101).")] = None,
) -> None:
    """Add an attribute that lists can fill and campaigns can print."""
    with store_of(ctx) as store:
        added = attributes.add(store, name, type, max_length)
    screen.say(f"Added the attribute {added.name} ({added.type}). In a campaign: {{{{ {added.name} }}}}")


@app.command("list", epilog="Example: xpimport attribute list")
def list_(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all attributes."""
    with store_of(ctx) as store:
        rows = [asdict(found) for found in attributes.everything(store).values()]
    columns = {"name": "attribute", "type": "type", "max_length": "max length", "built_in": "built in"}
    screen.listing(rows, columns, form(json=json, csv=csv, nl=nl), "")
