"""Senders in processes of their own: they end with their parent, and one that dies loses at most what it had in hand."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from servers.smtp_peer import smtp_peer

PEOPLE = 600


pytestmark = pytest.mark.shop(
    people=PEOPLE, campaign=("--channel", "smtp", "--from", "news@example.com", "--rate", "300/s")
)


def children(pid: int) -> list[int]:
    """The sender processes that a process has started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                command = (folder / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if parent == pid and b"xpimport.sending.delivery.sender" in command:
                found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def sending(db: Path, peer) -> "tuple[subprocess.Popen[bytes], list[int]]":
    """A run in mid-send, and its senders."""
    run = subprocess.Popen(
        [sys.executable, "-m", "xpimport", "--db", str(db), "run-now", "list"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 30
    while len(peer.messages) < 40 and time.monotonic() < deadline:
        time.sleep(0.01)
    found = children(run.pid)
    assert found
    return run, found


def recipients(peer) -> Counter[str]:
    return Counter(re.search(rb"^To: (\S+)", message, re.MULTILINE)[1].decode() for message in peer.messages)


def fates(db: Path) -> dict[str, str]:
    with closing(sqlite3.connect(db)) as look:
        return dict(look.execute("SELECT address, state FROM deliveries").fetchall())


def check(got: Counter[str], states: dict[str, str], most_uncertain: int) -> None:
    assert len(states) == PEOPLE
    assert max(got.values()) == 1
    assert all(got[address] == 1 for address, state in states.items() if state == "accepted")
    assert set(states.values()) <= {"accepted", "uncertain"}
    assert Counter(states.values())["uncertain"] <= most_uncertain


def test_senders_end_when_only_their_parent_is_killed_and_the_next_tick_sends_the_rest_once(shop, tmp_path):
    db = tmp_path / "xpimport.db"
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        run, senders = sending(db, peer)
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        deadline = time.monotonic() + 5
        while any(alive(pid) for pid in senders) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not any(alive(pid) for pid in senders)
        reached = len(peer.messages)
        assert reached < PEOPLE
        assert shop("tick").code == 0
        check(recipients(peer), fates(db), 8)
    assert shop("task", "show", 1, "--json").json()["trigger"]["state"] == "sent"


def test_a_sender_that_is_killed_leaves_at_most_its_own_messages_uncertain_and_the_others_go_on(shop, tmp_path):
    db = tmp_path / "xpimport.db"
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        run, senders = sending(db, peer)
        os.kill(senders[0], signal.SIGKILL)
        assert run.wait(60) in (0, 6)
        for _ in range(3):
            shop("tick")
        check(recipients(peer), fates(db), 8)


def test_stopping_in_mid_send_ends_it_between_messages(shop, tmp_path):
    db = tmp_path / "xpimport.db"
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        run, senders = sending(db, peer)
        stopped = shop("stop-trigger", "list")
        assert "in mid-send" in stopped.err
        assert run.wait(20) == 0
        assert not any(alive(pid) for pid in senders)
        details = shop("task", "show", 1, "--json").json()
        assert details["trigger"]["state"] == "stopped"
        assert details["delivery"]["accepted"] == len(peer.messages)
        assert details["delivery"]["unsent"] == PEOPLE - len(peer.messages)
        shop("tick")
        assert details["delivery"]["accepted"] == len(peer.messages)
