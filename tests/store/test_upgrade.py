"""A store of every released schema, with a send in the middle, is upgraded whole or not at all, and ends right."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from servers.smtp_peer import smtp_peer

from xpimport.store.location import SCHEMA_VERSION

HERE = Path(__file__).parent
RELEASED = sorted(int(re.findall(r"\d+", file.name)[0]) for file in HERE.glob("schema-*.sql"))
LATER = "2026-11-24T09:05:00Z"
ODD = [
    "weiß@example.com", "ιωάννης@example.com", "ﬁsh@example.com", "İsmail@example.com", "Müller@example.com",
    "JOSÉ@example.com", "Ωmega@example.com", "straße@example.com", "Åse@example.com", "ÇELİK@example.com",
]  # fmt: skip
"""Who had opted out in the old store."""


def made(path: Path, version: int) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.executescript((HERE / f"schema-{version}.sql").read_text(encoding="utf-8"))
        # As if it had been made at a typed time, so that the tests may go on at one.
        db.execute("INSERT INTO settings VALUES ('store.clock', 'typed')")
        db.commit()
    path.chmod(0o600)
    return path


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(sql).fetchall()


def test_every_released_schema_has_a_file():
    assert list(range(3, SCHEMA_VERSION)) == RELEASED


@pytest.mark.parametrize("version", RELEASED)
def test_an_upgraded_store_has_the_schema_of_a_new_one(xp, tmp_path, version):
    old = made(tmp_path / "old.db", version)
    assert xp("task", "list", db=old).code == 0
    assert xp("init").code == 0

    def schema(path: Path) -> list[tuple[str, ...]]:
        found = ask(path, "SELECT type, name, coalesce(sql, '') FROM sqlite_master ORDER BY 1, 2")
        # The columns of attributes of one's own come between, and a dump adds IF NOT EXISTS.
        taken_out = re.compile(r',\s*"?first_name"? TEXT|IF NOT EXISTS |"|\s+')
        return [(str(kind), str(name), taken_out.sub("", str(sql))) for kind, name, sql in found]

    assert schema(old) == schema(tmp_path / "xpimport.db")
    assert ask(old, "PRAGMA integrity_check") == [("ok",)]
    assert ask(old, "PRAGMA foreign_key_check") == []


@pytest.mark.parametrize("version", RELEASED)
def test_a_send_in_the_middle_goes_on_after_the_upgrade_and_nobody_gets_it_twice(xp, tmp_path, version):
    old = made(tmp_path / "old.db", version)
    with smtp_peer() as peer:
        assert xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}", db=old, now=LATER).code == 0
        assert xp("tick", db=old, now=LATER).code == 0
        messages = list(peer.messages)
    states = dict(ask(old, "SELECT state, count(*) FROM deliveries GROUP BY 1"))
    assert states == {"excluded": 11, "uncertain": 4, "accepted": 11}
    assert len(messages) == 11
    assert ask(old, "SELECT key_epoch FROM triggers") == [(None,)]


@pytest.mark.parametrize("version", RELEASED)
def test_an_event_of_a_send_begun_under_the_old_key_is_matched(xp, tmp_path, version):
    old = made(tmp_path / "old.db", version)
    with smtp_peer() as peer:
        assert xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}", db=old, now=LATER).code == 0
        assert xp("tick", db=old, now=LATER).code == 0
        message = next(iter(peer.messages)).decode()
    key = re.search(r"^Message-ID: <(\w+)@", message, re.MULTILINE)[1]
    address = re.search(r"^To: (\S+)", message, re.MULTILINE)[1]
    assert re.fullmatch("[0-9a-f]{32}", key)
    told = [{"event": "opened", "time": "2026-11-24T10:00:00Z", "key": key.upper(), "address": address},
            {"event": "bounced", "time": "2026-11-24T10:00:00Z", "key": key, "status": "5.1.1"},
            {"event": "complained", "time": "2026-11-24T10:00:00Z", "key": "0" * 32, "address": address}]  # fmt: skip
    lines = "\n".join(map(json.dumps, told))
    done = xp(
        "event", "ingest", "-", "--provider", "xpimport", "--json", stdin=lines, db=old, now="2026-11-24T12:00:00Z"
    )
    assert {kind: count for kind, count in done.json()["new"].items() if count} == {"opened": 1, "bounced": 1}
    assert done.json()["kept_apart"] == {"no_key": 1}
    assert ask(old, "SELECT address, reason FROM suppressions WHERE reason = 'bounced'") == [(address, "bounced")]
    assert ask(old, "SELECT count(*) FROM suppressions WHERE reason = 'complaint'") == [(0,)]


@pytest.mark.parametrize("version", RELEASED)
def test_an_opt_out_that_was_folded_holds_for_the_address_as_it_is_written_now(xp, tmp_path, version):
    old = made(tmp_path / "old.db", version)
    rows = [f"n{number},{address},1,X" for number, address in enumerate(ODD)]
    again = tmp_path / "again.csv"
    again.write_text(
        "\n".join(["user_id,email,email_subscription,first_name", *rows, "n99,new.ß@example.com,1,Y"]) + "\n"
    )
    (tmp_path / "t.txt").write_text("Hello")
    assert xp("campaign", "add", "plain", "--text", tmp_path / "t.txt", "--subject", "Hi", db=old).code == 0
    assert xp("import", "add", "again", "--source", again, "--campaign", "plain", db=old).code == 0
    assert xp("run-now", "again", db=old).code == 0
    assert ask(
        old, "SELECT p.email, d.state, d.reason FROM deliveries d JOIN profiles p ON p.id = d.profile_id"
        " WHERE d.trigger_id = 2 ORDER BY p.id"
    ) == [*((address, "excluded", "unsubscribed") for address in ODD), ("new.ß@example.com", "accepted", None)]  # fmt: skip
    # A person's word counts from then on, whatever the old key says.
    assert xp("profile", "subscribe", "n0", "--medium", "email", db=old).code == 0
    assert xp("run-now", "again", "--again", db=old).code == 0
    assert ask(old, "SELECT state FROM deliveries WHERE trigger_id = 3 ORDER BY profile_id LIMIT 1") == [("accepted",)]


KILLED = """
import os, signal, sys
from xpimport.store import migrations
wanted, steps = int(sys.argv.pop(1)), iter(range(1, 10**6))
run = migrations._run
def killing(db, script):
    for statement in script.split(";\\n"):
        if next(steps) == wanted:
            os.kill(os.getpid(), signal.SIGKILL)
        run(db, statement)
migrations._run = killing
from xpimport.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("version", RELEASED)
def test_an_upgrade_that_is_killed_at_any_step_leaves_the_old_store_and_is_made_by_the_next_command(
    xp, tmp_path, version
):
    old = made(tmp_path / "old.db", version)
    for nth in count(1):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(nth), "--db", str(old), "task", "list"],
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
            capture_output=True,
            check=False,
        )
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert ask(old, "PRAGMA user_version") == [(version,)]
        assert ask(old, "PRAGMA integrity_check") == [("ok",)]
    assert nth > 20
    assert ask(old, "PRAGMA user_version") == [(SCHEMA_VERSION,)]
    assert [row[0] for row in ask(old, "SELECT email_key FROM profiles WHERE user_id = 'u05'")] == [
        "müller@example.com"
    ]
