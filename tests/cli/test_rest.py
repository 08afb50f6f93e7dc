"""Rejected rows come back corrected, and nobody of the list is sent to twice."""

import csv
import io
import sqlite3
from contextlib import closing

import pytest

HEAD = "user_id,email,email_subscription,city\n"
LIST = HEAD + "u1,a@example.com,1,Cork\nu2,nonsense,1,'=x\n,c@example.com,1,-5\nu4,d@example.com,1,+353 1\n"


pytestmark = pytest.mark.shop(attributes={"city": "string"}, people=LIST)


def run(xp, *options):
    done = xp("run-now", "list", *options, "--json")
    assert done.code == 0, done.err
    return done.json()


def corrected(xp, tmp_path, task, changes, name="corrected.csv"):
    """The rejected rows of a task with texts replaced, as a file."""
    text = xp("report", task, "--rejected").out
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def messages(tmp_path):
    """Whom the outbox has messages for, one entry a message."""
    found = []
    for path in tmp_path.glob("xpimport.db.files/outbox/new/*"):
        found += [line[4:] for line in path.read_text().splitlines() if line.startswith("To: ")]
    return sorted(found)


def reasons(details):
    return {one["reason"]: one["count"] for one in details["delivery"]["excluded_by_reason"]}


def test_corrected_rows_are_sent_to_and_nobody_twice(shop, tmp_path):
    assert run(shop)["rows"]["rejected"] == 2
    assert messages(tmp_path) == ["a@example.com", "d@example.com"]
    path = corrected(shop, tmp_path, 1, {"nonsense": "b@example.com", "\n,c@": "\nu3,c@"})
    details = run(shop, "--source", path, "--rest-of", 1)
    assert (details["rest_of"], details["rows"]["created"], details["rows"]["rejected"]) == (1, 2, 0)
    assert messages(tmp_path) == ["a@example.com", "b@example.com", "c@example.com", "d@example.com"]
    assert "Rest of   task 1\n" in shop("task", "show", 2).out
    cities = {one["user_id"]: one["city"] for one in shop("profile", "list", "--json").json()}
    assert cities == {"u1": "Cork", "u2": "'=x", "u3": "-5", "u4": "+353 1"}


def test_the_columns_of_the_report_are_left_out_also_of_what_a_corrected_list_rejects(shop, tmp_path):
    run(shop)
    again = run(shop, "--source", corrected(shop, tmp_path, 1, {"nonsense": "nothing"}), "--rest-of", 1)
    assert again["ignored_columns"] == []
    text = shop("report", 2, "--rejected").out
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["xpimport_reason"] for row in rows] == ["invalid_email", "missing_identifier"]
    assert text.splitlines()[0] == "user_id,email,email_subscription,city,xpimport_line,xpimport_column,xpimport_reason"
    run(shop, "--source", corrected(shop, tmp_path, 2, {"nothing": "b@example.com"}), "--rest-of", 2)
    assert messages(tmp_path) == ["a@example.com", "b@example.com", "d@example.com"]


def test_a_rest_of_a_rest_leaves_out_whom_the_whole_chain_sent_to(shop, tmp_path):
    run(shop)
    run(shop, "--source", corrected(shop, tmp_path, 1, {"nonsense": "b@example.com"}), "--rest-of", 1)
    whole = tmp_path / "whole.csv"
    whole.write_text(LIST.replace("nonsense", "b@example.com").replace("\n,c", "\nu3,c"), encoding="utf-8")
    details = run(shop, "--source", whole, "--rest-of", 2)
    assert reasons(details) == {"same_send": 3}
    assert details["delivery"]["accepted"] == 1
    assert len(messages(tmp_path)) == 4


