"""What is spooled between two ticks is counted once, and a no in it is heeded before the next message."""

import fcntl
import json
import os
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from servers.smtp_peer import Script, smtp_peer

from xpimport.store.driver import sqlite3
from xpimport.store.idle import nothing_due
from xpimport.store.opening import open_store
from xpimport.tracking import spool

SENT = datetime(2026, 11, 24, 9, tzinfo=UTC)
LATER = SENT + timedelta(hours=3)

pytestmark = pytest.mark.shop(people=6, now="2026-11-24T08:00:00Z")


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "xpimport.db"


@pytest.fixture
def keys(shop, db) -> list[str]:
    """The keys of the messages that were sent to u0..u5, by person."""
    assert shop("run-now", "list", now=SENT.isoformat()).code == 0
    found = {}
    for path in Path(f"{db}.files/outbox/new").iterdir():
        text = path.read_text()
        found[re.search(r"^To: (\S+)", text, re.MULTILINE)[1]] = re.search(r"^Message-ID: <(\w+)@", text, re.MULTILINE)[
            1
        ]
    return [found[f"p{number}@example.com"] for number in range(6)]


def put(db: Path, *events: dict[str, object], at: datetime = LATER) -> None:
    with closing(open_store(db)) as store:
        spool.append(store, map(json.dumps, events), at)


def said(kind: str, key: str, after: float = 600) -> dict[str, object]:
    return {"event": kind, "time": SENT.timestamp() + after, "key": key}


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as look:
        return [tuple(row) for row in look.execute(sql)]


def opened(db: Path) -> int:
    return int(ask(db, "SELECT count(*) FROM events WHERE kind = 2")[0][0])


def segment(db: Path) -> Path:
    [found] = Path(f"{db}.files/spool").glob("*.jsonl")
    return found


def tick(xp, at: datetime = LATER) -> None:
    done = xp("tick", now=at.isoformat())
    assert done.code == 0, done.err


def test_a_tick_takes_the_spool_in_once(shop, db, keys):
    put(db, said("opened", keys[0]), said("opened", keys[1]))
    assert not nothing_due(str(db))
    tick(shop)
    assert (opened(db), nothing_due(str(db))) == (2, True)
    put(db, said("opened", keys[2]))
    tick(shop)
    tick(shop)
    assert opened(db) == 3
    assert ask(db, 'SELECT "offset" FROM spool_read') == [(segment(db).stat().st_size,)]


def test_half_a_line_waits_for_its_end_and_what_is_no_event_is_kept(shop, db, keys):
    put(db, said("opened", keys[0]))
    with segment(db).open("a") as file:
        file.write('hello\n{"event": "ope')
    tick(shop)
    assert opened(db) == 1
    assert ask(db, "SELECT reason FROM rejected_events") == [("not_understood",)]
    with segment(db).open("a") as file:
        file.write(f'ned", "time": {SENT.timestamp() + 700}, "key": "{keys[1]}"}}\n')
    put(db, said("opened", keys[2]))
    tick(shop)
    assert opened(db) == 3


def test_while_one_process_reads_the_spool_no_other_does(shop, db, keys):
    put(db, said("opened", keys[0]))
    with (Path(f"{db}.files/spool/lease")).open("w") as lease:
        fcntl.flock(lease, fcntl.LOCK_EX)
        tick(shop)
        assert opened(db) == 0
    tick(shop)
    assert opened(db) == 1


def test_a_segment_of_a_day_that_is_over_goes_when_it_is_read(shop, db, keys):
    put(db, said("opened", keys[0]), at=LATER - timedelta(days=2))
    tick(shop)
    assert (opened(db), list(Path(f"{db}.files/spool").glob("*.jsonl")), ask(db, "SELECT * FROM spool_read")) == (
        1,
        [],
        [],
    )


def test_who_said_no_in_the_spool_is_not_written_to_by_what_is_due_now(shop, db, keys):
    put(db, said("unsubscribed", keys[0]), said("complained", keys[1]), said("opened", keys[2]))
    assert shop("run-now", "list", "--again", now=LATER.isoformat()).code == 0
    assert ask(db, "SELECT profile_id, reason FROM deliveries WHERE trigger_id = 2 AND state = 'excluded' ORDER BY 1") == [
        (1, "unsubscribed"), (2, "suppressed")
    ]  # fmt: skip
    # The rest of it waits for a tick.
    assert opened(db) == 0


@pytest.mark.shop(
    settings={"smtp.connections": 1},
    campaign=("--channel", "smtp", "--from", "news@example.com"),
    imports=("--same-content", "send"),
)
def test_who_says_no_in_the_middle_of_a_send_is_not_written_to(shop, db, tmp_path):
    with smtp_peer() as first:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{first.port}", now=SENT.isoformat())
        assert shop("run-now", "list", now=SENT.isoformat()).code == 0
        key = next(
            re.search(rb"^Message-ID: <(\w+)@", message, re.MULTILINE)[1].decode()
            for message in first.messages
            if b"To: p5@example.com" in message
        )

    def rcpt(_: object, command: str) -> str:
        if "p1@" in command:
            line = json.dumps(said("unsubscribed", key)) + "\n"
            folder = Path(f"{db}.files/spool")
            folder.mkdir(exist_ok=True)
            with (folder / "2026-11-24.jsonl").open("a") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        return "250 2.1.5 Ok"

    with smtp_peer(Script(rcpt=rcpt)) as second:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{second.port}", now=LATER.isoformat())
        assert shop("run-now", "list", now=LATER.isoformat()).code == 0
        assert sorted(second.recipients) == [f"p{number}@example.com" for number in range(5)]
    assert ask(db, "SELECT state, reason FROM deliveries WHERE trigger_id = 2 AND profile_id = 6") == [
        ("excluded", "unsubscribed")
    ]
