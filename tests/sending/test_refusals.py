"""What a refusal is about: the person, the sender, the connection or the rate; and what becomes of the send."""

import sqlite3
from collections import Counter
from contextlib import closing

import pytest
from servers.api_peer import api_peer
from servers.smtp_peer import DROP, OK, Script, Throttle, after, smtp_peer

from xpimport.rules.refusals import About, Everybody, Row, about, hold_reason
from xpimport.rules.replies import DOT, http_reply, smtp_reply
from xpimport.rules.throttle import Pace, RateLimiter

MORNING = "2026-11-24T08:00:00Z"
SMTP = ("--channel", "smtp", "--from", "news@example.com")

pytestmark = pytest.mark.shop(people=10, campaign=SMTP, settings={"smtp.connections": 2}, now=MORNING)


def send(shop, peer, now=MORNING):
    assert shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}").code == 0
    return shop("run-now", "list", now=now)


def state(shop):
    details = shop("task", "show", 1, "--json").json()
    counts = {name: details["delivery"][name] for name in ("accepted", "failed", "uncertain", "unsent")}
    return details["trigger"]["state"], details["trigger"]["reason"], {k: v for k, v in counts.items() if v}


def attempts(tmp_path):
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
        return Counter(look.execute("SELECT state, attempts FROM deliveries").fetchall())


@pytest.mark.parametrize(
    ("command", "code", "text", "whose"),
    [
        ("RCPT", 550, "5.1.1 no such user", About.PERSON),
        (DOT, 554, "5.7.1 blocked", About.PERSON),
        (DOT, 550, "5.7.26 no DMARC", About.OURS),
        ("RCPT", 550, "5.1.8 bad sender", About.OURS),
        ("MAIL", 550, "5.1.1 who are you", About.OURS),
        ("MAIL", 530, "5.7.0 log in first", About.OURS),
        ("EHLO", 550, "5.1.1 no", About.OURS),
        ("MAIL", 451, "4.3.0 later", About.CONNECTION),
        ("RCPT", 421, "4.3.2 closing", About.CONNECTION),
        ("RCPT", 452, "4.5.3 too many", About.CONNECTION),
        ("RCPT", 450, "4.2.0 greylisted", About.PERSON),
        (DOT, 454, "Throttling failure", About.RATE),
        ("RCPT", 454, "4.7.0 Throttling", About.RATE),
        ("MAIL", 454, "4.7.0 Throttling", About.RATE),
    ],
)
def test_a_reply_is_about_the_person_the_sender_the_connection_or_the_rate(command, code, text, whose):
    assert about(smtp_reply(command, code, text)) is whose


def test_an_http_answer_is_about_the_person_the_endpoint_or_the_rate():
    found = {code: about(http_reply(code, "")) for code in (302, 400, 401, 403, 404, 409, 422, 429, 503)}
    ours = {302, 401, 403, 404}
    assert {code for code, whose in found.items() if whose is About.OURS} == ours
    assert {code for code, whose in found.items() if whose is About.RATE} == {429}
    assert about(http_reply(503, ""), retry_after=True) is About.RATE


def test_each_refusal_of_ours_holds_for_its_own_reason():
    assert hold_reason(smtp_reply("MAIL", 550, "5.7.60 not yours")) == "sender_refused"
    assert hold_reason(smtp_reply("MAIL", 530, "5.7.0 log in")) == "auth_failed"
    assert hold_reason(http_reply(401, "")) == "auth_failed"
    assert hold_reason(http_reply(308, "")) == "endpoint_refused"


def test_three_equal_refusals_in_a_row_hold_and_an_acceptance_or_another_refusal_begins_anew():
    row, one, other = Row(), http_reply(403, ""), http_reply(404, "")
    assert [row.refused(1, one), row.refused(2, one), row.refused(3, other)] == [False] * 3
    assert row.accepted() == [1, 2, 3]
    assert [row.refused(person, one) for person in (4, 5, 6)] == [False, False, True]


def test_everybody_is_twenty_replies_over_two_domains():
    alone, many = Everybody(), Everybody()
    assert not any(alone.refused("a@example.com", person) for person in range(40))
    assert [bool(many.refused(f"a@{person % 2}.example", person)) for person in range(20)] == [False] * 19 + [True]


def test_a_refused_rate_is_halved_and_creeps_up_again():
    pace = Pace(RateLimiter(None, 0.0))
    assert pace.allowed(50, 0.0) == 50
    for _ in range(20):
        pace.accepted(0.5)
    pace.refused(1.0)
    assert pace.allowed(50, 1.0) == 1
    pace.spend(1)
    assert pace.wait(1.0) == pytest.approx(0.1, rel=0.2)
    for second in range(2, 120):
        pace.allowed(0, float(second))
    assert pace.allowed(50, 121.0) == 50