def test_two_rests_of_one_task_do_not_send_to_a_person_twice_and_the_same_content_is_not_held(shop, tmp_path):
    run(shop)
    path = corrected(shop, tmp_path, 1, {"nonsense": "b@example.com"})
    assert run(shop, "--source", path, "--rest-of", 1)["trigger"]["state"] == "sent"
    again = run(shop, "--source", path, "--rest-of", 1)
    assert (again["trigger"]["state"], reasons(again)) == ("sent", {"same_send": 1})
    assert len(messages(tmp_path)) == 3


def test_who_failed_or_was_excluded_in_the_task_is_sent_to_once_that_is_corrected(shop, tmp_path):
    (tmp_path / "list.csv").write_text(HEAD + "u1,,1,\nu2,b@example.com,1,\n", encoding="utf-8")
    assert reasons(run(shop)) == {"no_address": 1}
    rest = tmp_path / "rest.csv"
    rest.write_text(HEAD + "u1,a@example.com,1,\nu2,b@example.com,1,\n", encoding="utf-8")
    assert reasons(run(shop, "--source", rest, "--rest-of", 1)) == {"same_send": 1}
    assert messages(tmp_path) == ["a@example.com", "b@example.com"]


def test_a_corrected_row_with_the_address_of_somebody_sent_to_is_no_second_message(shop, tmp_path):
    run(shop)
    rest = tmp_path / "rest.csv"
    rest.write_text(HEAD + "u9,A@example.com,1,\n", encoding="utf-8")
    assert reasons(run(shop, "--source", rest, "--rest-of", 1)) == {"duplicate_address": 1}
    assert len(messages(tmp_path)) == 2


DAY = "2026-11-24T"


def test_people_whom_the_task_has_yet_to_send_to_are_left_to_it(shop, tmp_path):
    assert shop("import", "edit", "list", "--send-at", "09:00", now=DAY + "07:00:00Z").code == 0
    assert shop("run-now", "list", now=DAY + "08:00:00Z").code == 0
    assert shop("import", "edit", "list", "--no-send-at", now=DAY + "08:10:00Z").code == 0
    rest = tmp_path / "rest.csv"
    rest.write_text(HEAD + "u1,a@example.com,1,\nu2,b@example.com,1,\n", encoding="utf-8")
    early = shop("run-now", "list", "--source", rest, "--rest-of", 1, "--json", now=DAY + "08:30:00Z").json()
    assert reasons(early) == {"same_send": 1}
    assert messages(tmp_path) == ["b@example.com"]
    assert shop("tick", now=DAY + "09:00:00Z").code == 0
    assert messages(tmp_path) == ["a@example.com", "b@example.com", "d@example.com"]


def test_a_stopped_task_released_later_leaves_out_whom_its_rest_sent_to(shop, tmp_path):
    assert shop("import", "edit", "list", "--send-at", "09:00", now=DAY + "07:00:00Z").code == 0
    assert shop("run-now", "list", now=DAY + "08:00:00Z").code == 0
    assert shop("stop-trigger", 1, now=DAY + "08:05:00Z").code == 0
    assert shop("import", "edit", "list", "--no-send-at", now=DAY + "08:10:00Z").code == 0
    rest = tmp_path / "rest.csv"
    rest.write_text(HEAD + "u1,a@example.com,1,\n", encoding="utf-8")
    assert shop("run-now", "list", "--source", rest, "--rest-of", 1, now=DAY + "08:30:00Z").code == 0
    assert messages(tmp_path) == ["a@example.com"]
    assert shop("release-trigger", 1, now=DAY + "08:40:00Z").code == 0
    assert shop("tick", now=DAY + "09:00:00Z").code == 0
    assert reasons(shop("task", "show", 1, "--json").json()) == {"same_send": 1}
    assert messages(tmp_path) == ["a@example.com", "d@example.com"]


