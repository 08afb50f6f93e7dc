"""When and in what measure a send goes out: approval, canary, rate, send window, and sending again."""

import sqlite3
import time
from collections import Counter
from contextlib import closing

import pytest
from servers.smtp_peer import DROP, Script, smtp_peer

PEOPLE = 40
MORNING = "2026-11-24T08:00:00+00:00"
NINE = "2026-11-24T09:00:00+00:00"


@pytest.fixture
def shop(xp, tmp_path):
    """A store with a list of 40 people and a campaign `hello` for the outbox; options go to campaign and import."""
    lines = ["user_id,email,email_subscription", *(f"u{n:02},p{n:02}@example.com,1" for n in range(PEOPLE))]
    (tmp_path / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "hello.txt").write_text("Hello {{ user_id }}", encoding="utf-8")
    for command in (
        ("init", "--timezone", "UTC"),
        ("settings", "set", "triggers", "on"),
        ("settings", "set", "file.look", "0s"),
        ("settings", "set", "smtp.connections", "1"),
    ):
        assert xp(*command).code == 0

    def add(*for_import, campaign=()):
        hello = ("campaign", "add", "hello", "--subject", "Hi", "--text", tmp_path / "hello.txt", *campaign)
        done = [xp(*hello)]
        listing = ("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hello", *for_import)
        done.append(xp(*listing, now=MORNING))
        assert [one.code for one in done] == [0, 0], [one.err for one in done]
        return xp

    return add


def trigger(xp, now=None):
    found = xp("task", "show", 1, "--json", now=now).json()
    return found["trigger"]["state"], found["trigger"]["reason"], found["delivery"]


def test_without_approval_before_its_instant_nothing_is_sent(shop):
    xp = shop("--send-at", "09:00", "--require-approval")
    xp("run-now", "list", now=MORNING)
    assert xp("tick", now=NINE).code == 0
    assert trigger(xp)[:2] == ("missed", "not_approved")
    refused = xp("approve-trigger", 1, now=NINE)
    assert refused.code == 5
    assert "xpimport release-trigger 1" in refused.err
    assert xp("release-trigger", 1, now=NINE).code == 0
    xp("tick", now=NINE)
    assert trigger(xp)[2]["accepted"] == PEOPLE


def test_an_approved_send_goes_out_at_its_instant(shop):
    xp = shop("--send-at", "09:00", "--require-approval")
    done = xp("run-now", "list", now=MORNING)
    assert "xpimport approve-trigger 1" in done.err
    said = xp("approve-trigger", 1, now=MORNING)
    assert (said.code, xp("approve-trigger", 1, now=MORNING).code) == (0, 0)
    assert "in 1 h" in said.err
    xp("tick", now=MORNING)
    assert trigger(xp)[0] == "scheduled"
    xp("tick", now=NINE)
    assert trigger(xp)[0] == "sent"


def test_approval_needs_a_moment_by_which_it_is_given(xp, shop, tmp_path):
    shop()
    refused = xp("import", "edit", "list", "--require-approval")
    assert refused.code == 2
    assert "--send-at" in refused.err
    xp("run-now", "list")
    refused = xp("approve-trigger", 1)
    assert refused.code == 5
    assert "needs no approval" in refused.err


def test_a_canary_goes_first_and_the_others_follow_after_its_wait(shop):
    xp = shop("--canary", "10%", "--canary-wait", "15m")
    assert xp("run-now", "list", now=MORNING).code == 0
    assert trigger(xp)[0] == "sending"
    assert trigger(xp)[2]["accepted"] == 4
    xp("tick", now="2026-11-24T08:14:59+00:00")
    assert trigger(xp)[2]["accepted"] == 4
    xp("tick", now="2026-11-24T08:15:00+00:00")
    assert trigger(xp)[0] == "sent"
    assert trigger(xp)[2]["accepted"] == PEOPLE