@pytest.mark.parametrize("reply", ["550 5.7.60 not allowed to send as", "550 5.1.1 no such sender"])
def test_a_refused_sender_holds_the_send_and_costs_nobody(shop, reply):
    with smtp_peer(Script(mail=reply)) as peer:
        done = send(shop, peer)
    assert state(shop) == ("held", "sender_refused", {"unsent": 10})
    assert shop("suppression", "list", "--json").json() == []
    assert "release-trigger 1" in (done.err + str(shop("task", "show", 1).out))
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("release-trigger", 1, now=MORNING)
        shop("tick", now="2026-11-24T08:01:00Z")
        assert len(set(peer.recipients)) == len(peer.recipients) == 10
    assert state(shop) == ("sent", None, {"accepted": 10})


def test_one_person_refused_so_between_acceptances_has_failed_and_the_others_get_theirs(shop):
    def dot(_, recipient):
        return "550 5.7.26 unauthenticated" if recipient.startswith("p4@") else "250 ok"

    with smtp_peer(Script(dot=dot)) as peer:
        shop("settings", "set", "smtp.connections", "1")
        send(shop, peer)
    assert state(shop) == ("sent", None, {"accepted": 9, "failed": 1})


def test_the_last_person_refused_so_holds_once_and_has_failed_in_the_second_claim(shop):
    def dot(_, recipient):
        return "550 5.7.26 unauthenticated" if recipient.startswith("p9@") else "250 ok"

    with smtp_peer(Script(dot=dot)) as peer:
        shop("settings", "set", "smtp.connections", "1")
        send(shop, peer)
        assert state(shop) == ("held", "sender_refused", {"accepted": 9, "unsent": 1})
        shop("release-trigger", 1, now=MORNING)
        shop("tick", now="2026-11-24T08:01:00Z")
    assert state(shop)[2] == {"accepted": 9, "failed": 1}


@pytest.mark.parametrize("reply", ["452 4.5.3 too many messages in this session", "421 4.7.0 too many", DROP])
def test_a_session_that_is_full_costs_nobody_a_try(shop, reply):
    with smtp_peer(Script(mail=after(reply, messages=3))) as peer:
        send(shop, peer)
        assert len(set(peer.recipients)) == 10
        assert len(peer.messages) == 10
    assert state(shop) == ("sent", None, {"accepted": 10})


@pytest.mark.parametrize("connections", [1, 2])
@pytest.mark.parametrize(
    ("place", "reply"), [("mail", "421 4.3.2 later"), ("mail", DROP), ("rcpt", "421 4.3.2 closing")]
)
def test_a_server_that_takes_no_connection_in_for_now_costs_nobody_a_try(shop, tmp_path, place, reply, connections):
    shop("settings", "set", "smtp.connections", str(connections))
    with smtp_peer(Script(**{place: reply})) as peer:
        send(shop, peer)
    assert state(shop) == ("sending", None, {"unsent": 10})
    assert attempts(tmp_path) == {("pending", 0): 10}
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        shop("tick", now="2026-11-24T08:02:00Z")
    assert state(shop) == ("sent", None, {"accepted": 10})


def test_a_person_over_whom_the_server_hangs_up_stops_nobody_and_waits(shop, tmp_path):
    def rcpt(_, command):
        return "421 4.3.0 closing" if "<p0@" in command else OK

    shop("settings", "set", "smtp.connections", "1")
    with smtp_peer(Script(rcpt=rcpt)) as peer:
        send(shop, peer)
    assert attempts(tmp_path) == {("accepted", 1): 9, ("retry", 1): 1}


@pytest.mark.parametrize("place", ["mail", "rcpt", "dot"])
def test_whoever_is_throttled_is_charged_no_try_whatever_the_status_behind_the_454(shop, tmp_path, place):
    with smtp_peer(Script(**{place: Throttle(7, 0.3, "454 4.7.0 Throttling")})) as peer:
        send(shop, peer)
        assert len(peer.taken) == 10
        assert peer.connections <= 3
    assert attempts(tmp_path) == {("accepted", 1): 10}


@pytest.mark.shop(people=60, settings={"smtp.connections": 4})
def test_a_server_that_throttles_slows_the_send_and_everybody_gets_theirs(shop):
    with smtp_peer(Script(dot=Throttle(14, 1.0))) as peer:
        send(shop, peer)
        assert len(peer.recipients) < 90
    assert state(shop) == ("sent", None, {"accepted": 60})


