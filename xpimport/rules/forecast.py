"""How fast a run goes, how long one is expected to take, and whether that ends before its send."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

RUNS = 5
"""How many of the last runs are looked at."""

TWO_LOOKS = timedelta(minutes=1)
"""What a tick waits between its two looks at a file before the work on it begins."""

_TELLING = 1.0
"""A run of fewer seconds tells nothing of a rate: most of it was not spent on its rows."""

_ALIKE = 10
"""A list of so many times the bytes is still one of the same kind."""


@dataclass(frozen=True)
class PastRun:
    """A completed run: the seconds from the start of the work on its files to its end, and their bytes."""

    seconds: float
    bytes: int


def expected_seconds(past: Sequence[PastRun], size: int | None = None) -> float | None:
    """How many seconds a run is expected to take, after `past` ones (newest first) of the same import.

    With `size`, the bytes of its files, by the rate of the past runs, else by their durations; the median of the
    last five either way. None: nothing is known that would bear it.
    """
    from statistics import median

    recent = past[:RUNS]
    if not recent:
        return None
    usual = median(run.seconds for run in recent)
    if size is None:
        return usual
    rates = [run.seconds / run.bytes for run in recent if run.bytes and run.seconds >= _TELLING]
    if rates:
        return median(rates) * size
    return usual if size <= _ALIKE * median(run.bytes for run in recent) else None


@dataclass(frozen=True)
class Forecast:
    """When a run is expected to complete; instants in UTC. `seconds` None: unknown, and then nothing is added.

    `send_at` is the send instant, None where it is the completion itself.
    """

    begins: datetime
    seconds: float | None
    send_at: datetime | None

    @property
    def completes(self) -> datetime:
        """When it is expected to complete."""
        return self.begins + timedelta(seconds=self.seconds or 0)

    @property
    def late(self) -> bool | None:
        """Whether it would miss its send instant (completing exactly at it does); None where that is not known."""
        if self.send_at is None:
            return None if self.seconds is None else False
        if self.completes >= self.send_at:
            return True
        return None if self.seconds is None else False


class Throughput:
    """How many a second, over the last `window` seconds; the caller brings the seconds of a steady clock."""

    def __init__(self, window: float = 15.0) -> None:
        """Begin without anything seen."""
        self._window = window
        self._seen: deque[tuple[float, int]] = deque()

    def note(self, at: float, done: int) -> None:
        """So many were `done` at the second `at`."""
        self._seen.append((at, done))
        while len(self._seen) > 2 and self._seen[1][0] <= at - self._window:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Done a second; None until there is something to tell."""
        if len(self._seen) < 2:
            return None
        (first, before), (last, done) = self._seen[0], self._seen[-1]
        return (done - before) / (last - first) if last > first and done > before else None

    def seconds_left(self, total: int) -> float | None:
        """Until `total` are done at this rate; None where it is not known."""
        rate = self.rate
        return None if rate is None else max(0.0, (total - self._seen[-1][1]) / rate)
