"""What holds for every place that can be listed: patterns, which file is taken, whether it is finished, what becomes of it."""

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from servers.places import Folder
from stores import begin_anew

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"
HEAD = "user_id,email,email_subscription\n"

pytestmark = pytest.mark.shop(people=None, imports=None)


def people(*names):
    return HEAD + "".join(f"{name},{name}@example.com,1\n" for name in names)


def add(xp, place, pattern, *options, name="list", now=None):
    source = place.source(pattern)
    return xp("import", "add", name, "--source", source, *place.options, *options, now=now)


def run(xp, *options, name="list", now=None):
    """The details of the task that running the import made."""
    done = xp("run-now", name, *options, "--json", now=now)
    assert done.out, done.err
    return done.json()


def taken(details):
    assert details["status"] == "completed", details["error"]
    return [file["name"] for file in details["files"]]


def code(details):
    assert details["status"] == "failed"
    return details["error"]["code"]


def test_a_file_is_imported_and_the_task_says_where_it_came_from(shop, place):
    place.put("vip.csv", people("u1", "u2"))
    assert add(shop, place, "vip.csv", "--campaign", "hello").code == 0
    details = run(shop)
    assert taken(details) == ["vip.csv"]
    assert (details["file"]["location"], details["file"]["bytes"]) == (
        place.location("vip.csv"),
        len(people("u1", "u2")),
    )
    assert details["delivery"]["accepted"] == 2


def test_a_fetched_copy_does_not_stay(shop, place, tmp_path):
    place.put("vip.csv", people("u1"))
    add(shop, place, "vip.csv")
    taken(run(shop))
    assert shop("import", "check", "list").code == 0
    staging = tmp_path / "xpimport.db.files" / "staging"
    assert list(staging.iterdir()) == []


@pytest.mark.parametrize(
    ("take", "files"),
    [("newest", ["vip-1.csv"]), ("oldest", ["vip-2.csv"]), ("all", ["vip-2.csv", "vip-1.csv"])],
)
@pytest.mark.parametrize("pattern", ["vip-*.csv", r"re:vip-[0-9]+\.csv"], ids=["glob", "expression"])
def test_of_several_files_those_are_taken_that_take_says(shop, place, take, files, pattern):
    place.put("vip-2.csv", people("u1", "u2"), age=300)
    place.put("vip-1.csv", people("u2", "u3"), age=200)
    place.put("vip-x.csv.part", people("u4"), age=100)
    assert add(shop, place, pattern, "--take", take, "--campaign", "hello").code == 0
    details = run(shop)
    assert taken(details) == files
    assert details["delivery"]["accepted"] == (3 if take == "all" else 2)


def test_all_takes_only_what_is_new_and_oldest_goes_on_with_the_next(shop, place):
    place.put("vip-1.csv", people("u1"), age=300)
    place.put("vip-2.csv", people("u2"), age=200)
    assert add(shop, place, "vip-*.csv", "--take", "all").code == 0
    assert add(shop, place, "vip-*.csv", "--take", "oldest", name="one").code == 0
    assert taken(run(shop)) == ["vip-1.csv", "vip-2.csv"]
    assert code(run(shop)) == "no_file"
    assert taken(run(shop, "--again")) == ["vip-1.csv", "vip-2.csv"]
    place.put("vip-3.csv", people("u3"), age=100)
    assert taken(run(shop)) == ["vip-3.csv"]
    assert [taken(run(shop, name="one")) for _ in range(3)] == [["vip-1.csv"], ["vip-2.csv"], ["vip-3.csv"]]
    assert code(run(shop, name="one")) == "no_file"


def test_a_date_part_names_the_day_of_the_run_in_the_zone_of_the_import(shop, place):
    place.put("2026-11-24/vip-24.csv", people("u1"))
    place.put("2026-11-23/vip-23.csv", people("u2"))
    pattern = "{%Y-%m-%d}/vip-{%d}.csv"
    assert add(shop, place, pattern, "--timezone", "Pacific/Auckland").code == 0
    assert taken(run(shop, now="2026-11-23T11:30:00Z")) == ["vip-24.csv"]
    assert add(shop, place, pattern, "--timezone", "UTC", name="utc").code == 0
    assert taken(run(shop, name="utc", now="2026-11-23T11:30:00Z")) == ["vip-23.csv"]
    details = run(shop, name="utc", now="2026-11-25T11:30:00Z")
    assert code(details) == "no_file"
    assert place.location("2026-11-25/vip-25.csv") in details["error"]["message"]


