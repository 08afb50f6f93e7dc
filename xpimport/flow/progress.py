"""What a run lets others know while it works."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.importing import task_notes
from xpimport.rules.forecast import Forecast, Throughput
from xpimport.store.database import Store

EVERY = 1.0
"""Seconds between two notes: often enough to be looked at, seldom enough to cost nothing."""


def _nobody(*_: object) -> None:
    return


@dataclass(frozen=True)
class Progress:
    """Who is told how far a run is; each call is cheap and may print."""

    reading: Callable[[int, int, int], None]
    merging: Callable[[int, int], None]
    sending: Callable[[int, int], None]
    expecting: Callable[[Forecast], None] = _nobody


SILENT = Progress(_nobody, _nobody, _nobody)


class ProgressReporter:
    """Notes in a task how far it is, for who looks from another terminal; its sign of life, too."""

    def __init__(self, store: Store, task: int) -> None:
        """Begin for a claimed task."""
        self._store, self._task = store, task
        self._stage, self._throughput = "", Throughput()
        self._noted = time.monotonic()
        self._silent = True

    def __call__(self, stage: str, done: int, total: int, unit: str) -> None:
        """So many of `total` rows or people are done; what does not count says the same number twice."""
        at = time.monotonic()
        # A stage that does not call again is told at once, unless the whole run is too short to be looked at.
        due = at - self._noted >= EVERY or (stage != self._stage and not self._silent)
        if stage != self._stage:
            self._stage, self._throughput = stage, Throughput()
        self._throughput.note(at, done)
        if not due:
            return
        self._noted, self._silent = at, False
        note = {
            "stage": stage,
            "done": done,
            "total": total,
            "unit": unit,
            "rate": self._throughput.rate,
            "seconds_left": self._throughput.seconds_left(total),
            "at": to_text(now()),
        }
        task_notes.note_progress(self._store, self._task, note)

    def reading(self, rows: int, done: int, total: int) -> None:
        """Rows read, bytes read, bytes in all: how many rows there are is reckoned from that."""
        self("reading", rows, max(rows, rows * total // done) if done else rows, "rows")

    def merging(self, done: int, total: int) -> None:
        """People merged, people in all."""
        self("merging", done, total, "people")
