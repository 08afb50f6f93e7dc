"""Ctrl-C, SIGTERM and a closed terminal in a send: it ends quietly, and says what is true."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from conftest import REPOSITORY
from servers.smtp_peer import Script, smtp_peer

pytestmark = pytest.mark.shop(
    campaign=("--channel", "smtp", "--from", "a@example.com"), settings={"smtp.connections": 4}
)


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=["Ctrl-C", "SIGTERM", "closed terminal"],
)
@pytest.mark.parametrize(
    "people",
    [pytest.param(60, marks=pytest.mark.shop(people=60)), pytest.param(300, marks=pytest.mark.shop(people=300))],
    ids=["connections that are threads", "sender processes"],
)
def test_an_interrupted_send_ends_quietly_and_the_next_tick_sends_the_rest_once(shop, tmp_path, number, code, people):
    script = Script(pause=0.05)
    with smtp_peer(script) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        process = subprocess.Popen(
            [sys.executable, "-m", "xpimport", "run-now", "list"],
            env={**os.environ, "PYTHONPATH": str(REPOSITORY), "XPIMPORT_DB": str(tmp_path / "xpimport.db")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        deadline = time.monotonic() + 60
        while len(peer.messages) < 10 and time.monotonic() < deadline:
            time.sleep(0.005)
        # As a terminal does: to everybody in the foreground.
        os.killpg(process.pid, number)
        _, err = process.communicate(timeout=60)
        assert process.returncode == code, err
        assert "Traceback" not in err
        assert "Fatal" not in err
        said = re.search(r"Interrupted after (\d+) of (\d+); the next tick goes on", err)
        assert said, err
        assert "Stop it: xpimport stop-trigger 1" in err
        gone = len(peer.messages)
        assert (int(said[1]), int(said[2])) == (gone, people)
        assert gone < people
        found = shop("task", "show", 1, "--json").json()
        assert (found["trigger"]["state"], found["delivery"]["uncertain"]) == ("sending", 0)
        planned = shop("plan", "--json").json()
        assert json.dumps(f"goes on after {gone} of {people}") in json.dumps([one["note"] for one in planned])
        script.pause = 0
        assert shop("tick").code == 0
        assert len(peer.messages) == len(set(peer.recipients)) == people
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == people