def test_a_refused_log_in_says_that_the_send_is_held_and_what_to_do(shop, tmp_path):
    (tmp_path / "password").write_text("x")
    (tmp_path / "password").chmod(0o600)
    shop("settings", "set", "smtp.user", "me")
    shop("settings", "set", "smtp.password", f"file:{tmp_path / 'password'}")
    with smtp_peer(Script(extensions=("AUTH PLAIN",), auth="535 5.7.8 no")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}?starttls=off")
        done = shop("run-now", "list", now=MORNING)
    assert done.code == 6
    assert "held" in done.err
    assert "release-trigger 1" in done.err
    assert "next ticks" not in done.err
    assert state(shop) == ("held", "auth_failed", {"unsent": 10})


@pytest.mark.shop(text='{"to": {{ user_id | tojson }}}', campaign=None, imports=None)
@pytest.mark.parametrize("code", [308, 403, 404])
def test_an_endpoint_that_is_not_there_holds_the_send_and_later_a_wrong_moment_holds_it_too(shop, tmp_path, code):
    asked = []

    def answer(_):
        asked.append(1)
        return (200, {}, "{}") if len(asked) <= 4 else (code, {"Location": "/v2"}, "")

    with api_peer(answer) as api:
        hook = (
            "--channel",
            "webhook",
            "--medium",
            "email",
            "--url",
            api.url,
            "--allow-private",
            "--header",
            "X-Api-Key: k",
        )
        shop("settings", "set", "webhook.connections", "1")
        assert shop("campaign", "add", "hook", "--text", tmp_path / "hello.txt", *hook).code == 0
        assert shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hook").code == 0
        shop("run-now", "list", now=MORNING)
        assert {request.headers["x-api-key"] for request in api.requests} == {"k"}
    assert state(shop) == ("held", "endpoint_refused", {"accepted": 4, "unsent": 6})
    assert len(asked) == 7


@pytest.mark.shop(text='{"to": {{ user_id | tojson }}}', campaign=None, imports=None, people=1)
@pytest.mark.parametrize("between", [[], [(429, {}, "")]])
def test_a_conflict_after_a_try_without_an_answer_is_tried_again(shop, tmp_path, between):
    replies = iter([(502, {}, ""), *between, (409, {}, "still at it"), (200, {}, "{}")])
    with api_peer(lambda _: next(replies)) as api:
        hook = ("--channel", "webhook", "--medium", "email", "--url", api.url, "--allow-private", "--dedupes")
        assert shop("campaign", "add", "hook", "--text", tmp_path / "hello.txt", *hook).code == 0
        assert shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hook").code == 0
        shop("run-now", "list", now=MORNING)
        shop("tick", now="2026-11-24T08:05:00Z")
        shop("tick", now="2026-11-24T08:15:00Z")
    assert state(shop) == ("sent", None, {"accepted": 1})


@pytest.mark.shop(
    people="user_id,email,email_subscription,mobile_number,sms_subscription\n"
    "a,a@example.com,1,353850000001,1\nb,b@example.com,0,353850000002,1\nc,c@example.com,1,353850000003,0\n"
    "d,d@example.com,1,353850000004,1\ne,e@example.com,,,\n",
    campaign=None,
    imports=None,
)
def test_a_no_counts_on_the_platform_too(shop, tmp_path):
    (tmp_path / "token").write_text("t")
    (tmp_path / "token").chmod(0o600)
    assert shop("suppression", "add", "d@example.com").code == 0
    with api_peer(lambda _: (200, {}, '{"code": 200, "success": true}')) as api:
        shop("settings", "set", "xtremepush.url", api.url)
        shop("settings", "set", "xtremepush.token", f"file:{tmp_path / 'token'}")
        assert shop("campaign", "add", "there", "--channel", "xtremepush", "--xtremepush-id", "1").code == 0
        listed = ("--source", tmp_path / "list.csv", "--campaign", "there", "--identify-by", "user_id")
        assert shop("import", "add", "list", *listed).code == 0
        shop("run-now", "list", now=MORNING)
        (request,) = api.requests
    assert sorted(request.json()["target_with_params"]) == ["a", "e"]
    reasons = {line["user_id"]: line["reason"] for line in shop("report", 1, "--excluded", "--json").json()}
    assert reasons == {"b": "unsubscribed", "c": "unsubscribed", "d": "suppressed"}
