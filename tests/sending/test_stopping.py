"""Stopping a send at any instant: it always applies, and nobody gets a message that begins after its answer."""

import sqlite3
import threading
import time
from contextlib import closing

import pytest
from servers.smtp_peer import Script, smtp_peer

PEOPLE = 24
MORNING = "2026-11-24T08:00:00Z"

pytestmark = pytest.mark.shop(
    people=PEOPLE, campaign=("--channel", "smtp", "--from", "a@example.com"), settings={"smtp.connections": 4}
)


def test_nobody_gets_a_message_that_begins_after_a_stop_at_any_of_two_hundred_instants(shop, tmp_path):
    from xpimport.errors import Refused
    from xpimport.flow import triggers
    from xpimport.flow.tick import tick as do_what_is_due
    from xpimport.store.opening import open_store

    with smtp_peer(Script(pause=0.005)) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("import", "edit", "list", "--send-at", "09:00")
        shop("run-now", "list")
        began = stopped_between = 0
        for instant in range(200):
            with closing(sqlite3.connect(tmp_path / "xpimport.db", timeout=30)) as db, db:
                db.execute("DELETE FROM deliveries")
                db.execute(
                    "UPDATE triggers SET state = 'scheduled', decided_at = NULL, owner = NULL,"
                    " wake_at = '2026-01-01T00:00:00.000000Z', send_at = strftime('%Y-%m-%dT%H:%M:%S.000000Z', 'now')"
                )
            del peer.messages[:], peer.commands[:]

            def send():
                store = open_store(tmp_path / "xpimport.db")
                try:
                    assert do_what_is_due(store).problems == []
                finally:
                    store.close()

            sender = threading.Thread(target=send)
            sender.start()
            time.sleep(0.0006 * instant)
            store = open_store(tmp_path / "xpimport.db")
            answer = None
            try:
                answer = triggers.stop(store, "1")
            except Refused as refused:
                assert "was sent already" in refused.message  # noqa: PT017
            begun = sum(command.startswith("MAIL") for command in peer.commands)
            store.close()
            sender.join()
            if answer is None:
                assert len(peer.messages) == PEOPLE
                continue
            assert sum(command.startswith("MAIL") for command in peer.commands) == begun
            assert len(peer.messages) == answer.accepted
            assert (answer.accepted + answer.unsent, answer.under_way) == (PEOPLE, 0)
            assert shop("task", "show", 1, "--json").json()["trigger"]["state"] == "stopped"
            began += answer.accepted > 0
            stopped_between += answer.before == "sending"
        assert began > 0
        assert stopped_between > 0


@pytest.mark.shop(campaign=("--window", "09:00-20:00"), imports=("--retry-for", "1d"), now=MORNING)
def test_a_send_that_waits_for_its_window_is_stopped_before_its_first_message(shop):
    shop("run-now", "list", now=MORNING)
    done = shop("stop-trigger", "list", now=MORNING)
    assert done.code == 0
    assert "0 messages went out" in done.err
    assert f"{PEOPLE} people not reached" in done.err
    shop("tick", now="2026-11-24T09:00:00Z")
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 0


@pytest.mark.shop(campaign=(), imports=("--canary", "25%"), now=MORNING)
def test_a_send_that_waits_for_its_canary_is_stopped_and_says_how_many_went(shop):
    shop("run-now", "list", now=MORNING)
    done = shop("stop-trigger", "list", now=MORNING)
    assert done.code == 0
    assert "6 messages went out" in done.err
    shop("tick", now="2026-11-24T08:30:00Z")
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 6


@pytest.mark.shop(campaign=())
def test_a_sender_that_was_stopped_before_it_decided_changes_nothing_more(shop, tmp_path):
    from xpimport.defining import attributes, settings
    from xpimport.flow import triggers
    from xpimport.sending import claim
    from xpimport.sending.delivery.send import send
    from xpimport.sending.triggers import of_task
    from xpimport.store.opening import open_store

    shop("settings", "set", "triggers", "off")
    shop("run-now", "list")
    shop("settings", "set", "triggers", "on")
    shop("release-trigger", 1)
    with closing(open_store(tmp_path / "xpimport.db")) as store:
        held = claim.claim(store, of_task(store, 1))
        stopped = triggers.stop(store, "1")
        assert (stopped.before, stopped.accepted, stopped.unsent) == ("sending", 0, PEOPLE)
        triggers.release(store, "1", None)
        again = claim.claim(store, of_task(store, 1))
        kinds, wanted = attributes.types(store), settings.load(store)
        assert send(store, held, kinds, wanted, lambda *_: None, lambda: None).trigger.state == "sending"
        assert store.scalar("SELECT count(*) FROM deliveries") == 0
        assert send(store, again, kinds, wanted, lambda *_: None, lambda: None).trigger.state == "sent"
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == PEOPLE
