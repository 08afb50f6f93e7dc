"""Zones and what their clocks do: which instant a wall-clock time names, and when a clock is changed.

Instants are aware and in UTC, wall-clock times are naive. Aware times of one zone are never compared with each
other: Python leaves the second pass of a repeated hour out of account there, so that two instants an hour
apart would count as equal.
"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from xpimport.errors import Invalid

ONE_DAY = timedelta(days=1)
ONE_SECOND = timedelta(seconds=1)
NO_OFFSET = timedelta()

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]{0,40}(/[A-Za-z0-9_+-]{1,40}){0,3}")
# Names that a system may hold and that say nothing: whatever this machine has, a placeholder, the same zones
# counted without and with leap seconds.
_EMPTY_NAMES = ("localtime", "posixrules", "Factory")
_EMPTY_FOLDERS = ("posix/", "right/")


@dataclass(frozen=True)
class ClockChange:
    """A zone's clock is moved at the UTC instant `at`: its offset from UTC was `before` and is `after`."""

    at: datetime
    before: timedelta
    after: timedelta


@dataclass(frozen=True)
class Span:
    """From the UTC instant `start` to just before `end`, at most a day, the zone keeps one `offset` from UTC."""

    start: datetime
    end: datetime
    offset: timedelta


def parse_zone(name: str) -> ZoneInfo:
    """The IANA zone called `name`, such as Europe/Dublin or UTC.

    Raises:
        Invalid: no such zone, or a name that stands for no zone of its own (`localtime`, `posix/...`, a path).
    """
    if _NAME.fullmatch(name) and name not in _EMPTY_NAMES and not name.startswith(_EMPTY_FOLDERS):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass  # unknown, a folder, or a file of another kind: told below
    raise Invalid(f"time zone {name[:60]!r}: there is no such zone. {_zone_advice(name)}")


def _zone_advice(name: str) -> str:
    wanted = re.sub(r"[\s_]+", "_", name[:60].strip()).casefold()
    known = {zone.casefold(): zone for zone in sorted(available_timezones() - set(_EMPTY_NAMES))}
    places = {folded.rpartition("/")[2]: zone for folded, zone in known.items()}
    found = known.get(wanted) or places.get(wanted)
    if found is None:
        for names in (known, places):
            close = difflib.get_close_matches(wanted, names, n=1, cutoff=0.75)
            if close:
                found = names[close[0]]
                break
    if found is None:
        return "Write an IANA name, for example Europe/Dublin, America/New_York or UTC."
    return f"Did you mean {found}?"


def to_utc(instant: datetime) -> datetime:
    """The aware `instant` in UTC.

    Raises:
        ValueError: it is naive, so that it names no instant.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no zone")
    return instant.astimezone(UTC)


def offset_at(instant: datetime, zone: ZoneInfo) -> timedelta:
    """How far the clock of `zone` is ahead of UTC at the aware `instant`."""
    return instant.astimezone(zone).utcoffset() or NO_OFFSET


def first_instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The UTC instant at which the naive `wall` time, of whole seconds, comes round in `zone`.

    Of a repeated time it is the first pass, of a time left out the first instant after the gap.
    """
    first = wall.replace(tzinfo=zone, fold=0).utcoffset() or NO_OFFSET
    second = wall.replace(tzinfo=zone, fold=1).utcoffset() or NO_OFFSET
    if first >= second:
        return (wall - first).replace(tzinfo=UTC)
    return _change_between((wall - second).replace(tzinfo=UTC), (wall - first).replace(tzinfo=UTC), zone)


def whole_day_offset(midnight: datetime, zone: ZoneInfo) -> timedelta | None:
    """The offset of every first pass on the day that begins at the naive `midnight`; None if there are several.

    Only the first pass of a time counts, so the two midnights tell all: a change that leaves them alike is
    one that begins with the second of them.
    """
    first, second = (wall.replace(tzinfo=zone).utcoffset() for wall in (midnight, midnight + ONE_DAY))
    return first if first == second else None


def _change_between(early: datetime, late: datetime, zone: ZoneInfo) -> datetime:
    """The first instant with the offset of `late`; the two are whole seconds with one change between."""
    offset = offset_at(late, zone)
    while late - early > ONE_SECOND:
        middle = early + timedelta(seconds=(late - early) // ONE_SECOND // 2)
        if offset_at(middle, zone) == offset:
            late = middle
        else:
            early = middle
    return late


def steady_spans(zone: ZoneInfo, start: datetime) -> Iterator[Span]:
    """Time from the aware `start` (its second) on, cut into unending spans of one offset each."""
    begin = to_utc(start).replace(microsecond=0)
    offset = offset_at(begin, zone)
    while True:
        # No zone has ever had two changes within a day: the closest in the tz database are 95 hours apart.
        end = begin + ONE_DAY
        following = offset_at(end, zone)
        if following != offset:
            end = _change_between(begin, end, zone)
        yield Span(begin, end, offset)
        begin, offset = end, following


def clock_changes(zone: ZoneInfo, start: datetime, end: datetime) -> list[ClockChange]:
    """Every change of the offset of `zone` after the aware `start` and not after the aware `end`, ascending."""
    changes: list[ClockChange] = []
    end = to_utc(end)
    before: timedelta | None = None
    for span in steady_spans(zone, start):
        if before is not None and before != span.offset and span.start <= end:
            changes.append(ClockChange(span.start, before, span.offset))
        if span.end > end:
            break
        before = span.offset
    return changes
