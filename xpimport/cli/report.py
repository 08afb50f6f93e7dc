"""report and plan."""

import io
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Nl, example, form, store_of
from xpimport.cli.pages import Html, write_page
from xpimport.cli.task import summary
from xpimport.clock import now
from xpimport.defining import imports
from xpimport.errors import Failed, Invalid, NotFound, Refused
from xpimport.flow import adopt, named
from xpimport.hints import command
from xpimport.reporting import history, rows
from xpimport.reporting.files import written_beside
from xpimport.reporting.plan import plan as planned
from xpimport.rules.events import Kind
from xpimport.store.database import Store


@example("xpimport report --excluded > out.csv")
def report(
    ctx: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(metavar="TASK|IMPORT", help="A task's number, or an import's newest; else the newest of all."),
    ] = None,
    excluded: Annotated[
        bool, typer.Option("--excluded", help="Who was excluded, failed or uncertain, and why.")
    ] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="The rows that were not imported, as they were.")
    ] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Whose message did not get through.")] = False,
    uncertain: Annotated[bool, typer.Option("--uncertain", help="Whose message may have got through.")] = False,
    who: Annotated[bool, typer.Option("--who", help="Who got it.")] = False,
    opened: Annotated[bool, typer.Option("--opened", help="Each opening; machines' too, marked.")] = False,
    clicked: Annotated[bool, typer.Option("--clicked", help="Each click, with its link.")] = False,
    bounced: Annotated[bool, typer.Option("--bounced", help="Whose message came back.")] = False,
    unsubscribed: Annotated[bool, typer.Option("--unsubscribed", help="Who opted out by it.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Another --excluded report, though nothing has changed.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    format: Annotated[str | None, typer.Option("--format", help="Of a list: csv, or xlsx for a spreadsheet.")] = None,
    html: Annotated[Path | None, Html] = None,
    json: Json = False,
    nl: Nl = False,
    strict_exit: Annotated[bool, typer.Option("--strict-exit", help="Exit 3 when rows or messages failed.")] = False,
) -> None:
    """Answer, for one list: who got it, who did not, and why."""
    chosen = _form(format, json=json, nl=nl)
    flags = {"excluded": excluded, "rejected": rejected, "failed": failed, "uncertain": uncertain, "who": who}
    flags |= {"opened": opened, "clicked": clicked, "bounced": bounced, "unsubscribed": unsubscribed}
    asked = [name for name, on in flags.items() if on]
    if len(asked) > 1:
        raise Invalid(f"--{asked[0]} and --{asked[1]} exclude each other.")
    _check_place(asked, chosen, output, html)
    with store_of(ctx) as store:
        number = _task(store, which, rejected=rejected)
        if html is None and history.is_report(store, number):
            _file_again(store, number, asked, output)
            return
        if html is not None:
            # Other commands need not wait until what draws pages is loaded.
            from xpimport.reporting.pages.report import report_page

            write_page(html, report_page(store, number, imports.timezone_of(store, number), now()))
        elif not asked:
            _summary(store, number, chosen, output)
        elif rejected:
            columns, lines = rows.rejected(store, number)
            _write("rejected", columns, lines, chosen, output)
        else:
            named.act_on(
                store, which or str(number), "report", history.begun_of_import, partial(history.check_begun, store)
            )
            _people(store, number, asked[0], chosen, output, new=new)
        details = history.task_details(store, number)
    delivery = details["delivery"] or {"failed": 0}
    if strict_exit and (details["rows"]["rejected"] or delivery["failed"]):
        raise typer.Exit(3)


def _task(store: Store, which: str | None, *, rejected: bool) -> int:
    if which is not None:
        return named.task_of(store, which)
    newest = history.newest_import(store) if rejected else history.newest_begun(store)
    screen.say(f"Task {newest}, the newest {'import' if rejected else 'whose sending has begun'}.")
    return newest


def _file_again(store: Store, task: int, asked: list[str], output: Path | None) -> None:
    """An earlier report, as it was made."""
    details = history.task_details(store, task)
    if asked:
        raise Refused(
            f"Task {task} is a report, of task {details['about_task']}. As it stands today: "
            f"{command('report', details['about_task'], f'--{asked[0]}')}"
        )
    file = Path(details["output"] or "")
    if not file.is_file():
        raise NotFound(
            f"The file of task {task} is no longer there. Make it anew: "
            f"{command('report', details['about_task'], '--excluded', '--new')}"
        )
    with _out(output), file.open(encoding="utf-8", newline="") as lines:
        for line in lines:
            screen.out(line, end="")


def _summary(store: Store, task: int, chosen: str, output: Path | None) -> None:
    details = history.task_details(store, task)
    zone = imports.timezone_of(store, task)
    with _out(output):
        if chosen == "table":
            summary(details, zone)
        else:
            screen.listing([details], {}, "nl" if chosen == "nl" else "json", "")


def _people(store: Store, task: int, which: str, chosen: str, output: Path | None, *, new: bool) -> None:
    if which not in rows.OUTCOMES:
        _write(which, rows.EVENT_COLUMNS, rows.events(store, task, [Kind[which.upper()]]), chosen, output)
        return
    if which == "excluded":
        kept = rows.keep_excluded_report(store, task, new=new)
        before = ", unchanged since" if kept.before else ""
        screen.say(f"{screen.counted(kept.lines, 'person', 'people')}. Kept as task {kept.task}{before}: {kept.path}")
        if kept.lines == 0:
            screen.say("Everybody got it: there is nobody to list.")
    _write(which, rows.EXCLUDED_COLUMNS, rows.people(store, task, which), chosen, output)


def _form(format: str | None, *, json: bool, nl: bool) -> str:
    if format not in {None, "csv", "xlsx"}:
        raise Invalid(f"--format {format!r} is neither csv nor xlsx.")
    if format is not None and (json or nl):
        raise Invalid(f"--format and --{'json' if json else 'nl'} exclude each other.")
    return format or form(json=json, csv=False, nl=nl)


def _check_place(asked: Sequence[str], chosen: str, output: Path | None, html: Path | None) -> None:
    if html is not None:
        others = [*asked, *([chosen] if chosen in {"json", "nl"} else []), *(["output"] if output else [])]
        others += ["format"] if chosen in {"csv", "xlsx"} else []
        if others:
            raise Invalid(f"--html and --{others[0]} exclude each other.")
    elif chosen in {"csv", "xlsx"} and not asked:
        raise Invalid("--format is for a list of people or rows: add --excluded, --who, --rejected or another one.")
    if chosen == "xlsx" and (output is None or str(output) == "-") and sys.stdout.isatty():
        raise Invalid("A spreadsheet is nothing for a terminal. Name a file for it: --output FILE.xlsx")


def _write(
    name: str, columns: Sequence[str], lines: Iterator[dict[str, Any]], chosen: str, output: Path | None
) -> None:
    if chosen == "xlsx":
        _spreadsheet(name, columns, lines, output)
        return
    with _out(output):
        if chosen in {"table", "csv"}:
            screen.csv_out(columns, lines)
        else:
            screen.listing(list(lines), {}, chosen, "")


def _spreadsheet(name: str, columns: Sequence[str], lines: Iterator[dict[str, Any]], output: Path | None) -> None:
    from xpimport.reporting.spreadsheet import CHARACTERS, write_xlsx

    if output is None or str(output) == "-":
        with TemporaryDirectory() as folder:
            made = Path(folder) / "list.xlsx"
            found = write_xlsx(made, name, columns, lines)
            with made.open("rb") as file:
                shutil.copyfileobj(file, sys.stdout.buffer)
    else:
        with written_beside(output) as made:
            found = write_xlsx(made, name, columns, lines)
        screen.say(f"Wrote {output}.")
    if len(found.sheets) > 1:
        held = ", ".join(screen.number(count) for count in found.sheets)
        screen.say(f"A sheet holds no more, so the list goes on in further ones: {held} rows.")
    if found.cut:
        screen.say(f"{screen.counted(found.cut, 'cell')} had more than {CHARACTERS:,} characters and were cut there.")


@contextmanager
def _out(output: Path | None) -> Iterator[None]:
    """Stdout, or a private file in its place."""
    if output is None or str(output) == "-":
        yield
        return
    try:
        handle = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    except OSError as problem:
        raise Failed(f"Cannot write {output}: {problem.strerror}.") from None
    before = sys.stdout
    with io.TextIOWrapper(io.FileIO(handle, "w"), encoding="utf-8", newline="") as file:
        sys.stdout = file
        try:
            yield
        finally:
            sys.stdout = before
    screen.say(f"Wrote {output}.")


@example("xpimport plan --days 14")
def plan(
    ctx: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="How far to look ahead.")] = 7,
    json: Json = False,
    csv: Csv = False,
    nl: Nl = False,
) -> None:
    """Show the next imports and sends, with the changes of the clocks."""
    chosen = form(json=json, csv=csv, nl=nl)
    with store_of(ctx) as store:
        coming, doubt = planned(store, now(), days), adopt.warning(store)
    if doubt is not None:
        screen.say(doubt)
    found = [
        {
            "at": f"{one.at:%Y-%m-%dT%H:%M:%SZ}",
            "local": screen.instant(one.at, one.zone) + f" {one.at.astimezone(ZoneInfo(one.zone)):%z}",
            "away": screen.away(one.at),
            "what": one.what,
            "import": one.import_name,
            "campaign": one.campaign,
            "task": one.task,
            "note": one.note,
            "expected_seconds": None if one.expected_seconds is None else round(one.expected_seconds),
            "late": one.late,
        }
        for one in coming
    ]
    columns = {"local": "when", "away": "", "what": "what", "import": "import", "campaign": "campaign", "note": "note"}
    screen.listing(found, columns, chosen, f"Nothing is planned for the next {days} days.")
