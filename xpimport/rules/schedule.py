"""When something comes round: cron expressions, `daily 03:00` and its like, and send times.

Every computation is in UTC instants; the zone only says what the clock on the wall shows. Two rules hold around
clock changes. Where neither minute nor hour holds a `*`, each wall-clock time happens once: on the first pass
of a repeated hour, at the first instant after a gap (and times that fall into one gap, or a date that is left
out, are one instant). Otherwise the clock is followed: every minute it really shows counts, both times round,
and none is made up.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from xpimport.errors import Invalid
from xpimport.rules.cron import parse_cron, shorten, split_words
from xpimport.rules.durations import format_duration, parse_duration
from xpimport.rules.wallclock import (
    ONE_DAY,
    ClockChange,
    clock_changes,
    first_instant,
    parse_zone,
    steady_spans,
    to_utc,
    whole_day_offset,
)

__all__ = [
    "ClockChange",
    "Dates",
    "Missed",
    "Schedule",
    "clock_changes",
    "describe",
    "format_duration",
    "missed",
    "next_after",
    "occurrences",
    "parse_duration",
    "parse_schedule",
    "parse_send_time",
    "parse_when",
    "parse_zone",
]

_SCHEDULE_FORMS = 'five fields such as "0 3 * * mon-fri", or "daily 03:00", "weekly mon 03:00" or "monthly 1 03:00"'
_SEND_TIME_FORMS = 'a time such as 09:00, or five fields such as "0 9 * * mon-fri"'
_TIME = re.compile("([0-9]{2}):([0-9]{2})")
_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MINUTE = timedelta(minutes=1)
_MIDNIGHT = time()
_ANY_DAY = frozenset(range(1, 32))
_ANY_MONTH = frozenset(range(1, 13))
_ANY_WEEKDAY = frozenset(range(7))


@dataclass(frozen=True)
class Dates:
    """The dates of a schedule.

    Attributes:
        months: 1 to 12.
        days: days of the month, 1 to 31.
        weekdays: 0 (Sunday) to 6 (Saturday).
        either: one of day and weekday suffices; otherwise both must match.
        day_or_last: the one day of every month, or its last day where it is shorter; replaces the rest.
    """

    months: frozenset[int] = _ANY_MONTH
    days: frozenset[int] = _ANY_DAY
    weekdays: frozenset[int] = _ANY_WEEKDAY
    either: bool = False
    day_or_last: int | None = None

    def __contains__(self, day: date) -> bool:
        """Whether `day` is one of the dates."""
        if self.day_or_last is not None:
            from dateutil.relativedelta import relativedelta

            return day + relativedelta(day=self.day_or_last) == day
        if day.month not in self.months:
            return False
        by_day, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return by_day or by_weekday if self.either else by_day and by_weekday


@dataclass(frozen=True)
class Schedule:
    """Wall-clock times on certain dates, in whichever zone it is read.

    Attributes:
        text: the normalised form; parsing it again gives an equal schedule.
        minutes: the times of day, as minutes after midnight, ascending.
        dates: the dates they happen on.
        every_pass: the clock is followed through its changes (the minute or the hour field holds a `*`).
    """

    text: str
    minutes: tuple[int, ...]
    dates: Dates
    every_pass: bool


@dataclass(frozen=True)
class Missed:
    """The occurrences that went by: the UTC instants of the first and the last, and how many (1 or more)."""

    first: datetime
    last: datetime
    count: int


def parse_schedule(text: str) -> Schedule:
    """The schedule that `text` writes: a cron expression, `daily 03:00`, `weekly mon 03:00`, `monthly 1 03:00`.

    The days 29 to 31 of `monthly` are the last day of shorter months.

    Raises:
        Invalid: neither of these, a value out of range, or a date that never comes.
    """
    words = split_words(text)
    if words and words[0] in ("daily", "weekly", "monthly"):
        return _parse_words(text, words)
    if len(words) == 1 and _TIME.fullmatch(words[0]):
        raise Invalid(f'schedule {text!r}: it does not say on which days. Write for example "daily {words[0]}".')
    return _parse_cron(text, "schedule", _SCHEDULE_FORMS)


def parse_send_time(text: str) -> Schedule:
    """The send time that `text` writes: `HH:MM` (every day at that time) or a cron expression.

    Raises:
        Invalid: neither of these, a value out of range, or a date that never comes.
    """
    words = split_words(text)
    if len(words) == 1 and ":" in words[0]:
        return Schedule(words[0], (_parse_time(words[0], text, "send time"),), Dates(), every_pass=False)
    return _parse_cron(text, "send time", _SEND_TIME_FORMS)


def _parse_cron(text: str, what: str, forms: str) -> Schedule:
    cron = parse_cron(text, what, forms)
    minutes = tuple(sorted(hour * 60 + minute for hour in cron.hours for minute in cron.minutes))
    dates = Dates(cron.months, cron.days, cron.weekdays, cron.either)
    return Schedule(cron.text, minutes, dates, cron.every_pass)


def _parse_words(text: str, words: list[str]) -> Schedule:
    match words:
        case ["daily", clock]:
            dates = Dates()
        case ["weekly", weekday, clock]:
            if weekday not in _WEEKDAYS:
                raise _bad_word(text, "weekday", weekday, "one of mon tue wed thu fri sat sun", "weekly mon 03:00")
            dates = Dates(weekdays=frozenset({_WEEKDAYS.index(weekday)}))
        case ["monthly", day, clock]:
            if not re.fullmatch("0?[1-9]|[12][0-9]|3[01]", day):
                raise _bad_word(text, "day", day, "1 to 31", "monthly 1 03:00")
            words = ["monthly", str(int(day)), clock]
            dates = Dates(day_or_last=int(day))
        case _:
            raise Invalid(f"schedule {shorten(text)!r}: not in a form that is taken. Write {_SCHEDULE_FORMS}.")
    return Schedule(" ".join(words), (_parse_time(clock, text, "schedule"),), dates, every_pass=False)


def _bad_word(text: str, part: str, value: str, span: str, example: str) -> Invalid:
    return Invalid(
        f"schedule {shorten(text)!r}: the {part} is {shorten(value)!r} where it must be {span}. "
        f'Write for example "{example}".'
    )


def _parse_time(clock: str, text: str, what: str) -> int:
    """The minutes after midnight of an `HH:MM`."""
    match = _TIME.fullmatch(clock)
    if match and int(match[1]) <= 23 and int(match[2]) <= 59:
        return int(match[1]) * 60 + int(match[2])
    raise Invalid(
        f"{what} {shorten(text)!r}: the time is {shorten(clock)!r} where it must be 00:00 to 23:59, "
        "two digits each. Write for example 03:00."
    )


def describe(schedule: Schedule) -> str:
    """The schedule in a few plain words for lists: "daily 03:00", "09:00", or the cron expression itself."""
    return schedule.text


def next_after(schedule: Schedule, zone: ZoneInfo, after: datetime) -> datetime:
    """The first occurrence strictly after the aware instant `after`, in UTC."""
    return next(occurrences(schedule, zone, after))


def occurrences(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Every occurrence strictly after the aware instant `after`: UTC instants, ascending, without end."""
    latest = to_utc(after)
    instants = _as_the_clock_shows if schedule.every_pass else _once_each
    for instant in instants(schedule, zone, latest):
        # Also drops what has come already: times that fall into the same gap are one instant.
        if instant > latest:
            latest = instant
            yield instant


