"""A send against Postfix's smtp-sink and its fault switches, counted by Message-ID where the mail arrives."""

import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import pytest
from servers.sink import smtp_sink

PEOPLE = 20
EIGHT = "2026-11-24T08:00:00+00:00"
TEN_PAST = "2026-11-24T08:10:00+00:00"

pytestmark = [
    pytest.mark.server("smtp-sink"),
    pytest.mark.shop(people=PEOPLE, campaign=("--channel", "smtp", "--from", "news@example.com")),
]


@pytest.fixture(autouse=True)
def server(shop, free_port):
    assert shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{free_port}").code == 0


def delivery(xp):
    return xp("task", "show", 1, "--json").json()["delivery"]


def test_every_message_arrives_once(shop, tmp_path, free_port):
    with smtp_sink(tmp_path / "in", free_port) as sink:
        assert shop("run-now", "list").code == 0
        assert len(sink.ids()) == sink.ids().total() == PEOPLE
    assert delivery(shop)["accepted"] == PEOPLE


def test_a_server_that_takes_the_message_and_hangs_up_leaves_it_uncertain_for_ever(shop, tmp_path, free_port):
    with smtp_sink(tmp_path / "in", free_port, "-q", "."):
        shop("run-now", "list", now=EIGHT)
        shop("tick", now=TEN_PAST)
    found = delivery(shop)
    assert found["uncertain"] + found["unsent"] == PEOPLE
    with smtp_sink(tmp_path / "in2", free_port) as sink:
        shop("tick", now="2026-11-24T08:20:00+00:00")
        assert sink.ids().total() == found["unsent"]
    assert delivery(shop)["uncertain"] == found["uncertain"] > 0


def test_a_temporary_refusal_is_tried_again_with_the_same_id(shop, tmp_path, free_port):
    with smtp_sink(tmp_path / "in", free_port, "-r", "."):
        shop("run-now", "list", now=EIGHT)
        assert delivery(shop)["unsent"] == PEOPLE
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
        assert look.execute("SELECT DISTINCT state FROM deliveries").fetchall() == [("retry",)]
    with smtp_sink(tmp_path / "in2", free_port) as sink:
        shop("tick", now=TEN_PAST)
        assert len(sink.ids()) == sink.ids().total() == PEOPLE
    assert delivery(shop)["accepted"] == PEOPLE


def test_a_refused_recipient_fails_with_the_servers_code_and_text(shop, tmp_path, free_port):
    with smtp_sink(tmp_path / "in", free_port, "-f", "rcpt"):
        shop("run-now", "list")
    assert delivery(shop)["failed"] == PEOPLE
    lines = shop("report", 1, "--failed", "--json").json()
    assert all(line["reason"] == "rejected_by_server" and line["detail"].startswith("5") for line in lines)


def test_a_server_that_drops_at_quit_has_taken_everything(shop, tmp_path, free_port):
    with smtp_sink(tmp_path / "in", free_port, "-q", "quit") as sink:
        assert shop("run-now", "list").code == 0
        assert sink.ids().total() == PEOPLE
    assert delivery(shop)["accepted"] == PEOPLE


def ticking(db) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "xpimport", "--db", str(db), "tick"], stderr=subprocess.PIPE)


def armed(shop):
    shop("import", "edit", "list", "--send-at", "09:00")
    shop("run-now", "list", now=EIGHT)
    shop("stop-trigger", "list")
    assert shop("release-trigger", 1).code == 0


def test_eight_ticks_at_once_send_every_message_once(shop, tmp_path, free_port):
    armed(shop)
    with smtp_sink(tmp_path / "in", free_port) as sink:
        ticks = [ticking(tmp_path / "xpimport.db") for _ in range(8)]
        for tick in ticks:
            assert (tick.wait(60), tick.stderr.read()) == (0, b"")
            tick.stderr.close()
        assert len(sink.ids()) == sink.ids().total() == PEOPLE
    assert delivery(shop)["accepted"] == PEOPLE


def test_a_tick_during_a_slow_send_leaves_it_alone(shop, tmp_path, free_port):
    armed(shop)
    with smtp_sink(tmp_path / "in", free_port, "-w", "1") as sink:
        first = ticking(tmp_path / "xpimport.db")
        time.sleep(1.2)
        assert shop("tick").code == 0
        assert first.wait(60) == 0
        first.stderr.close()
        assert len(sink.ids()) == sink.ids().total() == PEOPLE
    assert delivery(shop)["accepted"] == PEOPLE


def test_of_stop_and_tick_exactly_one_wins_two_hundred_times(shop, tmp_path):
    from xpimport.errors import Refused
    from xpimport.flow import triggers
    from xpimport.flow.tick import tick as do_what_is_due
    from xpimport.store.opening import open_store

    shop("campaign", "edit", "hello", "--channel", "outbox")
    shop("settings", "set", "outbox.keep", "off")
    armed(shop)
    won = {"stop": 0, "tick": 0, "between": 0}
    for round_ in range(200):
        barrier = threading.Barrier(2)

        def work(act, barrier=barrier):
            store = open_store(tmp_path / "xpimport.db")
            barrier.wait()
            try:
                act(store)
            finally:
                store.close()

        with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db, db:
            db.execute("DELETE FROM deliveries")
            db.execute(
                "UPDATE triggers SET state = 'scheduled', decided_at = NULL, owner = NULL,"
                " wake_at = '2026-01-01T00:00:00.000000Z', send_at = strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now')"
            )

        def stop(store):
            time.sleep(0.0005 * (round_ % 40))  # noqa: B023
            try:
                triggers.stop(store, "1")
            except Refused as problem:
                assert "sent already" in problem.message  # noqa: PT017

        threads = [threading.Thread(target=work, args=(act,)) for act in (stop, do_what_is_due)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
            (state,) = look.execute("SELECT state FROM triggers").fetchone()
            fates = dict(look.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
        gone = fates.get("accepted", 0)
        assert state in {"stopped", "sent"}, state
        assert fates.get("attempting", 0) == 0
        if state == "sent":
            assert gone == PEOPLE
            won["tick"] += 1
        else:
            won["between" if gone else "stop"] += 1
    assert won["stop"] > 0
    assert won["tick"] + won["between"] > 0
