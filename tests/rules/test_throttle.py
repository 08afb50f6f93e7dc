"""Rate, send window and canary."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.rules.throttle import Canary, RateLimiter, parse_rate, parse_window

DUBLIN = ZoneInfo("Europe/Dublin")


@pytest.mark.parametrize(("text", "rate"), [("50/s", 50), ("600/m", 10), ("3600 / h", 1), ("600/min", 10)])
def test_a_rate_is_a_number_of_messages_in_a_time(text, rate):
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["50", "0/s", "-1/s", "1.5/s", "5/y", ""])
def test_another_rate_is_refused(text):
    with pytest.raises(Invalid, match="Write it like 50/s"):
        parse_rate(text)


@given(st.sampled_from([0.5, 3.0, 50.0, 1000.0]), st.lists(st.floats(0, 2), min_size=1, max_size=200))
def test_no_stretch_of_time_sees_more_messages_than_its_rate_allows(rate, waits):
    limiter, at, sent = RateLimiter(rate, 0.0), 0.0, []
    for wait in waits:
        at += wait
        count = limiter.allowed(1000, at)
        limiter.spend(count)
        sent.append((at, count))
    for start in range(len(sent)):
        total = 0
        for end in range(start, len(sent)):
            total += sent[end][1]
            assert total <= rate * (sent[end][0] - sent[start][0]) + max(1.0, rate / 10) + 1e-6


def test_a_pace_says_how_long_to_wait_and_then_lets_one_through():
    limiter = RateLimiter(2.0, 0.0)
    assert limiter.allowed(5, 0.0) == 1
    limiter.spend(1)
    assert limiter.wait() == 0.5
    assert limiter.allowed(5, 0.5) == 1


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=DUBLIN).astimezone(UTC)


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        ("08:00-20:00", "2026-11-24T08:00", True),
        ("08:00-20:00", "2026-11-24T19:59:59", True),
        ("08:00-20:00", "2026-11-24T20:00", False),
        ("22:00-02:00", "2026-11-24T23:00", True),
        ("22:00-02:00", "2026-11-24T01:59", True),
        ("22:00-02:00", "2026-11-24T02:00", False),
    ],
)
def test_a_window_is_open_from_its_first_minute_and_shut_at_its_last(window, moment, is_open):
    assert parse_window(window).is_open(at(moment), DUBLIN) is is_open


def test_a_window_opens_next_after_the_gap_where_clocks_skip_its_opening():
    opening = parse_window("01:30-05:00").next_opening(at("2026-03-28T12:00"), DUBLIN)
    assert opening == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


@pytest.mark.parametrize("text", ["8-20", "08:00-08:00", "24:00-02:00", "08:00", ""])
def test_another_window_is_refused(text):
    with pytest.raises(Invalid, match="08:00-20:00"):
        parse_window(text)


def test_a_canary_is_at_least_one_person_and_holds_above_its_limit_only():
    canary = Canary(share=0.01, wait=900, max_failed=0.05)
    assert (canary.size(50), canary.size(1000), canary.size(0)) == (1, 10, 0)
    assert not canary.holds(tried=100, failed=5)
    assert canary.holds(tried=100, failed=6)
    assert Canary.from_json(canary.to_json()) == canary
