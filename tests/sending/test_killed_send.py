"""A send that is killed at any moment: nobody gets it twice, and whoever may have got it is listed as uncertain."""

import os
import re
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servers.smtp_peer import smtp_peer
from stores import begin_anew

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"
PEOPLE = 20

pytestmark = pytest.mark.shop(
    people=PEOPLE, campaign=("--channel", "smtp", "--from", "news@example.com"), settings={"smtp.connections": 3}
)


THREADS = ["begin", "commit", "talk", "read"]
PROCESSES = ["begin", "commit", "tell", "sender-talk", "sender-read"]


@pytest.mark.parametrize(("way", "step"), [*(("threads", s) for s in THREADS), *(("processes", s) for s in PROCESSES)])
def test_a_send_killed_at_any_step_never_sends_twice_and_loses_nobody(shop, tmp_path, way, step):
    db = tmp_path / "xpimport.db"
    clean = db.read_bytes()
    mark = tmp_path / "killed"
    for nth in range(1, 200):
        begin_anew(db, clean)
        mark.unlink(missing_ok=True)
        with smtp_peer() as peer:
            assert shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}").code == 0
            command = [sys.executable, KILLED, step, nth, "--db", db, "run-now", "list"]
            environment = {**os.environ, "XPIMPORT_KILLED": way, "XPIMPORT_MARK": str(mark)}
            done = subprocess.run(
                [str(part) for part in command], capture_output=True, check=False, timeout=60, env=environment
            )
            later = datetime.now(UTC)
            for _ in range(4):
                # Given back for a minute, where all the lines were down.
                assert shop("tick", now=later.isoformat()).code == 0
                later += timedelta(minutes=2)
            got = Counter(re.search(rb"^To: (\S+)", message, re.MULTILINE)[1].decode() for message in peer.messages)
        check_fates(shop, db, got)
        if not mark.exists():
            assert done.returncode == 0
            assert nth > 3
            return
        assert step.startswith("sender") or done.returncode == -9
    pytest.fail("the send never completed untouched")


def check_fates(xp, db: Path, got: Counter[str]) -> None:
    assert max(got.values(), default=0) <= 1
    with closing(sqlite3.connect(db)) as look:
        fates = look.execute("SELECT address, state FROM deliveries").fetchall()
        if not look.execute("SELECT 1 FROM tasks").fetchall():
            return
    states = Counter(state for _, state in fates)
    assert set(states) <= {"accepted", "uncertain"}, xp("task", "show", 1, "--json").out
    assert states.total() == PEOPLE
    assert states["uncertain"] <= 3
    assert all(got[address] == 1 for address, state in fates if state == "accepted")
    assert xp("task", "show", 1, "--json").json()["trigger"]["state"] == "sent"
