"""What breaks an item of a tick is kept with it; the others have their turn, and in the end it is held or fails."""

import shutil
import sqlite3
from contextlib import closing

import pytest

NIGHT = "2026-11-24T0{}:00Z"

pytestmark = pytest.mark.shop(imports=("--send-at", "09:00"), now=NIGHT.format("0:00"))


def details(xp, task=1):
    return xp("task", "show", task, "--json").json()


def tick(xp, *minutes):
    for minute in minutes:
        done = xp("tick", now=f"2026-11-24T{minute}:00Z")
        assert (done.code, done.out, done.err.count("Traceback")) == (0, "", 0), done.err


def break_outbox(tmp_path):
    folder = tmp_path / "xpimport.db.files" / "outbox"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    folder.touch()
    return folder


def test_a_send_that_breaks_is_left_alone_for_longer_each_time_and_held_in_the_end(shop, tmp_path):
    shop("run-now", "list", now=NIGHT.format("3:00"))
    break_outbox(tmp_path)
    tick(shop, "09:00", "09:01", "09:02", "09:03")
    found = details(shop)
    assert found["trigger"]["state"] == "sending"
    assert "outbox" in found["problem"]
    assert "outbox" in shop("task", "show", 1).err
    tick(shop, "13:01", "13:02")
    found = details(shop)
    assert (found["trigger"]["state"], found["trigger"]["reason"]) == ("held", "resume_too_late")
    assert "outbox" in found["problem"]


def test_a_send_that_breaks_keeps_no_other_from_its_turn_and_goes_on_when_it_can(shop, tmp_path):
    shop("campaign", "add", "sms", "--channel", "webhook", "--medium", "email", "--text", tmp_path / "hello.txt",
         "--url", "http://127.0.0.1:9/", now=NIGHT.format("0:00"))  # fmt: skip
    shop(
        "import",
        "add",
        "other",
        "--source",
        tmp_path / "list.csv",
        "--schedule",
        "daily 09:01",
        now=NIGHT.format("0:00"),
    )
    shop("run-now", "list", now=NIGHT.format("3:00"))
    folder = break_outbox(tmp_path)
    tick(shop, "09:00", "09:01", "09:02")
    assert details(shop, 2)["status"] == "completed"
    folder.unlink()
    tick(shop, "09:03", "09:04", "09:05")
    assert details(shop)["trigger"]["state"] == "sent"
    assert details(shop)["delivery"]["accepted"] == 3


@pytest.mark.shop(imports=())
def test_run_now_says_what_broke_its_send_and_that_it_goes_on(shop, tmp_path):
    break_outbox(tmp_path)
    done = shop("run-now", "list")
    assert done.code == 1
    assert "Traceback" not in done.err
    assert "The send broke off" in done.err
    assert "A later tick goes on" in done.err


@pytest.mark.shop(imports=("--schedule", "daily 03:00"))
def test_an_import_that_breaks_fails_after_its_attempts_with_the_last_real_error(shop, tmp_path):
    tick(shop, "03:00")
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db, db:
        (kept,) = db.execute("SELECT definition FROM tasks").fetchone()
        db.execute("UPDATE tasks SET definition = '{\"definition\": 5}'")
    tick(shop, "03:01", "03:10", "03:30", "03:50", "04:10")
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db, db:
        db.execute("UPDATE tasks SET definition = ?", (kept,))
    found = details(shop)
    assert found["status"] == "failed"
    assert "broke off 3 times" in found["error"]["message"]
    assert "The last time: " in found["error"]["message"]