def test_a_list_with_a_marker_is_taken_once_the_marker_is_there(shop, place):
    place.put("vip.csv", people("u1"))
    assert add(shop, place, "vip.*", "--marker", ".done").code == 0
    details = run(shop)
    assert code(details) == "file_unfinished"
    assert "vip.csv.done" in details["error"]["message"]
    place.put("vip.csv.done", "")
    assert taken(run(shop)) == ["vip.csv"]


def test_a_count_file_must_agree_with_the_rows(shop, place):
    place.put("vip.csv", people("u1", "u2"))
    assert add(shop, place, "vip.csv", "--count-file", "COUNT").code == 0
    assert code(run(shop)) == "file_unfinished"
    place.put("COUNT", "3\n")
    details = run(shop)
    assert code(details) == "count_mismatch"
    assert "3 rows, and 2" in details["error"]["message"]
    place.put("COUNT", "two")
    assert code(run(shop)) == "count_file"
    place.put("COUNT", "2")
    assert taken(run(shop)) == ["vip.csv"]


def test_one_count_file_for_the_whole_folder_counts_all_files_once(shop, tmp_path):
    folder = Folder(tmp_path)
    folder.put("vip-1.csv", people("u1", "u2"))
    folder.put("vip-2.csv", people("u3"))
    folder.put("COUNT", "3")
    assert add(shop, folder, "vip-*.csv", "--take", "all", "--count-file", "COUNT").code == 0
    assert taken(run(shop)) == ["vip-1.csv", "vip-2.csv"]


def test_a_file_older_than_max_age_is_not_taken(shop, place):
    place.put("vip.csv", people("u1"))
    assert add(shop, place, "vip.csv", "--max-age", "1h").code == 0
    assert taken(run(shop)) == ["vip.csv"]
    assert code(run(shop, now="2097-01-01T00:00:00Z")) == "file_too_old"


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ("leave", ["vip.csv", "vip.csv.ok"]),
        ("rename:.done", ["vip.csv.done", "vip.csv.ok.done"]),
        ("move:old", ["old/vip.csv", "old/vip.csv.ok"]),
        ("delete", []),
    ],
)
def test_an_imported_file_and_its_marker_become_what_after_says(shop, place, after, left):
    place.put("vip.csv", people("u1"))
    place.put("vip.csv.ok", "")
    assert add(shop, place, "vip.csv", "--marker", ".ok", "--after", after).code == 0
    details = run(shop)
    assert (taken(details), details["notes"]) == (["vip.csv"], [])
    assert sorted(place.files()) == left


@pytest.mark.parametrize(
    ("after", "there", "becomes"),
    [("rename:.done", "vip.csv.done", "vip.csv.2.done"), ("move:old", "old/vip.csv", "old/vip.2.csv")],
)
def test_a_file_that_is_put_away_never_replaces_another(shop, place, after, there, becomes):
    place.put(there, "precious")
    place.put("vip.csv", people("u1"))
    assert add(shop, place, "vip.csv", "--after", after).code == 0
    assert taken(run(shop)) == ["vip.csv"]
    assert place.files() == {there: "precious", becomes: people("u1")}


def test_a_renamed_file_is_not_found_again_whatever_the_pattern(shop, place):
    place.put("vip.csv", people("u1"))
    assert add(shop, place, "re:vip[.a-z]*", "--after", "rename:.done").code == 0
    assert taken(run(shop)) == ["vip.csv"]
    assert code(run(shop)) == "no_file"
    assert list(place.files()) == ["vip.csv.done"]


def test_a_file_is_put_away_only_after_a_run_that_completed(shop, place):
    place.put("vip.csv", "no header that fits\n")
    assert add(shop, place, "vip.csv", "--after", "delete").code == 0
    assert code(run(shop)) == "missing_column"
    assert list(place.files()) == ["vip.csv"]


