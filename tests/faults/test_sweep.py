"""Every write, sync, message, rename and removal of a run may fail or be the last: what is promised holds all the same.

In a run of all tests a few are injected; `sh tests/run.sh --faults` injects every one.
"""

import email
import os
import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import in_this_process
from faults import strace
from faults.strace import CALLS, FAULTS
from servers.ports import unused_port
from servers.sink import smtp_sink
from shop import open_shop, people_list

BEFORE, DUE, FAULTY = "2026-11-24T07:00:00+00:00", "2026-11-24T08:00:00+00:00", "2026-11-24T08:01:00+00:00"
AFTER = [f"2026-11-24T{hour:02}:{minute:02}:00+00:00" for hour in (8, 9) for minute in range(2, 60, 6)]
LATE = "2026-11-24T13:00:00+00:00"
PEOPLE = 6
END = "Here the message ends."
CRONTAB = "".join(f"{minute} 1 * * * backup --of /srv/{minute:0200}\n" for minute in range(30))

FAKE_CRONTAB = """#!/bin/sh
table=$(dirname "$0")/table
case $1 in
-l) cat "$table" ;;
-) cat >"$table.new" && mv "$table.new" "$table" ;;
*) cat "$1" >"$table.new" && mv "$table.new" "$table" ;;
esac
"""


@dataclass
class Case:
    """A store of its own, and the command that meets the fault."""

    folder: Path
    arguments: list[str]
    sink: Path | None = None
    lists: bool = True
    """The command brings a list in and sends."""
    xp: object = field(init=False)

    def __post_init__(self) -> None:
        self.db = self.folder / "xpimport.db"
        self.xp = in_this_process(self.db)

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        return {"XPIMPORT_DB": str(self.db), "XPIMPORT_NOW": FAULTY, "PATH": path}

    def received(self) -> Counter[str]:
        """How many whole messages each person got."""
        place = self.sink or Path(f"{self.db}.files") / "outbox" / "new"
        found: Counter[str] = Counter()
        for path in place.glob("*"):
            text = path.read_text(errors="replace")
            if END in text:
                found[email.message_from_string(text[text.find("From: ") :])["To"]] += 1
        return found


@pytest.fixture(scope="module")
def sink(tmp_path_factory):
    """A mail server for all cases, its port and the folder of what it took."""
    folder = tmp_path_factory.mktemp("sink")
    with smtp_sink(folder, unused_port()) as server:
        yield server


def prepared(action: str, folder: Path, sink) -> Case:
    """A fresh store for a case of this action."""
    folder.mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "crontab").write_text(FAKE_CRONTAB)
    (folder / "bin" / "crontab").chmod(0o755)
    (folder / "bin" / "table").write_text(CRONTAB)
    smtp = action == "run-now, smtp-sink"
    arguments = {"tick": ["tick"], "report --excluded": ["report", "1", "--excluded"],
                 "crontab install": ["crontab", "install"]}.get(action, ["run-now", "list"])  # fmt: skip
    case = Case(folder, arguments, sink.folder if smtp else None, lists=action.startswith(("run-now", "tick")))
    for path in sink.folder.iterdir():
        path.unlink()
    open_shop(
        case.xp,
        folder,
        people=people_list(PEOPLE) + "u9,nobody,1\nu8,n@example.com,0\n",
        text=f"Hello {{{{ user_id }}}}\n{END}\n",
        settings={"smtp.url": f"smtp://127.0.0.1:{sink.port}", "smtp.connections": 2},
        campaign=("--from", "news@example.com", "--channel", "smtp" if smtp else "outbox"),
        imports=("--schedule", "daily 08:00") if action == "tick" else (),
        now=BEFORE,
    )
    if action == "tick":
        # The first look at the list; the next tick finds it finished.
        assert case.xp("tick", now=DUE).code == 0
    if action == "report --excluded":
        assert case.xp("run-now", "list", now=BEFORE).code == 0
    return case


ACTIONS = ["run-now, outbox", "run-now, smtp-sink", "tick", "report --excluded", "crontab install"]


@pytest.fixture(scope="module")
def calls_of(tmp_path_factory, sink):
    """How many calls of each kind an action makes where nothing goes wrong."""
    known: dict[str, dict[str, int]] = {}

    def count(action: str) -> dict[str, int]:
        if action not in known:
            folder = tmp_path_factory.mktemp("counted")
            case = prepared(action, folder / "case", sink)
            done = strace.run(case.arguments, case.environment, folder / "log")
            assert (done.code, done.err.count("Error")) == (0, 0), done.err
            known[action] = strace.counted(folder / "log")
        return known[action]

    return count


EVERY = int(os.environ.get("XPIMPORT_FAULTS_EVERY", "0"))
"""1: each call of a kind meets each fault; 5: every fifth. 0: one call of each kind meets a kill, and one an error."""


