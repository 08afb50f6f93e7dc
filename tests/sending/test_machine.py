"""Whatever an operator, a clock and a power cut do in whatever order: nobody gets a message twice, and the sums hold."""

import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from conftest import in_this_process
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from servers.smtp_peer import smtp_peer
from shop import open_shop

from xpimport.rules.tokens import Purpose, make_key

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"
MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-z]+)@", re.MULTILINE)
LINES = 3
STEPS = st.sampled_from(["begin", "commit", "talk", "read"])


class Operator(RuleBasedStateMachine):
    """A store, a list, a campaign over SMTP, and a clock that only the rules move."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.db = self.folder / "store.db"
        self.xp = in_this_process(self.db)
        self.left = contextlib.ExitStack()
        self.peer = self.left.enter_context(smtp_peer())
        self.now = datetime(2026, 11, 24, 8, tzinfo=UTC)
        self.kills = 0

    def run(self, *arguments: object, expect: tuple[int, ...] = (0,)) -> str:
        done = self.xp(*map(str, arguments), now=self.now.isoformat())
        assert done.code in expect, (arguments, done)
        return done.out

    def kill(self, step: str, nth: int, *arguments: object) -> None:
        environment = {**os.environ, "XPIMPORT_NOW": self.now.isoformat()}
        command = [sys.executable, KILLED, step, nth, "--db", self.db, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, check=False, env=environment)
        self.kills += done.returncode == -9

    @initialize(send_at=st.sampled_from([None, "09:00"]))
    def begin(self, send_at: str | None) -> None:
        open_shop(
            self.xp,
            self.folder,
            settings={"smtp.connections": LINES, "smtp.url": f"smtp://127.0.0.1:{self.peer.port}"},
            campaign=("--channel", "smtp", "--from", "news@example.com"),
            people=None,
            imports=("--send-at", send_at) if send_at else (),
            now=self.now.isoformat(),
        )
        self.write(5, 0)

    @rule(people=st.integers(1, 8), first=st.integers(0, 4))
    def write(self, people: int, first: int) -> None:
        lines = [f"u{n},p{n}@example.com,{int(n % 5 > 0)}\n" for n in range(first, first + people)]
        (self.folder / "list.csv").write_text("user_id,email,email_subscription\n" + "".join(lines))

    @rule(again=st.booleans())
    def run_now(self, again: bool) -> None:
        self.run("run-now", "list", *(["--again"] if again else []), expect=(0, 5))

    @rule()
    def tick(self) -> None:
        self.run("tick")

    @rule()
    def stop(self) -> None:
        self.run("stop-trigger", "list", expect=(0, 5))

    @rule(task=st.integers(1, 4))
    def release(self, task: int) -> None:
        self.run("release-trigger", task, expect=(0, 4, 5))

    @rule(minutes=st.sampled_from([1, 2, 20, 59, 300, 1440, -30]))
    def clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(state=st.sampled_from(["on", "off"]))
    def switch(self, state: str) -> None:
        self.run("settings", "set", "triggers", state)

    @rule(step=STEPS, nth=st.integers(1, 34))
    def killed_run(self, step: str, nth: int) -> None:
        self.run("settings", "set", "triggers", "on")
        self.kill(step, nth, "run-now", "list", "--again")
        self.run("tick")

    @rule(step=STEPS, nth=st.integers(1, 24))
    def killed_tick(self, step: str, nth: int) -> None:
        self.run("settings", "set", "triggers", "on")
        self.kill(step, nth, "tick")
        self.run("tick")

    @invariant()
    def everybody_has_one_fate_and_one_message_at_most(self) -> None:
        if not self.db.exists():
            return
        got = Counter(MESSAGE_ID.search(message)[1].decode() for message in list(self.peer.messages))  # type: ignore[index]
        assert max(got.values(), default=0) <= 1
        with contextlib.closing(sqlite3.connect(self.db)) as look:
            (secret,) = look.execute("SELECT value FROM settings WHERE name = 'store.secret'").fetchone() or ("",)
            rows = look.execute("SELECT trigger_id, profile_id, state FROM deliveries").fetchall()
            tasks = [task for (task,) in look.execute("SELECT id FROM tasks")]
        for trigger, profile, state in rows:
            came = got[make_key(bytes.fromhex(secret), Purpose.MESSAGE, 1, trigger, profile)]
            if state == "accepted":
                assert came == 1
            elif state not in {"uncertain", "attempting"}:
                assert came == 0, state
        in_doubt = sum(state in {"uncertain", "attempting"} for *_, state in rows)
        assert in_doubt <= self.kills * LINES
        for task in tasks:
            found = json.loads(self.run("task", "show", task, "--json"))
            counts = found["rows"]
            parts = ("created", "updated", "unchanged", "merged", "rejected", "not_imported")
            if found["status"] == "completed":
                assert counts["read"] == sum(counts[part] for part in parts)
            sent = found["delivery"]
            if sent:
                fates = ("accepted", "failed", "excluded", "uncertain", "unsent")
                assert sent["audience"] == sum(sent[fate] for fate in fates)

    def teardown(self) -> None:
        self.left.close()
        shutil.rmtree(self.folder)


TestOperator = Operator.TestCase
TestOperator.settings = settings(
    max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