def test_a_file_replaced_while_it_was_imported_is_left_and_the_task_says_so(shop, place, monkeypatch):
    from xpimport.flow import import_run

    place.put("vip.csv", people("u1"), age=100)
    assert add(shop, place, "vip.csv", "--after", "delete").code == 0
    complete = import_run._complete

    def then_replace(*arguments):
        complete(*arguments)
        place.put("vip.csv", people("u2", "u3"))

    monkeypatch.setattr(import_run, "_complete", then_replace)
    done = shop("run-now", "list")
    assert done.code == 0
    assert f"Note: {place.location('vip.csv')} was replaced while it was imported" in done.err
    assert "Note: " in shop("task", "show", 1).err
    assert place.files() == {"vip.csv": people("u2", "u3")}


def test_a_tick_takes_a_file_that_is_the_same_over_as_many_looks_as_its_place_needs(shop, place):
    place.put("vip.csv", HEAD, age=100)
    assert add(shop, place, "vip.csv", "--schedule", "daily 03:00", now="2097-01-01T00:00:00Z").code == 0
    ran = []
    for minute in range(4):
        if minute == 1:
            place.put("vip.csv", people("u1"), age=50)
        assert shop("tick", now=f"2097-01-01T03:0{minute}:00Z").code == 0
        ran.append(shop("task", "show", 1, "--json", now=f"2097-01-01T03:0{minute}:30Z").json())
    whole = 0 if place.looks == 1 else 2
    assert [one["status"] for one in ran] == ["waiting_for_file"] * whole + ["completed"] * (4 - whole)
    assert ran[-1]["rows"]["read"] == (0 if place.looks == 1 else 1)
    if whole:
        assert ran[0]["waiting_because"] == "The file is still being written to."


@pytest.mark.parametrize("place", ["local", pytest.param("sftp", marks=pytest.mark.server("sshd"))], indirect=True)
def test_a_file_that_grows_between_two_looks_is_not_taken(shop, place, monkeypatch):
    import time

    place.put("vip.csv", HEAD, age=100)
    assert add(shop, place, "vip.csv").code == 0
    monkeypatch.setattr(time, "sleep", lambda _: place.put("vip.csv", people("u1"), age=50))
    assert code(run(shop)) == "file_unfinished"


def kill_while_merging(db):
    """Run the import `list` and kill it at the first commit after which it is taken up where it was."""
    clean = db.read_bytes()
    for nth in range(1, 20):
        begin_anew(db, clean)
        killed = [sys.executable, KILLED, "commit", str(nth), "--db", db, "run-now", "list"]
        assert subprocess.run(killed, capture_output=True, check=False, timeout=60).returncode == -9
        with closing(sqlite3.connect(db)) as look:
            if look.execute("SELECT stage FROM tasks WHERE status = 'running'").fetchall() == [("merging",)]:
                return
    pytest.fail("the run was never merging")


def test_a_killed_run_goes_on_with_the_files_it_began_with(shop, place, tmp_path):
    place.put("vip-1.csv", people("u1", "u2"), age=300)
    assert add(shop, place, "vip-*.csv", "--after", "delete").code == 0
    kill_while_merging(tmp_path / "xpimport.db")
    place.put("vip-2.csv", people("u3"))
    assert shop("tick").code == 0
    details = shop("task", "show", 1, "--json").json()
    assert (details["attempt"], taken(details), details["rows"]["created"]) == (2, ["vip-1.csv"], 2)
    assert list(place.files()) == ["vip-2.csv"]


def test_check_shows_the_list_and_writes_nothing(shop, place, tmp_path):
    place.put("vip.csv", people("u1") + "u2,nonsense,1\n")
    assert add(shop, place, "vip.csv", "--after", "delete").code == 0
    before = (tmp_path / "xpimport.db").read_bytes()
    checked = shop("import", "check", "list", "--json").json()
    assert [(one["name"], one["read"], one["rejected"]) for one in checked] == [("vip.csv", 2, {"invalid_email": 1})]
    assert (tmp_path / "xpimport.db").read_bytes() == before
    assert list(place.files()) == ["vip.csv"]
    assert not (tmp_path / "xpimport.db.files").exists()


