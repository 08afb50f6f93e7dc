"""From when on messages count against a cap: calendar days, so that a daily send is never left out by a late minute."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = {"per_day": 1, "per_week": 7, "per_month": 30}
"""Calendar days of each cap, today included."""


@dataclass(frozen=True)
class Limit:
    """At most `count` messages since the unix second `since`."""

    since: int
    count: int


def day_start(at: datetime, zone: ZoneInfo, days: int) -> int:
    """The unix second at which, on the clocks of `zone`, the first of the last `days` days began, today (`at`) included."""
    first: date = at.astimezone(zone).date() - timedelta(days=days - 1)
    return int(datetime.combine(first, time(), zone).timestamp())


def limits(
    caps: dict[str, int | None], cool_down: int | None, cool_down_days: int | None, at: datetime, zone: ZoneInfo
) -> list[Limit]:
    """The limits of a category at the instant `at`: caps by name in `DAYS`, a cool-down in seconds or in whole days."""
    found = [Limit(day_start(at, zone, DAYS[name]), count) for name, count in caps.items() if count is not None]
    if cool_down:
        found.append(Limit(int(at.timestamp()) - cool_down, 1))
    if cool_down_days:
        found.append(Limit(day_start(at, zone, cool_down_days), 1))
    return found
