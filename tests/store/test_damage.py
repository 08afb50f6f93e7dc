"""A store that is damaged or cannot be read: one line that says what is wrong, exit 1, and the file is left alone."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from xpimport.store.driver import sqlite3

REPOSITORY = Path(__file__).parents[2]

AS_OWNER = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
"""Root may write where the owner of a file may not, until it gives these rights away."""

READERS = [
    ("task", "list"),
    ("task", "show", "1"),
    ("report",),
    ("report", "1", "--excluded"),
    ("report", "1", "--rejected"),
    ("plan",),
    ("import", "list"),
    ("import", "show", "list"),
    ("import", "check", "list"),
    ("import", "edit", "list", "--send-at", "09:00"),
    ("run-now", "list"),
    ("tick",),
    ("stop-trigger", "1"),
    ("release-trigger", "1"),
    ("approve-trigger", "1"),
    ("resend", "1", "--failed"),
    ("campaign", "list"),
    ("campaign", "preview", "hello", "--profile", "u1"),
    ("campaign", "remove", "hello", "--yes"),
    ("profile", "list"),
    ("profile", "show", "u1"),
    ("profile", "unsubscribe", "u1"),
    ("suppression", "list"),
    ("suppression", "export"),
    ("category", "list"),
    ("attribute", "list"),
    ("attribute", "add", "city", "string"),
    ("settings", "list"),
    ("settings", "set", "triggers", "on"),
    ("init",),
]


@pytest.fixture
def store(xp, tmp_path):
    """The file of a store in which an import ran that sends at 09:00, with all that was written in it."""
    (tmp_path / "hello.txt").write_text("Hello {{ user_id }}", encoding="utf-8")
    (tmp_path / "list.csv").write_text("user_id,email\nu1,a@example.com\nu2,nobody\n", encoding="utf-8")
    for command in (
        ("init", "--timezone", "UTC"),
        ("settings", "set", "triggers", "on"),
        ("settings", "set", "file.look", "0s"),
        ("campaign", "add", "hello", "--subject", "Hi", "--text", tmp_path / "hello.txt"),
        ("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hello", "--subscribe", "email"),
        ("import", "edit", "list", "--send-at", "09:00", "--schedule", "daily 03:00"),
        ("run-now", "list"),
    ):
        assert xp(*command, now="2026-11-24T16:00:00Z").code == 0
    path = tmp_path / "xpimport.db"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    return path


def overwrite_root(path: Path, table: str, content: bytes = bytes(4096)) -> None:
    """Write zeros (or other bytes) over the page that a table begins in."""
    db = sqlite3.connect(path)
    (root,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    assert db.execute("PRAGMA page_size").fetchone() == (len(content),)
    db.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * len(content))
        file.write(content)


def check_told(done, path: Path) -> None:
    """One line on stderr that names the file and the next step; no traceback."""
    assert "Traceback" not in done.err
    [line] = [line for line in done.err.splitlines() if not line.endswith("(XPIMPORT_NOW).")]
    assert line.startswith("Error: ")
    assert str(path) in line


DAMAGED = "is damaged (database disk image is malformed). Restore it from a backup; it was left alone."


@pytest.mark.parametrize("table", ["tasks", "settings", "imports", "profiles", "campaigns", "triggers", "deliveries"])
def test_no_command_ends_in_a_traceback_over_a_table_overwritten_with_zeros(xp, store, table):
    overwrite_root(store, table)
    told = []
    for command in READERS:
        done = xp(*command, now="2026-11-25T09:00:00Z")
        assert done.code in {0, 1, 4, 5}, (command, done)  # a command that does not read the table works as ever
        if done.code == 1:
            told.append(command)
            assert f"The store {store} {DAMAGED}" in done.err.splitlines()[-1], command
    assert len(told) > 2


@pytest.mark.parametrize(
    "command",
    [
        ("task", "list"),
        ("task", "show", "1"),
        ("report", "1"),
        ("report", "1", "--excluded"),
        ("plan",),
        ("import", "list"),
        ("run-now", "list"),
        ("tick",),
        ("stop-trigger", "1"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("content", [bytes(4096), random.Random(1).randbytes(4096)], ids=["zeros", "random"])
def test_a_damaged_table_of_tasks_is_told_and_the_file_left_alone(xp, store, command, content):
    overwrite_root(store, "tasks", content)
    before = store.read_bytes()
    done = xp(*command, now="2026-11-25T09:00:00Z")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[-1] == f"Error: The store {store} {DAMAGED}"
    assert "Traceback" not in done.err
    # A tick writes first that it has begun, into a page that is sound.
    assert command == ("tick",) or store.read_bytes() == before


def test_a_tick_of_its_own_process_says_so_too(xp_process, store):
    overwrite_root(store, "tasks")
    done = xp_process("tick", now="2026-11-25T09:00:00Z")
    assert done.code == 1
    assert done.err.splitlines()[1:] == [f"Error: The store {store} {DAMAGED}"]


@pytest.mark.parametrize("size", [1, 100, 4096, 20_000])
def test_a_truncated_store_is_told_and_left_alone(xp, store, size):
    with store.open("r+b") as file:
        file.truncate(size)
    before = store.read_bytes()
    for command in READERS:
        done = xp(*command)
        assert done.code == 1, (command, done)
        check_told(done, store)
    assert store.read_bytes() == before


@pytest.mark.parametrize("content", [b"user_id,email\nu1,a@example.com\n" * 100, b"", bytes(8192)])
def test_a_file_that_is_not_a_store_is_told_and_left_alone(xp, tmp_path, content):
    path = tmp_path / "xpimport.db"
    path.write_bytes(content)
    for command in READERS:
        done = xp(*command)
        assert done.code == 1, (command, done)
        check_told(done, path)
    assert path.read_bytes() == content


def test_a_directory_in_the_place_of_the_store_is_told(xp, tmp_path):
    path = tmp_path / "xpimport.db"
    path.mkdir()
    for command in READERS:
        done = xp(*command)
        assert done.code == 1, (command, done)
        check_told(done, path)
    assert list(path.iterdir()) == []


@pytest.mark.parametrize(
    ("file", "folder"), [(0o444, 0o555), (0o444, 0o777), (0o666, 0o555), (0o000, 0o555), (0o666, 0o000)]
)
def test_a_store_that_may_not_be_written_or_read_is_told_and_left_alone(store, file, folder):
    place = Path(tempfile.mkdtemp(dir="/tmp"))
    path = place / "xpimport.db"
    try:
        shutil.copy(store, path)
        path.chmod(file)
        place.chmod(folder)
        for command in (("task", "list"), ("settings", "set", "triggers", "off"), ("tick",)):
            done = subprocess.run(
                [*AS_OWNER, sys.executable, "-m", "xpimport", "--db", path, *command],
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode == 0:
                # What only reads may need nothing that is forbidden, and an idle tick writes but its note.
                assert command != ("settings", "set", "triggers", "off")
                assert file & 0o200
                continue
            assert (done.returncode, done.stdout) == (1, ""), (command, done.stderr)
            [line] = done.stderr.splitlines()
            assert line.startswith("Error: ")
            assert str(path) in line
        place.chmod(0o700)
        assert path.read_bytes() == store.read_bytes()
    finally:
        place.chmod(0o700)
        shutil.rmtree(place)