def test_a_source_for_one_run_only_is_left_where_it_is(shop, tmp_path):
    folder = Folder(tmp_path)
    folder.put("vip.csv", people("u1"))
    folder.put("corrected.csv", people("u2"))
    assert add(shop, folder, "vip*.csv", "--after", "delete").code == 0
    assert taken(run(shop, "--source", str(tmp_path / "corrected.csv"))) == ["corrected.csv"]
    assert (tmp_path / "corrected.csv").exists()
    # And it does not count as taken from the pattern, whatever its date.
    folder.put("vip.csv", people("u1"), age=86400)
    assert taken(run(shop)) == ["vip.csv"]


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("/lists/*.csv", ("--after", "rename:.csv"), "would find the renamed file again"),
        ("/lists/vip*", ("--after", "rename:.done"), "would find the renamed file again"),
        (r"/lists/re:vip.*\.csv", ("--after", "rename:.csv"), "would find the renamed file again"),
        ("/lists/*.csv", ("--after", "move:."), "the folder of the source itself"),
        ("/lists/*.csv", ("--after", "rename:.ok", "--marker", ".ok"), "the same name"),
        ("/lists/*.csv", ("--after", "burn"), "leave, rename:SUFFIX"),
        ("/lists/", (), "names a folder"),
        ("/lists/*/vip.csv", (), "a star stands in a folder"),
        ("/lists/vip-{%Q}.csv", (), "{%Q}"),
        ("/lists/vip-{%Y.csv", (), "is not closed"),
        ("/lists/re:vip-[0-9", (), "'vip-[0-9' is broken at character 5: missing ]"),
        ("/lists/re:vip-(?=x)", (), "at character 5: invalid perl operator (?="),
        ("/lists/re:a/b", (), "at character 2: names hold no slash"),
        ("/lists/vip.csv", ("--password", "file:/x"), "--password does nothing for a local source"),
        ("/lists/vip.csv", ("--marker", "/lists/READY"), "Give its name only"),
        ("ftp://host/vip.csv", (), "no source of the kind 'ftp'"),
        ("sftp://ann:hunter2@host/vip.csv", (), "--password file:PATH"),
        ("https://ann:hunter2@host/vip.csv", (), "--password file:PATH"),
        ("sftp://host/vip.csv", ("--password", "hunter2"), "by reference only"),
        ("sftp://host/vip.csv", ("--token", "file:/x"), "--token does nothing for an sftp source"),
        ("https://host/vip-*.csv", (), "there is no listing to match a pattern with"),
        ("https://host/lists/re:vip", (), "there is no listing to match a pattern with"),
        ("https://host/vip.csv", ("--after", "delete"), "can only be left"),
        ("https://host/vip.csv", ("--marker", ".done"), "--marker cannot be used"),
        ("https://ann@host/vip.csv", (), "go together"),
        ("http://host/vip.csv", ("--token", "file:/x"), "in the clear"),
        ("s3://bucket", (), "Write it like s3://"),
        ("s3://bucket/vip.csv", ("--key", "file:/x"), "AWS_PROFILE"),
    ],
)
def test_a_source_that_cannot_work_is_refused_when_it_is_added(shop, source, options, message):
    done = shop("import", "add", "list", "--source", source, *options)
    assert done.code == 2, done.err
    assert message in done.err
    assert "hunter2" not in done.err
    assert shop("import", "list", "--json").json() == []


def test_no_user_and_no_query_is_ever_shown(shop, tmp_path):
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secret").chmod(0o600)
    password = f"file:{tmp_path / 'secret'}"
    added = shop("import", "add", "list", "--source", "https://ann@127.0.0.1:9/vip.csv?sig=abc", "--password", password)
    assert added.code == 0, added.err
    ran = shop("run-now", "list")
    assert ran.code == 6
    shown = [
        added,
        ran,
        shop("import", "show", "list"),
        shop("import", "show", "list", "--json"),
        shop("task", "show", 1),
    ]
    text = "".join(one.out + one.err for one in [*shown, shop("import", "list", "--json")])
    assert "127.0.0.1:9/vip.csv" in text
    assert not re.search(r"ann\b|sig=abc|\bsecret\b(?!\n)(?<!/secret)", text.replace(password, ""))
