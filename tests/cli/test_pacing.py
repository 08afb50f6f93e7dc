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


pytestmark = pytest.mark.shop(people=PEOPLE, settings={"smtp.connections": 1}, now=MORNING)


def trigger(xp, now=None):
    found = xp("task", "show", 1, "--json", now=now).json()
    return found["trigger"]["state"], found["trigger"]["reason"], found["delivery"]


@pytest.mark.shop(imports=("--send-at", "09:00", "--require-approval"))
def test_without_approval_before_its_instant_nothing_is_sent(shop):
    shop("run-now", "list", now=MORNING)
    assert shop("tick", now=NINE).code == 0
    assert trigger(shop)[:2] == ("missed", "not_approved")
    refused = shop("approve-trigger", 1, now=NINE)
    assert refused.code == 5
    assert "xpimport release-trigger 1" in refused.err
    assert shop("release-trigger", 1, "--approve", now=NINE).code == 0
    shop("tick", now=NINE)
    assert trigger(shop)[2]["accepted"] == PEOPLE


@pytest.mark.shop(imports=("--send-at", "09:00", "--require-approval"))
@pytest.mark.parametrize(("approved", "state"), [("09:20", "sent"), (None, "missed"), ("09:26", "missed")])
def test_a_release_keeps_the_need_for_approval_which_has_the_grace_to_come_in(shop, approved, state):
    shop("run-now", "list", now=MORNING)
    shop("stop-trigger", 1, now=MORNING)
    said = shop("release-trigger", 1, now="2026-11-24T09:10:00Z")
    assert said.code == 0
    assert "needs approval" in said.err
    assert "xpimport approve-trigger 1" in said.err
    for minute in ("09:10", "09:11", "09:19"):
        shop("tick", now=f"2026-11-24T{minute}:00Z")
        assert trigger(shop)[0] == "scheduled"
    if approved:
        code = shop("approve-trigger", 1, now=f"2026-11-24T{approved}:00Z").code
        assert code == (0 if state == "sent" else 5)
        shop("tick", now=f"2026-11-24T{approved}:00Z")
    shop("tick", now="2026-11-24T09:26:00Z")
    assert trigger(shop)[:2] == (state, None if state == "sent" else "not_approved")


@pytest.mark.shop(imports=("--send-at", "09:00", "--require-approval"))
def test_plan_and_task_list_say_that_a_send_needs_approval(shop):
    shop("run-now", "list", now=MORNING)
    assert shop("plan", "--json", now=MORNING).json()[0]["note"] == "needs approval"
    assert "hello needs approval" in shop("task", "list", now=MORNING).out
    shop("approve-trigger", "list", now=MORNING)
    assert shop("plan", "--json", now=MORNING).json()[0]["note"] == "armed"
    assert "hello scheduled" in shop("task", "list", now=MORNING).out


@pytest.mark.shop(imports=("--send-at", "09:00"))
def test_releasing_a_scheduled_send_moves_it_and_says_what_will_hold_it(shop):
    shop("run-now", "list", now=MORNING)
    assert shop("release-trigger", 1, now=MORNING).code == 5
    shop("campaign", "pause", "hello", now=MORNING)
    said = shop("release-trigger", 1, "--at", "10:00", now=MORNING)
    assert said.code == 0
    assert "because the campaign is paused" in said.err
    shop("campaign", "resume", "hello", now=MORNING)
    shop("tick", now=NINE)
    assert trigger(shop)[0] == "scheduled"
    shop("tick", now="2026-11-24T10:00:00Z")
    assert trigger(shop)[0] == "sent"


@pytest.mark.shop(imports=("--send-at", "09:00", "--require-approval"))
def test_an_approved_send_goes_out_at_its_instant(shop):
    done = shop("run-now", "list", now=MORNING)
    assert "xpimport approve-trigger 1" in done.err
    said = shop("approve-trigger", 1, now=MORNING)
    assert (said.code, shop("approve-trigger", 1, now=MORNING).code) == (0, 0)
    assert "in 1 h" in said.err
    shop("tick", now=MORNING)
    assert trigger(shop)[0] == "scheduled"
    shop("tick", now=NINE)
    assert trigger(shop)[0] == "sent"


def test_approval_needs_a_moment_by_which_it_is_given(shop, tmp_path):
    refused = shop("import", "edit", "list", "--require-approval")
    assert refused.code == 2
    assert "--send-at" in refused.err
    shop("run-now", "list")
    refused = shop("approve-trigger", 1)
    assert refused.code == 5
    assert "needs no approval" in refused.err


