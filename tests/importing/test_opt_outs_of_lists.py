"""A 0 in a list is never lost, and a time that is still ahead proves nothing."""

from itertools import count

import pytest

HEADER = "user_id,email,email_subscription,first_name,birthday"
TIMED = "user_id,email,email_subscription,email_subscription_time"


@pytest.fixture
def run(shop, tmp_path):
    """Imports these lines, and sends; the people who got it, by user_id, and the task."""
    shop("attribute", "add", "first_name", "string")
    shop("attribute", "add", "birthday", "date")

    minutes = count()

    def import_and_send(header, *lines, now=None, options=()):
        now = now or f"2026-11-24T08:{next(minutes):02}:00Z"
        (tmp_path / "list.csv").write_text("\n".join([header, *lines]) + "\n")
        for option in (options,) if options else ():
            assert shop("import", "edit", "list", *option).code == 0
        done = shop("run-now", "list", "--again", "--json", now=now)
        assert done.code == 0, done.err
        task = done.json()
        left_out = shop("report", task["id"], "--excluded", "--json", now=now).json()
        return {one["user_id"]: one["reason"] for one in left_out}, task

    return import_and_send


def test_an_opt_out_counts_though_its_row_is_rejected_for_another_column(shop, run):
    run(HEADER, "u1,a@example.com,1,Ann,", "u2,b@example.com,1,Bob,")
    _, task = run(HEADER, "u1,a@example.com,0,Ann,31/13/1980", "u2,b@example.com,1,Bob,")
    assert task["rows"]["rejected"] == 1
    assert task["rows"]["opted_out_of_rejected"] == 1
    left_out, _ = run(HEADER, "u1,a@example.com,1,Ann,", "u2,b@example.com,1,Bob,")
    assert left_out == {"u1": "unsubscribed"}
    assert shop("profile", "show", "u1", "--json").json()["email_subscription"] == 0


def test_an_opt_out_of_a_row_without_an_identifier_counts_for_its_address(run):
    run(HEADER, "u1,a@example.com,1,Ann,")
    run(HEADER, ",a@example.com,0,,", "u2,b@example.com,1,Bob,")
    assert run(HEADER, "u1,a@example.com,1,Ann,")[0] == {"u1": "unsubscribed"}


def test_an_opt_out_of_a_row_with_a_bad_address_counts_for_the_address_that_the_profile_has(run):
    run(HEADER, "u1,a@example.com,1,Ann,")
    run(HEADER, "u1,a.example.com,0,Ann,", "u2,b@example.com,1,Bob,")
    assert run(HEADER, "u1,a@example.com,1,Ann,")[0] == {"u1": "unsubscribed"}


def test_an_opt_out_counts_though_a_later_row_of_the_same_person_says_yes(run):
    left_out, task = run(HEADER, "u1,a@example.com,0,Ann,", "u1,new@example.com,1,Ann,", "u2,b@example.com,1,Bob,")
    assert task["rows"]["merged"] == 1
    assert left_out == {"u1": "unsubscribed"}
    assert run(HEADER, "u9,a@example.com,1,Other,")[0] == {"u9": "unsubscribed"}


@pytest.mark.parametrize(
    ("mode", "line"), [("create", "u1,a@example.com,0,Ann,"), ("update", "u9,a@example.com,0,Ann,")]
)
def test_an_opt_out_counts_though_the_mode_leaves_its_row_out(run, mode, line):
    run(HEADER, "u1,a@example.com,1,Ann,", *(["u2,b@example.com,1,Bob,"] if mode == "update" else []))
    _, task = run(HEADER, line, "u2,b@example.com,1,Bob,", options=("--mode", mode))
    assert task["rows"]["opted_out_of_rejected"] == 1
    assert run(HEADER, "u1,a@example.com,1,Ann,", options=("--mode", "upsert"))[0] == {"u1": "unsubscribed"}


def test_a_yes_at_a_later_time_in_the_same_list_beats_the_no(run):
    left_out, _ = run(
        TIMED,
        "u1,a@example.com,0,2026-11-01T10:00:00Z",
        "u1,a@example.com,1,2026-11-02T10:00:00Z",
        "u2,b@example.com,0,2026-11-03T10:00:00Z",
        "u2,b@example.com,1,2026-11-02T10:00:00Z",
    )
    assert left_out == {"u2": "unsubscribed"}


def test_a_row_of_the_wrong_shape_opts_nobody_out(run):
    run(HEADER, "u1,a@example.com,1,Ann,")
    run(HEADER, "u1,a@example.com,0", "u2,b@example.com,1,Bob,")
    assert run(HEADER, "u1,a@example.com,1,Ann,")[0] == {}


@pytest.mark.parametrize("ahead", ["2099-01-01", "2026-11-24T20:00:00Z"], ids=["far", "tonight"])
def test_a_time_ahead_takes_no_opt_out_back(shop, run, ahead):
    run(HEADER, "u1,a@example.com,1,Ann,", now="2026-11-23T08:00:00Z")
    shop("profile", "unsubscribe", "u1", now="2026-11-23T09:00:00Z")
    left_out, task = run(TIMED, f"u1,a@example.com,1,{ahead}")
    assert left_out == {"u1": "unsubscribed"}
    assert task["rows"]["time_ahead"] == 1


def test_a_no_of_a_time_ahead_counts_as_of_the_start_and_can_be_taken_back_the_day_after(run):
    run(TIMED, "u1,a@example.com,0,2099-01-01T00:00:00Z")
    left_out, _ = run(TIMED, "u1,a@example.com,1,2026-11-24T12:00:00Z", now="2026-11-25T08:00:00Z")
    assert left_out == {}
