"""Numbers, shares and instants as a page writes them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def number(count: int) -> str:
    """A count with commas."""
    return f"{count:,}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """A count and what is counted."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def share(part: float | None) -> str:
    """A share in percent; of less than one percent two decimals are told, since most rates that alarm are there."""
    if not part:
        return "" if part is None else "0 %"
    if 0 < part < 0.0001:
        return "<0.01 %"
    return f"{part * 100:.{2 if 0 < part < 0.01 else 1}f} %"


def share_of(part: int, whole: int) -> str:
    """What share of a whole a part is; blank where there is no whole."""
    return share(part / whole) if whole else ""


def listed(parts: Sequence[str]) -> str:
    """The parts as a list in a sentence."""
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def moment(at: str | datetime) -> datetime:
    """An instant of the store or of JSON."""
    return at if isinstance(at, datetime) else datetime.fromisoformat(at).astimezone(UTC)


class Times:
    """Instants on the clock of one zone, as they are written on a page that was made at `made`."""

    def __init__(self, zone: str, made: datetime) -> None:
        """Years are told where they are not the one in which the page was made."""
        self.zone = zone
        self.made = made
        self._zone = ZoneInfo(zone)
        self._year = made.astimezone(self._zone).year

    def local(self, at: str | datetime) -> datetime:
        """The instant on the zone's clock."""
        return moment(at).astimezone(self._zone)

    def instant(self, at: str | datetime | None, *, year: bool = False) -> str:
        """Day, time and zone: Mon 23 Nov 09:00 GMT."""
        return "" if at is None else f"{self.day(at, year=year)} {self.clock(at)}"

    def day(self, at: str | datetime, *, year: bool = False) -> str:
        """The day of the week and of the month."""
        local = self.local(at)
        return f"{local:%a} {local.day} {local:%b}" + (f" {local.year}" if year or local.year != self._year else "")

    def clock(self, at: str | datetime) -> str:
        """The time of day, with the zone."""
        local = self.local(at)
        return f"{local:%H:%M} {local.tzname()}"
