"""When schedules come round: what is taken, what is refused, and what happens where clocks are changed."""

import re
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.rules.schedule import (
    ClockChange,
    Schedule,
    clock_changes,
    describe,
    format_duration,
    missed,
    next_after,
    occurrences,
    parse_duration,
    parse_schedule,
    parse_send_time,
    parse_when,
    parse_zone,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
DUBLIN = ZoneInfo("Europe/Dublin")
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def upto(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    found = occurrences(parse_schedule(text), zone, start)
    return list(takewhile(lambda instant: instant <= end, found))


def on_the_wall(instants: list[datetime], zone: ZoneInfo) -> list[str]:
    return [instant.astimezone(zone).strftime("%d %H:%M %z") for instant in instants]


# What is taken


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        pytest.param("0 3 * * *", "0 3 * * *", id="cron"),
        pytest.param("  0\t3  * * MON-Fri ", "0 3 * * mon-fri", id="cron-blanks-and-case"),
        pytest.param("Daily 03:00", "daily 03:00", id="daily"),
        pytest.param("weekly MON  03:00", "weekly mon 03:00", id="weekly"),
        pytest.param("monthly 01 03:00", "monthly 1 03:00", id="monthly"),
    ],
)
def test_a_schedule_is_kept_in_one_form_which_reads_back_the_same(typed, kept):
    schedule = parse_schedule(typed)
    assert describe(schedule) == kept
    assert parse_schedule(kept) == schedule


@pytest.mark.parametrize("text", ["09:00", "00:00", "23:59", "0 9 * * mon-fri"])
def test_a_send_time_is_described_as_it_is_typed(text):
    assert describe(parse_send_time(text)) == text


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param("daily 03:05", "5 3 * * *", id="daily"),
        pytest.param("weekly sun 03:00", "0 3 * * 0", id="weekly"),
        pytest.param("monthly 28 03:00", "0 3 28 * *", id="monthly"),
        pytest.param("0 0 * * 7", "0 0 * * sun", id="seven-is-sunday"),
        pytest.param("0 0 * * 5-7", "0 0 * * fri,sat,sun", id="friday-to-seven"),
        pytest.param("0 0 * * 1-7/2", "0 0 * * sun,mon,wed,fri", id="stepped-up-to-seven"),
        pytest.param("0 0 * jan-mar *", "0 0 * 1,2,3 *", id="month-names"),
        pytest.param("5-5 0 * * *", "5 0 * * *", id="range-of-one-is-that-value"),
        pytest.param("0 0 3-3/2 * *", "0 0 3 * *", id="stepped-range-of-one-is-that-value"),
        pytest.param("50/5 0 * * *", "50,55 0 * * *", id="step-from-a-value"),
        pytest.param("59/15 0 * * *", "59 0 * * *", id="step-from-the-last-value"),
        pytest.param("*/31 0 * * *", "0,31 0 * * *", id="step-of-31"),
        pytest.param("*/60 0 * * *", "0 0 * * *", id="step-of-60"),
        pytest.param("05 03 * * *", "5 3 * * *", id="leading-zeros"),
        pytest.param("0 0 1 * 0-6", "0 0 * * *", id="either-day-or-every-weekday"),
    ],
)
def test_two_ways_of_writing_it_come_round_at_the_same_times(text, same):
    zone = ZoneInfo("UTC")
    one, other = (list(islice(occurrences(parse_schedule(t), zone, NOON), 40)) for t in (text, same))
    assert one == other


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        pytest.param("0 0 13 * fri", ["03", "10", "13", "17", "24", "31"], id="both-restricted-either"),
        pytest.param("0 0 */5 * fri", ["31"], id="day-begins-with-a-star-both"),
        pytest.param("0 0 1-7 * */7", ["05"], id="weekday-begins-with-a-star-both"),
        pytest.param("0 0 1,* * fri", [f"{day:02}" for day in range(1, 32)], id="star-not-first-is-restricted"),
        pytest.param("0 0 * * fri", ["03", "10", "17", "24", "31"], id="weekday-alone"),
        pytest.param("0 0 10,20 * *", ["10", "20"], id="day-alone"),
    ],
)
def test_day_and_weekday_are_joined_as_in_debian_cron(text, dates):
    found = upto(text, ZoneInfo("UTC"), at("2026-06-30T23:59Z"), at("2026-07-31T23:59Z"))
    assert [f"{instant:%d}" for instant in found] == dates


@pytest.mark.parametrize(
    ("text", "dates"),
    [
        pytest.param(
            "monthly 31 03:00",
            ["2027-01-31", "2027-02-28", "2027-03-31", "2027-04-30"],
            id="31",
        ),
        pytest.param("monthly 30 03:00", ["2027-01-30", "2027-02-28", "2027-03-30"], id="30"),
        pytest.param("monthly 29 03:00", ["2027-01-29", "2027-02-28", "2027-03-29"], id="29"),
        pytest.param("monthly 28 03:00", ["2027-01-28", "2027-02-28", "2027-03-28"], id="28"),
    ],
)
def test_a_monthly_day_is_the_last_of_a_shorter_month(text, dates):
    found = islice(occurrences(parse_schedule(text), ZoneInfo("UTC"), at("2027-01-01T00:00Z")), len(dates))
    assert [f"{instant:%Y-%m-%d}" for instant in found] == dates


def test_a_monthly_day_29_is_the_29th_in_a_leap_year():
    schedule = parse_schedule("monthly 29 03:00")
    assert next_after(schedule, ZoneInfo("UTC"), at("2028-02-01T00:00Z")) == at("2028-02-29T03:00Z")


def test_a_leap_day_that_must_be_a_sunday_is_found_across_forty_years():
    schedule = parse_schedule("0 0 29 2 */7")
    assert next_after(schedule, ZoneInfo("UTC"), at("2088-03-01T00:00Z")) == at("2128-02-29T00:00Z")


