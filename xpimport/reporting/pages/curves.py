"""Hour by hour: the charts of a run's opens and clicks, and their numbers."""

from collections.abc import Sequence
from datetime import datetime

from xpimport.reporting.figures import Figures
from xpimport.reporting.hours import HOURS, SHOWN, Hours
from xpimport.reporting.pages.charts import Bars, Chart, Mark, chart
from xpimport.reporting.pages.tables import Cell, Column, Row, Table, count
from xpimport.reporting.pages.words import Times, counted, listed, number
from xpimport.rules.events import Kind

_DOING = {Kind.OPENED: "opened", Kind.CLICKED: "clicked"}
_HEIGHT = {Kind.OPENED: 192, Kind.CLICKED: 152}


def note(hours: Hours, times: Times) -> str:
    """The message of both charts."""
    parts = []
    for kind in SHOWN:
        half = hours.curves[kind].half()
        if half is not None:
            by = hours.starts[half + 1] if half + 1 < HOURS else hours.starts[half]
            parts.append(
                f"half of those who {_DOING[kind]} had done so by {times.local(by):%H:%M} on {times.local(by):%A}"
            )
    later = [
        f"{number(hours.curves[kind].later)} {_DOING[kind]} after these {HOURS} hours"
        for kind in SHOWN
        if hours.curves[kind].later
    ]
    sentences = [listed(parts), listed(later)]
    return " ".join(f"{text[0].upper()}{text[1:]}." for text in sentences if text)


def charts(hours: Hours, times: Times) -> list[Chart]:
    """A chart a kind that anybody reports."""
    shown = [kind for kind in SHOWN if any(hours.curves[kind].people) or any(hours.curves[kind].machines)]
    return [_chart(hours, kind, times, other=kind is not shown[0]) for kind in shown]


def _chart(hours: Hours, kind: Kind, times: Times, *, other: bool) -> Chart:
    curve = hours.curves[kind]
    names = [_name(hours, start, times) for start in hours.starts]
    bars = [
        Bars(name, people, machines, f"{name}: {counted(people, 'person', 'people')}, {number(machines)} only machines")
        for name, people, machines in zip(names, curve.people, curve.machines, strict=True)
    ]
    top = max(range(HOURS), key=lambda hour: curve.people[hour])
    told = (
        f"Columns for {HOURS} hours from {times.instant(hours.start)}. The most came in the hour from {names[top]}:"
        f" {counted(curve.people[top], 'person', 'people')}, and {number(curve.machines[top])} by machines only on top."
        " The numbers are in the table below."
    )
    word = "open" if kind is Kind.OPENED else "click"
    return chart(
        f"hours-{kind.word}",
        kind.word.capitalize(),
        f"people, in the hour of their first {word}{'; another scale' if other else ''}",
        told,
        bars,
        label=lambda value: number(round(value)),
        height=_HEIGHT[kind],
        whole=True,
        marks=_clock(hours, times),
        days=_days(hours, times),
    )


def _name(hours: Hours, start: datetime, times: Times) -> str:
    """An hour by its day and time, with the zone once the clocks have changed: some of them come twice."""
    local = times.local(start)
    changed = local.utcoffset() != times.local(hours.start).utcoffset()
    return f"{local:%a %H:%M}" + (f" {local.tzname()}" if changed else "")


def _clock(hours: Hours, times: Times) -> list[Mark]:
    step = 100 / HOURS
    found = []
    for at in range(0, HOURS + 1, 6):
        start = hours.starts[at] if at < HOURS else hours.starts[0]
        anchor = "start" if at == 0 else "end" if at == HOURS else "middle"
        found.append(Mark(at * step, f"{times.local(start):%H:%M}", anchor, minor=at % 24 != 0))
    return found


def _days(hours: Hours, times: Times) -> list[Mark]:
    found = []
    for at, (before, start) in enumerate(zip(hours.starts, hours.starts[1:], strict=False), 1):
        day = times.local(start)
        if day.date() != times.local(before).date():
            found.append(Mark(at * 100 / HOURS, f"{day:%a} {day.day}", "start" if at < HOURS * 3 / 4 else "end"))
    return found


def numbers(hours: Hours, times: Times) -> Table:
    """What the charts show, in numbers, with those who came later."""
    rows = [
        Row((Cell(_name(hours, start, times)), *_cells(hours, at)))
        for at, start in enumerate(hours.starts)
        if any(curve.people[at] or curve.machines[at] for curve in hours.curves.values())
    ]
    opened, clicked = (hours.curves[kind] for kind in SHOWN)
    if opened.later or clicked.later:
        rows.append(Row((Cell("later"), count(opened.later), Cell(), count(clicked.later), Cell())))
    sums = [count(opened.total), count(sum(opened.machines)), count(clicked.total), count(sum(clicked.machines))]
    rows.append(Row((Cell("All"), *sums), "sum"))
    titles = ("Opened", "by machines only", "Clicked", "by machines only")
    columns = [Column("Hour"), *(Column(title, "n", title.lower()) for title in titles)]
    return Table(
        "People by the hour of their first open and click; hours without any are left out",
        columns,
        rows,
        "stack tight hourly",
    )


def _cells(hours: Hours, at: int) -> Sequence[Cell]:
    return [
        cell
        for kind in SHOWN
        for cell in (count(hours.curves[kind].people[at]), count(hours.curves[kind].machines[at]))
    ]


def kept(hours: Hours, found: Figures) -> bool:
    """Whether the events are there that the figures were counted from."""
    return all(hours.curves[kind].total == found.of(kind).people for kind in SHOWN)