@pytest.mark.shop(imports=("--canary", "10%", "--canary-wait", "15m"))
def test_a_canary_goes_first_and_the_others_follow_after_its_wait(shop):
    assert shop("run-now", "list", now=MORNING).code == 0
    assert trigger(shop)[0] == "sending"
    assert trigger(shop)[2]["accepted"] == 4
    shop("tick", now="2026-11-24T08:14:59+00:00")
    assert trigger(shop)[2]["accepted"] == 4
    shop("tick", now="2026-11-24T08:15:00+00:00")
    assert trigger(shop)[0] == "sent"
    assert trigger(shop)[2]["accepted"] == PEOPLE


@pytest.mark.shop(
    campaign=("--channel", "smtp", "--from", "a@example.com"), imports=("--canary", "10%", "--canary-max-failed", "5%")
)
def test_a_canary_of_which_too_many_fail_holds_the_rest(shop):
    with smtp_peer(Script(rcpt="550 5.1.1 nobody here")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("run-now", "list", now=MORNING)
        shop("tick", now="2026-11-24T08:15:00+00:00")
    assert trigger(shop)[:2] == ("held", "canary")
    assert (trigger(shop)[2]["failed"], trigger(shop)[2]["unsent"]) == (4, 36)
    shown = shop("task", "show", 1)
    assert "too many of those who went first" in shown.out
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert shop("release-trigger", 1, now=NINE).code == 0
        shop("tick", now=NINE)
        assert len(peer.messages) == 36
    assert trigger(shop)[2]["failed"] == 4


@pytest.mark.shop(campaign=("--rate", "20/s"))
def test_a_rate_is_kept(shop):
    began = time.monotonic()
    assert shop("run-now", "list").code == 0
    assert time.monotonic() - began > (PEOPLE - 3) / 20
    assert trigger(shop)[2]["accepted"] == PEOPLE


@pytest.mark.shop(campaign=("--window", "09:00-20:00"), imports=("--retry-for", "1d"))
def test_what_is_left_when_the_window_shuts_goes_out_when_it_opens_again(shop):
    done = shop("run-now", "list", now=MORNING)
    assert done.code == 0
    assert trigger(shop)[0] == "sending"
    assert trigger(shop)[2]["unsent"] == PEOPLE
    assert "opens at 09:00" in shop("task", "show", 1).err
    shop("tick", now="2026-11-24T08:59:59+00:00")
    assert trigger(shop)[2]["unsent"] == PEOPLE
    shop("tick", now=NINE)
    assert trigger(shop)[0] == "sent"


@pytest.mark.shop(campaign=("--window", "13:00-20:00"))
def test_a_window_that_opens_too_late_holds_the_send(shop):
    shop("run-now", "list", now=MORNING)
    assert trigger(shop)[:2] == ("held", "window_closed")


@pytest.mark.shop(campaign=("--window", "08:00-20:00"), imports=("--send-at", "07:00"))
def test_a_send_time_outside_the_window_is_told_when_the_import_is_added(shop):
    said = shop("import", "edit", "list", "--send-at", "07:30", now=MORNING)
    assert "window 08:00-20:00 is shut" in said.err


@pytest.mark.shop(campaign=("--channel", "smtp", "--from", "a@example.com"))
def test_uncertain_messages_go_out_again_only_when_a_person_says_so_with_the_same_id(shop):
    with smtp_peer(Script(dot=DROP)) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("run-now", "list", now=MORNING)
        first = {message.partition(b"Message-ID: ")[2].split()[0] for message in peer.messages}
    assert trigger(shop)[2]["uncertain"] == PEOPLE
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("tick", now=NINE)
        assert not peer.messages
        assert shop("resend", 1, "--failed").code == 5
        assert shop("resend", 1).code == 2
        assert shop("resend", 1, "--uncertain", "--yes", now=NINE).code == 0
        shop("tick", now=NINE)
        second = {message.partition(b"Message-ID: ")[2].split()[0] for message in peer.messages}
    assert second == first
    assert trigger(shop)[2]["accepted"] == PEOPLE


@pytest.mark.shop(campaign=("--channel", "smtp", "--from", "a@example.com"))
def test_who_opted_out_in_the_meantime_is_not_sent_to_again(shop):
    with smtp_peer(Script(rcpt="550 5.7.1 no")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("run-now", "list", now=MORNING)
    shop("profile", "unsubscribe", "u07")
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("resend", 1, "--failed", now=NINE)
        shop("tick", now=NINE)
        assert len(peer.messages) == PEOPLE - 1
    assert trigger(shop)[2]["excluded_by_reason"] == [{"reason": "unsubscribed", "count": 1}]


@pytest.mark.shop(imports=("--canary", "1%"))
def test_a_send_that_ignores_no_one_counts_everybody_once(shop, tmp_path):
    shop("run-now", "list", now=MORNING)
    shop("tick", now=NINE)
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
        states = Counter(state for (state,) in look.execute("SELECT state FROM deliveries"))
    assert states == {"accepted": PEOPLE}
