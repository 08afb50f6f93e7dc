"""An import that is killed at any moment: nobody sees half of it, and it is taken up with an unkilled run's counts."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from stores import begin_anew

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"


LIST = "\n".join(
    [
        "user_id,email,email_subscription,first_name",
        *(f"u{number:02},p{number}@example.com,{number % 5 and 1},Person {number}" for number in range(12)),
        "u03,p3@example.com,1,Later",
        "bad,no-address,1,Bad",
        ",nobody@example.com,1,Nobody",
        "",
    ]
)

pytestmark = pytest.mark.shop(attributes={"first_name": "string"}, people=LIST, text="Hello {{ first_name }}")


def killed(tmp_path: Path, step: str, nth: int, *arguments: str) -> int:
    command = [sys.executable, KILLED, step, str(nth), "--db", tmp_path / "xpimport.db", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, check=False, timeout=60).returncode


@pytest.mark.parametrize(("step", "hands"), [("begin", "alone"), ("commit", "alone"), ("commit", "workers")])
def test_an_import_killed_at_any_write_is_taken_up_with_the_counts_of_an_unkilled_run(
    shop, tmp_path, monkeypatch, step, hands
):
    monkeypatch.setenv("XPIMPORT_KILLED", hands)
    expected = {"read": 15, "created": 12, "updated": 0, "unchanged": 0, "merged": 1, "rejected": 2, "not_imported": 0}
    db = tmp_path / "xpimport.db"
    clean = db.read_bytes()
    for nth in range(1, 200):
        begin_anew(db, clean)
        done = killed(tmp_path, step, nth, "run-now", "list")
        assert done in {0, -9}
        with closing(sqlite3.connect(db)) as look:
            tasks = look.execute("SELECT id, status, rows_created FROM tasks").fetchall()
            visible = look.execute("SELECT count(*) FROM deliveries").fetchone()[0]
            if tasks and tasks[0][1] != "completed":
                assert visible == 0
        for _ in range(3):
            assert shop("tick").code == 0
        if tasks:
            details = shop("task", "show", 1, "--json").json()
            assert details["status"] == "completed"
            assert {name: details["rows"][name] for name in expected} == expected
            assert details["delivery"]["audience"] == 12
            assert details["trigger"]["state"] == "sent"
            assert details["delivery"]["accepted"] + details["delivery"]["uncertain"] == 9
            assert details["delivery"]["uncertain"] <= 1
        if done == 0:
            assert nth > 5
            return
    pytest.fail("the run never completed untouched")


def test_a_source_that_changed_after_a_kill_fails_the_task(shop, tmp_path):
    assert killed(tmp_path, "commit", 8, "run-now", "list") == -9
    assert shop("task", "show", 1, "--json").json()["status"] == "interrupted"
    with (tmp_path / "list.csv").open("a", encoding="utf-8") as more:
        more.write("new,new@example.com,1,New\n")
    assert shop("tick").code == 0
    details = shop("task", "show", 1, "--json").json()
    assert (details["status"], details["error"]["code"]) == ("failed", "source_changed")
    assert details["trigger"]["state"] == "ignored"
    assert "profiles had been changed" in details["error"]["message"]


def test_an_import_that_is_killed_three_times_is_not_tried_again(shop, tmp_path):
    assert killed(tmp_path, "commit", 3, "run-now", "list") == -9
    assert killed(tmp_path, "commit", 4, "tick") == -9
    assert killed(tmp_path, "commit", 4, "tick") == -9
    assert shop("tick").code == 0
    details = json.loads(shop("task", "show", 1, "--json").out)
    assert (details["status"], details["error"]["code"]) == ("failed", "interrupted")
