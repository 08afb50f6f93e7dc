"""Nearly the same people as the last time: how many of a run were in the last one, and holding the send for it."""

import time

import pytest

# The trigger is held from 75 % of known people on.
pytestmark = pytest.mark.shop(people=None, imports=("--same-people", "75%"))


def run(xp, tmp_path, numbers, *options):
    lines = [f"u{number},p{number}@example.com,1" for number in numbers]
    text = "\n".join(["user_id,email,email_subscription", *lines]) + "\n"
    (tmp_path / "list.csv").write_text(text, encoding="utf-8")
    done = xp("run-now", "list", "--json", *options)
    assert done.code == 0, done.err
    details = done.json()
    return details["same_people"], details["trigger"]["state"], details["trigger"]["reason"]


def test_a_run_with_nearly_the_same_people_is_held_from_its_limit_on(shop, tmp_path):
    assert run(shop, tmp_path, range(4)) == (None, "sent", None)
    assert run(shop, tmp_path, range(2, 6)) == (0.5, "sent", None)
    assert run(shop, tmp_path, range(3, 7)) == (0.75, "held", "same_people")
    shown = shop("task", "show", 3).out
    assert "75 % of these people were in the last run (task 2) too." in shown
    assert "held, because nearly the same people were in the last run" in shown


def test_again_sends_to_nearly_the_same_people(shop, tmp_path):
    run(shop, tmp_path, range(4))
    assert run(shop, tmp_path, range(1, 5), "--again") == (0.75, "sent", None)


def test_the_share_is_told_but_holds_nothing_without_a_limit(shop, tmp_path):
    assert shop("import", "add", "free", "--source", tmp_path / "list.csv", "--campaign", "hello").code == 0
    run(shop, tmp_path, range(100))
    shop("run-now", "free")
    run(shop, tmp_path, range(1, 101), "--again")
    done = shop("run-now", "free")
    assert "99 % of these people were in the last run (task 2) too." in done.out
    assert "Campaign hello: sent." in done.out


def test_the_last_run_is_the_last_that_completed_and_brought_a_whole_list(shop, tmp_path):
    run(shop, tmp_path, range(4))
    assert run(shop, tmp_path, [9], "--rest-of", "1") == (None, "sent", None)
    (tmp_path / "list.csv").write_text("nonsense\n", encoding="utf-8")
    assert shop("run-now", "list").code == 1
    assert run(shop, tmp_path, [0, 1, 2, 3, 4]) == (0.8, "held", "same_people")
    assert shop("task", "show", 4, "--json").json()["same_people_task"] == 1


def test_a_rest_is_not_held_for_its_people(shop, tmp_path):
    run(shop, tmp_path, range(4))
    assert run(shop, tmp_path, range(4), "--rest-of", "1") == (None, "sent", None)


def test_the_share_of_a_million_people_is_known_in_well_under_a_second(shop, tmp_path):
    from xpimport.importing import earlier_runs, tasks
    from xpimport.store.opening import open_store

    run(shop, tmp_path, [1])
    run(shop, tmp_path, [2])
    store = open_store(tmp_path / "xpimport.db")
    try:
        with store.writing():
            for task in (1, 2):
                store.db.execute(
                    "WITH RECURSIVE n (n) AS (VALUES (100) UNION ALL SELECT n + 1 FROM n WHERE n < 1000099)"
                    " INSERT INTO audience SELECT ?, n, n FROM n",
                    (task,),
                )
        run_ = tasks.load(store, 2)
        began = time.monotonic()
        assert earlier_runs.same_people(store, run_) == pytest.approx(1_000_000 / 1_000_001)
        assert time.monotonic() - began < 1
    finally:
        store.close()
