"""When things happen: the rules of time, from the outside, at times that the test sets."""

from pathlib import Path

import pytest
from shop import people_list

DAY = "2026-11-24T"


pytestmark = pytest.mark.shop(imports=None, now=DAY + "00:00:00Z")


def write(path: Path, people: int, first: int = 0) -> None:
    path.write_text(people_list(people, first), encoding="utf-8")


def add(xp, tmp_path, *options, now=DAY + "00:00:00Z", name="list"):
    done = xp("import", "add", name, "--source", tmp_path / "list.csv", "--campaign", "hello", *options, now=now)
    assert done.code == 0, done.err


def tick(xp, *times):
    for time in times:
        done = xp("tick", now=time if "T" in time else f"{DAY}{time}:00Z")
        assert (done.code, done.out) == (0, ""), done.err


def trigger(xp, task, now=None):
    found = xp("task", "show", task, "--json", now=now).json()["trigger"]
    return found["state"], found["reason"]


def test_an_import_at_3_with_a_send_at_9_sends_the_same_day_to_exactly_its_people(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00", "--send-at", "09:00")
    tick(shop, "03:00")
    assert shop("task", "show", 1, "--json").json()["status"] == "waiting_for_file"
    tick(shop, "03:01", "08:59")
    details = shop("task", "show", 1, "--json").json()
    assert details["trigger"]["send_at"] == "2026-11-24T09:00:00Z"
    assert details["delivery"] == {
        "audience": 3, "accepted": 0, "failed": 0, "excluded": 0, "uncertain": 0, "unsent": 3,
        "excluded_by_reason": [], "failed_by_reason": [],
    }  # fmt: skip
    tick(shop, "09:00")
    assert trigger(shop, 1) == ("sent", None)
    assert len(list(tmp_path.glob("xpimport.db.files/outbox/new/*"))) == 3


@pytest.mark.parametrize(
    ("send_at", "expected"),
    [("03:00", "2026-11-25T03:00:00Z"), ("09:00", "2026-11-25T09:00:00Z"), ("0 9 * * fri", "2026-11-27T09:00:00Z")],
    ids=["earlier time: the next day", "equal times: the next day", "cron expression"],
)
def test_the_send_instant_is_the_first_after_the_start(shop, tmp_path, send_at, expected):
    add(shop, tmp_path, "--schedule", "daily 09:00", "--send-at", send_at)
    tick(shop, "09:00", "09:01")
    assert shop("task", "show", 1, "--json").json()["trigger"]["send_at"] == expected


def test_run_now_follows_the_same_rules(shop, tmp_path):
    add(shop, tmp_path, "--send-at", "09:00")
    assert shop("run-now", "list", now=DAY + "08:58:00Z").code == 0
    assert shop("task", "show", 1, "--json").json()["trigger"]["send_at"] == "2026-11-24T09:00:00Z"
    assert shop("run-now", "list", "--again", now=DAY + "09:00:00Z").code == 0
    assert shop("task", "show", 2, "--json").json()["trigger"]["send_at"] == "2026-11-25T09:00:00Z"


def test_a_run_that_completes_after_its_send_instant_is_ignored_and_does_not_roll_over(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00", "--send-at", "03:01")
    tick(shop, "03:00", "03:01")
    assert trigger(shop, 1) == ("ignored", "import_too_late")
    tick(shop, "2026-11-25T03:00:30Z")
    assert not list(tmp_path.glob("xpimport.db.files/outbox/new/*"))


@pytest.mark.parametrize(("at", "state"), [("09:15", "sent"), ("09:16", "missed")])
def test_a_send_happens_within_the_grace_or_is_missed(shop, tmp_path, at, state):
    add(shop, tmp_path, "--send-at", "09:00")
    assert shop("run-now", "list", now=DAY + "03:00:00Z").code == 0
    tick(shop, at)
    assert trigger(shop, 1) == (state, None if state == "sent" else "no_tick")


def test_a_trigger_held_by_the_switch_does_not_fire_when_it_goes_on_again(shop, tmp_path):
    add(shop, tmp_path, "--send-at", "09:00")
    shop("run-now", "list", now=DAY + "03:00:00Z")
    shop("settings", "set", "triggers", "off")
    tick(shop, "09:00")
    assert trigger(shop, 1) == ("held", "triggers_off")
    shop("settings", "set", "triggers", "on")
    tick(shop, "09:01")
    assert trigger(shop, 1) == ("held", "triggers_off")
    assert shop("release-trigger", 1, now=DAY + "09:02:00Z").code == 0
    tick(shop, "09:02")
    assert trigger(shop, 1) == ("sent", None)


def test_a_stopped_trigger_sends_nothing_and_can_be_released_for_another_time(shop, tmp_path):
    add(shop, tmp_path, "--send-at", "09:00")
    shop("run-now", "list", now=DAY + "03:00:00Z")
    assert shop("stop-trigger", "list", now=DAY + "08:00:00Z").code == 0
    assert shop("stop-trigger", 1, now=DAY + "08:01:00Z").code == 0
    tick(shop, "09:00")
    assert trigger(shop, 1) == ("stopped", "stopped")
    assert shop("release-trigger", 1, "--at", DAY + "08:00:00Z", now=DAY + "10:00:00Z").code == 2
    assert shop("release-trigger", 1, "--at", "10:30", now=DAY + "10:00:00Z").code == 0
    tick(shop, "10:29")
    assert trigger(shop, 1) == ("scheduled", None)
    tick(shop, "10:30")
    assert trigger(shop, 1) == ("sent", None)
    assert shop("stop-trigger", 1, now=DAY + "10:31:00Z").code == 5
    assert shop("release-trigger", 1, now=DAY + "10:31:00Z").code == 5


def test_a_header_alone_is_imported_and_sends_nothing(shop, tmp_path):
    write(tmp_path / "list.csv", 0)
    add(shop, tmp_path)
    assert shop("run-now", "list").code == 0
    assert trigger(shop, 1) == ("ignored", "empty_audience")
    assert shop("release-trigger", 1).code == 5


def test_a_failed_import_ignores_its_trigger(shop, tmp_path):
    add(shop, tmp_path)
    (tmp_path / "list.csv").write_bytes(b"user_id,email,email_subscription\nu1,\xff@example.com,1\n")
    done = shop("run-now", "list")
    assert done.code == 1
    assert "line 2" in done.err
    assert trigger(shop, 1) == ("ignored", "import_failed")


def test_a_paused_campaign_is_held_and_goes_out_when_it_is_resumed_and_released(shop, tmp_path):
    add(shop, tmp_path)
    shop("campaign", "pause", "hello")
    assert shop("run-now", "list", now=DAY + "01:00:00Z").code == 0
    assert trigger(shop, 1) == ("held", "campaign_paused")
    assert shop("task", "show", 1, "--json").json()["delivery"]["unsent"] == 3
    shop("campaign", "resume", "hello")
    assert shop("release-trigger", 1, now=DAY + "02:00:00Z").code == 0
    tick(shop, "02:00")
    assert trigger(shop, 1) == ("sent", None)
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 3


@pytest.mark.parametrize(("at", "state"), [("20:10", ("sent", None)), ("20:16", ("held", "late_start"))])
def test_a_run_that_begins_late_because_no_tick_ran_is_imported_and_not_sent_at_once(shop, tmp_path, at, state):
    add(shop, tmp_path, "--schedule", "daily 20:00")
    tick(shop, at, at[:3] + "18")
    assert shop("task", "show", 1, "--json").json()["rows"]["created"] == 3
    assert trigger(shop, 1) == state


def test_the_same_list_again_is_held_unless_asked_for(shop, tmp_path):
    add(shop, tmp_path)
    shop("run-now", "list")
    done = shop("run-now", "list")
    assert done.code == 0
    assert "release-trigger" in done.err
    assert "--again" in done.err
    assert trigger(shop, 2) == ("held", "same_content")
    shop("run-now", "list", "--again")
    assert trigger(shop, 3) == ("sent", None)


def test_two_triggers_of_one_import_and_moment_send_to_a_person_once(shop, tmp_path):
    add(shop, tmp_path, "--send-at", "09:00")
    shop("run-now", "list", now=DAY + "03:00:00Z")
    write(tmp_path / "list.csv", 3, first=1)
    shop("run-now", "list", now=DAY + "04:00:00Z")
    tick(shop, "09:00")
    delivery = shop("task", "show", 2, "--json").json()["delivery"]
    assert (delivery["accepted"], delivery["excluded_by_reason"]) == (1, [{"reason": "same_send", "count": 2}])


def test_missed_runs_become_one_run_and_one_skipped_task(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "* * * * *", "--send-at", "09:00")
    tick(shop, "01:30", "01:31")
    tasks = shop("task", "list", "--json").json()
    assert [(task["status"], task["scheduled_for"]) for task in tasks[1:]] == [
        ("completed", "2026-11-24T01:30:00Z"),
        ("skipped", "2026-11-24T00:01:00Z"),
    ]
    missed = {"first": "2026-11-24T00:01:00Z", "last": "2026-11-24T01:29:00Z", "count": 89}
    assert tasks[2]["missed"] == missed


def test_a_run_missed_for_longer_than_the_catch_up_is_only_recorded(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00", "--send-at", "09:00")
    tick(shop, "09:01")
    assert [task["status"] for task in shop("task", "list", "--json").json()] == ["skipped"]


def test_activating_never_catches_up(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00")
    shop("import", "deactivate", "list", now=DAY + "02:00:00Z")
    shop("import", "activate", "list", now=DAY + "04:00:00Z")
    tick(shop, "04:01")
    assert shop("task", "list", "--json").json() == []


def test_a_clock_set_back_never_runs_the_same_occurrence_twice(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00")
    tick(shop, "03:00", "03:01", "02:59", "03:00", "03:01")
    assert len(shop("task", "list", "--json").json()) == 1


def test_an_armed_trigger_keeps_its_moment_when_its_import_changes_or_stops(shop, tmp_path):
    add(shop, tmp_path, "--send-at", "09:00")
    shop("run-now", "list", now=DAY + "03:00:00Z")
    assert shop("import", "edit", "list", "--send-at", "11:00", now=DAY + "04:00:00Z").code == 0
    assert shop("import", "deactivate", "list", now=DAY + "04:00:00Z").code == 0
    assert shop("import", "remove", "list", "--yes", now=DAY + "04:00:00Z").code == 5
    assert shop("campaign", "remove", "hello", "--yes", now=DAY + "04:00:00Z").code == 5
    tick(shop, "09:00")
    assert trigger(shop, 1) == ("sent", None)


def test_a_missing_file_is_waited_for_and_fails_when_the_window_ends(shop, tmp_path):
    add(shop, tmp_path, "--schedule", "daily 03:00")
    (tmp_path / "list.csv").unlink()
    tick(shop, "03:00", "05:00")
    assert shop("task", "show", 1, "--json").json()["status"] == "waiting_for_file"
    tick(shop, "09:00")
    details = shop("task", "show", 1, "--json").json()
    assert (details["status"], details["error"]["code"]) == ("failed", "no_file")


@pytest.mark.parametrize(
    ("schedule", "now", "runs"),
    [
        ("30 1 * * *", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"),
        ("daily 01:30", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"),
        ("weekly mon 03:00", "2026-11-24T00:00:00Z", "2026-11-30T03:00:00Z"),
        ("monthly 31 03:00", "2026-11-24T00:00:00Z", "2026-11-30T03:00:00Z"),
    ],
    ids=["a time in the gap", "a repeated time, first pass", "weekly", "last day of a shorter month"],
)
def test_schedules_keep_the_zone_through_clock_changes(shop, tmp_path, schedule, now, runs):
    add(shop, tmp_path, "--schedule", schedule, "--timezone", "Europe/Dublin", now=now)
    assert shop("import", "show", "list", "--json", now=now).json()["next_run_at"] == runs