def test_a_canary_of_which_too_many_fail_holds_the_rest(shop):
    xp = shop("--canary", "10%", "--canary-max-failed", "5%", campaign=("--channel", "smtp", "--from", "a@example.com"))
    with smtp_peer(Script(rcpt="550 5.1.1 nobody here")) as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        xp("run-now", "list", now=MORNING)
        xp("tick", now="2026-11-24T08:15:00+00:00")
    assert trigger(xp)[:2] == ("held", "canary")
    assert (trigger(xp)[2]["failed"], trigger(xp)[2]["unsent"]) == (4, 36)
    shown = xp("task", "show", 1)
    assert "too many of those who went first" in shown.out
    with smtp_peer() as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert xp("release-trigger", 1, now=NINE).code == 0
        xp("tick", now=NINE)
        assert len(peer.messages) == 36
    assert trigger(xp)[2]["failed"] == 4


def test_a_rate_is_kept(shop):
    xp = shop(campaign=("--rate", "20/s"))
    began = time.monotonic()
    assert xp("run-now", "list").code == 0
    assert time.monotonic() - began > (PEOPLE - 3) / 20
    assert trigger(xp)[2]["accepted"] == PEOPLE


def test_what_is_left_when_the_window_shuts_goes_out_when_it_opens_again(shop):
    xp = shop("--retry-for", "1d", campaign=("--window", "09:00-20:00"))
    done = xp("run-now", "list", now=MORNING)
    assert done.code == 0
    assert trigger(xp)[0] == "sending"
    assert trigger(xp)[2]["unsent"] == PEOPLE
    assert "opens at 09:00" in xp("task", "show", 1).err
    xp("tick", now="2026-11-24T08:59:59+00:00")
    assert trigger(xp)[2]["unsent"] == PEOPLE
    xp("tick", now=NINE)
    assert trigger(xp)[0] == "sent"


def test_a_window_that_opens_too_late_holds_the_send(shop):
    xp = shop(campaign=("--window", "13:00-20:00"))
    xp("run-now", "list", now=MORNING)
    assert trigger(xp)[:2] == ("held", "window_closed")


def test_a_send_time_outside_the_window_is_told_when_the_import_is_added(shop, xp):
    shop("--send-at", "07:00", campaign=("--window", "08:00-20:00"))
    said = xp("import", "edit", "list", "--send-at", "07:30", now=MORNING)
    assert "window 08:00-20:00 is shut" in said.err


def test_uncertain_messages_go_out_again_only_when_a_person_says_so_with_the_same_id(shop):
    xp = shop(campaign=("--channel", "smtp", "--from", "a@example.com"))
    with smtp_peer(Script(dot=DROP)) as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        xp("run-now", "list", now=MORNING)
        first = {message.partition(b"Message-ID: ")[2].split()[0] for message in peer.messages}
    assert trigger(xp)[2]["uncertain"] == PEOPLE
    with smtp_peer() as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        xp("tick", now=NINE)
        assert not peer.messages
        assert xp("resend", 1, "--failed").code == 5
        assert xp("resend", 1).code == 2
        assert xp("resend", 1, "--uncertain", "--yes", now=NINE).code == 0
        xp("tick", now=NINE)
        second = {message.partition(b"Message-ID: ")[2].split()[0] for message in peer.messages}
    assert second == first
    assert trigger(xp)[2]["accepted"] == PEOPLE


def test_who_opted_out_in_the_meantime_is_not_sent_to_again(shop):
    xp = shop(campaign=("--channel", "smtp", "--from", "a@example.com"))
    with smtp_peer(Script(rcpt="550 5.7.1 no")) as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        xp("run-now", "list", now=MORNING)
    xp("profile", "unsubscribe", "u07")
    with smtp_peer() as peer:
        xp("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        xp("resend", 1, "--failed", now=NINE)
        xp("tick", now=NINE)
        assert len(peer.messages) == PEOPLE - 1
    assert trigger(xp)[2]["excluded_by_reason"] == [{"reason": "unsubscribed", "count": 1}]


def test_a_send_that_ignores_no_one_counts_everybody_once(shop, tmp_path):
    xp = shop("--canary", "1%")
    xp("run-now", "list", now=MORNING)
    xp("tick", now=NINE)
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
        states = Counter(state for (state,) in look.execute("SELECT state FROM deliveries"))
    assert states == {"accepted": PEOPLE}