# What is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", r"5 fields, not 0 \(none\).*daily 03:00", id="nothing"),
        pytest.param("0 3 * *", "5 fields, not 4.*month", id="four-fields"),
        pytest.param("* * * * * *", "5 fields, not 6.*seconds", id="six-fields"),
        pytest.param("0 3 * * * * 2026", "5 fields, not 7.*years", id="seven-fields"),
        pytest.param("@daily", "minute field says '@daily'.*0 3 [*] [*] [*]", id="at-daily"),
        pytest.param("@reboot", "minute field says '@reboot'", id="at-reboot"),
        pytest.param("60 3 * * *", "minute field says '60'.*0 to 59", id="minute-60"),
        pytest.param("0 24 * * *", "hour field says '24'.*0 to 23", id="hour-24"),
        pytest.param("0 0 0 * *", "day field says '0'.*1 to 31", id="day-0"),
        pytest.param("0 0 32 * *", "day field says '32'.*1 to 31", id="day-32"),
        pytest.param("0 0 * 13 *", "month field says '13'.*1 to 12 or jan to dec", id="month-13"),
        pytest.param("0 0 * * 8", "weekday field says '8'.*0 to 7 or sun to sat", id="weekday-8"),
        pytest.param("0 0 * * 1-8", "weekday field says '1-8'", id="weekday-range-to-8"),
        pytest.param("005 0 * * *", "minute field says '005'.*two digits", id="three-digits"),
        pytest.param("-5 0 * * *", "minute field says '-5'", id="negative"),
        pytest.param("1.5 0 * * *", "minute field says '1.5'", id="fraction"),
        pytest.param("5- 0 * * *", "minute field says '5-'", id="half-a-range"),
        pytest.param("1-5-9 0 * * *", "minute field says '1-5-9'", id="double-range"),
        pytest.param("*-5 0 * * *", r"minute field says '\*-5'", id="range-from-a-star"),
        pytest.param("** 0 * * *", r"minute field says '\*\*'", id="two-stars"),
        pytest.param("*/0 0 * * *", r"minute field says '\*/0'.*\*/5", id="step-0"),
        pytest.param("*/90 * * * *", r"minute field says '\*/90'.*1 to 60", id="step-beyond-the-field"),
        pytest.param("*/ * * * *", r"minute field says '\*/'", id="step-missing"),
        pytest.param("*/5/5 * * * *", r"minute field says '\*/5/5'", id="two-steps"),
        pytest.param("0 0 * * fri/2", "weekday field says 'fri/2'.*5-6/2", id="step-from-a-weekday"),
        pytest.param("1,,2 * * * *", "minute field says '1,,2'.*comma", id="comma-too-many"),
        pytest.param("1, * * * *", "minute field says '1,'.*comma", id="comma-at-the-end"),
        pytest.param("5-1 * * * *", "minute field says '5-1'.*5-59,0-1", id="wrapped-minutes"),
        pytest.param("0 22-2/2 * * *", "hour field says '22-2/2'.*22-23/2,0-2/2", id="wrapped-hours-stepped"),
        pytest.param("0 0 * nov-feb *", "month field says 'nov-feb'.*nov-dec,jan-feb", id="wrapped-months"),
        pytest.param("0 0 * * fri-sun", "weekday field says 'fri-sun'.*fri-sat,sun", id="wrapped-names"),
        pytest.param("0 0 * * sat-mon", "weekday field says 'sat-mon'.*sat,sun-mon", id="wrapped-sat"),
        pytest.param("0 0 * * 6-1", "weekday field says '6-1'.*6,0-1", id="wrapped-weekdays"),
        pytest.param("0 3 L * *", "day field says 'l'.*monthly 31 03:00", id="L"),
        pytest.param("0 3 * * 5L", "weekday field says '5l'.*L is not taken", id="5L"),
        pytest.param("0 3 * * L5", "weekday field says 'l5'.*L is not taken", id="L5"),
        pytest.param("0 3 15W * *", "day field says '15w'.*W is not taken", id="W"),
        pytest.param("0 3 LW * *", "day field says 'lw'", id="LW"),
        pytest.param("0 3 * * mon#2", "weekday field says 'mon#2'.*n-th", id="hash"),
        pytest.param("0 3 ? * *", "day field says '[?]'.*Write [*]", id="question-mark"),
        pytest.param("R R * * *", "minute field says 'r'.*random", id="R"),
        pytest.param("H * * * *", "minute field says 'h'.*hashed", id="H"),
        pytest.param("H(0-29)/10 * * * *", "minute field says.*hashed", id="H-range"),
        pytest.param("0 3 * * thursday", "weekday field says 'thursday'.*mon-fri", id="whole-name"),
        pytest.param("0 3 * mon *", "month field says 'mon'.*jan to dec", id="weekday-as-month"),
        pytest.param("mon 3 * * *", "minute field says 'mon'", id="name-as-minute"),
        pytest.param("0 3 * * *\n", "weekday field says", id="line-end"),
        pytest.param("٣ 3 * * *", "minute field says '٣'", id="arabic-digit"),
        pytest.param("0 ３ * * *", "hour field says '３'", id="wide-digit"),
        pytest.param("0 3 * * *\0", "weekday field says", id="nul"),
        pytest.param("0\u00a03 * * *", "5 fields, not 4", id="no-break-space"),
        pytest.param("0 0 30 2 *", "day field says '30'.*month field '2'.*0 0 29 2 [*]", id="30-february"),
        pytest.param("0 0 31 2,4,6,9,11 *", "day field says '31'.*no such date ever comes", id="31-short-months"),
        pytest.param("0 0 30,31 feb *", "day field says '30,31'.*month field 'feb'", id="30-31-february"),
        pytest.param("0 0 30 2 */2", "day field says '30'", id="30-february-and-a-starred-weekday"),
        pytest.param("09:00", '"daily 09:00"', id="time-alone"),
        pytest.param("daily 3:00", "the time is '3:00'.*03:00", id="daily-one-digit"),
        pytest.param("daily 24:00", "the time is '24:00'", id="daily-24"),
        pytest.param("daily 03:60", "the time is '03:60'", id="daily-minute-60"),
        pytest.param("daily 03:00:00", "the time is '03:00:00'", id="daily-seconds"),
        pytest.param("daily ٠٣:٠٠", "the time is", id="daily-arabic"),
        pytest.param("daily 03:00\n", "the time is", id="daily-line-end"),
        pytest.param("daily", "Write five fields", id="daily-alone"),
        pytest.param("daily 03:00 04:00", "Write five fields", id="daily-twice"),
        pytest.param("weekly monday 03:00", "weekday is 'monday'.*weekly mon 03:00", id="weekly-whole-name"),
        pytest.param("weekly 03:00", "Write five fields", id="weekly-without-day"),
        pytest.param("monthly 32 03:00", "day is '32'.*monthly 1 03:00", id="monthly-32"),
        pytest.param("monthly 0 03:00", "day is '0'", id="monthly-0"),
        pytest.param("hourly", "5 fields, not 1", id="hourly"),
    ],
)
def test_a_schedule_is_refused_with_field_value_and_next_step(text, said):
    with pytest.raises(Invalid) as refused:
        parse_schedule(text)
    assert re.search(said, refused.value.message, re.DOTALL)
    assert refused.value.message.startswith("schedule ")
    assert "Write " in refused.value.message
    assert refused.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("9:00", "the time is '9:00'", id="one-digit"),
        pytest.param("24:00", "the time is '24:00'", id="24"),
        pytest.param("09:00:00", "the time is", id="seconds"),
        pytest.param("٠٩:٠٠", "the time is", id="arabic-digits"),
        pytest.param("0900", "Write a time such as 09:00", id="no-colon"),
        pytest.param("", "Write a time such as 09:00", id="nothing"),
        pytest.param("daily 09:00", "Write a time such as 09:00", id="daily"),
        pytest.param("09:00\n", "the time is", id="line-end"),
        pytest.param("0 25 * * *", "hour field says '25'", id="cron"),
    ],
)
def test_a_send_time_is_refused_with_the_next_step(text, said):
    with pytest.raises(Invalid, match=said) as refused:
        parse_send_time(text)
    assert refused.value.message.startswith("send time ")


