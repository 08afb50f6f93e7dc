"""Deliveries, counts, opt-outs and suppressions are a function of the set of events, however they come in."""

import json
import os
import random
import re
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xpimport.rules.events import Kind
from xpimport.store.driver import sqlite3
from xpimport.store.opening import open_store
from xpimport.tracking import intake
from xpimport.tracking.counting import counted, counted_links

KILLED = Path(__file__).parents[1] / "servers" / "killed.py"
SENT, SENT_AT, LATER = "2026-11-24T09:00:00Z", 1_795_510_800, "2026-11-25T09:00:00Z"
INGEST = ("event", "ingest", "-", "--provider", "xpimport")
COUNTERS = "kind, total, people, machine_total, machine_people"
PEOPLE = 4

pytestmark = pytest.mark.shop(people=PEOPLE, now="2026-11-24T08:00:00Z")

EVENT = st.fixed_dictionaries(
    {
        "event": st.sampled_from([kind.word for kind in Kind]),
        "key": st.integers(0, PEOPLE - 1),
        "time": st.integers(0, 40).map(lambda step: SENT_AT + step * 2),
        "url": st.sampled_from(["https://a.example/", "https://b.example/", "https://c.example/"]),
        "status": st.sampled_from(["5.1.1", "5.2.2"]),
        "machine": st.sampled_from(["", "", "apple"]),
    }
)


@pytest.fixture
def doubtful(shop, tmp_path):
    """The store after a send of which two messages are uncertain and one is to be retried, and the keys of all."""
    assert shop("run-now", "list", now=SENT).code == 0
    db = tmp_path / "xpimport.db"
    keys = {}
    for path in Path(f"{db}.files/outbox/new").iterdir():
        text = path.read_text()
        keys[re.search(r"^To: p(\d+)", text, re.MULTILINE)[1]] = re.search(r"^Message-ID: <(\w+)@", text, re.MULTILINE)[
            1
        ]
    with closing(sqlite3.connect(db)) as store:
        store.execute("UPDATE deliveries SET state = 'uncertain', reason = 'interrupted' WHERE profile_id IN (1, 2)")
        store.execute("UPDATE deliveries SET state = 'retry', reason = 'temporary_refusal' WHERE profile_id = 3")
        store.commit()
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return db, [keys[str(number)] for number in range(PEOPLE)]


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as look:
        return [tuple(row) for row in look.execute(sql)]


def outcome(db: Path) -> list[list[tuple[object, ...]]]:
    with closing(sqlite3.connect(db)) as look:
        return [
            [tuple(row) for row in look.execute(sql)]
            for sql in [
                "SELECT profile_id, state, reason FROM deliveries ORDER BY 1",
                f"SELECT {COUNTERS} FROM engagement WHERE total + people + machine_total > 0",
                "SELECT address FROM suppressions ORDER BY 1",
                "SELECT address FROM opt_outs ORDER BY 1",
                "SELECT profile_id, kind, event_key, at, machine, detail FROM events ORDER BY 1, 2, 3",
            ]
        ]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(EVENT, min_size=1, max_size=14), order=st.randoms(use_true_random=False), data=st.data())
def test_any_order_any_number_of_times_and_any_kill_come_to_the_same(doubtful, xp, events, order: random.Random, data):
    db, keys = doubtful
    clean = db.read_bytes()
    lines = [json.dumps({**one, "key": keys[one["key"]]}) for one in events]

    def taken_in(files: list[list[str]], kill: int | None = None) -> object:
        for log in ("-wal", "-shm"):
            Path(f"{db}{log}").unlink(missing_ok=True)
        db.write_bytes(clean)
        for number, file in enumerate(files):
            text = "\n".join(file).encode()
            if kill is not None and number == 0:
                command = [
                    sys.executable,
                    KILLED,
                    "commit",
                    str(kill),
                    "--db",
                    db,
                    "event",
                    "ingest",
                    "-",
                    "--provider",
                    "xpimport",
                ]
                environment = {**os.environ, "XPIMPORT_NOW": LATER}
                subprocess.run(
                    [str(part) for part in command], input=text, capture_output=True, check=False, env=environment
                )
            assert xp(*INGEST, stdin=text, now=LATER).code == 0
        with closing(open_store(db)) as store:
            figures = {row[0]: row[1:] for row in counted(store, 1)}
            links = counted_links(store, 1)
        found = outcome(db)
        assert {row[0]: row[1:] for row in found[1]} == figures
        assert ask(db, "SELECT url, total, people FROM link_counts WHERE people > 0 ORDER BY 1") == links
        return found

    expected = taken_in([lines])
    told = [*lines, *lines]
    order.shuffle(told)
    parts = data.draw(st.integers(1, 4))
    kill = data.draw(st.none() | st.integers(1, 3))
    before, intake.BATCH = intake.BATCH, data.draw(st.integers(1, 9))
    try:
        assert taken_in([told[part::parts] for part in range(parts)], kill) == expected
    finally:
        intake.BATCH = before
        db.write_bytes(clean)
