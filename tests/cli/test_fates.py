"""One row, one fate; one person, one fate: counts, consent, modes, guards and exclusions, from the outside."""

import sqlite3
from contextlib import closing

import pytest

pytestmark = pytest.mark.shop(attributes={"city": "string"}, people=None, imports=None)


def run(xp, tmp_path, text, *options, campaign=True, name="list"):
    """Import `text` by an import of that name, made on first use; returns the task's details."""
    path = tmp_path / f"{name}.csv"
    path.write_text(text, encoding="utf-8")
    if name not in [found["name"] for found in xp("import", "list", "--json").json()]:
        sends = ("--campaign", "hello") if campaign else ()
        done = xp("import", "add", name, "--source", path, *sends, *options)
        assert done.code == 0, done.err
    done = xp("run-now", name, "--again", "--json")
    assert done.code in {0, 1}, done.err
    return done.json()


def reasons(details):
    return {one["reason"]: one["count"] for one in details["delivery"]["excluded_by_reason"]}


def test_the_last_valid_row_of_a_person_wins_and_blanks_keep_what_is_stored(shop, tmp_path):
    text = "user_id,email,email_subscription,city\nu1,a@example.com,1,Cork\nu1,b@example.com,1,\nu1,nonsense,1,Kerry\n"
    details = run(shop, tmp_path, "user_id,city\nu1,Dublin\n", campaign=False, name="first")
    details = run(shop, tmp_path, text)
    assert details["rows"] == {
        "read": 3, "created": 0, "updated": 1, "unchanged": 0, "merged": 1, "rejected": 1, "not_imported": 0,
        "kept_unsubscribed": 0, "opted_out_of_rejected": 0, "time_ahead": 0,
    }  # fmt: skip
    profile = shop("profile", "show", "u1", "--json").json()
    assert (profile["email"], profile["city"]) == ("b@example.com", "Dublin")


def test_blank_clear_clears_but_never_a_subscription(shop, tmp_path):
    run(shop, tmp_path, "user_id,email,email_subscription,city\nu1,a@example.com,1,Cork\n")
    run(shop, tmp_path, "user_id,email_subscription,city\nu1,,\n", "--blank", "clear", campaign=False, name="second")
    profile = shop("profile", "show", "u1", "--json").json()
    assert (profile["city"], profile["email_subscription"]) == (None, 1)


@pytest.mark.parametrize(("mode", "reason"), [("create", "already_exists"), ("update", "unknown_profile")])
def test_modes_reject_what_they_do_not_do(shop, tmp_path, mode, reason):
    run(shop, tmp_path, "user_id,city\nold,Cork\n", campaign=False, name="first")
    details = run(shop, tmp_path, "user_id,city\nold,Kerry\nnew,Clare\n", "--mode", mode, campaign=False)
    assert details["rejections"] == [{"reason": reason, "count": 1}]
    assert details["rows"]["created"] + details["rows"]["updated"] == 1


def test_lists_of_addresses_are_identified_by_email_and_adopted_by_a_new_user_id(shop, tmp_path):
    options = ("--identify-by", "email", "--subscribe", "email")
    details = run(shop, tmp_path, "email\nAnn@Example.com\nann@example.com\n", *options)
    assert (details["rows"]["created"], details["rows"]["merged"], details["delivery"]["accepted"]) == (1, 1, 1)
    details = run(shop, tmp_path, "user_id,email\nu1,ann@example.com\n", campaign=False, name="with-id")
    assert details["rows"]["updated"] == 1
    assert len(shop("profile", "list", "--json").json()) == 1


def test_an_address_that_several_profiles_share_is_ambiguous(shop, tmp_path):
    run(shop, tmp_path, "user_id,email\nu1,ann@example.com\nu2,ann@example.com\n", campaign=False, name="shared")
    details = run(shop, tmp_path, "email\nann@example.com\n", "--identify-by", "email", campaign=False)
    assert details["rejections"] == [{"reason": "ambiguous_identifier", "count": 1}]


def test_an_import_never_takes_an_opt_out_back(shop, tmp_path):
    text = "user_id,email,email_subscription\nu1,ann@example.com,1\n"
    run(shop, tmp_path, text)
    assert shop("profile", "unsubscribe", "u1").code == 0
    details = run(shop, tmp_path, text)
    assert details["rows"]["kept_unsubscribed"] == 1
    assert reasons(details) == {"unsubscribed": 1}
    vouched = run(shop, tmp_path, "user_id,email\nu1,ann@example.com\n", "--subscribe", "email", name="vouched")
    assert reasons(vouched) == {"unsubscribed": 1}


def test_an_opt_out_belongs_to_the_address_under_any_user_id(shop, tmp_path):
    run(shop, tmp_path, "user_id,email,email_subscription\nu1,ann@example.com,0\n")
    details = run(shop, tmp_path, "user_id,email,email_subscription\nu2,ANN@example.com,1\n")
    assert reasons(details) == {"unsubscribed": 1}
    assert details["rows"]["kept_unsubscribed"] == 1