def test_a_list_of_a_hundred_thousand_items_is_refused_at_once():
    text = ",".join(str(number % 60) for number in range(100_000)) + " * * * *"
    began = time.process_time()
    with pytest.raises(Invalid, match="in the minute field; 256 are the most") as refused:
        parse_schedule(text)
    assert time.process_time() - began < 0.1
    assert len(refused.value.message) < 400


def test_the_longest_expression_taken_has_256_characters():
    text = "0," * 124 + "0 * * * *"
    assert parse_schedule(text[2:] + " ")
    with pytest.raises(Invalid, match="257 characters"):
        parse_schedule(text)


def test_croniter_is_not_loaded_before_an_expression_is_read():
    code = "import sys, xpimport.rules.schedule; sys.exit('croniter' in sys.modules or 'dateutil' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# The next occurrence


@pytest.mark.parametrize(
    ("start", "send", "expected"),
    [
        pytest.param("2026-11-23T03:00Z", "09:00", "2026-11-23T09:00Z", id="0300-0900-same-day"),
        pytest.param("2026-11-23T09:00Z", "03:00", "2026-11-24T03:00Z", id="0900-0300-next-day"),
        pytest.param("2026-11-23T03:00Z", "03:00", "2026-11-24T03:00Z", id="equal-next-day"),
        pytest.param("2026-11-23T03:00:02Z", "03:00", "2026-11-24T03:00Z", id="just-past-next-day"),
        pytest.param("2026-11-23T02:59:59.999999Z", "03:00", "2026-11-23T03:00Z", id="just-before"),
        pytest.param("2026-07-01T02:00Z", "09:00", "2026-07-01T08:00Z", id="summer-time"),
        pytest.param("2026-11-27T03:00Z", "0 9 * * mon-fri", "2026-11-27T09:00Z", id="friday-same-day"),
        pytest.param("2026-11-27T09:00Z", "0 9 * * mon-fri", "2026-11-30T09:00Z", id="friday-to-monday"),
        pytest.param("2026-11-28T03:00Z", "0 9 * * mon-fri", "2026-11-30T09:00Z", id="saturday-to-monday"),
        pytest.param("2026-03-28T23:30Z", "01:30", "2026-03-29T01:00Z", id="send-time-in-the-gap"),
        pytest.param("2026-03-29T01:00Z", "01:30", "2026-03-30T00:30Z", id="start-at-the-end-of-the-gap"),
        pytest.param("2026-10-25T00:30Z", "01:30", "2026-10-26T01:30Z", id="repeated-first-pass-taken"),
        pytest.param("2026-10-25T01:10Z", "01:30", "2026-10-26T01:30Z", id="start-in-the-second-pass"),
    ],
)
def test_the_send_instant_is_the_first_strictly_after_the_start(start, send, expected):
    assert next_after(parse_send_time(send), DUBLIN, at(start)) == at(expected)


def test_instants_come_in_utc_whatever_zone_the_start_has():
    found = next_after(parse_schedule("daily 03:00"), DUBLIN, NOON.astimezone(ZoneInfo("Asia/Tokyo")))
    assert found == at("2026-07-02T02:00Z")
    assert found.tzinfo is UTC


def test_a_time_without_a_zone_is_no_instant():
    with pytest.raises(ValueError, match="has no zone"):
        next_after(parse_schedule("daily 03:00"), DUBLIN, NOON.replace(tzinfo=None))


# Where clocks are changed

SPRING, AUTUMN = ("2026-03-28T12:00Z", "2026-03-30T12:00Z"), ("2026-10-24T12:00Z", "2026-10-26T12:00Z")