def kinds() -> list[tuple[str, str, str]]:
    """Action, call and fault of each test; unless all are asked for, a kill and one error for each call."""
    found = []
    for action in ACTIONS:
        for call in CALLS:
            errors = [
                fault for fault in FAULTS if fault != "KILL" and (call == "pwrite64" or fault != "disk stays full")
            ]
            if call == "sendto" and action != "run-now, smtp-sink":
                continue
            faults = errors if EVERY else [errors[len(found) // 2 % len(errors)]]
            found += [(action, call, fault) for fault in ("KILL", *faults)]
    return found


def chosen(most: int, seed: int) -> list[int]:
    """Which of so many calls meet the fault."""
    if EVERY:
        return list(range(1 + seed % EVERY, most + 1, EVERY))
    return [1 + seed * 7 % most] if most else []


KINDS = kinds()


@pytest.mark.server("strace")
@pytest.mark.server("smtp-sink")
@pytest.mark.parametrize(("action", "call", "fault"), KINDS)
@pytest.mark.timeout(3600)
def test_no_fault_costs_anybody_a_second_message_or_a_crontab(
    action, call, fault, tmp_path, sink, calls_of, record_property, monkeypatch
):
    monkeypatch.setenv("XPIMPORT_NOW_SENDS", "yes")
    places = chosen(calls_of(action)[call], KINDS.index((action, call, fault)))
    wrong = []
    for nth in places:
        case = prepared(action, tmp_path / str(nth), sink)
        injected = f"{CALLS[call]}:{FAULTS[fault].format(nth)}"
        ended = strace.run(case.arguments, case.environment, tmp_path / "log", injected)
        wrong += [f"{action}, {fault} at {call} {nth}: {found}" for found in broken_promises(case, ended, fault)]
    record_property("faults", [action, call, fault, len(places)])
    assert not wrong, "\n".join(wrong)


def broken_promises(case: Case, ended: strace.Ended, fault: str) -> list[str]:
    """What does not hold after a fault, once ticks without faults have done what was left."""
    wrong = []
    if "Traceback" in ended.err or "Exception" in ended.err:
        wrong.append(f"a traceback: {ended.err[-1500:]}")
    # -9 is the command itself; a process that helps it may be the one that is killed.
    if ended.code not in {0, 1, 6, 75, *([-9] if fault == "KILL" else [])}:
        wrong.append(f"exit code {ended.code}: {ended.err[-500:]}")
    if ended.code > 0 and "Error: " not in ended.err:
        wrong.append(f"exit code {ended.code} without a word: {ended.err[-500:]}")
    if (case.folder / "bin" / "table").read_text() not in (CRONTAB, with_line(case)):
        wrong.append("the crontab is not whole")
    ticks = [case.xp("tick", now=moment) for moment in (*AFTER, LATE)]
    wrong += [f"a later tick: {tick.err[-800:]}" for tick in ticks if tick.code or "Traceback" in tick.err]
    return wrong + wrong_fates(case, ended)


def with_line(case: Case) -> str:
    table = (case.folder / "bin" / "table").read_text()
    return CRONTAB + table[len(CRONTAB) :] if table.endswith(f"# xpimport {case.db}\n") else CRONTAB


def wrong_fates(case: Case, ended: strace.Ended) -> list[str]:
    """What is wrong with the store and with what people got."""
    got, wrong = case.received(), []
    if twice := [address for address, times in got.items() if times > 1]:
        wrong.append(f"sent twice to {twice}")
    with closing(sqlite3.connect(case.db)) as look:
        if (found := look.execute("PRAGMA integrity_check").fetchall()) != [("ok",)]:
            wrong.append(f"integrity_check: {found}")
        states = dict(look.execute("SELECT p.email, d.state FROM deliveries d JOIN profiles p ON p.id = d.profile_id"))
        tasks = [row[0] for row in look.execute("SELECT id FROM tasks WHERE type = 'profile_import'")]
    for address in set(states) | set(got):
        state = states.get(address)
        if (state == "accepted") != (got[address] > 0) and state != "uncertain":
            wrong.append(f"{address} got {got[address]} and is {state}")
    if Counter(states.values())["uncertain"] > 2:
        wrong.append(f"uncertain: {states}")
    shown = [case.xp("task", "show", number, "--json").json() for number in tasks]
    for task in shown:
        wrong += wrong_sums(task)
    # A tick ends with 0 when a task failed: that is recorded.
    recorded = case.arguments == ["tick"] and any(task["status"] == "failed" and task["error"] for task in shown)
    if (
        case.lists
        and ended.code == 0
        and not recorded
        and sum(got.values()) + Counter(states.values())["uncertain"] < PEOPLE
    ):
        wrong.append(f"exit code 0, and not everybody got it: {states}")
    return wrong


def wrong_sums(task) -> list[str]:
    """Which sums of a task do not hold, and what of it is never brought to an end."""
    rows, people, wrong = task["rows"], task["delivery"], []
    fates = ("created", "updated", "unchanged", "merged", "rejected", "not_imported")
    if task["status"] in {"completed", "failed"} and rows["read"] != sum(rows[fate] for fate in fates):
        wrong.append(f"rows do not add up: {rows}")
    parts = ("accepted", "failed", "excluded", "uncertain", "unsent")
    if people and people["audience"] != sum(people[part] for part in parts):
        wrong.append(f"people do not add up: {people}")
    if task["status"] not in {"completed", "failed", "skipped"}:
        wrong.append(f"task {task['id']} stays {task['status']}: {task['error']}")
    if task["trigger"] and task["trigger"]["state"] in {"waiting", "scheduled", "sending"}:
        wrong.append(f"the trigger stays {task['trigger']['state']}")
    if task["trigger"] and task["trigger"]["state"] == "sent" and people["unsent"]:
        wrong.append(f"sent, and {people['unsent']} are unsent")
    return wrong