def test_while_one_trigger_of_a_list_decides_its_rest_waits(shop, tmp_path):
    run(shop)
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("UPDATE triggers SET state = 'sending', decided_at = NULL, wake_at = send_at WHERE id = 1")
        db.commit()
    rest = tmp_path / "rest.csv"
    rest.write_text(HEAD + "u9,z@example.com,1,\n", encoding="utf-8")
    assert run(shop, "--source", rest, "--rest-of", 1)["trigger"]["state"] == "scheduled"
    assert shop("tick").code == 0
    assert [shop("task", "show", task, "--json").json()["trigger"]["state"] for task in (1, 2)] == ["sent", "sent"]
    assert messages(tmp_path).count("z@example.com") == 1


def test_a_corrected_list_is_read_in_the_form_of_the_report_whatever_the_import_reads(shop, tmp_path):
    text = LIST.replace(",", ";").replace("Cork", "Cörk")
    (tmp_path / "list.csv").write_text(text, encoding="cp1252")
    options = ("--delimiter", ";", "--encoding", "cp1252", "--marker", ".done", "--min-rows", "4")
    assert shop("import", "edit", "list", *options).code == 0
    (tmp_path / "list.csv.done").touch()
    run(shop)
    path = corrected(shop, tmp_path, 1, {"nonsense": "b@example.com", "\n,c@": "\nü3,c@"})
    assert run(shop, "--source", path, "--rest-of", 1)["delivery"]["accepted"] == 2
    assert shop("profile", "show", "ü3", "--json").json()["city"] == "-5"


def test_a_corrected_list_that_a_spreadsheet_saved_with_semicolons_is_read_too(shop, tmp_path):
    run(shop)
    rows = csv.reader(io.StringIO(shop("report", 1, "--rejected").out))
    with (tmp_path / "corrected.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows(
            [cell.replace("nonsense", "b@example.com") for cell in row] for row in rows
        )
    details = run(shop, "--source", tmp_path / "corrected.csv", "--rest-of", 1)
    assert (details["rows"]["read"], details["rows"]["created"]) == (2, 1)
    assert shop("profile", "show", "u2", "--json").json()["city"] == "'=x"


def test_a_file_that_a_rest_was_read_from_does_not_become_the_last_one_taken(shop, tmp_path):
    assert shop("import", "edit", "list", "--source", tmp_path / "li*.csv").code == 0
    run(shop)
    run(shop, "--source", corrected(shop, tmp_path, 1, {"nonsense": "b@example.com"}), "--rest-of", 1)
    assert run(shop, "--again")["files"][0]["name"] == "list.csv"


def test_only_a_completed_run_of_the_same_import_has_a_rest(shop, tmp_path):
    assert shop("import", "add", "other", "--source", tmp_path / "none.csv").code == 0
    assert shop("run-now", "other").code == 1
    refused = {}
    for task, name in ((7, "list"), (1, "list"), (1, "other")):
        done = shop("run-now", name, "--rest-of", task)
        refused[task, name] = done.code
        assert "Error: " in done.err
    assert refused == {(7, "list"): 4, (1, "list"): 2, (1, "other"): 5}
    assert len(shop("task", "list", "--json").json()) == 1


def test_rejected_rows_of_several_files_name_their_file(shop, tmp_path):
    for part, row in (("a", "u7,bad,1,"), ("b", "u8,worse,1,")):
        (tmp_path / f"part-{part}.csv").write_text(HEAD + row + "\n", encoding="utf-8")
    source = tmp_path / "part-*.csv"
    assert shop("import", "edit", "list", "--source", source, "--take", "all").code == 0
    run(shop)
    rows = list(csv.DictReader(io.StringIO(shop("report", "--rejected").out)))
    assert [(row["user_id"], row["xpimport_line"], row["xpimport_file"]) for row in rows] == [
        ("u7", "2", "part-a.csv"),
        ("u8", "2", "part-b.csv"),
    ]
    path = corrected(shop, tmp_path, 1, {"bad": "x@example.com", "worse": "y@example.com"})
    details = run(shop, "--source", path, "--rest-of", 1)
    assert (details["ignored_columns"], details["delivery"]["accepted"]) == ([], 2)