@pytest.mark.parametrize(
    ("zone", "text", "span", "wall"),
    [
        pytest.param(
            "Europe/Dublin", "30 1 * * *", SPRING, ["29 02:00 +0100", "30 01:30 +0100"], id="dublin-gap-fixed"
        ),
        pytest.param(
            "Europe/Dublin",
            "0,15,59 1 * * *",
            SPRING,
            ["29 02:00 +0100", "30 01:00 +0100", "30 01:15 +0100", "30 01:59 +0100"],
            id="dublin-gap-several-fixed-are-one",
        ),
        pytest.param(
            "Europe/Dublin",
            "0 1,2 * * *",
            SPRING,
            ["29 02:00 +0100", "30 01:00 +0100", "30 02:00 +0100"],
            id="dublin-gap-and-its-end-are-one",
        ),
        pytest.param(
            "Europe/Dublin",
            "0-59/30 0-2 29 3 *",
            SPRING,
            ["29 00:00 +0000", "29 00:30 +0000", "29 02:00 +0100", "29 02:30 +0100"],
            id="dublin-gap-ranges-are-fixed-times",
        ),
        pytest.param("Europe/Dublin", "*/30 1 29 3 *", (SPRING[0], "2026-03-29T12:00Z"), [], id="dublin-gap-star-none"),
        pytest.param(
            "Europe/Dublin",
            "30 * 29 3 *",
            (SPRING[0], "2026-03-29T03:00Z"),
            ["29 00:30 +0000", "29 02:30 +0100", "29 03:30 +0100"],
            id="dublin-gap-star-hour",
        ),
        pytest.param(
            "Europe/Dublin",
            "30 1 * * *",
            AUTUMN,
            ["25 01:30 +0100", "26 01:30 +0000"],
            id="dublin-repeated-fixed-once",
        ),
        pytest.param(
            "Europe/Dublin",
            "*/30 1 25 10 *",
            AUTUMN,
            ["25 01:00 +0100", "25 01:30 +0100", "25 01:00 +0000", "25 01:30 +0000"],
            id="dublin-repeated-star-twice",
        ),
        pytest.param(
            "Europe/Dublin",
            "0,*/30 1 25 10 *",
            AUTUMN,
            ["25 01:00 +0100", "25 01:30 +0100", "25 01:00 +0000", "25 01:30 +0000"],
            id="dublin-repeated-star-within-a-list",
        ),
        pytest.param(
            "America/New_York",
            "30 2 * * *",
            ("2026-03-07T12:00Z", "2026-03-09T12:00Z"),
            ["08 03:00 -0400", "09 02:30 -0400"],
            id="new-york-gap-fixed",
        ),
        pytest.param(
            "America/New_York",
            "30 1 * * *",
            ("2026-10-31T12:00Z", "2026-11-02T12:00Z"),
            ["01 01:30 -0400", "02 01:30 -0500"],
            id="new-york-repeated-fixed-once",
        ),
        pytest.param(
            "America/New_York",
            "15 * 1 11 *",
            ("2026-11-01T04:30Z", "2026-11-01T07:30Z"),
            ["01 01:15 -0400", "01 01:15 -0500", "01 02:15 -0500"],
            id="new-york-repeated-star-hour",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "15 2 * * *",
            ("2026-10-03T00:00Z", "2026-10-04T20:00Z"),
            ["04 02:30 +1100", "05 02:15 +1100"],
            id="lord-howe-half-hour-gap-fixed",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "*/15 2 * * *",
            ("2026-10-03T00:00Z", "2026-10-03T20:00Z"),
            ["04 02:30 +1100", "04 02:45 +1100"],
            id="lord-howe-half-hour-gap-star",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "45 1 * * *",
            ("2026-04-04T00:00Z", "2026-04-05T20:00Z"),
            ["05 01:45 +1100", "06 01:45 +1030"],
            id="lord-howe-half-hour-repeated-fixed-once",
        ),
        pytest.param(
            "Australia/Lord_Howe",
            "*/15 1 * * *",
            ("2026-04-04T00:00Z", "2026-04-04T20:00Z"),
            [
                "05 01:00 +1100",
                "05 01:15 +1100",
                "05 01:30 +1100",
                "05 01:45 +1100",
                "05 01:30 +1030",
                "05 01:45 +1030",
            ],
            id="lord-howe-half-hour-repeated-star-twice",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 9 * * *",
            ("2011-12-29T12:00Z", "2011-12-31T12:00Z"),
            ["29 09:00 -1000", "31 00:00 +1400", "31 09:00 +1400"],
            id="apia-date-left-out-fixed",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 0,9,17 30 12 *",
            ("2011-12-29T12:00Z", "2011-12-31T12:00Z"),
            ["31 00:00 +1400"],
            id="apia-date-left-out-several-fixed-are-one",
        ),
        pytest.param(
            "Pacific/Apia",
            "0 */12 * * *",
            ("2011-12-29T12:00Z", "2011-12-31T09:00Z"),
            ["29 12:00 -1000", "31 00:00 +1400", "31 12:00 +1400"],
            id="apia-date-left-out-star-none",
        ),
        pytest.param(
            "Pacific/Apia",
            "monthly 30 09:00",
            ("2011-12-29T12:00Z", "2012-01-31T12:00Z"),
            ["31 00:00 +1400", "30 09:00 +1400"],
            id="apia-date-left-out-monthly",
        ),
        pytest.param(
            "Africa/Casablanca",
            "30 2 * * *",
            ("2026-02-14T12:00Z", "2026-02-16T12:00Z"),
            ["15 02:30 +0100", "16 02:30 +0000"],
            id="casablanca-ramadan-begins-fixed-once",
        ),
        pytest.param(
            "Africa/Casablanca",
            "30 2 * * *",
            ("2026-03-21T12:00Z", "2026-03-23T12:00Z"),
            ["22 03:00 +0100", "23 02:30 +0100"],
            id="casablanca-ramadan-ends-gap-fixed",
        ),
        pytest.param(
            "Africa/Casablanca",
            "30 */2 15 2 *",
            ("2026-02-15T00:00Z", "2026-02-15T04:00Z"),
            ["15 02:30 +0100", "15 02:30 +0000"],
            id="casablanca-ramadan-begins-star-twice",
        ),
        pytest.param(
            "Antarctica/Troll",
            "0,30 1,2 * * *",
            SPRING,
            ["29 03:00 +0200", "30 01:00 +0200", "30 01:30 +0200", "30 02:00 +0200", "30 02:30 +0200"],
            id="troll-two-hour-gap-fixed",
        ),
        pytest.param(
            "Antarctica/Troll",
            "30 1,2 * * *",
            AUTUMN,
            ["25 01:30 +0200", "25 02:30 +0200", "26 01:30 +0000", "26 02:30 +0000"],
            id="troll-two-hours-repeated-fixed-once",
        ),
        pytest.param(
            "Antarctica/Troll",
            "30 * 25 10 *",
            ("2026-10-24T22:45Z", "2026-10-25T03:45Z"),
            ["25 01:30 +0200", "25 02:30 +0200", "25 01:30 +0000", "25 02:30 +0000", "25 03:30 +0000"],
            id="troll-two-hours-repeated-star-twice",
        ),
        pytest.param(
            "Asia/Beirut",
            "59 23 * * *",
            ("2026-10-24T12:00Z", "2026-10-25T23:00Z"),
            ["24 23:59 +0300", "25 23:59 +0200"],
            id="beirut-repeated-before-midnight-fixed-once",
        ),
        pytest.param(
            "America/St_Johns",
            "*/30 * * * *",
            ("2010-11-07T02:00Z", "2010-11-07T04:00Z"),
            ["07 00:00 -0230", "06 23:30 -0330", "07 00:00 -0330", "07 00:30 -0330"],
            id="st-johns-midnight-shown-twice-in-order",
        ),
        pytest.param(
            "America/St_Johns",
            "0 0 * * *",
            ("2010-11-06T12:00Z", "2010-11-08T12:00Z"),
            ["07 00:00 -0230", "08 00:00 -0330"],
            id="st-johns-midnight-shown-twice-fixed-once",
        ),
        pytest.param(
            "Africa/Monrovia",
            "*/15,44 0,23 * * *",
            ("1972-01-07T00:20Z", "1972-01-07T02:00Z"),
            ["06 23:44 -004430", "06 23:45 -004430", "07 00:45 +0000"],
            id="monrovia-change-within-a-minute-star",
        ),
        pytest.param(
            "Africa/Monrovia",
            "44 0 * * *",
            ("1972-01-06T12:00Z", "1972-01-07T12:00Z"),
            ["07 00:44 +0000"],
            id="monrovia-change-within-a-minute-fixed",
        ),
    ],
)
def test_clock_changes_are_crossed(zone, text, span, wall):
    place = ZoneInfo(zone)
    assert on_the_wall(upto(text, place, at(span[0]), at(span[1])), place) == wall


