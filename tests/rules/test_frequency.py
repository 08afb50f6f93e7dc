"""Caps count calendar days of the store's zone, across changes of the clocks too."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from xpimport.rules.durations import parse_duration, split_days
from xpimport.rules.frequency import Limit, day_start, limits

DUBLIN = ZoneInfo("Europe/Dublin")


@pytest.mark.parametrize(
    ("at", "days", "began"),
    [
        ("2026-11-24T09:00:00+00:00", 1, "2026-11-24T00:00:00+00:00"),
        ("2026-07-24T09:00:00+00:00", 1, "2026-07-23T23:00:00+00:00"),
        ("2026-03-30T08:00:00+00:00", 7, "2026-03-24T00:00:00+00:00"),
        ("2026-10-25T09:00:00+00:00", 1, "2026-10-24T23:00:00+00:00"),
        ("2026-10-26T09:00:00+00:00", 2, "2026-10-24T23:00:00+00:00"),
    ],
)
def test_a_span_of_days_begins_at_midnight_of_the_zone(at, days, began):
    assert day_start(datetime.fromisoformat(at), DUBLIN, days) == datetime.fromisoformat(began).timestamp()


def test_a_daily_send_at_nine_is_never_within_a_day_of_the_one_before():
    for day in ("2026-03-29", "2026-10-25", "2026-11-24"):
        nine = datetime.fromisoformat(f"{day}T09:00:00").replace(tzinfo=DUBLIN)
        before = nine.timestamp() - 23.9 * 3600
        assert before < day_start(nine, DUBLIN, 1)


@pytest.mark.parametrize(
    ("typed", "split"), [("1d", (None, 1)), ("24h", (86_400, None)), ("1w", (None, 7)), ("1d12h", (129_600, None))]
)
def test_days_and_hours_are_told_apart(typed, split):
    assert split_days(parse_duration(typed), typed) == split


def test_each_cap_is_a_limit_of_its_own():
    at = datetime(2026, 11, 24, 9, tzinfo=UTC)
    found = limits({"per_day": 1, "per_week": None, "per_month": 4}, 3600, None, at, ZoneInfo("UTC"))
    day, month = datetime(2026, 11, 24, tzinfo=UTC), datetime(2026, 10, 26, tzinfo=UTC)
    assert found == [
        Limit(int(day.timestamp()), 1),
        Limit(int(month.timestamp()), 4),
        Limit(int(at.timestamp()) - 3600, 1),
    ]
