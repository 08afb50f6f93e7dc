"""A send by the workers of a Dask cluster: what a lost worker had in hand is uncertain, and nothing goes out twice."""

import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing

import pytest
from servers.dask_cluster import dask_cluster
from servers.smtp_peer import Script, smtp_peer

PEOPLE = 600
CALL = 50


pytestmark = pytest.mark.shop(
    people=PEOPLE, campaign=("--channel", "smtp", "--from", "news@example.com"), settings={"smtp.connections": 4}
)


@pytest.fixture
def cluster(shop, tmp_path, free_port):
    with dask_cluster(tmp_path / "cluster", free_port) as running:
        assert shop("settings", "set", "workers", running.address).code == 0
        yield running


def begin(db, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "xpimport", "--db", str(db), "run-now", "list", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def fates(db):
    with closing(sqlite3.connect(db)) as look:
        return dict(look.execute("SELECT address, state FROM deliveries").fetchall())


def wait_for_messages(peer, count):
    deadline = time.monotonic() + 30
    while len(peer.messages) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_two_workers_send_a_campaign_once_to_each(shop, cluster, xp_process, tmp_path):
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        done = xp_process("run-now", "list")
        assert done.code == 0, done.err
        assert "distributed" not in done.err
        assert sorted(peer.recipients) == sorted(f"p{n}@example.com" for n in range(PEOPLE))
    assert set(fates(tmp_path / "xpimport.db").values()) == {"accepted"}
    assert len(fates(tmp_path / "xpimport.db")) == PEOPLE


def test_a_worker_that_is_killed_leaves_its_chunks_uncertain_and_the_others_send_the_rest(shop, cluster, tmp_path):
    db = tmp_path / "xpimport.db"
    with smtp_peer(Script(pause=0.02)) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        run = begin(db)
        wait_for_messages(peer, 100)
        cluster.workers[0].send_signal(signal.SIGKILL)
        said = run.communicate(timeout=60)[0].decode()
        assert run.returncode in (0, 6), said
        assert "Traceback" not in said
        got = Counter(peer.recipients)
    states = fates(db)
    assert len(states) == PEOPLE
    assert max(got.values()) == 1
    assert set(states.values()) == {"accepted", "uncertain"}
    assert all(got[address] == 1 for address, state in states.items() if state == "accepted")
    # Two of the four connections were the lost worker's.
    assert Counter(states.values())["uncertain"] <= 2 * CALL
    assert shop("task", "show", 1, "--json").json()["trigger"]["state"] == "sent"


def test_a_stop_acts_between_chunks(shop, cluster, tmp_path):
    with smtp_peer(Script(pause=0.02)) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        run = begin(tmp_path / "xpimport.db")
        wait_for_messages(peer, 60)
        assert shop("stop-trigger", "list").code == 0
        run.communicate(timeout=60)
        details = shop("task", "show", 1, "--json").json()
        assert details["trigger"]["state"] == "stopped"
        assert details["delivery"]["accepted"] == len(peer.messages) < PEOPLE
        assert details["delivery"]["uncertain"] == 0


def test_a_refused_log_in_holds_the_send_and_blames_nobody(shop, cluster, tmp_path):
    (tmp_path / "password").write_text("secret")
    (tmp_path / "password").chmod(0o600)
    script = Script(extensions=("AUTH PLAIN",), auth="535 5.7.8 no")
    with smtp_peer(script) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}?starttls=off")
        shop("settings", "set", "smtp.user", "me")
        shop("settings", "set", "smtp.password", f"file:{tmp_path / 'password'}")
        begin(tmp_path / "xpimport.db").communicate(timeout=60)
    assert shop("task", "show", 1, "--json").json()["trigger"]["state"] == "held"
    assert set(fates(tmp_path / "xpimport.db").values()) == {"pending"}


def test_a_cluster_that_cannot_be_reached_keeps_the_send_for_later(shop, xp_process, free_port):
    shop("settings", "set", "workers", f"dask://127.0.0.1:{free_port}")
    shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{free_port}")
    done = xp_process("run-now", "list")
    assert f"No Dask scheduler answers at dask://127.0.0.1:{free_port}" in done.err
    details = shop("task", "show", 1, "--json").json()
    assert details["delivery"]["unsent"] == PEOPLE
    assert details["trigger"]["state"] == "sending" or details["trigger"]["state"] == "scheduled"


@pytest.mark.parametrize("value", ["dask://host", "tcp://host:8786", "dask://:8786", "dask://host:x", "cluster"])
def test_an_address_that_is_no_scheduler_is_refused(xp, value):
    xp("init")
    refused = xp("settings", "set", "workers", value)
    assert refused.code == 2
    assert "dask://10.0.0.5:8786" in refused.err