def test_a_start_in_the_repeated_hour_is_told_apart_by_its_pass():
    first, second = (datetime(2026, 10, 25, 1, 40, tzinfo=DUBLIN, fold=fold) for fold in (0, 1))
    every_ten = parse_schedule("*/10 * * * *")
    assert next_after(every_ten, DUBLIN, first) == at("2026-10-25T00:50Z")
    assert next_after(every_ten, DUBLIN, second) == at("2026-10-25T01:50Z")


# Held against cronsim, and against a walk through the real minutes


@cache
def behaviours() -> dict[tuple[ClockChange, ...], list[str]]:
    """The zones whose offset changes in 2020 to 2040, by the changes that they have in common."""
    found: dict[tuple[ClockChange, ...], list[str]] = {}
    for name in sorted(available_timezones() - {"localtime"}):
        changes = clock_changes(ZoneInfo(name), at("2020-01-01T00:00Z"), at("2041-01-01T00:00Z"))
        if changes:
            found.setdefault(tuple(changes), []).append(name)
    return found


EVERY_BEHAVIOUR = [
    pytest.param(names[0], changes, id=names[0].replace("/", "-")) for changes, names in behaviours().items()
]


def walls(change: ClockChange) -> tuple[datetime, datetime, datetime]:
    """The naive times where the gap or the repeated stretch begins, is half over, and ends."""
    ends = sorted((change.at + offset).replace(tzinfo=None) for offset in (change.before, change.after))
    return ends[0], ends[0] + (ends[1] - ends[0]) // 2, ends[1]


def fixed_expressions(change: ClockChange) -> list[str]:
    low, middle, high = walls(change)
    last = high - MINUTE
    hours = ",".join(str(hour) for hour in sorted({low.hour, middle.hour, high.hour}))
    return [
        f"{middle.minute} {middle.hour} * * *",
        f"{low.minute} {low.hour} * * *",
        f"{low.minute},{middle.minute} {hours} * * *",
        f"{last.minute} {last.hour} * * *",
        f"{high.minute} {high.hour} * * *",
        f"{middle.minute} {middle.hour} {middle.day} {middle.month} *",
    ]


def starred_expressions(change: ClockChange) -> list[str]:
    low, middle, high = walls(change)
    return [
        "*/20 * * * *",
        f"*/15 {middle.hour} * * *",
        f"{middle.minute} * * * *",
        f"*/15 {low.hour} {high.day} {high.month} *",
        f"7 */2 {low.day} * {(high + DAY).isoweekday()}",
        f"*/15 {(high + 2 * HOUR).hour} * * *",
    ]


def rotated(expressions: list[str], number: int, count: int) -> list[str]:
    return [expressions[(number * count + step) % len(expressions)] for step in range(count)]