def _once_each(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Each wall-clock time of each date once, beginning with the date that `after` falls on."""
    day = after.astimezone(zone).date()
    while True:
        if day in schedule.dates:
            midnight = datetime.combine(day, _MIDNIGHT)
            offset = whole_day_offset(midnight, zone)
            for minute in schedule.minutes:
                wall = midnight + minute * _MINUTE
                yield first_instant(wall, zone) if offset is None else wall.replace(tzinfo=UTC) - offset
        day += ONE_DAY


def _as_the_clock_shows(schedule: Schedule, zone: ZoneInfo, after: datetime) -> Iterator[datetime]:
    """Every instant from the second of `after` on at which the clock shows one of the times."""
    for span in steady_spans(zone, after):
        start, end = ((instant + span.offset).replace(tzinfo=None) for instant in (span.start, span.end))
        day = start.date()
        while (midnight := datetime.combine(day, _MIDNIGHT)) < end:
            if day in schedule.dates:
                # Rounded up to whole minutes: the first is not before `start`, the last is before `end`.
                low, high = (-((midnight - wall) // _MINUTE) for wall in (start, end))
                chosen = slice(bisect_left(schedule.minutes, low), bisect_left(schedule.minutes, high))
                origin = midnight.replace(tzinfo=UTC) - span.offset
                yield from (origin + minute * _MINUTE for minute in schedule.minutes[chosen])
            day += ONE_DAY


def missed(schedule: Schedule, zone: ZoneInfo, first: datetime, now: datetime) -> Missed:
    """The occurrences from `first`, itself one and not after `now`, to `now` inclusive.

    Raises:
        ValueError: `first` is after `now`, so that none is missed.
    """
    first, now = to_utc(first), to_utc(now)
    if first > now:
        raise ValueError("first is after now")
    last, count = first, 1
    for instant in occurrences(schedule, zone, first):
        if instant > now:
            break
        last = instant
        count += 1
    return Missed(first, last, count)


def parse_when(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The UTC instant that `text` names: ISO 8601 with an offset, or `HH:MM`, its next coming round in `zone`.

    Raises:
        Invalid: neither of these, no offset, or not after the aware instant `now`.
    """
    if _TIME.fullmatch(text):
        daily = Schedule(text, (_parse_time(text, text, "time"),), Dates(), every_pass=False)
        return next_after(daily, zone, now)
    match = _ISO.fullmatch(text)
    try:
        instant = datetime.fromisoformat(text) if match else None
        if instant is not None and instant.tzinfo is not None:
            instant = instant.astimezone(UTC)
    except (ValueError, OverflowError):  # the 30th of February, 25 o'clock, year 0
        instant = None
    if instant is None:
        raise Invalid(
            f"time {shorten(text)!r}: not a time that is taken. Write HH:MM such as 09:00, or a date and time "
            "with an offset such as 2026-11-24T09:00+00:00."
        )
    if instant.tzinfo is None:
        example = _with_offset(instant, zone)
        raise Invalid(f"time {text!r}: the offset from UTC is missing. Write {example} for that time in {zone.key}.")
    if instant <= to_utc(now):
        raise Invalid(
            f"time {text!r}: it is not in the future; now it is {now.astimezone(zone).isoformat(timespec='seconds')}. "
            "Write a later one, or leave it out."
        )
    return instant


def _with_offset(wall: datetime, zone: ZoneInfo) -> str:
    """The naive `wall` time as it is written with the offset of `zone`."""
    return first_instant(wall.replace(microsecond=0), zone).astimezone(zone).isoformat()
