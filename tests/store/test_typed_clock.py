"""Under a clock that was set by hand a store of the real clock is only read, and nothing leaves this machine unasked."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from servers.smtp_peer import smtp_peer

REPOSITORY = Path(__file__).parents[2]
AHEAD = "2027-03-24T09:00:00Z"


@pytest.fixture
def real(tmp_path):
    """A store of the real clock with an import for tomorrow; runs commands on it, at a typed time where one is given."""

    def run(*arguments, now=None, **more):
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "XPIMPORT_DB": str(tmp_path / "real.db"), **more}
        if now:
            environment["XPIMPORT_NOW"] = now
        argv = [sys.executable, "-m", "xpimport", *map(str, arguments)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)

    (tmp_path / "hello.txt").write_text("Hello")
    (tmp_path / "list.csv").write_text("user_id,email,email_subscription\nu1,a@example.com,1\n")
    for command in (
        ("init",),
        ("settings", "set", "triggers", "on"),
        ("campaign", "add", "hello", "--text", tmp_path / "hello.txt", "--subject", "Hi"),
        (
            "import",
            "add",
            "list",
            "--source",
            tmp_path / "list.csv",
            "--schedule",
            "daily 03:00",
            "--campaign",
            "hello",
        ),
    ):
        assert run(*command).returncode == 0
    return run


def planned(real):
    """What is planned; how far off it is changes with each second."""
    return [{**one, "away": ""} for one in json.loads(real("plan", "--json").stdout)]


@pytest.mark.parametrize(
    "command",
    [("tick",), ("run-now", "list"), ("profile", "unsubscribe", "u1"), ("settings", "set", "triggers", "off"),
     ("import", "deactivate", "list")],
    ids=" ".join,
)  # fmt: skip
def test_whatever_writes_is_refused_in_a_store_of_the_real_clock(real, tmp_path, command):
    assert real("run-now", "list").returncode == 0
    before = planned(real)
    refused = real(*command, now=AHEAD)
    assert refused.returncode == 5
    assert "was made by the real one, so it is only read" in " ".join(refused.stderr.split())
    assert planned(real) == before


def test_a_store_of_the_real_clock_is_read_at_a_typed_time(real):
    assert real("task", "list", now=AHEAD).returncode == 0
    assert real("plan", now=AHEAD).returncode == 0


@pytest.mark.shop(campaign=("--channel", "smtp", "--from", "news@example.com"))
def test_nothing_leaves_this_machine_at_a_typed_time_unless_somebody_says_so(shop, monkeypatch):
    monkeypatch.delenv("XPIMPORT_NOW_SENDS")
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        refused = shop("run-now", "list", now=AHEAD)
        assert (refused.code, "XPIMPORT_NOW_SENDS=yes" in refused.err) == (5, True)
        assert shop("campaign", "test", "hello", "--to", "me@example.com", now=AHEAD).code == 5
        assert peer.connections == 0
        assert shop("task", "show", 1, "--json").json()["trigger"]["state"] == "scheduled"
        monkeypatch.setenv("XPIMPORT_NOW_SENDS", "yes")
        assert shop("tick", now=AHEAD).code == 0
        assert len(peer.messages) == 3


def test_the_outbox_stays_on_this_machine_so_that_a_rehearsal_may_fill_it(shop, monkeypatch):
    monkeypatch.delenv("XPIMPORT_NOW_SENDS")
    assert shop("run-now", "list", "--json", now=AHEAD).json()["delivery"]["accepted"] == 3