def by_cronsim(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    found = (instant.astimezone(UTC) for instant in CronSim(text, start.astimezone(zone)))
    return list(takewhile(lambda instant: instant <= end, found))


def by_the_minute(text: str, zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Every real minute that cronsim's reading of the fields names; only for fields with a `*`."""
    rule = CronSim(text, start)
    found = []
    instant = start.replace(second=0, microsecond=0) + MINUTE
    while instant <= end:
        wall = instant.astimezone(zone)
        if wall.minute in rule.minutes and wall.hour in rule.hours:
            day = date(wall.year, wall.month, wall.day)
            if day.month in rule.months and rule.match_day(day):
                found.append(instant)
        instant += MINUTE
    return found


@pytest.mark.parametrize(("name", "changes"), EVERY_BEHAVIOUR)
def test_fixed_times_agree_with_cronsim_around_every_change(name, changes):
    zone = ZoneInfo(name)
    for number, change in enumerate(changes):
        start, end = change.at - 26 * HOUR - SECOND, change.at + 26 * HOUR
        for text in rotated(fixed_expressions(change), number, 2):
            assert upto(text, zone, start, end) == by_cronsim(text, zone, start, end), (text, start)


@pytest.mark.parametrize(("name", "changes"), EVERY_BEHAVIOUR)
def test_starred_times_are_the_real_minutes_around_every_change(name, changes):
    zone = ZoneInfo(name)
    for number, change in enumerate(changes):
        start, end = change.at - 4 * HOUR - SECOND, change.at + 4 * HOUR
        for text in rotated(starred_expressions(change), number, 2):
            assert upto(text, zone, start, end) == by_the_minute(text, zone, start, end), (text, start)


@pytest.mark.parametrize(("name", "changes"), EVERY_BEHAVIOUR)
def test_starred_times_agree_with_cronsim_where_offsets_are_whole_hours(name, changes):
    zone = ZoneInfo(name)
    for number, change in enumerate(changes):
        if any(part % HOUR for part in (change.before, change.after)) or change.at.minute:
            continue  # see the table of differences
        start, end = change.at - 4 * HOUR - SECOND, change.at + 4 * HOUR
        undated = [text for text in starred_expressions(change) if text.endswith("* * *")]
        for text in rotated(undated, number, 1):
            assert upto(text, zone, start, end) == by_cronsim(text, zone, start, end), (text, start)


def test_every_other_zone_agrees_with_cronsim_around_its_last_changes():
    checked = 0
    for changes, names in behaviours().items():
        for name in names[1:]:
            for change in changes[-2:]:
                zone, text = ZoneInfo(name), fixed_expressions(change)[2]
                start, end = change.at - 26 * HOUR, change.at + 26 * HOUR
                assert upto(text, zone, start, end) == by_cronsim(text, zone, start, end), (name, text, start)
                checked += 1
    assert checked > 100


@pytest.mark.parametrize(
    ("text", "zone", "start", "ours", "cronsims"),
    [
        pytest.param(
            "45 1 * * *",
            "Europe/Dublin",
            "2026-10-25T01:15Z",
            ["26 01:45 +0000"],
            ["25 01:45 +0100"],
            id="a-start-in-the-second-pass-is-not-followed-by-an-earlier-instant",
        ),
        pytest.param(
            "0,*/30 1 * * *",
            "Europe/Dublin",
            "2026-10-24T23:15Z",
            ["25 01:00 +0100", "25 01:30 +0100", "25 01:00 +0000"],
            ["25 01:00 +0100", "25 01:30 +0100", "26 01:00 +0000"],
            id="a-star-anywhere-in-the-field-follows-the-clock",
        ),
        pytest.param(
            "*/30 0 8 3 *",
            "America/Havana",
            "2026-03-07T12:00Z",
            ["08 00:00 -0500"],
            ["08 01:00 -0400"],
            id="no-midnight-is-made-up-where-it-is-left-out",
        ),
        pytest.param(
            "*/30 1 8 3 *",
            "America/Havana",
            "2026-03-07T12:00Z",
            ["08 01:00 -0400", "08 01:30 -0400"],
            ["08 01:00 -0500", "08 01:30 -0500"],
            id="the-hour-after-a-midnight-left-out-is-not-passed-over",
        ),
        pytest.param(
            "*/15 5 * * *",
            "Australia/Lord_Howe",
            "2026-10-03T15:00Z",
            ["04 05:00 +1100", "04 05:15 +1100", "04 05:30 +1100"],
            ["04 05:30 +1100", "04 05:45 +1100", "05 05:00 +1100"],
            id="the-first-half-of-an-hour-is-kept-after-a-half-hour-change",
        ),
        pytest.param(
            "45 * * * *",
            "Australia/Lord_Howe",
            "2026-04-04T14:30Z",
            ["05 01:45 +1100", "05 01:45 +1030", "05 02:45 +1030"],
            ["05 01:45 +1100", "05 02:45 +1030", "05 03:45 +1030"],
            id="a-minute-repeated-within-the-hour-is-kept",
        ),
        pytest.param(
            "*/15 3 * * *",
            "Pacific/Chatham",
            "2026-09-26T13:00Z",
            ["27 03:45 +1345", "28 03:00 +1345"],
            ["28 03:00 +1345", "28 03:15 +1345"],
            id="the-rest-of-an-hour-is-kept-after-a-change-within-it",
        ),
    ],
)
def test_the_differences_from_cronsim_are_these(text, zone, start, ours, cronsims):
    place = ZoneInfo(zone)
    found = islice(occurrences(parse_schedule(text), place, at(start)), len(ours))
    theirs = [i.astimezone(UTC) for i in islice(CronSim(text, at(start).astimezone(place)), len(cronsims))]
    got, expected = on_the_wall(list(found), place), on_the_wall(theirs, place)
    assert (got, expected) == (ours, cronsims)


def test_chatham_gets_through_the_change_at_which_cronsim_never_ends():
    zone = ZoneInfo("Pacific/Chatham")
    found = upto("*/15 3 * * *", zone, at("2026-04-04T12:00Z"), at("2026-04-05T12:00Z"))
    assert found == by_the_minute("*/15 3 * * *", zone, at("2026-04-04T12:00Z"), at("2026-04-05T12:00Z"))
    assert len(found) == 7


# Whatever the expression, the zone and the start


def a_field(low: int, high: int, names: tuple[str, ...] = ()) -> st.SearchStrategy[str]:
    value = st.integers(low, high).map(str)
    if names:
        value |= st.sampled_from(names)
    ends = st.tuples(st.integers(low, high), st.integers(low, high)).map(sorted)
    # Of one value cronsim takes "5-5/2" for "from 5 on"; the pair of equal ends has tests of its own.
    spread = ends.filter(lambda pair: pair[0] < pair[1]).map(lambda pair: f"{pair[0]}-{pair[1]}")
    step = st.integers(1, high - low).map(lambda number: f"/{number}")
    term = value | spread | st.tuples(spread, step).map("".join)
    star = st.just("*") | step.map(lambda text: f"*{text}")
    return star | term | st.lists(term, min_size=2, max_size=4).map(",".join)


EXPRESSIONS = st.tuples(
    a_field(0, 59),
    a_field(0, 23),
    st.just("*") | a_field(1, 31),
    st.just("*") | a_field(1, 12, ("jan", "JUN", "Dec")),
    st.just("*") | a_field(0, 7, ("sun", "WED", "Sat")),
).map(" ".join)
ZONES = st.sampled_from(sorted(name for names in behaviours().values() for name in names)).map(ZoneInfo)
STARTS = st.timedeltas(timedelta(), 20 * 365 * DAY).map(lambda length: at("2020-01-01T00:00Z") + length)
often = settings(max_examples=150, deadline=None, database=None)


def refusal(text: str) -> str:
    try:
        parse_schedule(text)
    except Invalid as refused:
        return refused.message
    return ""


def drawn(text: str) -> Schedule:
    """The schedule of a random expression; random dates that never come are drawn again."""
    assume("no such date ever comes" not in refusal(text))
    return parse_schedule(text)


def clock_stays(zone: ZoneInfo, instant: datetime) -> bool:
    return not clock_changes(zone, instant - 2 * DAY, instant + 2 * DAY)


@often
@given(EXPRESSIONS, ZONES, STARTS)
def test_occurrences_ascend_from_strictly_after_the_start(text, zone, start):
    found = list(islice(occurrences(drawn(text), zone, start), 25))
    assert found[0] > start
    assert all(early < late for early, late in pairwise(found))
    assert all(instant.tzinfo is UTC and instant.second == 0 for instant in found)


@often
@given(EXPRESSIONS, ZONES, STARTS)
def test_away_from_clock_changes_cronsim_finds_the_same_next_instant(text, zone, start):
    schedule = drawn(text)
    for before, after in pairwise([start, *islice(occurrences(schedule, zone, start), 5)]):
        if clock_stays(zone, before) and clock_stays(zone, after):
            assert next(CronSim(text, before.astimezone(zone))).astimezone(UTC) == after


@often
@given(EXPRESSIONS, ZONES, STARTS, st.integers(0, 40), st.timedeltas(timedelta(), DAY))
def test_what_was_missed_is_what_stepping_finds(text, zone, start, steps, beyond):
    schedule = drawn(text)
    first = next_after(schedule, zone, start)
    now = first + beyond
    found = [first]
    while len(found) <= steps and (following := next_after(schedule, zone, found[-1])) <= now:
        found.append(following)
    now = min(now, next_after(schedule, zone, found[-1]) - SECOND)
    gone = missed(schedule, zone, first, now)
    assert (gone.first, gone.last, gone.count) == (found[0], found[-1], len(found))


@often
@given(EXPRESSIONS)
def test_an_expression_reads_back_as_it_is_described(text):
    schedule = drawn(text)
    assert parse_schedule(describe(schedule)) == schedule


@often
@given(st.text(alphabet="0123456789*,-/ LlW#?RrHh@\nmonjaé", max_size=30))
def test_whatever_is_typed_is_taken_or_refused_in_plain_words(text):
    said = refusal(text)
    if said:
        assert re.match("schedule .* Write ", said, re.DOTALL)
    else:
        assert next_after(parse_schedule(text), DUBLIN, NOON) > NOON


# What was missed


def test_the_minutes_of_a_year_are_counted_in_under_a_second():
    schedule = parse_schedule("* * * * *")
    first = at("2026-01-01T00:00Z")
    began = time.process_time()
    gone = missed(schedule, DUBLIN, first, at("2026-12-31T23:59Z"))
    assert time.process_time() - began < 1
    assert (gone.first, gone.last, gone.count) == (first, at("2026-12-31T23:59Z"), 525_600)


@pytest.mark.parametrize(
    ("now", "last", "count"),
    [
        pytest.param("2026-11-20T03:00Z", "2026-11-20T03:00Z", 1, id="now-is-the-first"),
        pytest.param("2026-11-21T02:59Z", "2026-11-20T03:00Z", 1, id="before-the-second"),
        pytest.param("2026-11-21T03:00Z", "2026-11-21T03:00Z", 2, id="now-is-the-second"),
        pytest.param("2026-11-23T12:00Z", "2026-11-23T03:00Z", 4, id="four-days"),
    ],
)
def test_what_was_missed_includes_both_ends(now, last, count):
    gone = missed(parse_schedule("daily 03:00"), DUBLIN, at("2026-11-20T03:00Z"), at(now))
    assert (gone.last, gone.count) == (at(last), count)


def test_a_first_that_the_rules_would_no_longer_give_still_counts():
    gone = missed(parse_schedule("daily 03:00"), DUBLIN, at("2026-11-20T02:00Z"), at("2026-11-20T04:00Z"))
    assert (gone.first, gone.last, gone.count) == (at("2026-11-20T02:00Z"), at("2026-11-20T03:00Z"), 2)


def test_nothing_is_missed_before_the_first():
    with pytest.raises(ValueError, match="first is after now"):
        missed(parse_schedule("daily 03:00"), DUBLIN, NOON + SECOND, NOON)


# A moment typed by hand


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("2026-11-24T09:00+00:00", "2026-11-24T09:00Z", id="iso"),
        pytest.param("2026-11-24T09:00:30.5Z", "2026-11-24T09:00:30.500000Z", id="iso-z-seconds"),
        pytest.param("2026-11-24 09:00-0500", "2026-11-24T14:00Z", id="iso-space-short-offset"),
        pytest.param("2026-07-01T13:00:01+01:00", "2026-07-01T12:00:01Z", id="a-second-ahead"),
        pytest.param("13:01", "2026-07-01T12:01Z", id="later-today"),
        pytest.param("13:00", "2026-07-02T12:00Z", id="now-is-tomorrow"),
        pytest.param("09:00", "2026-07-02T08:00Z", id="earlier-is-tomorrow"),
    ],
)
def test_a_moment_is_iso_with_an_offset_or_the_next_such_time(text, expected):
    found = parse_when(text, DUBLIN, NOON)
    assert found == at(expected)
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("2026-11-24T09:00", r"offset.*2026-11-24T09:00:00\+00:00", id="no-offset-winter"),
        pytest.param("2026-07-24T09:00", r"offset.*2026-07-24T09:00:00\+01:00", id="no-offset-summer"),
        pytest.param("2026-07-01T12:00Z", r"not in the future; now it is 2026-07-01T13:00:00\+01:00", id="now"),
        pytest.param("2020-01-01T00:00Z", "not in the future", id="past"),
        pytest.param("2026-02-30T09:00Z", "not a time that is taken", id="30-february"),
        pytest.param("2026-11-24T25:00Z", "not a time that is taken", id="25-oclock"),
        pytest.param("2026-11-24T09:00+99:00", "not a time that is taken", id="offset-99"),
        pytest.param("0001-01-01T00:00+14:00", "not a time that is taken", id="before-time"),
        pytest.param("2026-11-24", "not a time that is taken", id="date-alone"),
        pytest.param("2026-W48-2T09:00Z", "not a time that is taken", id="iso-week"),
        pytest.param("20261124T0900Z", "not a time that is taken", id="iso-basic"),
        pytest.param("tomorrow", "not a time that is taken", id="word"),
        pytest.param("9:00", "not a time that is taken", id="one-digit"),
        pytest.param("24:00", "the time is '24:00'", id="24"),
        pytest.param("٠٩:٠٠", "not a time that is taken", id="arabic-digits"),
        pytest.param("09:00\n", "not a time that is taken", id="line-end"),
        pytest.param("", "not a time that is taken", id="nothing"),
    ],
)
def test_a_moment_is_refused_with_the_next_step(text, said):
    with pytest.raises(Invalid, match=said) as refused:
        parse_when(text, DUBLIN, NOON)
    assert "Write " in refused.value.message


