"""The one module that knows rich: tables, progress, plain words, times with their zone.

Data goes to stdout, talk and progress to stderr. User text reaches a terminal as text: markup is never read in
it, and control and bidi characters are made visible.
"""

import json
import shutil
import sys
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from xpimport.cli import markdown
from xpimport.cli.bars import Bars
from xpimport.cli.folding import column_widths, folded, said
from xpimport.cli.plain_table import plain_lines
from xpimport.clock import now
from xpimport.rules import visible as unseen
from xpimport.rules.csv_rows import csv_rows
from xpimport.rules.durations import format_duration

PAGE_WIDTH = 100
"""Characters of a line of prose at the most; longer ones are hard to follow."""


def visible(value: object) -> str:
    """Any value as one line of harmless text."""
    return unseen.visible(str(value))


def _width(stream: Any) -> int | None:
    """The columns of the terminal that a stream writes to; None in a pipe, where nothing is folded."""
    return shutil.get_terminal_size().columns if stream.isatty() else None


def is_narrow() -> bool:
    """Whether stdout is a terminal of less than a hundred columns."""
    width = _width(sys.stdout)
    return width is not None and width < PAGE_WIDTH


def say(text: str) -> None:
    """A line of talk, on stderr, after the data that came before it even where both go into one pipe."""
    if not sys.stdout.closed:
        sys.stdout.flush()
    # Talk that nobody can be given is no reason to leave the work undone.
    with suppress(OSError, ValueError):
        for line in said(unseen.visible(text, "\n"), _width(sys.stderr)):
            print(line, file=sys.stderr)  # noqa: T201


def complain(text: str) -> None:
    """What went wrong, on stderr."""
    say(f"Error: {text}")


def out(text: str, end: str = "\n") -> None:
    """A line of data, on stdout: as it is in a pipe or a file, harmless on a terminal."""
    print(unseen.visible(text, "\n\t") if sys.stdout.isatty() else text, end=end)  # noqa: T201


def csv_out(columns: Sequence[str], lines: Iterable[Mapping[str, Any]]) -> None:
    """Lines as CSV on stdout, each a row on a terminal too."""
    terminal = sys.stdout.isatty()
    for row in csv_rows(columns, lines):
        sys.stdout.write(unseen.visible(row.removesuffix("\n")) + "\n" if terminal else row)


def clear() -> None:
    """Begin a terminal's screen anew."""
    sys.stdout.write("\x1b[H\x1b[2J")


def paragraph(text: str, indent: str = "") -> None:
    """A line of somebody's text on stdout, folded to the terminal."""
    for line in folded(indent + visible(text), _width(sys.stdout), indent):
        out(line)


def tell(text: str) -> None:
    """A line for a person on stdout: with its hints, folded to the terminal."""
    for line in said(unseen.visible(text, "\n"), _width(sys.stdout)):
        out(line)


def number(count: int) -> str:
    """A count with its thousands set apart."""
    return f"{count:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: 1 row, 2 rows."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def lasting(length: float) -> str:
    """Seconds in words, a second at the least: 40 min."""
    return format_duration(timedelta(seconds=max(1, round(length))))


def percent(share: float) -> str:
    """A share (0 to 1) in whole percent, cut off: 100 % only when it is all."""
    return f"{int(share * 100 + 1e-9)} %"


def instant(at: datetime | str | None, zone: str | None = None, *, distance: bool = False) -> str:
    """An instant on a zone's clock, with the zone, and how far off it is if asked."""
    if at is None:
        return ""
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    local = at.astimezone(ZoneInfo(zone) if zone else UTC)
    shown = f"{local:%a %Y-%m-%d %H:%M} {local.tzname()}"
    return f"{shown} ({away(at)})" if distance else shown


def away(instant: datetime) -> str:
    """How far off an instant is: in 2 h 10 min, 5 min ago."""
    gap = instant - now()
    if abs(gap.total_seconds()) < 1:
        return "now"
    return f"in {format_duration(gap)}" if gap.total_seconds() > 0 else f"{format_duration(-gap)} ago"


