"""When people opened and clicked: each in the hour of their first, over the first two days of a send."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from xpimport.clock import from_text
from xpimport.rules.events import Kind, Machine
from xpimport.store.database import Store

HOURS = 48
SHOWN = (Kind.OPENED, Kind.CLICKED)


@dataclass
class Curve:
    """People, and people with machine events only, by hour; `later` is who came after the last of them."""

    people: list[int] = field(default_factory=lambda: [0] * HOURS)
    machines: list[int] = field(default_factory=lambda: [0] * HOURS)
    later: int = 0

    @property
    def total(self) -> int:
        """Everybody who is told of as a person."""
        return sum(self.people) + self.later

    def half(self) -> int | None:
        """The hour in which half of the people had come; None where that was later, or nobody came."""
        come = 0
        for hour, people in enumerate(self.people):
            come += people
            if come and come * 2 >= self.total:
                return hour
        return None


@dataclass(frozen=True)
class Hours:
    """The curves of a run; `start` is the hour of its zone in which its sending began."""

    start: datetime
    curves: dict[Kind, Curve]

    @property
    def starts(self) -> Sequence[datetime]:
        """When each hour begins."""
        return [self.start + timedelta(hours=hour) for hour in range(HOURS)]


def hours_of(store: Store, trigger: int, began_at: str, zone: str) -> Hours:
    """The hours of a run, counted from the events that are kept of it."""
    start = from_text(began_at).astimezone(ZoneInfo(zone))
    start -= timedelta(minutes=start.minute, seconds=start.second, microseconds=start.microsecond)
    # In UTC, where an hour is always as long as any other.
    start = start.astimezone(UTC)
    rows = store.all(
        "SELECT kind, human IS NULL AS machine, max(0, (coalesce(human, first) - ?) / 3600) AS hour, count(*) AS people"
        " FROM (SELECT kind, min(CASE WHEN machine = ? THEN at END) AS human, min(at) AS first FROM events"
        f" WHERE trigger_id = ? AND kind IN ({', '.join(str(int(kind)) for kind in SHOWN)}) GROUP BY profile_id, kind)"
        " GROUP BY 1, 2, 3",
        int(start.timestamp()),
        Machine.NONE,
        trigger,
    )
    curves = {kind: Curve() for kind in SHOWN}
    for kind, machine, hour, people in rows:
        curve = curves[Kind(kind)]
        if hour < HOURS:
            (curve.machines if machine else curve.people)[hour] += people
        elif not machine:
            curve.later += people
    return Hours(start, curves)