# Zones


@pytest.mark.parametrize("name", ["Europe/Dublin", "UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "GMT0"])
def test_a_zone_is_found_by_its_name(name):
    assert parse_zone(name).key == name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("europe/dublin", "Did you mean Europe/Dublin[?]", id="case"),
        pytest.param("Dublin", "Did you mean Europe/Dublin[?]", id="place-alone"),
        pytest.param("New York", "Did you mean America/New_York[?]", id="place-with-a-space"),
        pytest.param("Europe/Dubln", "Did you mean Europe/Dublin[?]", id="letter-left-out"),
        pytest.param("Europe/Dublin\n", "Did you mean Europe/Dublin[?]", id="line-end"),
        pytest.param("", "Write an IANA name", id="nothing"),
        pytest.param("Mars/Olympus", "Write an IANA name", id="unknown"),
        pytest.param("Europe", "no such zone", id="folder"),
        pytest.param("../x", "no such zone", id="path-up"),
        pytest.param("Europe/../UTC", "no such zone", id="path-within"),
        pytest.param("/etc/localtime", "no such zone", id="path"),
        pytest.param("localtime", "no such zone", id="localtime"),
        pytest.param("posixrules", "no such zone", id="posixrules"),
        pytest.param("Factory", "no such zone", id="factory"),
        pytest.param("posix/UTC", "no such zone", id="posix-folder"),
        pytest.param("right/UTC", "no such zone", id="leap-second-folder"),
        pytest.param("tzdata.zi", "no such zone", id="other-file"),
        pytest.param("leapseconds", "no such zone", id="file-of-another-kind"),
        pytest.param("+01:00", "Write an IANA name", id="offset"),
        pytest.param("UTC\0", "no such zone", id="nul"),
        pytest.param("Europe/Dublin" * 1000, "no such zone", id="very-long"),
    ],
)
def test_a_zone_is_refused_with_what_was_meant_or_an_example(name, said):
    with pytest.raises(Invalid, match=said) as refused:
        parse_zone(name)
    assert len(refused.value.message) < 300


