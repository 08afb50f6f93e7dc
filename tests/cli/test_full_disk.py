"""A disk without room in a run: what is said is true, and a later tick takes it up."""

import os
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from conftest import REPOSITORY


def run(tmp_path, limit, *arguments):
    """The program where no file may grow beyond so many bytes, which a full disk looks like to it."""
    return subprocess.run(
        [sys.executable, "-m", "xpimport", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "XPIMPORT_DB": str(tmp_path / "xpimport.db")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.shop(people=30)
@pytest.mark.parametrize("kilobytes", [20, 60, 80, 100, 120, 140, 160, 180])
def test_a_run_without_room_says_what_becomes_of_it_and_the_a_later_tick_does_that(shop, tmp_path, kilobytes):
    done = run(tmp_path, kilobytes * 1024, "run-now", "list")
    assert "Traceback" not in done.stderr
    tasks = shop("task", "list", "--json").json()
    if not tasks or done.returncode == 0:
        return
    assert done.returncode == 1
    if tasks[0]["status"] == "failed":
        return
    assert tasks[0]["status"] in {"interrupted", "completed"}
    assert "A later tick" in done.stderr
    assert "Stop it: xpimport stop-trigger 1" in done.stderr
    if tasks[0]["status"] == "interrupted":
        assert "Nobody was sent to so far." in done.stderr
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db, db:
        for table in ("tasks", "triggers"):
            db.execute(f"UPDATE {table} SET wake_at = '2026-01-01T00:00:00.000000Z' WHERE wake_at IS NOT NULL")
    assert shop("tick").code == 0
    found = shop("task", "show", 1, "--json").json()
    assert found["status"] == "completed"
    assert found["delivery"]["accepted"] + found["delivery"]["uncertain"] == 30
