"""A run beside those before it, as a page shows it: a circle a run, the median a bar, this run a full dot."""

from collections.abc import Sequence

from xpimport.reporting.beside import FEWEST, Measure, Run, measures
from xpimport.reporting.pages.funnel import read_cell
from xpimport.reporting.pages.tables import Cell, Column, Row, Strip, Table, count
from xpimport.reporting.pages.words import Times, counted, number, share
from xpimport.rules.delivery import ACCEPTED
from xpimport.rules.events import Kind

SIGNS = {
    "sent": "done", "sending": "going", "scheduled": "waits", "waiting": "waits", "stopped": "stopped", "failed": "bad",
    "held": "held", "ignored": "none", "missed": "missed",
}  # fmt: skip
"""What stands before the word of a trigger's state, so that it is not told by its colour alone."""


def state_cell(state: str | None, reason: str | None) -> Cell:
    """A trigger's state, with its reason."""
    return Cell(state or "sends nothing", sub=reason or "", sign=SIGNS.get(state or "", ""))


def note(runs: Sequence[Run]) -> str:
    """What the comparison is with, or why there is none."""
    before = runs[1:]
    if not before:
        return "This is the first run of its import; there is nothing to compare it with."
    if len(before) < FEWEST:
        return "There is only one earlier run; a comparison takes two."
    silent = [str(run.row["id"]) for run in before if run.row["began_at"] is None]
    text = (
        f"Each circle is one of the {counted(len(before), 'run')} of its import before it, the bar their median, the full"
        " dot this run. Runs that failed and rests of other runs are left out."
    )
    if silent:
        text += f" Nothing was sent by task {', '.join(silent)}, so {'it has' if len(silent) == 1 else 'they have'} no rates."
    return text


def beside(runs: Sequence[Run]) -> Table | None:
    """This run's measures beside those of the runs before it; None where too few have one."""
    rows = [_measure(one) for one in measures(runs)]
    columns = (
        Column("Measure"),
        Column("This run", "n"),
        Column("Median before", "n drop"),
        Column("Range before", "n muted mid"),
        Column("Earlier runs, the median and this run on a line", "strips", hidden=True),
        Column("In words", "muted"),
    )
    return Table("This run beside those before it", columns, rows, "stack beside") if rows else None


def _measure(one: Measure) -> Row:
    def told(value: float) -> str:
        return share(value) if one.is_share else number(round(value))

    low, high = min(one.before), max(one.before)
    span = f"{told(low)} to {told(high)}"
    cells = (Cell(one.name), Cell(told(one.now)), Cell(told(one.middle)), Cell(span), Cell(strip=_strip(one)))
    return Row((*cells, Cell(one.words)), "quiet" if one.words == "as usual" else "")


def _strip(one: Measure) -> Strip:
    low, high = min(*one.before, one.now), max(*one.before, one.now)

    def place(value: float) -> float:
        # Within the ends, so that no dot is cut in half.
        return 3 + 94 * (value - low) / (high - low) if high > low else 50

    return Strip([place(was) for was in one.before], place(one.middle), place(one.now))


def numbers(runs: Sequence[Run], times: Times) -> Table:
    """The runs in numbers, this one first."""
    rows = []
    for run in runs:
        row, found = run.row, run.figures
        sent = row["began_at"] is not None
        read = [read_cell(found, kind) for kind in (Kind.OPENED, Kind.CLICKED)]
        cells = (
            Cell(times.day(row["began_at"] or row["started_at"]), sub=f"task {row['id']}"),
            state_cell(row["state"], row["reason"]),
            count(row["rows_read"]),
            count(row["rows_rejected"]),
            count(found.fates[ACCEPTED] if sent else None),
            *read,
        )
        rows.append(Row(cells, "this" if run is runs[0] else ""))
    columns = (
        Column("Run", "grow"), Column("Send", "state"), Column("Rows", "n", "row|rows"), Column("Rejected", "n", "rejected"),
        Column("Accepted", "n", "accepted"), Column("Opened", "n", "opened"), Column("Clicked", "n", "clicked"),
    )  # fmt: skip
    return Table("This run and those before it in numbers", columns, rows, "stack tight")
