"""How far a run is: on the terminal where it runs, and from another one."""

import json
import re
import sqlite3
from contextlib import closing

import pytest
import terminal

from xpimport.flow import import_run
from xpimport.flow import progress as progress_module
from xpimport.flow.progress import Progress
from xpimport.reporting.history import task_details
from xpimport.store.opening import open_store

PEOPLE = 60_000


# A list that takes a moment.
TEXT = "\n".join(["user_id,email,name", *(f"u{number},p{number}@example.com,Ann" for number in range(PEOPLE))]) + "\n"

pytestmark = pytest.mark.shop(people=TEXT, campaign=None)


def test_the_task_tells_how_far_it_is_while_it_runs(shop, tmp_path, monkeypatch):
    monkeypatch.setattr(progress_module, "EVERY", 0)
    seen = []
    worker, looker = open_store(tmp_path / "xpimport.db"), open_store(tmp_path / "xpimport.db")

    def look(*_):
        progress = task_details(looker, 1)["progress"]
        if progress is not None:
            seen.append(progress)

    with closing(worker), closing(looker):
        progress = Progress(look, look, look)
        import_run.run_now(worker, "list", source=None, again=False, progress=progress)
        assert task_details(looker, 1)["progress"] is None
    assert {one["stage"] for one in seen} >= {"reading", "reconciling", "merging"}
    assert {tuple(one) for one in seen} == {("stage", "done", "total", "unit", "rate", "seconds_left")}
    for stage, unit, slack in (("reading", "rows", 0.5), ("merging", "people", 0)):
        told = [one for one in seen if one["stage"] == stage]
        assert {one["unit"] for one in told} == {unit}
        # While reading, the rows in all are reckoned from the bytes of the block at hand.
        assert all(abs(one["total"] - PEOPLE) <= PEOPLE * slack for one in told)
        assert [one["done"] for one in told] == sorted({one["done"] for one in told})
    paced = [one for one in seen if one["stage"] == "merging"][1:]
    assert paced
    assert all(one["rate"] > 0 and one["seconds_left"] >= 0 for one in paced)


def interrupt(tmp_path, note, owner):
    """Make task 1 look as if it stopped in its middle, claimed by `owner`."""
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute(
            "UPDATE tasks SET status = 'running', finished_at = NULL, progress = ?, owner = ?,"
            " heartbeat = NULL WHERE id = 1",
            (json.dumps(note), owner),
        )
        db.commit()


NOTE = {
    "stage": "merging", "done": 41_000, "total": 60_000, "unit": "people", "rate": 1000.4, "seconds_left": 19.0,
    "at": "2026-11-24T03:00:00.000000Z",
}  # fmt: skip


def test_task_show_tells_stage_count_share_rate_and_expected_end(shop, tmp_path):
    from xpimport.store.claims import me

    assert shop("run-now", "list").code == 0
    interrupt(tmp_path, NOTE, me())
    shown = shop("task", "show", 1, now="2026-11-24T03:00:00Z")
    assert (
        "merging, 41,000 people of 60,000 (68 %), 1,000 people/s, 19 s left of merging;"
        " expected to complete Tue 2026-11-24 03:00 UTC (in 19 s)"
    ) in shown.out
    assert shop("task", "show", 1, "--json").json()["expected_at"] == "2026-11-24T03:00:19Z"


def test_while_it_reads_its_end_is_told_by_the_runs_before(shop, tmp_path):
    from xpimport.store.claims import me

    for _ in range(2):
        assert shop("run-now", "list").code == 0
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("UPDATE tasks SET work_began_at = '2026-11-24T03:00:00.000000Z'")
        db.execute("UPDATE tasks SET finished_at = '2026-11-24T03:01:40.000000Z' WHERE id = 2")
        db.commit()
    note = NOTE | {"stage": "reading", "unit": "rows", "rate": None, "seconds_left": None}
    interrupt(tmp_path, note, me())
    shown = shop("task", "show", 1, now="2026-11-24T03:00:40Z").out
    assert (
        "reading, 41,000 rows of about 60,000 (68 %); expected to complete Tue 2026-11-24 03:01 UTC (in 1 min)" in shown
    )


def test_an_interrupted_run_tells_only_how_far_it_came(shop, tmp_path):
    assert shop("run-now", "list").code == 0
    interrupt(tmp_path, NOTE, None)
    shown = shop("task", "show", 1)
    assert "Progress         merging, 41,000 people of 60,000 (68 %)\n" in shown.out
    assert shop("task", "show", 1, "--json").json()["expected_at"] is None


def test_a_terminal_shows_bars_with_rows_and_rate(shop, tmp_path):
    told = terminal.spawn("--db", tmp_path / "xpimport.db", "run-now", "list", streams=("stderr",))
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told)
    assert re.search(r"Reading .* 100 % +60,000 rows +[1-9][\d,]* rows/s", text)
    assert re.search(r"Importing .* 100 % +60,000 people +[1-9][\d,]* people/s", text)
