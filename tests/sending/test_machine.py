"""Whatever an operator, a clock, a power cut and a mail server do in whatever order: nobody gets a message twice, the
sums hold, and in the end everybody has the message who can, and was charged with nothing that was not theirs.
"""

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
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from conftest import in_this_process
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from servers.smtp_peer import DROP, OK, Said, Script, Seen, Throttle, after, smtp_peer
from shop import open_shop

from xpimport.rules.tokens import Purpose, make_key

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"
TO = re.compile(rb"^To: (\S+)", re.MULTILINE)
MESSAGE_ID = re.compile(rb"^Message-ID: <([0-9a-z]+)@", re.MULTILINE)
LINES = 3
LONGEST_WAIT = timedelta(hours=1)
"""Of a message that is to be tried again."""
STEPS = st.sampled_from(["begin", "commit", "talk", "read"])
PLACES = st.sampled_from(["mail", "rcpt", "dot"])
THROTTLING = st.sampled_from(["454 Throttling failure: Maximum sending rate exceeded.", "454 4.7.0 Throttling"])
FULL = st.sampled_from(["452 4.5.3 too many", "450 4.7.0 enough in this session", "421 4.7.0 closing"])
MANNERS = st.one_of(
    st.just(("friendly",)),
    st.tuples(st.just("throttles"), PLACES, THROTTLING),
    st.tuples(st.just("limits a session"), PLACES, FULL, st.integers(1, 3)),
    st.tuples(st.just("limits a session"), st.just("mail"), FULL, st.just(0)),
    st.tuples(st.just("hangs up"), st.integers(0, 3)),
    st.tuples(st.just("closes the idle"), st.sampled_from([0.001, 0.02]), st.sampled_from([DROP, "421 4.4.2 idle"])),
)
"""What the server does to everybody. A session counts recipients at RCPT, else messages; one of 0 is not there for now."""
PEOPLE = st.sampled_from(["p1@example.com", "p2@example.com", "p6@example.com"])
LATER, GONE = "450 4.2.0 greylisted", "550 5.1.1 no such user"
REFUSALS = st.sampled_from([LATER, GONE])
OURS = {"auth_failed", "sender_refused", "endpoint_refused"}


@dataclass(frozen=True)
class Sending:
    """A list, and the server that takes its messages or does not, for the first ticks of its send."""

    people: int
    ticks: int
    manner: tuple[Any, ...]
    extensions: tuple[str, ...]
    unwelcome: dict[str, str]
    """What it says to some of the people, each time."""


