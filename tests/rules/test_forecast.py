"""How long a run is expected to take, and how fast one goes."""

from datetime import UTC, datetime, timedelta

import pytest

from xpimport.rules.forecast import Forecast, PastRun, Throughput, expected_seconds

NINE = datetime(2026, 11, 24, 9, tzinfo=UTC)


def runs(*pairs):
    return [PastRun(seconds, size) for seconds, size in pairs]


@pytest.mark.parametrize(
    ("past", "size", "expected"),
    [
        ((), None, None),
        ((), 1000, None),
        (((60, 1000), (600, 1000), (70, 1000)), None, 70),
        (((10, 1), (20, 1), (30, 1), (40, 1), (50, 1), (1, 1), (1, 1), (1, 1)), None, 30),
        (((10, 1000), (40, 2000), (20, 2000)), 4000, 40),
        (((0.2, 1000), (10, 1000)), 2000, 20),
        (((0.2, 1000), (0.4, 1000)), 10_000, 0.3),
        (((0.2, 1000), (0.4, 1000)), 10_001, None),
        (((5, 0),), 1000, None),
    ],
    ids=[
        "no run yet",
        "no run yet, size known",
        "the median of the durations",
        "only the last five",
        "the median rate times the size",
        "a run of under a second tells no rate",
        "only such runs, a list alike",
        "only such runs, a list of another kind",
        "an empty list tells no rate",
    ],
)
def test_the_last_five_runs_tell_how_long_the_next_one_takes(past, size, expected):
    assert expected_seconds(runs(*past), size) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("minutes", "seconds", "late"),
    [(10, 599, False), (10, 600, True), (10, 601, True), (10, None, None), (0, None, True)],
    ids=["just in time", "exactly at the instant", "after it", "not known", "begun too late"],
)
def test_a_run_that_completes_at_its_send_instant_or_later_misses_it(minutes, seconds, late):
    assert Forecast(NINE - timedelta(minutes=minutes), seconds, NINE).late is late


def test_a_run_that_sends_when_it_completes_is_never_late():
    assert Forecast(NINE, 10_000, None).late is False


def test_the_pace_is_that_of_the_last_seconds():
    pace = Throughput(window=10)
    assert pace.rate is None
    pace.note(0, 0)
    assert (pace.rate, pace.seconds_left(100)) == (None, None)
    pace.note(5, 500)
    assert (pace.rate, pace.seconds_left(1000)) == (100, 5)
    for second in range(6, 30):
        pace.note(second, 500 + (second - 5) * 10)
    assert pace.rate == 10
    assert pace.seconds_left(1000) == pytest.approx((1000 - 740) / 10)
    assert pace.seconds_left(700) == 0


def test_a_pace_taken_up_in_the_middle_counts_from_there():
    pace = Throughput()
    pace.note(100, 50_000)
    pace.note(101, 51_000)
    assert pace.rate == 1000


def test_standing_still_is_no_pace():
    pace = Throughput()
    pace.note(0, 5)
    pace.note(1, 5)
    assert (pace.rate, pace.seconds_left(10)) == (None, None)