def json_out(value: object) -> None:
    """A value as JSON on stdout."""
    _json_line(value, indent=2)


def _json_line(value: object, indent: int | None = None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    print(unseen.visible_json(text) if sys.stdout.isatty() else text)  # noqa: T201


def listing(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], form: str, empty: str) -> None:
    """Rows in the form asked for: `table` (chosen columns: key -> title), `json`, `nl` or `csv` (all keys)."""
    if form == "json":
        json_out(list(rows))
    elif form == "nl":
        for row in rows:
            _json_line(row)
    elif form == "csv":
        csv_out(list(rows[0]) if rows else list(columns), rows)
    elif not rows:
        say(empty)
    else:
        table([[row.get(key) for key in columns] for row in rows], list(columns.values()))


def table(rows: Sequence[Sequence[object]], titles: Sequence[str], title: str | None = None) -> None:
    """A calm table on stdout; numbers stand to the right. Where it is too wide, its rows stand below each other."""
    from rich.cells import cell_len

    shown = [[_shown(cell) for cell in row] for row in rows]
    columns = [[name, *(row[place] for row in shown)] for place, name in enumerate(titles)]
    longest = [max(map(cell_len, column)) for column in columns]
    words = [max((cell_len(word) for cell in column for word in cell.split()), default=0) for column in columns]
    room = _width(sys.stdout)
    widths: list[int] | None = longest
    gap = 3
    if room is not None and sum(longest) + gap * len(titles) > room:
        gap = 2
        widths = column_widths(words, longest, room - gap * len(titles))
    if widths is not None:
        _print_table(rows, shown, titles, title, widths, gap)
        return
    for row in shown:
        out("")
        pairs([(name, cell) for name, cell in zip(titles, row, strict=True)])


def _print_table(
    rows: Sequence[Sequence[object]],
    shown: Sequence[Sequence[str]],
    titles: Sequence[str],
    title: str | None,
    widths: Sequence[int],
    gap: int,
) -> None:
    from rich.cells import cell_len

    if not sys.stdout.isatty() and title is None and gap == 3:
        right = [_is_numeric(rows, place) for place in range(len(titles))]
        _print_lines(plain_lines(shown, titles, widths, right, cell_len))
        return
    from rich import box
    from rich.table import Table
    from rich.text import Text

    padding = (0, 1) if gap == 3 else (0, 1, 0, 0)
    made = Table(
        box=box.SIMPLE_HEAD, padding=padding, title=title, title_justify="left", title_style="bold", pad_edge=False
    )
    for place, (name, width) in enumerate(zip(titles, widths, strict=True)):
        made.add_column(name, justify="right" if _is_numeric(rows, place) else "left", overflow="fold", width=width)
    for line in shown:
        made.add_row(*(Text(cell) for cell in line))
    _print(made, sum(widths) + gap * len(widths) + 2)


def _is_numeric(rows: Sequence[Sequence[object]], place: int) -> bool:
    cells = [row[place] for row in rows if row[place] is not None and row[place] != ""]
    return bool(cells) and all(isinstance(cell, int) for cell in cells)


def _shown(cell: object) -> str:
    return number(cell) if isinstance(cell, int) and not isinstance(cell, bool) else visible(_word(cell))


def pairs(rows: Sequence[tuple[str, object]], messages: Container[str] = ()) -> None:
    """Names and values below each other, on stdout; pairs with nothing to say are left out.

    The values of the names in `messages` are our own words, which may have hints.
    """
    shown = [(name, visible(_word(value))) for name, value in rows if value not in {None, ""}]
    indent = 2 + max((len(name) for name, _ in shown), default=0)
    width = _width(sys.stdout)
    room = None if width is None else max(1, width - indent)
    for name, value in shown:
        before = f"{name:<{indent}}"
        for line in said(value, room) if name in messages else folded(value, room):
            if room is not None and len(line) > room:
                # Longer than the rest of the line: on one of its own it may be pasted.
                if before.strip():
                    out(before.rstrip())
                out(line)
            else:
                out(before + line)
            before = " " * indent


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value


