"""suppression: addresses that are never written to; and the opt-out that comes with a token."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Limit, Medium, Nl, example, form, group, store_of
from xpimport.errors import Failed
from xpimport.flow import opt_outs
from xpimport.hints import command
from xpimport.people import suppressions
from xpimport.people.suppressions import COLUMNS, Suppression
from xpimport.rules.csv_rows import csv_rows

app = group("Addresses that are never written to, whatever a campaign says.")

Address = Annotated[str, typer.Argument(help="An email address or a mobile number.")]
Reason = Annotated[str, typer.Option("--reason", help="One word: manual, complaint, bounced, ...")]
SHOWN = 10


@app.command("add", epilog="Example: xpimport suppression add ann@example.com --reason complaint")
def add(ctx: typer.Context, address: Address, medium: Medium = "email", reason: Reason = "manual") -> None:
    """Put an address on the list."""
    with store_of(ctx) as store:
        entry = suppressions.checked(address, medium, reason)
        new = suppressions.add(store, [entry])
    screen.say(
        f"{entry.address} {'is' if new else 'was'} on the suppression list{'' if new else ' already'} ({medium})."
    )
    screen.say(f"Undo: {command('suppression', 'remove', entry.address, *_on(medium))}")


def _on(medium: str) -> list[str]:
    return [] if medium == "email" else ["--medium", medium]


@app.command("remove", epilog="Example: xpimport suppression remove ann@example.com")
def remove(ctx: typer.Context, address: Address, medium: Medium = "email") -> None:
    """Take an address off the list."""
    with store_of(ctx) as store:
        suppressions.remove(store, address, medium)
    undo = command("suppression", "add", address, *_on(medium))
    screen.say(f"{address} is off the suppression list ({medium}). Undo: {undo}")


@app.command("list", epilog="Example: xpimport suppression list --json")
def list_(ctx: typer.Context, limit: Limit = 100, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show the list, newest first."""
    with store_of(ctx) as store:
        rows = [vars(entry) for entry in suppressions.everything(store, limit)]
    columns = {"address": "address", "medium": "medium", "reason": "reason", "suppressed_at": "since"}
    screen.listing(rows, columns, form(json=json, csv=csv, nl=nl), "The suppression list is empty.")


@app.command("import", epilog="Example: xpimport suppression import opted-out.csv --reason complaint")
def import_(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV with a column address, and medium and reason where it has them.")],
    medium: Medium = "email",
    reason: Reason = "imported",
) -> None:
    """Put a file's addresses on the list; a bad line is named, and the others are taken."""
    bad: list[str] = []

    def good(lines: list[str]) -> list[Suppression]:
        entries = []
        for number, entry in suppressions.read(lines, str(file), medium, reason):
            if isinstance(entry, str):
                bad.append(f"{file}, line {number}: {entry}")
            else:
                entries.append(entry)
        return entries

    with store_of(ctx) as store:
        entries = good(_lines(file))
        new = suppressions.add(store, entries)
    screen.say(f"{screen.counted(new, 'address', 'addresses')} added, {len(entries) - new} were on the list already.")
    for line in bad[:SHOWN]:
        screen.say(line)
    if bad:
        raise Failed(f"{screen.counted(len(bad), 'line')} could not be taken; correct and import them again.")


def _lines(file: Path) -> list[str]:
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return io.StringIO(content.decode("utf-8-sig"), newline="").readlines()
    except UnicodeDecodeError as problem:
        raise Failed(f"{file} is not UTF-8 (byte {problem.start}). Save it as UTF-8.") from None
    except OSError as problem:
        raise Failed(f"Cannot read {file}: {problem.strerror}.") from None


@app.command("export", epilog="Example: xpimport suppression export > suppressed.csv")
def export(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(help="Where to; - is stdout.")] = Path("-")
) -> None:
    """Write the whole list as CSV."""
    with store_of(ctx) as store:
        lines = map(vars, suppressions.everything(store))
        if str(file) == "-":
            screen.csv_out(COLUMNS, lines)
            return
        with file.open("w", encoding="utf-8", newline="") as out:
            out.writelines(csv_rows(COLUMNS, lines))
    screen.say(f"Wrote the suppression list to {file}.")


@example("xpimport unsubscribe AAAAAQAAAAJk...")
def unsubscribe(
    ctx: typer.Context,
    token: Annotated[str, typer.Argument(help="The token of an unsubscribe link.")],
) -> None:
    """Opt out whoever got the message that a token came with; for whatever receives the clicks."""
    with store_of(ctx) as store:
        medium, changed = opt_outs.unsubscribe(store, token.strip())
    screen.say(f"The address of this message {'has opted out' if changed else 'had opted out already'} ({medium}).")