def test_a_consent_later_than_the_opt_out_counts(shop, tmp_path):
    head = "user_id,email,email_subscription,email_subscription_time\n"
    run(shop, tmp_path, head + "u1,ann@example.com,0,2021-01-01T00:00:00Z\n")
    early = run(shop, tmp_path, head + "u1,ann@example.com,1,2020-01-01T00:00:00Z\n", name="early")
    assert reasons(early) == {"unsubscribed": 1}
    later = run(shop, tmp_path, head + "u1,ann@example.com,1,2022-01-01T00:00:00Z\n", name="later")
    assert later["delivery"]["accepted"] == 1


def test_vouching_subscribes_who_is_unset_and_a_zero_in_the_file_beats_it(shop, tmp_path):
    text = "user_id,email,email_subscription\nu1,a@example.com,\nu2,b@example.com,0\n"
    details = run(shop, tmp_path, text, "--subscribe", "email")
    assert details["delivery"]["accepted"] == 1
    assert reasons(details) == {"unsubscribed": 1}


def test_each_exclusion_has_its_reason_and_the_first_wins(shop, tmp_path):
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("INSERT INTO suppressions VALUES ('email', 'bad@example.com', 'complaint', '2026-01-01')")
        db.commit()
    text = (
        "user_id,email,email_subscription\n"
        "u9,same@example.com,1\nu1,,1\nu2,no@example.com,0\nu3,unset@example.com,\nu4,bad@example.com,0\n"
        "u5,Same@example.com,1\nu6,good@example.com,1\n"
    )
    details = run(shop, tmp_path, text)
    assert reasons(details) == {
        "duplicate_address": 1, "no_address": 1, "subscription_unset": 1, "suppressed": 1, "unsubscribed": 1,
    }  # fmt: skip
    assert details["delivery"]["accepted"] == 2
    lines = shop("report", "--excluded", "--json").json()
    assert {line["user_id"]: line["row"] for line in lines}["u5"] == 7
    assert shop("task", "list", "--json").json()[0]["type"] == "excluded_users_report"


@pytest.mark.parametrize(
    "guard", [("--min-rows", "5"), ("--max-rows", "1"), ("--max-rejected", "10%")], ids=lambda guard: guard[0]
)
def test_a_guard_fails_an_unusual_list_before_anything_is_merged(shop, tmp_path, guard):
    text = "user_id,email,email_subscription\nu1,a@example.com,1\nu2,nonsense,1\n"
    details = run(shop, tmp_path, text, *guard)
    assert (details["status"], details["error"]["code"]) == ("failed", "guard")
    assert shop("profile", "list", "--json").json() == []


def test_a_guard_may_hold_the_trigger_instead(shop, tmp_path):
    text = "user_id,email,email_subscription\nu1,a@example.com,1\n"
    details = run(shop, tmp_path, text, "--min-rows", "5", "--on-guard", "hold")
    assert (details["status"], details["trigger"]["state"], details["trigger"]["reason"]) == (
        "completed",
        "held",
        "guard",
    )


def test_all_files_of_a_run_are_one_task_and_one_message_a_person(shop, tmp_path):
    for part, people in (
        ("a", "u1,a@example.com,1\nu2,b@example.com,1\n"),
        ("b", "u2,b@example.com,1\nu3,c@example.com,1\n"),
    ):
        (tmp_path / f"part-{part}.csv").write_text("user_id,email,email_subscription\n" + people, encoding="utf-8")
    source = tmp_path / "part-*.csv"
    assert shop("import", "add", "parts", "--source", source, "--take", "all", "--campaign", "hello").code == 0
    details = shop("run-now", "parts", "--json").json()
    assert [file["name"] for file in details["files"]] == ["part-a.csv", "part-b.csv"]
    assert (details["rows"]["merged"], details["delivery"]["accepted"]) == (1, 3)


def test_a_list_can_come_through_standard_input(shop):
    assert shop("import", "add", "piped", "--source", "-", "--subscribe", "email", "--campaign", "hello").code == 0
    done = shop("run-now", "piped", "--json", stdin="user_id,email\nu1,a@example.com\n")
    assert done.json()["delivery"]["accepted"] == 1


def test_rejected_rows_are_reported_as_they_were_with_line_column_and_reason(shop, tmp_path):
    text = 'user_id,email,email_subscription\n"u\n1",a@example.com,1\nu2,=cmd(),1\nu3,b@example.com\n'
    run(shop, tmp_path, text)
    lines = shop("report", "--rejected").out.splitlines()
    assert lines[0] == "user_id,email,email_subscription,xpimport_line,xpimport_column,xpimport_reason"
    assert "u2,'=cmd(),1,4,email,invalid_email" in lines
    assert any(line.endswith("wrong_column_count") for line in lines)


def test_with_a_region_numbers_without_country_code_are_of_that_country(shop, tmp_path):
    text = "user_id,mobile_number\nu1,085 012 3456\nu2,+447400123456\nu3,01 234 5678\n"
    task = run(shop, tmp_path, text, "--region", "IE", campaign=False)
    assert (task["rows"]["created"], task["rejections"]) == (2, [{"reason": "invalid_mobile", "count": 1}])
    assert shop("profile", "show", "u1", "--json").json()["mobile_number"] == "353850123456"