SENDS = st.builds(
    Sending,
    people=st.integers(5, 12),
    ticks=st.integers(1, 3),
    manner=MANNERS,
    extensions=st.sampled_from([("PIPELINING",), ()]),
    unwelcome=st.dictionaries(PEOPLE, REFUSALS, max_size=1),
)


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
        self.released = False
        self.unwelcome: dict[str, str] = {}
        self.refused: list[tuple[str, str]] = []

    def run(self, *arguments: object, expect: tuple[int, ...] = (0,)) -> str:
        done = self.xp(*map(str, arguments), now=self.now.isoformat())
        assert done.code in expect, (arguments, done)
        return done.out

    def kill(self, step: str, nth: int, *arguments: object) -> None:
        environment = {**os.environ, "XPIMPORT_NOW": self.now.isoformat()}
        command = [sys.executable, KILLED, step, nth, "--db", self.db, *arguments]
        done = subprocess.run([str(part) for part in command], capture_output=True, check=False, env=environment)
        self.kills += done.returncode == -9

    def answer(self, otherwise: Said, seen: Seen, command: str) -> str:
        """The server's answer to RCPT: what it says to everybody, and then to this person."""
        said = otherwise if isinstance(otherwise, str) else otherwise(seen, command)
        address = command.partition("<")[2].rstrip(">")
        if not said.startswith("2") or address not in self.unwelcome:
            return said
        self.refused.append((address, self.unwelcome[address]))
        return self.unwelcome[address]

    def serve(self, *extensions: str, rcpt: Said = OK, **manner: Any) -> None:
        self.peer.script = Script(extensions=extensions, rcpt=partial(self.answer, rcpt), **manner)

    @initialize(
        send_at=st.sampled_from([None, "09:00"]), rate=st.sampled_from([None, "60/s"]), first=st.tuples(SENDS, SENDS)
    )
    def begin(self, send_at: str | None, rate: str | None, first: tuple[Sending, ...]) -> None:
        open_shop(
            self.xp,
            self.folder,
            settings={"smtp.connections": LINES, "smtp.url": f"smtp://127.0.0.1:{self.peer.port}"},
            campaign=("--channel", "smtp", "--from", "news@example.com", *(("--rate", rate) if rate else ())),
            people=None,
            imports=("--send-at", send_at) if send_at else (),
            now=self.now.isoformat(),
        )
        for one in first:
            self.another_server_gets_another_list(one)

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
        self.released = True
        self.run("release-trigger", task, expect=(0, 4, 5))

    @rule(minutes=st.sampled_from([1, 2, 20, 59, 300, 1440, -30]))
    def clock_jumps(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule(state=st.sampled_from(["on", "off"]))
    def switch(self, state: str) -> None:
        self.run("settings", "set", "triggers", state)

    def be(self, manner: tuple[Any, ...], *extensions: str) -> None:
        match manner:
            case "throttles", place, reply:
                self.serve(*extensions, **{place: Throttle(5, 0.2, reply)})
            case "limits a session", "rcpt", reply, most:
                self.serve(*extensions, rcpt=after(reply, recipients=most))
            case "limits a session", place, reply, most:
                self.serve(*extensions, **{place: after(reply, messages=most)})
            case "hangs up", most:
                self.serve(*extensions, mail=after(DROP, messages=most))
            case "closes the idle", seconds, reply:
                self.serve(*extensions, idle=seconds, idle_reply=reply)
            case _:
                self.serve(*extensions)

    def next_instant(self) -> bool:
        """Go to the next instant that a send waits for; False where none waits."""
        with contextlib.closing(sqlite3.connect(self.db)) as look:
            (wake,) = look.execute(
                "SELECT min(wake_at) FROM triggers WHERE state IN ('scheduled', 'sending')"
            ).fetchone()
        if wake is not None:
            self.now = max(self.now, datetime.fromisoformat(wake)) + timedelta(seconds=1)
        return wake is not None

    @rule(one=SENDS)
    def another_server_gets_another_list(self, one: Sending) -> None:
        self.be(one.manner, *one.extensions)
        self.unwelcome = one.unwelcome
        self.now += timedelta(minutes=1)
        self.write(one.people, 0)
        self.run("settings", "set", "triggers", "on")
        self.run("run-now", "list", "--again", expect=(0, 5))
        for _ in range(one.ticks):
            self.next_instant()
            self.run("tick")

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
        got = Counter(MESSAGE_ID.search(message)[1].decode() for message in list(self.peer.taken))  # type: ignore[index]
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

    def settle(self) -> list[int]:
        """The server takes everything, and ticks come at the instants that sends wait for; the sends that are in time."""
        self.serve("PIPELINING")
        self.unwelcome = {}
        self.run("settings", "set", "triggers", "on")
        with contextlib.closing(sqlite3.connect(self.db)) as look:
            sends = look.execute("SELECT id, send_at, retry_for FROM triggers WHERE state = 'sending'").fetchall()
        in_time = [
            number
            for number, begun, seconds in sends
            if self.now + LONGEST_WAIT < datetime.fromisoformat(begun) + timedelta(seconds=seconds)
        ]
        self.run("tick")
        for _ in range(60):
            if not self.next_instant():
                return in_time
            self.run("tick")
        raise AssertionError("a send does not end")

    def everybody_has_what_they_can_and_owes_nothing(self, in_time: list[int]) -> None:
        own = Counter(address for address, _ in self.refused)
        taken = Counter(TO.search(message)[1].decode() for message in self.peer.taken)  # type: ignore[index]
        with contextlib.closing(sqlite3.connect(self.db)) as look:
            fates = look.execute(
                "SELECT g.id, g.state, d.state, d.reason, d.attempts, p.email FROM deliveries d JOIN profiles p"
                " ON p.id = d.profile_id JOIN triggers g ON g.id = d.trigger_id"
            ).fetchall()
            suppressed = {address for (address,) in look.execute("SELECT address FROM suppressions")}
            reasons = {reason for (reason,) in look.execute("SELECT reason FROM trigger_moves")}
        assert not reasons & OURS
        assert suppressed <= {address for address, reply in self.refused if reply == GONE}
        charged, doubtful = Counter[str](), Counter[str]()
        for number, trigger, state, reason, attempts, address in fates:
            charged[address] += attempts
            doubtful[address] += state in {"uncertain", "attempting"}
            assert number not in in_time or trigger == "sent"
            if trigger == "sent":
                assert state in {"accepted", "excluded", "uncertain", "failed"}
            if state == "failed":
                assert (address, GONE if reason == "rejected_by_server" else LATER) in self.refused, (address, reason)
                assert number not in in_time or reason == "rejected_by_server"
            if state == "accepted":
                assert 1 <= attempts <= 1 + own[address], (address, attempts)
        for address in charged:
            tried = taken[address] + own[address]
            assert charged[address] - doubtful[address] <= tried, address
            assert self.released or tried <= charged[address], address

    def teardown(self) -> None:
        try:
            if self.db.exists() and sys.exc_info()[0] is None:
                in_time = self.settle()
                self.everybody_has_one_fate_and_one_message_at_most()
                self.everybody_has_what_they_can_and_owes_nothing(in_time)
        finally:
            self.left.close()
            shutil.rmtree(self.folder)


TestOperator = Operator.TestCase
# A history is short, and takes seconds: to look for a shorter one would outlast the test's time.
TestOperator.settings = settings(
    max_examples=9,
    stateful_step_count=10,
    deadline=None,
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
