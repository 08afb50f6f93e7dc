"""Whether an import is expected to complete before its send: said before it runs, in the plan, and when it is set up."""

import sqlite3
from contextlib import closing

import pytest

DAY = "2026-11-24T"
TEXT = "user_id,email,email_subscription\n" + "u1,a@example.com,1\n" * 50


pytestmark = pytest.mark.shop(
    people=TEXT, imports=("--schedule", "daily 08:00", "--send-at", "09:00"), now=DAY + "00:00:00Z"
)


def add(xp, tmp_path, name, *options, schedule="daily 08:00"):
    rest = ("--campaign", "hello", "--schedule", schedule, "--send-at", "09:00", *options)
    done = xp("import", "add", name, "--source", tmp_path / "list.csv", *rest, now=DAY + "00:00:00Z")
    assert done.code == 0, done.err
    return done.err


def past(xp, tmp_path, minutes, size=None):
    """Let `list` have had a run that took so long, on the same list or on one of `size` bytes."""
    assert xp("run-now", "list", "--again").code == 0
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute(
            "UPDATE tasks SET work_began_at = '2026-11-23T08:00:00.000000Z',"
            " finished_at = strftime('%Y-%m-%dT%H:%M:%f000Z', '2026-11-23T08:00:00', '+' || ? || ' minutes'),"
            " files = json_set(files, '$[0].bytes', ?) WHERE id = (SELECT max(id) FROM tasks)",
            (minutes, size or len(TEXT)),
        )
        db.commit()


def planned(xp):
    found = xp("plan", "--days", "1", "--json", now=DAY + "00:00:00Z").json()
    return [(one["expected_seconds"], one["late"], one["note"]) for one in found if one["what"] == "import"]


def run_now(xp, at):
    return xp("run-now", "list", "--again", now=f"{DAY}{at}:00Z").err


def test_a_real_run_leaves_behind_how_long_it_took(shop, tmp_path):
    assert shop("run-now", "list").code == 0
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        began, finished = db.execute("SELECT work_began_at, finished_at FROM tasks").fetchone()
    assert began < finished
    assert planned(shop) == [(0, False, "")]


def test_without_earlier_runs_nothing_is_forecast(shop):
    assert planned(shop) == [(None, None, "")]
    assert "xpected to take" not in run_now(shop, "08:59")


def test_run_now_says_that_it_is_expected_to_be_through_in_time(shop, tmp_path):
    past(shop, tmp_path, 40)
    said = run_now(shop, "08:00")
    assert "Expected to take 40 min, until Tue 2026-11-24 08:40 UTC; it sends at Tue 2026-11-24 09:00 UTC." in said
    assert "Warning" not in said


def test_run_now_warns_before_a_run_that_is_expected_to_miss_its_send_time(shop, tmp_path):
    past(shop, tmp_path, 40)
    said = run_now(shop, "08:30")
    assert (
        "Warning: expected to take 40 min, until Tue 2026-11-24 09:10 UTC; its send time, Tue 2026-11-24 09:00 UTC,"
        " would be missed" in said
    )


def test_run_now_goes_by_the_size_of_its_list(shop, tmp_path):
    past(shop, tmp_path, 40, size=len(TEXT) * 4)
    assert "Expected to take 10 min" in run_now(shop, "08:00")


def test_a_run_without_a_send_time_says_nothing(shop, tmp_path):
    past(shop, tmp_path, 40)
    assert shop("import", "edit", "list", "--no-send-at").code == 0
    assert "xpected to take" not in run_now(shop, "08:00")


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (40, (2400, False, "expected to take 40 min")),
        (58, (3480, False, "expected to take 58 min")),
        (59, (3540, True, "expected to take 59 min; would miss its send time")),
        (0.5, (30, False, "")),
    ],
    ids=["in time", "just in time", "with the minute between a tick's looks too late", "half a minute"],
)
def test_the_plan_says_how_long_an_import_takes_and_whether_it_misses_its_send(shop, tmp_path, minutes, expected):
    past(shop, tmp_path, minutes)
    assert planned(shop) == [expected]


def test_a_done_marker_saves_the_minute_between_two_looks(shop, tmp_path):
    past(shop, tmp_path, 59)
    assert shop("import", "edit", "list", "--marker", ".done").code == 0
    assert planned(shop) == [(3540, False, "expected to take 59 min")]


def test_an_interrupted_run_a_rest_and_a_rehearsal_tell_nothing(shop, tmp_path):
    for change in ("attempt = 2", "rest_of = 1", "finished_at = work_began_at", "status = 'failed'"):
        past(shop, tmp_path, 59)
        with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
            db.execute(f"UPDATE tasks SET {change} WHERE id = (SELECT max(id) FROM tasks)")
            db.commit()
    assert planned(shop) == [(None, None, "")]


def test_an_import_whose_runs_take_longer_than_there_is_time_is_warned_of_when_it_changes(shop, tmp_path):
    past(shop, tmp_path, 40)
    early = shop("import", "edit", "list", "--schedule", "daily 08:10", now=DAY + "00:00:00Z")
    assert "expected to need" not in early.err
    late = shop("import", "edit", "list", "--schedule", "daily 08:30", now=DAY + "00:00:00Z")
    assert late.code == 0
    assert (
        "Warning: The run of Tue 2026-11-24 08:30 has 30 min until its send and is expected to need 41 min" in late.err
    )


def test_a_new_import_goes_by_the_rates_of_the_others(shop, tmp_path):
    past(shop, tmp_path, 40, size=len(TEXT) // 2)
    assert "has 1 h until its send and is expected to need 1 h 2" in add(shop, tmp_path, "new")
    assert "expected to need" not in add(shop, tmp_path, "early", schedule="daily 06:00")


def test_a_schedule_that_leaves_a_tick_no_time_for_its_two_looks_is_warned_of(shop, tmp_path):
    said = add(shop, tmp_path, "tight", schedule="daily 08:59")
    assert "The run of Tue 2026-11-24 08:59 has 1 min until its send and is expected to need 1 min" in said
    assert "expected to need" not in add(shop, tmp_path, "marked", "--marker", ".done", schedule="daily 08:59")
