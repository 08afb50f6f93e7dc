"""What a trigger sends is frozen at its first claim; where it connects is always what is set now."""

import sqlite3
from contextlib import closing

import pytest
from servers.smtp_peer import Script, smtp_peer

NOON = "2026-11-24T12:00:00Z"
LATER = "2026-11-24T12:10:00Z"
pytestmark = pytest.mark.shop(campaign=("--channel", "smtp", "--from", "news@example.com"), people=4)


@pytest.fixture
def half_sent(shop):
    """A send of which half was refused for now, with the server that did so."""
    with smtp_peer(Script(rcpt="450 4.2.0 later")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert shop("run-now", "list", now=NOON).code == 0
        peer.script.rcpt = "250 2.1.5 Ok"
        yield peer


def sent(peer):
    """The messages of a peer; DATA that a refusal overtook is an empty one."""
    return [message for message in peer.messages if message]


def subjects(peer):
    return {line for message in sent(peer) for line in message.split(b"\r\n") if line.startswith(b"Subject:")}


def test_a_campaign_edited_while_messages_are_retried_sends_them_the_old_content(shop, half_sent, tmp_path):
    (tmp_path / "new.txt").write_text("Something else")
    edited = shop("campaign", "edit", "hello", "--subject", "New", "--text", tmp_path / "new.txt", now=NOON)
    assert "The send of task 1 has begun and keeps the old content" in edited.err
    assert shop("tick", now=LATER).code == 0
    assert len(sent(half_sent)) == 4
    assert subjects(half_sent) == {b"Subject: Hi"}
    assert all(b"Something else" not in message for message in sent(half_sent))


def test_where_it_connects_is_what_is_set_now(shop, half_sent):
    with smtp_peer() as other:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{other.port}")
        assert shop("tick", now=LATER).code == 0
        assert (len(sent(half_sent)), len(sent(other))) == (0, 4)


def test_a_person_who_sends_again_sends_what_the_campaign_is_now(shop, half_sent):
    half_sent.script.rcpt = "550 5.7.1 no"
    assert shop("tick", now=LATER).code == 0
    half_sent.script.rcpt = "250 2.1.5 Ok"
    shop("campaign", "edit", "hello", "--subject", "New", now=LATER)
    resent = shop("resend", 1, "--failed", now=LATER)
    assert (resent.code, "The campaign was changed" in resent.err) == (0, False)
    assert shop("tick", now="2026-11-24T12:20:00Z").code == 0
    assert subjects(half_sent) == {b"Subject: New"}


def test_equal_contents_are_kept_once(shop, half_sent, tmp_path):
    assert shop("run-now", "list", "--again", now=LATER).code == 0
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        assert db.execute("SELECT count(*) FROM contents").fetchone() == (1,)
        assert db.execute("SELECT count(DISTINCT id), count(DISTINCT content_id) FROM triggers").fetchone() == (2, 1)


@pytest.mark.parametrize("changed", [True, False])
def test_a_release_says_where_others_of_the_list_got_another_content(shop, changed):
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("import", "edit", "list", "--canary", "50%")
        assert shop("run-now", "list", now=NOON).code == 0
        assert len(sent(peer)) == 2
        shop("stop-trigger", 1, now=NOON)
        if changed:
            shop("campaign", "edit", "hello", "--subject", "New", now=NOON)
        released = shop("release-trigger", 1, now=NOON)
        assert released.code == 0
        assert ("2 people of this list got it as it was" in " ".join(released.err.split())) is changed
        shop("tick", now=NOON)
        assert len(subjects(peer)) == (2 if changed else 1)


def test_only_moves_of_people_give_a_trigger_another_version(shop, tmp_path):
    def version():
        with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
            return db.execute("SELECT version FROM triggers").fetchone()[0]

    shop("import", "edit", "list", "--send-at", "13:00")
    assert shop("run-now", "list", now=NOON).code == 0
    assert version() == 0
    assert shop("stop-trigger", 1, now=NOON).code == 0
    assert version() == 1
    assert shop("release-trigger", 1, now=NOON).code == 0
    assert version() == 2
