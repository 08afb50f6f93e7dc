"""The page of a campaign: how it does over all its runs, and run by run."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from xpimport.hints import command
from xpimport.reporting.analytics import Analytics, CampaignRun
from xpimport.reporting.figures import Figures
from xpimport.reporting.pages import sums
from xpimport.reporting.pages.comparison import state_cell
from xpimport.reporting.pages.funnel import READ, base_of_rates, delivered, read_cell, reported, share_with
from xpimport.reporting.pages.links import links
from xpimport.reporting.pages.page import Page, Section
from xpimport.reporting.pages.render import rendered
from xpimport.reporting.pages.tables import Cell, Column, Row, Table, count
from xpimport.reporting.pages.trend import trend
from xpimport.reporting.pages.words import Times, counted, listed, number, share_of
from xpimport.reporting.tracked import tracked_kinds
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, UNCERTAIN
from xpimport.rules.engagement import ENGAGED
from xpimport.rules.events import Kind
from xpimport.store.database import Store

Span = tuple[datetime | None, datetime | None]


def analytics_page(store: Store, name: str, found: Analytics, span: Span, zone: str, made: datetime) -> str:
    """The page of a campaign whose runs began in a span of time, with the times of a zone."""
    times = Times(zone, made)
    _look_up_tracking(store, found)
    page = Page(
        title=f"{name}, all runs",
        over=f"Campaign {name} · {_range(span, times)}",
        heading=name,
        lead="It was not sent in that time." if any(span) else "It was never sent.",
        command=_command(name, span, times),
        foot=[
            f"Made {times.instant(made, year=True)}; times are of {zone}",
            "Events that come in later count to the run that sent the message",
        ],
    )
    if found.runs:
        page.heading = f"{name}: {counted(len(found.runs), 'run')}, {counted(found.sums.fates[ACCEPTED], 'recipient')}"
        page.lead = _lead(found)
        page.sections = _sections(name, found, times)
    return rendered("analytics.html", page)


def _look_up_tracking(store: Store, found: Analytics) -> None:
    """Note what was tracked: there none is told as none, and not as unknown."""
    tracked = tracked_kinds(store, [run.row["trigger_id"] for run in found.runs])
    for run in found.runs:
        if run.figures is not None and run.row["trigger_id"] in tracked:
            run.figures.tracked = tracked[run.row["trigger_id"]]
            found.sums.tracked |= run.figures.tracked


def _range(span: Span, times: Times) -> str:
    since, until = span
    if since is None and until is None:
        return "all its runs"
    parts = [f"{word} {times.instant(at, year=True)}" for word, at in (("from", since), ("before", until)) if at]
    return "its runs that began " + " and ".join(parts)


def _command(name: str, span: Span, times: Times) -> str:
    words = [
        word
        for option, at in zip(("--since", "--until"), span, strict=True)
        if at
        for word in (option, f"{times.local(at):%Y-%m-%d}")
    ]
    return command("campaign", "analytics", name, *words, "--html", f"{name}.html")


def _lead(found: Analytics) -> str:
    states, accepted = Counter(str(run.row["state"]) for run in found.runs), found.sums.fates[ACCEPTED]
    read = [
        f"{share_with(found.sums, kind) or 'none'} {did}"
        for kind, did in ((Kind.OPENED, "opened it"), (Kind.CLICKED, "clicked"))
        if reported(found.sums, kind)
    ]
    if read:
        text = f"Of the recipients {listed(read)}."
    else:
        text = f"{counted(accepted, 'message')} {'was' if accepted == 1 else 'were'} accepted. Nobody reports opens or clicks."
    if len(states) > 1:
        told = [f"{number(many)} {'is' if many == 1 else 'are'} {state}" for state, many in states.most_common()]
        text += f" Of the runs {listed(told)}."
    return text


def _sections(name: str, found: Analytics, times: Times) -> list[Section]:
    several = len(found.runs) > 1
    twice = "Who was sent to in several runs counts in each, so these are recipients, not people. " if several else ""
    together = Section("together", "All runs together", note=twice, table=_together(found.sums))
    if found.sums.fates[ACCEPTED]:
        together.note += base_of_rates(found.sums)
    runs = Section("runs", "Import triggers, one line a run", table=_runs(found, times))
    runs.note = f"Newest first. Each run is an import of a list and the send to exactly the people on it. Times of {times.zone}."
    runs.command = command("campaign", "import-triggers", name)
    checked = [
        sums.fates(found.sums, "recipient|recipients"),
        *(
            one
            for fate in (EXCLUDED, FAILED)
            for one in sums.by_reason(found.sums.fates[fate], fate, found.sums.reasons[fate])
        ),
    ]
    return [
        trend(found.runs, times),
        together,
        runs,
        _links(found),
        Section("sums", "The sums", note=sums.verdict(checked), sums=checked),
    ]


def _together(found: Figures) -> Table:
    rows = [*_got(found), *(_came_back(found, kind, name) for kind, name in _KINDS.items())]
    opened, clicked = found.of(Kind.OPENED).people, found.of(Kind.CLICKED).people
    if opened and clicked:
        of = f"of {number(opened)} opened"
        rows.append(_line("Clicked beside opened", clicked, share_of(clicked, opened), of, "click-to-open"))
    columns = (
        Column("What", "grow"), Column("Recipients", "n"), Column("Rate", "n strong"), Column("Of what", "full"),
        Column("Note", "full muted"),
    )  # fmt: skip
    return Table("All runs together", columns, rows, "stack")


def _got(found: Figures) -> list[Row]:
    accepted, bounced, arrived = found.fates[ACCEPTED], found.accepted_and_bounced, delivered(found)
    lost = [(found.fates[fate], fate) for fate in (EXCLUDED, FAILED, UNCERTAIN)] + [(found.unsent, "unsent")]
    note = ", ".join(f"{number(many)} {word}" for many, word in lost if many)
    of = f"of {counted(found.audience, 'recipient')} on the lists"
    back = f"{number(bounced)} bounced" if bounced else ""
    first = _line("Accepted", accepted, share_of(accepted, found.audience), of, note)
    if arrived is None:
        return [first, _line("Delivered", None, "", "", f"nobody reports deliveries{back and ', '}{back}")]
    return [first, _line("Delivered", arrived, share_of(arrived, accepted), f"of {number(accepted)} accepted", back)]


_KINDS = {
    int(Kind.OPENED): "Opened", int(Kind.CLICKED): "Clicked", ENGAGED: "Opened or clicked",
    int(Kind.UNSUBSCRIBED): "Unsubscribed", int(Kind.COMPLAINED): "Complained",
}  # fmt: skip


def _came_back(found: Figures, kind: int, name: str) -> Row:
    kinds = READ if kind == ENGAGED else (kind,)
    if kind in {*READ, ENGAGED} and not reported(found, *kinds):
        return _line(name, None, "", "", "nobody reports it")
    rate, tally = found.rate(kind), found.of(kind)
    machines = f"and {number(tally.machine_people)} by machines only" if tally.machine_people else ""
    return _line(name, tally.people, share_with(found, kind), f"of {rate.of}" if rate else "", machines)


def _line(name: str, people: int | None, rate: str, of: str, note: str) -> Row:
    return Row((Cell(name), count(people), Cell(rate), Cell(of), Cell(note)))


def _runs(found: Analytics, times: Times) -> Table:
    rows = [_run(run, times) for run in found.runs]
    row_counts = {name: sum(run.row[name] for run in found.runs) for name in ("rows_read", "rows_rejected")}
    title = Cell(counted(len(found.runs), "run"))
    rows.append(
        Row(
            (title, Cell(), count(row_counts["rows_read"]), count(row_counts["rows_rejected"]), *_cells(found.sums)),
            "sum",
        )
    )
    columns = (
        Column("Send", "grow"), Column("Trigger", "state"), Column("Rows", "n mid", "row|rows"),
        Column("Rejected", "n mid", "rejected"), Column("People", "n", "person|people"), Column("Excluded", "n mid", "excluded"),
        Column("Accepted", "n", "accepted"), Column("Delivered", "n", "delivered"), Column("Opened", "n", "opened"),
        Column("Clicked", "n", "clicked"),
    )  # fmt: skip
    return Table("One line a run", columns, rows, "stack runs")


def _run(run: CampaignRun, times: Times) -> Row:
    row, at = run.row, run.sent_at
    head = Cell(
        times.day(at) if at else "", sub=f"{times.clock(at) if at else ''}, task {row['id']}, {row['import_name']}"
    )
    rows = (count(row["rows_read"]), count(row["rows_rejected"]))
    figures = _cells(run.figures) if run.figures else [Cell()] * 6
    return Row((head, state_cell(row["state"], row["reason"]), *rows, *figures))


def _cells(found: Figures) -> Sequence[Cell]:
    read = [read_cell(found, kind) for kind in (Kind.OPENED, Kind.CLICKED)]
    return [
        count(found.audience),
        count(found.fates[EXCLUDED]),
        count(found.fates[ACCEPTED]),
        count(delivered(found)),
        *read,
    ]


def _links(found: Analytics) -> Section:
    clicked = found.sums.of(Kind.CLICKED).people
    if not found.links:
        note = "Nobody has clicked yet." if reported(found.sums, Kind.CLICKED) else "Nobody reports clicks."
        return Section("links", "Links", note=note)
    note = f"Grouped by address. {counted(clicked, 'recipient')} clicked; who clicked two links stands in two lines."
    return Section("links", "Links", note=note, table=links(found.links, clicked, "recipient|recipients"))
