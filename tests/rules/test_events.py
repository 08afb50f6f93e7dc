"""When an event was, however it is written."""

import pytest

from xpimport.rules.events import read_time

AT = 1_795_510_808.0


@pytest.mark.parametrize(
    "written",
    [AT, int(AT), "1795510808", 1_795_510_808_000, "1795510808000", "2026-11-24T09:00:08Z", "2026-11-24T09:00:08.0000000Z",
     "2026-11-24 10:00:08+01:00", " 2026-11-24T09:00:08 "],
    ids=str,
)  # fmt: skip
def test_seconds_milliseconds_and_iso_are_read(written):
    assert read_time(written) == AT


@pytest.mark.parametrize(
    "written", [None, True, "", "yesterday", 0, -1, 1e300, "nan", "inf", "1970-01-01T00:00:00Z", "9" * 400]
)
def test_what_is_no_plausible_time_is_none(written):
    assert read_time(written) is None
