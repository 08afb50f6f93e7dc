"""A run beside the runs of its import before it: what is usual, and what is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from xpimport.reporting.figures import Figures, figures
from xpimport.reporting.tracked import tracked_kinds
from xpimport.rules.delivery import ACCEPTED, EXCLUDED
from xpimport.rules.events import Kind
from xpimport.store.database import Store

MOST = 10
"""Runs that a run is held against."""

FEWEST = 2
"""Without so many there is nothing to compare with."""

_RUNS = """
SELECT t.id, t.started_at, t.rows_read, t.rows_rejected, t.rows_created, t.rows_updated, t.rows_unchanged,
    g.id AS trigger_id, g.state, g.reason, g.decided_at, g.began_at
FROM tasks t LEFT JOIN triggers g ON g.task_id = t.id
WHERE t.import_id = (SELECT import_id FROM tasks WHERE id = ?1) AND t.type = 'profile_import'
    AND (t.id = ?1 OR t.id < ?1 AND t.status = 'completed' AND t.rest_of IS NULL)
ORDER BY t.id DESC LIMIT ?2
"""


@dataclass(frozen=True)
class Run:
    """A run: the row of its task and trigger, and its figures; those of a run that sends nothing are empty."""

    row: Mapping[str, Any]
    figures: Figures


@dataclass(frozen=True)
class Measure:
    """A figure of this run beside the same of those before it that have one (oldest first)."""

    name: str
    is_share: bool
    now: float
    before: Sequence[float]

    @property
    def middle(self) -> float:
        """The median of the runs before."""
        return median(self.before)

    @property
    def words(self) -> str:
        """How this run stands to those before it; usual is what lies between a fifth and four fifths of them."""
        higher, lower = (sum(was < self.now for was in self.before), sum(was > self.now for was in self.before))
        for count, word in ((higher, "higher"), (lower, "lower")):
            if count == len(self.before):
                return f"{word} than all {count}"
            if count > len(self.before) * 4 / 5:
                return f"{word} than {count} of {len(self.before)}"
        return "as usual"


def runs_beside(store: Store, task: int) -> list[Run]:
    """A run and those of its import before it, newest first; failed runs and rests of other runs are left out."""
    rows = [dict(row) for row in store.all(_RUNS, task, MOST + 1)]
    found = figures(store, rows)
    tracked = tracked_kinds(store, [row["trigger_id"] for row in rows if row["trigger_id"] is not None])
    for row in rows:
        if row["trigger_id"] in tracked and row["id"] in found:
            found[row["id"]].tracked = tracked[row["trigger_id"]]
    return [Run(row, found.get(row["id"], Figures())) for row in rows]


def measures(runs: Sequence[Run]) -> list[Measure]:
    """The measures of the first of these runs that at least `FEWEST` of the others have too."""
    this, before = runs[0], runs[:0:-1]
    found = []
    for name, (is_share, of) in _MEASURES.items():
        now, was = of(this), [value for run in before if (value := of(run)) is not None]
        if now is not None and len(was) >= FEWEST:
            found.append(Measure(name, is_share, now, was))
    return found


def _sent(run: Run) -> bool:
    return run.row["began_at"] is not None


def _accepted(run: Run) -> float | None:
    return run.figures.fates[ACCEPTED] if _sent(run) else None


def _excluded(run: Run) -> float | None:
    return run.figures.fates[EXCLUDED] / run.figures.audience if _sent(run) and run.figures.audience else None


def _rejected(run: Run) -> float | None:
    return run.row["rows_rejected"] / run.row["rows_read"] if run.row["rows_read"] else None


def _rate(kind: Kind) -> Callable[[Run], float | None]:
    def of(run: Run) -> float | None:
        # Where nobody reports an event of the kind, its rate is not known to be nothing.
        known = kind in run.figures.events or kind in run.figures.tracked
        found = run.figures.rate(kind) if known else None
        return None if found is None else found.share

    return of


_MEASURES: dict[str, tuple[bool, Callable[[Run], float | None]]] = {
    "Rows": (False, lambda run: run.row["rows_read"]),
    "Rejected, of rows": (True, _rejected),
    "Excluded, of people": (True, _excluded),
    "Accepted": (False, _accepted),
    "Bounced, of accepted": (True, _rate(Kind.BOUNCED)),
    "Opened": (True, _rate(Kind.OPENED)),
    "Clicked": (True, _rate(Kind.CLICKED)),
    "Unsubscribed": (True, _rate(Kind.UNSUBSCRIBED)),
}
