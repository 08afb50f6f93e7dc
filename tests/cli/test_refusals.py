"""Bad input: each gets a clear word on what and where, the right exit code, and leaves nothing half-written."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from xpimport.cli.app import COMMANDS

GROUPS = {
    "settings": ["list", "set", "unset"],
    "attribute": ["add", "list"],
    "campaign": [
        "add",
        "list",
        "show",
        "edit",
        "pause",
        "resume",
        "remove",
        "preview",
        "test",
        "analytics",
        "import-triggers",
    ],
    "import": ["add", "list", "show", "edit", "activate", "deactivate", "remove", "check"],
    "task": ["list", "show"],
    "profile": ["list", "show", "subscribe", "unsubscribe"],
    "crontab": ["show", "install", "remove"],
    "category": ["add", "list", "remove"],
    "suppression": ["add", "remove", "list", "import", "export"],
    "event": ["ingest", "bounces", "list", "rejected", "retry"],
}
CALLS = [[name, verb] for name, verbs in GROUPS.items() for verb in verbs] + [
    [name] for name in COMMANDS if name not in GROUPS
]
HEADER = "user_id,email,email_subscription\n"


pytestmark = pytest.mark.shop(people=HEADER + "u1,p1@example.com,1\n")


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_every_command_explains_itself_with_an_example(xp, call):
    done = xp(*call, "--help")
    assert done.code == 0
    assert "Example:\n  xpimport" in done.out


@pytest.mark.parametrize(
    "call",
    [
        ("import", "add", "x", "--source", "a.csv", "--campaign", "nope"),
        ("import", "show", "nope"),
        ("import", "edit", "nope"),
        ("import", "activate", "nope"),
        ("import", "remove", "nope", "--yes"),
        ("import", "check", "nope"),
        ("campaign", "show", "nope"),
        ("campaign", "pause", "nope"),
        ("campaign", "preview", "nope", "--profile", "u1"),
        ("campaign", "preview", "hello", "--profile", "nope"),
        ("campaign", "test", "nope", "--to", "a@example.com"),
        ("run-now", "nope"),
        ("stop-trigger", "nope"),
        ("stop-trigger", "99"),
        ("release-trigger", "99"),
        ("task", "show", "99"),
        ("task", "list", "--import", "nope"),
        ("task", "list", "--campaign", "nope"),
        ("report", "99", "--excluded"),
        ("report", "--excluded"),
        ("profile", "show", "nope"),
        ("settings", "set", "nope", "1"),
    ],
    ids=" ".join,
)
def test_an_unknown_name_is_not_found(shop, call):
    done = shop(*call)
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("Error: ")


def test_without_a_store_every_command_names_init(xp):
    done = xp("task", "list")
    assert done.code == 4
    assert "xpimport init" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ("--schedule", "0 3 * *"),
        ("--schedule", "0 0 30 2 *"),
        ("--schedule", "@daily"),
        ("--schedule", "daily 3:00"),
        ("--timezone", "Europe/Dublinn"),
        ("--campaign", "hello", "--send-at", "9:00"),
        ("--send-at", "09:00"),
        ("--grace", "soon"),
        ("--mode", "replace"),
        ("--map", "email"),
        ("--map", "a=nope"),
        ("--map", "a=email"),
        ("--subscribe", "fax"),
        ("--max-rejected", "lots"),
    ],
    ids=" ".join,
)
def test_a_bad_value_is_refused_when_it_is_typed(shop, tmp_path, options):
    done = shop("import", "add", "other", "--source", tmp_path / "list.csv", *options)
    assert done.code == 2, done.err
    assert len(shop("import", "list", "--json").json()) == 1


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"", "empty_file", "empty"),
        (b"\xef\xbb\xbf\n\n", "empty_file", "empty"),
        (b"email,email_subscription\na@example.com,1\n", "missing_column", "user_id"),
        (b"user_id,email,Email,email_subscription\nu,a@example.com,b@example.com,1\n", "duplicate_header", "mail"),
        (HEADER.encode() + b"u1,\xff@example.com,1\n", "undecodable", "line 2"),
        (HEADER.encode() + b'u1,a@example.com,1\nu2,"b@example.com,1\n', "unclosed_quote", "line 3"),
        (HEADER.encode() + b"u1,a@example.com,1\nu2,b@exam", "truncated", "line 3"),
    ],
    ids=["empty", "blank lines", "no identifier", "duplicate header", "bytes", "unclosed quote", "cut off"],
)
def test_a_file_that_cannot_be_imported_fails_as_a_whole(shop, tmp_path, content, code, said):
    (tmp_path / "list.csv").write_bytes(content)
    done = shop("run-now", "list")
    assert done.code == 1
    assert said in done.err
    details = shop("task", "show", 1, "--json").json()
    assert (details["status"], details["error"]["code"], details["rows"]["created"]) == ("failed", code, 0)
    assert details["trigger"]["state"] == "ignored"
    assert shop("profile", "list", "--json").json() == []


def test_a_directory_in_place_of_a_file_is_refused(shop, tmp_path):
    done = shop("run-now", "list", "--source", tmp_path)
    assert done.code == 1
    assert "is a directory" in done.err


def test_a_file_that_is_not_there_fails_the_run(shop, tmp_path):
    assert shop("run-now", "list", "--source", tmp_path / "nope.csv").code == 1
    assert shop("task", "show", 1, "--json").json()["error"]["code"] == "no_file"


def test_a_store_that_is_not_ours_is_left_alone(xp, tmp_path):
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as db:
        db.execute("CREATE TABLE t (a)")
        db.commit()
    before = other.read_bytes()
    text = tmp_path / "text.db"
    text.write_text("Dear diary, " * 100, encoding="utf-8")
    for path in (other, text):
        done = xp("task", "list", db=path)
        assert done.code == 1
        assert "not a store" in done.err
    assert other.read_bytes() == before


def test_a_newer_store_is_left_alone(shop, tmp_path):
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("PRAGMA user_version = 99")
        db.commit()
    done = shop("task", "list")
    assert done.code == 1
    assert "newer" in done.err


def test_a_broken_template_is_refused_before_anything_is_kept(shop, tmp_path):
    (tmp_path / "bad.txt").write_text("Hello\n{{ first_nam }}", encoding="utf-8")
    done = shop("campaign", "add", "bad", "--text", tmp_path / "bad.txt")
    assert done.code == 2
    assert "first_nam" in done.err
    assert [found["name"] for found in shop("campaign", "list", "--json").json()] == ["hello"]


def test_a_list_without_consent_is_refused_naming_both_ways(shop, tmp_path):
    (tmp_path / "bare.csv").write_text("user_id,email\nu1,p1@example.com\n", encoding="utf-8")
    done = shop("import", "add", "bare", "--source", tmp_path / "bare.csv", "--campaign", "hello")
    assert done.code == 2
    assert "email_subscription" in done.err
    assert "--subscribe email" in done.err
    done = shop("run-now", "list", "--source", tmp_path / "bare.csv")
    assert done.code == 1
    assert "--subscribe email" in done.err


def test_stopping_after_the_send_is_refused(shop):
    assert shop("run-now", "list").code == 0
    assert shop("stop-trigger", "1").code == 5


def test_a_name_that_is_taken_is_refused(shop, tmp_path):
    assert shop("campaign", "add", "hello", "--text", tmp_path / "hello.txt").code == 5
    assert shop("import", "add", "list", "--source", tmp_path / "list.csv").code == 5
    assert shop("init").code == 0


def test_two_ticks_at_once_send_once(shop, tmp_path):
    people = "".join(f"u{n},p{n}@example.com,1\n" for n in range(200))
    (tmp_path / "list.csv").write_text(HEADER + people, encoding="utf-8")
    shop("import", "edit", "list", "--send-at", "09:00")
    shop("run-now", "list", now="2026-11-24T03:00:00Z")
    command = [sys.executable, "-m", "xpimport", "--db", tmp_path / "xpimport.db", "tick"]
    at = {**os.environ, "XPIMPORT_NOW": "2026-11-24T09:00:00Z"}
    ticks = [subprocess.Popen(command, env=at, stderr=subprocess.DEVNULL) for _ in range(4)]
    assert [one.wait(timeout=60) for one in ticks] == [0, 0, 0, 0]
    delivery = shop("task", "show", 1, "--json").json()["delivery"]
    assert (delivery["accepted"], delivery["unsent"]) == (200, 0)
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        assert db.execute("SELECT DISTINCT attempts FROM deliveries").fetchall() == [(1,)]


@pytest.mark.shop(triggers="off")
def test_a_trigger_held_by_the_master_switch_says_first_how_to_switch_it_on(shop):
    for told in (shop("run-now", "list").err, shop("task", "show", 1).err):
        assert "First, switch sending on: xpimport settings set triggers on\nSend it all the same:" in told
    assert "As things are it will be held, because sending is switched off" in shop("release-trigger", 1).err
