"""category: how often a person may get which kind of campaign."""

from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Nl, Yes, form, group, store_of
from xpimport.defining import categories
from xpimport.defining.categories import Category
from xpimport.hints import command
from xpimport.rules.durations import format_duration, parse_duration, split_days

app = group("Kinds of campaigns, and how often a person may get one.")

Name = Annotated[str, typer.Argument(help="The category.")]


def _cap(span: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(f"--per-{span}", min=0, help=f"At most so many messages a {span}.")
    return found


@app.command("add", epilog="Example: xpimport category add offers --per-week 2 --cool-down 1d")
def add(
    ctx: typer.Context,
    name: Name,
    per_day: Annotated[int | None, _cap("day")] = None,
    per_week: Annotated[int | None, _cap("week")] = None,
    per_month: Annotated[int | None, _cap("month")] = None,
    cool_down: Annotated[str | None, typer.Option("--cool-down", help="At least so long between two: 1d, 36h.")] = None,
) -> None:
    """Add a category; caps count calendar days, today included: 1, 7, 30."""
    seconds, days = split_days(parse_duration(cool_down), cool_down) if cool_down else (None, None)
    with store_of(ctx) as store:
        kept = categories.add(store, Category(name, per_day, per_week, per_month, seconds, days))
    screen.say(f"Added the category {kept.name}.")
    screen.say(f"Give it to a campaign: {command('campaign', 'edit', 'NAME', '--category', kept.name)}")


@app.command("list", epilog="Example: xpimport category list --json")
def list_(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all categories, newest first."""
    from datetime import timedelta

    chosen = form(json=json, csv=csv, nl=nl)
    with store_of(ctx) as store:
        rows = [vars(found) for found in categories.everything(store)]
    if chosen == "table":
        for row in rows:
            whole = timedelta(days=row["cool_down_days"] or 0, seconds=row["cool_down"] or 0)
            row["cool_down"] = format_duration(whole) if whole else None
    columns = {
        "name": "category",
        "per_day": "a day",
        "per_week": "a week",
        "per_month": "a month",
        "cool_down": "cool-down",
    }
    screen.listing(rows, columns, chosen, "No categories yet. Add one: xpimport category add --help")


@app.command("remove", epilog="Example: xpimport category remove offers --yes")
def remove(ctx: typer.Context, name: Name, yes: Yes = False) -> None:
    """Take a category away that no campaign is of."""
    with store_of(ctx) as store:
        categories.get(store, name)
        if not screen.confirm(f"Remove the category {name}?", yes=yes):
            screen.say("Left alone.")
            return
        categories.remove(store, name)
    screen.say(f"Removed the category {name}.")
