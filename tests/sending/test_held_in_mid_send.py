"""A send that is held or stopped in its middle, and what that means for the same list afterwards."""

import threading

import pytest
from conftest import in_this_process
from servers.smtp_peer import Script, smtp_peer

pytestmark = pytest.mark.shop(
    people=12, campaign=("--channel", "smtp", "--from", "a@example.com"), settings={"smtp.connections": 1}
)


def details(xp, task=1):
    return xp("task", "show", task, "--json").json()


def send_until(shop, tmp_path, peer, reached, act):
    """Run the import, and do something as soon as so many messages are with the server."""
    shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")

    def wait():
        while len(peer.messages) < reached:
            pass
        act(in_this_process(tmp_path / "xpimport.db"))

    other = threading.Thread(target=wait)
    other.start()
    shop("run-now", "list")
    other.join()


def test_pausing_its_campaign_holds_a_send_in_its_middle(shop, tmp_path):
    from xpimport.defining.campaigns import set_live
    from xpimport.store.opening import open_store

    def pause(_):
        store = open_store(tmp_path / "xpimport.db")
        set_live(store, "hello", live=False)
        store.close()

    with smtp_peer(Script(pause=0.05)) as peer:
        send_until(shop, tmp_path, peer, 3, pause)
    found = details(shop)
    assert (found["trigger"]["state"], found["trigger"]["reason"]) == ("held", "campaign_paused")
    assert 3 <= found["delivery"]["accepted"] < 12
    assert found["delivery"]["uncertain"] == 0


def test_the_same_list_is_held_after_a_stop_in_mid_send_and_not_where_nobody_was_reached(shop, tmp_path):
    from xpimport.flow import triggers
    from xpimport.store.opening import open_store

    def stop(_):
        store = open_store(tmp_path / "xpimport.db")
        triggers.stop(store, "1")
        store.close()

    with smtp_peer(Script(pause=0.05)) as peer:
        send_until(shop, tmp_path, peer, 5, stop)
        reached = details(shop)["delivery"]["accepted"]
        assert 5 <= reached < 12
        shop("run-now", "list")
        assert details(shop, 2)["trigger"]["reason"] == "same_content"
        assert len(peer.messages) == reached


def test_a_list_that_reached_nobody_is_not_sent_already(shop, tmp_path):
    with smtp_peer(Script(rcpt="550 5.7.1 no")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("run-now", "list")
    assert details(shop)["delivery"]["failed"] == 12
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("run-now", "list")
        assert len(peer.messages) == 12
    assert details(shop, 2)["trigger"]["state"] == "sent"
