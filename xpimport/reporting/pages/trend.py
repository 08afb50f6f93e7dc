"""Run by run: three small charts with the runs at equal steps, and their numbers."""

from collections.abc import Callable, Sequence
from typing import Any

from xpimport.reporting.analytics import CampaignRun
from xpimport.reporting.figures import Figures
from xpimport.reporting.pages.charts import Bars, Chart, Mark, chart
from xpimport.reporting.pages.funnel import delivered, reported
from xpimport.reporting.pages.page import Section
from xpimport.reporting.pages.tables import Cell, Column, Row, Table, count
from xpimport.reporting.pages.words import Times, counted, number, share
from xpimport.rules.delivery import ACCEPTED
from xpimport.rules.events import Kind

MOST = 40
"""Runs in a chart; columns of more are too thin to tell."""

_HEIGHT, _NAMES = 152, 4
_PLACES = 8
"""Few runs do not fill the chart, so that one is still a column and no field."""


def trend(runs: Sequence[CampaignRun], times: Times) -> Section:
    """The newest runs, the oldest of them at the left."""
    shown = list(reversed(runs[:MOST]))
    section = Section(
        "trend", "Run by run", key=any(_figures(run).of(kind).machine_people for run in shown for kind in _READ)
    )
    section.note = _note(shown, len(runs), times)
    section.charts, section.numbers = _charts(shown, times), _numbers(shown, times)
    section.numbers_title = "The numbers of these charts"
    return section


_READ = (Kind.OPENED, Kind.CLICKED)


def _figures(run: CampaignRun) -> Figures:
    return run.figures or Figures()


def _day(run: CampaignRun, times: Times) -> str:
    local = times.local(run.sent_at or run.row["started_at"])
    return f"{local.day} {local:%b}"


def _note(shown: Sequence[CampaignRun], all_of_them: int, times: Times) -> str:
    text = f"The newest {MOST} of {number(all_of_them)} runs. " if all_of_them > len(shown) else ""
    known = [(rate, run) for run in shown if (rate := _rate(run, Kind.OPENED)) is not None]
    if len(known) > 1:
        (low, lowest), (high, highest) = (pick(known, key=lambda one: one[0]) for pick in (min, max))
        if share(low) == share(high):
            return f"{text}Opens are {share(low)} in every run."
        text += f"Opens lie between {share(low)} ({_day(lowest, times)}) and {share(high)} ({_day(highest, times)})."
    return text or ("There is one run yet." if all_of_them == 1 else "")


def _rate(run: CampaignRun, kind: Kind) -> float | None:
    found = _figures(run)
    rate = found.rate(kind) if reported(found, kind) else None
    return rate.share if rate else None


def _charts(shown: Sequence[CampaignRun], times: Times) -> list[Chart]:
    with_deliveries = any(delivered(_figures(run)) is not None for run in shown)
    name = "Delivered" if with_deliveries else "Accepted"

    def got(run: CampaignRun) -> Bars:
        found = _figures(run)
        people = delivered(found) if with_deliveries else found.fates[ACCEPTED]
        told = "not reported" if people is None else counted(people, "recipient")
        return Bars(_day(run, times), people, told=f"{_day(run, times)}: {told}")

    marks = _marks(shown, times)
    drawn: dict[str, Any] = {"height": _HEIGHT, "marks": marks, "places": _PLACES}
    found = [
        _chart(
            "got",
            name,
            "recipients a run",
            [got(run) for run in shown],
            lambda value: number(round(value)),
            whole=True,
            **drawn,
        )
    ]
    for kind, note in ((Kind.OPENED, "share of a run"), (Kind.CLICKED, "share of a run; another scale")):
        if any(reported(_figures(run), kind) for run in shown):
            bars = [_read(run, kind, times) for run in shown]
            found.append(_chart(kind.word, kind.word.capitalize(), note, bars, _percent, **drawn))
    return found


def _percent(value: float) -> str:
    return f"{value * 100:.3g} %"


def _chart(key: str, name: str, note: str, bars: Sequence[Bars], label: Callable[[float], str], **drawn: Any) -> Chart:
    told = "; ".join(bar.told for bar in bars)
    return chart(f"trend-{key}", name, note, f"{counted(len(bars), 'column')}. {told}", bars, label=label, **drawn)


def _read(run: CampaignRun, kind: Kind, times: Times) -> Bars:
    rate, tally, day = _rate(run, kind), _figures(run).of(kind), _day(run, times)
    if rate is None:
        return Bars(day, None, told=f"{day}: not reported")
    return Bars(
        day,
        rate,
        _figures(run).machine_share(kind),
        f"{day}: {share(rate)}, {number(tally.machine_people)} by machines only",
    )


def _marks(shown: Sequence[CampaignRun], times: Times) -> list[Mark]:
    every = max(1, -(-len(shown) // _NAMES))
    return [
        Mark((at + 0.5) * 100 / max(len(shown), _PLACES), _day(run, times))
        for at, run in enumerate(shown)
        if at % every == 0
    ]


def _numbers(shown: Sequence[CampaignRun], times: Times) -> Table:
    rows = []
    for run in reversed(shown):
        found = _figures(run)
        cells = [count(found.fates[ACCEPTED]), count(delivered(found))]
        for kind in _READ:
            tally, known = found.of(kind), reported(found, kind)
            cells += [
                count(tally.people if known else None),
                Cell(share(_rate(run, kind))),
                count(tally.machine_people if known else None),
            ]
        rows.append(Row((Cell(times.day(run.sent_at or run.row["started_at"]), sub=f"task {run.row['id']}"), *cells)))
    titles = (("Accepted", ""), ("Delivered", ""), ("Opened", ""), ("Rate", "of opened"), ("Machines only", "opened"),
              ("Clicked", ""), ("Rate", "of clicked"), ("Machines only", "clicked"))  # fmt: skip
    columns = [
        Column("Run", "grow"),
        *(Column(title, "n", f"{title.lower()} {more}".strip()) for title, more in titles),
    ]
    return Table("What the charts show, in numbers", columns, rows, "stack tight")
