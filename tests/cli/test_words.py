"""Small words: what commands say, and how tables stand."""

import pytest

pytestmark = pytest.mark.shop(
    people="user_id,email,email_subscription\nu1,a@example.com,1\nu1,b@example.com,1\nu2,nonsense,1\n"
)


def test_numbers_stand_to_the_right_also_where_a_row_has_none(shop):
    assert shop("run-now", "list").code == 0
    assert shop("report", "--excluded").code == 0
    lines = shop("task", "list").out.splitlines()
    title = next(line for line in lines if "rejected" in line)
    row = next(line for line in lines if line.strip().startswith("1 "))
    for name, count in (("rows", "3"), ("rejected", "1"), ("accepted", "1")):
        end = title.index(name) + len(name)
        assert row[:end].endswith(f" {count}"), name


def test_stopping_an_import_whose_newest_trigger_was_sent_says_so(shop):
    assert shop("stop-trigger", "list").err == (
        "Error: Import 'list' has no trigger yet. See: xpimport task list --import list\n"
    )
    assert shop("import", "edit", "list", "--send-at", "09:00").code == 0
    assert shop("run-now", "list").code == 0
    assert shop("stop-trigger", "list").code == 0
    assert "was stopped already" in shop("stop-trigger", "list").err
    assert shop("import", "edit", "list", "--no-send-at").code == 0
    assert shop("run-now", "list", "--again").code == 0
    done = shop("stop-trigger", "list")
    assert done.code == 5
    assert done.err == "Error: The trigger of task 2 was sent already; there is nothing left to stop.\n"


def test_an_older_trigger_that_can_be_stopped_is_stopped_by_the_name_of_its_import(shop):
    assert shop("import", "edit", "list", "--send-at", "09:00").code == 0
    assert shop("run-now", "list").code == 0
    assert shop("import", "edit", "list", "--no-send-at").code == 0
    assert shop("run-now", "list", "--again").code == 0
    done = shop("stop-trigger", "list")
    assert (done.code, done.err.splitlines()[0]) == (0, "Stopped the trigger of task 1: nothing was sent.")


@pytest.mark.parametrize("state", ["on", "off"])
def test_the_master_switch_is_said_in_words(shop, state):
    assert shop("settings", "set", "triggers", state).err.startswith(f"Sending is {state}.\n")


def test_check_says_how_many_people_the_rows_are(shop):
    done = shop("import", "check", "list")
    assert "Would be taken     2 rows of 1 person\n" in done.out
    assert shop("import", "check", "list", "--json").json()[0]["people"] == 1