def _print(thing: Any, width: int) -> None:
    from rich.console import Console

    console = Console(file=sys.stdout, width=width, highlight=False)
    with console.capture() as captured:
        console.print(thing)
    _print_lines([line.rstrip() for line in captured.get().splitlines()])


def _print_lines(lines: list[str]) -> None:
    while lines and not lines[-1]:
        lines.pop()
    for line in lines:
        print(line)  # noqa: T201 - with the colours of rich


def page(text: str) -> None:
    """A Markdown page: in colour and paged on a terminal, as plain Markdown in a pipe."""
    if not sys.stdout.isatty():
        out(text.rstrip("\n"))
        return
    from rich.console import Console

    from xpimport.cli import pager

    pager.show(rendered(text, Console(file=sys.stdout, highlight=False)))


def rendered(text: str, console: Any) -> str:
    """A Markdown page as a `rich` console of its width and colours writes it; no word is cut."""
    from rich.markdown import Markdown
    from rich.padding import Padding
    from rich.text import Text
    from rich.theme import Theme

    console.push_theme(Theme({"markdown.code": "bold cyan"}))  # else on black, whatever the terminal's ground
    width = min(console.width, PAGE_WIDTH)
    made: list[Any] = []
    for block in markdown.blocks(text):
        if block.kind in {"title", "heading"}:
            made.append(Text(block.lines[0], style="bold underline" if block.kind == "title" else "bold"))
        elif block.kind == "code":
            lines = [part for line in block.lines for part in markdown.hanging(line, width - 4)]
            made.append(Padding(Text("\n".join(lines), style="green"), (0, 0, 0, 4)))
        elif block.kind == "table":
            made.append(_page_table([markdown.cells(line) for line in block.lines], width))
        else:
            made.append(Markdown("\n".join(block.lines)))
    with console.capture() as captured:
        for thing in made:
            console.print(thing, "", sep="\n", width=width)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()).rstrip("\n") + "\n"


def _page_table(rows: list[list[str]], width: int) -> Any:
    """A table of a page; where the screen is too narrow for its columns, a list with an entry for each row."""
    from rich import box
    from rich.console import Group
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    def inline(cell: str, before: str = "") -> Text:
        parts = cell.split("`")
        return Text.assemble(before, *((part, "cyan" if place % 2 else "") for place, part in enumerate(parts)))

    titles, lines = rows[0], rows[2:]
    chosen = markdown.widths(titles, lines, width)
    if chosen is None:
        entries: list[Any] = []
        for first, *others in lines:
            parts = [inline(cell, f"{title}: ") for title, cell in zip(titles[1:], others, strict=True) if cell]
            entries += [inline(first), *(Padding(part, (0, 0, 0, 4)) for part in parts), ""]
        return Group(*entries[:-1])
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, markdown.GAP - 1, 0, 0), show_edge=False)
    for title, room in zip(titles, chosen, strict=True):
        made.add_column(title, width=room)
    for line in lines:
        made.add_row(*map(inline, line))
    return made


@contextmanager
def progress() -> Iterator[Bars]:
    """Bars for the time of a run."""
    if not sys.stderr.isatty():
        yield Bars(None)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<9}"),
        BarColumn(bar_width=20),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[note]}", justify="right"),
        TextColumn("{task.fields[rate]}", justify="right"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
    )
    with Progress(*columns, console=Console(stderr=True)) as shown:
        yield Bars(shown)


def confirm(question: str, *, yes: bool) -> bool:
    """Ask on a terminal; without one, or with --yes, the answer is yes."""
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    sys.stderr.write(f"{unseen.visible(question, chr(10))} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