def test_clock_changes_are_found_with_the_offsets_on_both_sides():
    assert clock_changes(DUBLIN, at("2026-01-01T00:00Z"), at("2027-01-01T00:00Z")) == [
        ClockChange(at("2026-03-29T01:00Z"), timedelta(), HOUR),
        ClockChange(at("2026-10-25T01:00Z"), HOUR, timedelta()),
    ]


@pytest.mark.parametrize(
    ("start", "end", "count"),
    [
        pytest.param("2026-03-29T01:00Z", "2026-03-30T00:00Z", 0, id="at-the-start-is-not-after-it"),
        pytest.param("2026-03-29T00:59:59.5Z", "2026-03-30T00:00Z", 1, id="just-after-the-start"),
        pytest.param("2026-03-28T00:00Z", "2026-03-29T01:00Z", 1, id="at-the-end"),
        pytest.param("2026-03-28T00:00Z", "2026-03-29T00:59:59Z", 0, id="just-after-the-end"),
        pytest.param("2026-03-30T00:00Z", "2026-03-28T00:00Z", 0, id="end-before-start"),
    ],
)
def test_clock_changes_count_after_the_start_and_up_to_the_end(start, end, count):
    assert len(clock_changes(DUBLIN, at(start), at(end))) == count


def test_a_zone_that_keeps_its_offset_has_no_clock_changes():
    assert clock_changes(ZoneInfo("Asia/Tokyo"), at("2020-01-01T00:00Z"), at("2030-01-01T00:00Z")) == []


# Lengths of time


@pytest.mark.parametrize(
    ("text", "length"),
    [
        pytest.param("90s", timedelta(seconds=90), id="seconds"),
        pytest.param("15m", timedelta(minutes=15), id="minutes"),
        pytest.param("6h", timedelta(hours=6), id="hours"),
        pytest.param("2d", timedelta(days=2), id="days"),
        pytest.param("1w", timedelta(weeks=1), id="weeks"),
        pytest.param("1h30m", timedelta(minutes=90), id="two-units"),
        pytest.param("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5), id="all-units"),
        pytest.param("0s", timedelta(), id="none"),
    ],
)
def test_a_duration_is_read(text, length):
    assert parse_duration(text) == length


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "for example 90s", id="nothing"),
        pytest.param("90", "unit is missing. Write 90s", id="no-unit"),
        pytest.param("1h 30m", "Write it as 1h30m", id="blank"),
        pytest.param("15 min", "Write it as 15m", id="word"),
        pytest.param("6H", "Write it as 6h", id="capital"),
        pytest.param("1.5h", "whole numbers", id="fraction"),
        pytest.param("-5m", "whole numbers", id="negative"),
        pytest.param("30m1h", "largest first", id="smallest-first"),
        pytest.param("1h1h", "largest first", id="unit-twice"),
        pytest.param("2y", "w, d, h, m or s", id="unknown-unit"),
        pytest.param("٣m", "whole numbers", id="arabic-digit"),
        pytest.param("5m\n", "Write it as 5m", id="line-end"),
        pytest.param("36526d", "hundred years", id="too-long"),
        pytest.param("999999999w", "hundred years", id="far-too-long"),
        pytest.param("9" * 5000 + "s", "whole numbers", id="endless-digits"),
    ],
)
def test_a_duration_is_refused_with_the_next_step(text, said):
    with pytest.raises(Invalid, match=said) as refused:
        parse_duration(text)
    assert len(refused.value.message) < 300


@pytest.mark.parametrize(
    ("length", "told"),
    [
        pytest.param(timedelta(hours=2, minutes=10), "2 h 10 min", id="hours-and-minutes"),
        pytest.param(timedelta(seconds=45), "45 s", id="seconds"),
        pytest.param(timedelta(days=3, hours=4, minutes=5), "3 d 4 h", id="two-largest"),
        pytest.param(timedelta(days=3, minutes=5), "3 d 5 min", id="none-of-the-middle-unit"),
        pytest.param(timedelta(weeks=1), "7 d", id="week"),
        pytest.param(timedelta(hours=1, minutes=59, seconds=59), "1 h 59 min", id="cut-not-rounded"),
        pytest.param(timedelta(), "0 s", id="nothing"),
        pytest.param(timedelta(milliseconds=900), "0 s", id="less-than-a-second"),
        pytest.param(-timedelta(minutes=5), "-5 min", id="negative"),
    ],
)
def test_a_length_is_told_in_its_two_largest_units(length, told):
    assert format_duration(length) == told
