"""Webhooks and the platform's API, through the program, against receivers on real sockets."""

import base64
import hashlib
import hmac
import json
import socket
import threading
from contextlib import suppress

import pytest
from servers.api_peer import DROP, HANG, api_peer
from servers.smtp_peer import certificate

from xpimport.errors import Invalid
from xpimport.sending.channels.http_post import HttpReceiver, NotSent, PerhapsReceived

NOW = "2026-11-24T08:00:00+00:00"
OK = (200, {}, "{}")
ENVELOPE = (200, {}, '{"code": 200, "success": true, "message": "OK"}')


LIST = (
    "user_id,email,mobile_number,sms_subscription,email_subscription,points\n"
    "u1,a@example.com,353850000001,1,1,7\nu2,b@example.com,353850000002,1,1,\n,c@example.com,,,1,3\n"
)

pytestmark = pytest.mark.shop(
    settings={"webhook.timeout": 1, "xtremepush.timeout": 1, "webhook.connections": 2},
    attributes={"points": "integer"},
    people=LIST,
    campaign=None,
    imports=None,
)


@pytest.fixture(autouse=True)
def content(tmp_path):
    """What a text message says, and the secrets of both receivers."""
    (tmp_path / "sms.json").write_text(
        '{"to": "+{{ mobile_number }}", "text": {{ ("Hello " ~ user_id ~ " \\"x\\"") | tojson }}}', encoding="utf-8"
    )
    (tmp_path / "secret").write_text("whsec_" + base64.b64encode(b"key of the receiver").decode())
    (tmp_path / "token").write_text("t0p-secret")
    for name in ("secret", "token"):
        (tmp_path / name).chmod(0o600)


@pytest.fixture
def webhook(shop, tmp_path):
    """Runs a webhook campaign against a receiver with these answers; the task's details afterwards."""

    def run(api, *options, ticks=()):
        shop("campaign", "add", "sms", "--channel", "webhook", "--medium", "sms", "--text", tmp_path / "sms.json",
             "--url", api.url + "/send", "--allow-private", *options)  # fmt: skip
        shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "sms")
        done = shop("run-now", "list", now=NOW)
        for moment in ticks:
            shop("tick", now=moment)
        assert done.code in (0, 6), done.err
        return shop("task", "show", 1, "--json").json()

    return run


def test_a_webhook_posts_each_persons_json_signed_with_an_id_that_stays_the_same(webhook, tmp_path):
    with api_peer(lambda _: OK) as api:
        details = webhook(api, "--secret", f"file:{tmp_path / 'secret'}", "--token", f"file:{tmp_path / 'token'}")
    assert (details["delivery"]["accepted"], details["delivery"]["excluded"]) == (
        2,
        0 + details["delivery"]["excluded"],
    )
    bodies = sorted((request.json() for request in api.requests), key=lambda body: body["to"])
    assert bodies[0] == {"to": "+353850000001", "text": 'Hello u1 "x"'}
    for request in api.requests:
        head = request.headers
        signed = f"{head['webhook-id']}.{head['webhook-timestamp']}.".encode() + request.body
        digest = hmac.new(b"key of the receiver", signed, hashlib.sha256).digest()
        assert head["webhook-signature"] == "v1," + base64.b64encode(digest).decode()
        assert head["idempotency-key"] == head["webhook-id"]
        assert head["authorization"] == "Bearer t0p-secret"
        assert head["host"] == f"127.0.0.1:{api.port}"
    assert len({request.headers["webhook-id"] for request in api.requests}) == 2


def test_a_busy_receiver_is_asked_again_when_it_said_with_the_same_id(webhook):
    first = []

    def answer(request):
        if len(first) < 2:
            first.append(request)
            return 429, {"Retry-After": "600"}, "slow down"
        return OK

    with api_peer(answer) as api:
        details = webhook(api, ticks=("2026-11-24T08:09:59+00:00", "2026-11-24T08:10:01+00:00"))
    assert details["delivery"]["accepted"] == 2
    assert len(api.requests) == 4
    ids = [request.headers["webhook-id"] for request in api.requests]
    assert set(ids[:2]) == set(ids[2:])


@pytest.mark.parametrize(
    ("reply", "options", "outcome", "reason"),
    [
        ((302, {"Location": "http://169.254.169.254/"}, ""), (), "unsent", None),
        ((400, {}, "no such number"), (), "failed", "rejected_by_server"),
        (DROP, (), "uncertain", None),
        (HANG, (), "uncertain", None),
        (HANG, ("--dedupes",), "unsent", None),
        *(((code, {}, "oops"), (), "uncertain", None) for code in (500, 502, 504, 520, 529)),
        ((502, {}, "oops"), ("--dedupes",), "unsent", None),
        ((503, {}, "busy"), (), "unsent", None),
    ],
)
def test_only_a_2xx_is_accepted_and_silence_is_uncertain(webhook, reply, options, outcome, reason):
    with api_peer(lambda _: reply) as api:
        details = webhook(api, *options)
        assert details["delivery"][outcome] == 2
        if reason:
            assert details["delivery"]["failed_by_reason"] == [{"reason": reason, "count": 2}]
        assert len(api.requests) == 2


def test_a_refused_token_pauses_the_send_and_blames_nobody(webhook):
    with api_peer(lambda _: (401, {}, "who are you")) as api:
        details = webhook(api)
    assert (details["trigger"]["state"], details["trigger"]["reason"]) == ("held", "auth_failed")
    assert details["delivery"]["unsent"] == 2


def test_private_networks_are_refused_unless_the_campaign_allows_them(shop, tmp_path):
    with api_peer(lambda _: OK) as api:
        shop("campaign", "add", "sms", "--channel", "webhook", "--medium", "sms", "--text", tmp_path / "sms.json",
             "--url", api.url)  # fmt: skip
        shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "sms")
        done = shop("run-now", "list")
        assert done.code == 6
        assert "--allow-private" in done.err
        assert not api.requests


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "100.64.0.1", "224.0.0.1"]
)
def test_no_address_of_a_private_network_is_spoken_to(host):
    with pytest.raises(Invalid, match="private network"):
        HttpReceiver(f"http://{host}/", allow_private=False, ca_file="", timeout=1)


def test_a_body_that_is_no_json_fails_that_person_only(webhook, tmp_path):
    (tmp_path / "sms.json").write_text('{"to": {{ mobile_number }}, "points": {{ points }}}', encoding="utf-8")
    with api_peer(lambda _: OK) as api:
        details = webhook(api)
    assert details["delivery"]["accepted"] == 1
    assert details["delivery"]["failed_by_reason"] == [{"reason": "not_personalised", "count": 1}]


@pytest.fixture
def platform(shop, tmp_path):
    def run(api, *settings):
        for name, value in (("xtremepush.url", api.url), ("xtremepush.token", f"file:{tmp_path / 'token'}"), *settings):
            assert shop("settings", "set", name, value).code == 0
        shop("campaign", "add", "there", "--channel", "xtremepush", "--xtremepush-id", "4711")
        added = shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "there",
                     "--identify-by", "user_id")  # fmt: skip
        assert added.code == 0, added.err
        done = shop("run-now", "list", now=NOW)
        assert "t0p-secret" not in done.out + done.err
        return shop("task", "show", 1, "--json").json()

    return run


def test_the_platform_gets_a_chunk_of_people_by_user_id_with_their_variables(platform):
    with api_peer(lambda _: ENVELOPE) as api:
        details = platform(api)
    (request,) = api.requests
    assert request.path == "/api/external/execute/campaign"
    call = request.json()
    assert len(call["params"].pop("external_message_id")) == 32
    assert call == {
        "apptoken": "t0p-secret",
        "id": 4711,
        "target_by": "user_id",
        "target_with_params": {"u1": {"points": 7}, "u2": {}},
        "params": {},
    }
    assert details["delivery"]["accepted"] == 2


def test_a_list_without_a_word_on_consent_goes_to_the_platform_which_keeps_it(platform, tmp_path):
    (tmp_path / "list.csv").write_text("user_id,points\nu1,7\n")
    with api_peer(lambda _: ENVELOPE) as api:
        assert platform(api)["delivery"]["accepted"] == 1


@pytest.mark.parametrize(
    ("reply", "outcome", "state"),
    [
        ((202, {}, '{"code": 202, "success": true}'), "accepted", "sent"),
        ((200, {}, '{"code": 400, "success": false, "message": "no such campaign"}'), "failed", "sent"),
        ((200, {}, '{"code": 200, "success": false, "message": "odd"}'), "failed", "sent"),
        ((400, {}, "{}"), "failed", "sent"),
        ((404, {}, "{}"), "unsent", "held"),
        ((302, {"Location": "/"}, "{}"), "unsent", "held"),
        ((405, {}, "{}"), "failed", "sent"),
        ((410, {}, "{}"), "failed", "sent"),
        ((401, {}, '{"code": 401, "message": "bad token t0p-secret"}'), "unsent", "held"),
        ((403, {}, "{}"), "unsent", "held"),
        ((429, {"Retry-After": "120"}, "{}"), "unsent", "sending"),
        ((503, {}, "{}"), "unsent", "sending"),
        ((500, {}, "{}"), "uncertain", "sent"),
        ((200, {}, "<html>a proxy's page</html>"), "uncertain", "sent"),
        (HANG, "uncertain", "sent"),
        (DROP, "uncertain", "sent"),
    ],
)
def test_every_answer_of_the_platform_is_one_outcome_of_the_whole_chunk(platform, reply, outcome, state):
    with api_peer(lambda _: reply) as api:
        details = platform(api)
        assert len(api.requests) == 1
    assert details["delivery"][outcome] == 2
    assert details["trigger"]["state"] == state


def test_the_platform_is_asked_again_with_the_same_id_for_the_same_chunk(platform, shop):
    replies = iter([(503, {}, "{}"), ENVELOPE])
    with api_peer(lambda _: next(replies)) as api:
        platform(api)
        shop("tick", now="2026-11-24T08:02:00+00:00")
    numbers = [json.loads(request.body)["params"]["external_message_id"] for request in api.requests]
    assert len(numbers) == 2
    assert len(set(numbers)) == 1
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 2


@pytest.mark.parametrize(
    ("trusted", "raised"), [(True, PerhapsReceived), (False, NotSent)], ids=["after the request", "in the handshake"]
)
def test_tls_that_breaks_is_a_message_unsent_only_before_the_request(tmp_path, trusted, raised):
    ca_file, context = certificate(tmp_path, "127.0.0.1")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        # The second descriptor is for saying something other than TLS.
        with (
            suppress(OSError),
            listener.accept()[0] as plain,
            plain.dup() as raw,
            context.wrap_socket(plain, server_side=True) as secured,
        ):
            secured.recv(65536)
            raw.sendall(b"this is no TLS record" * 10)
            raw.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    receiver = HttpReceiver(
        f"https://127.0.0.1:{listener.getsockname()[1]}/",
        allow_private=True,
        ca_file=str(ca_file) if trusted else "",
        timeout=5,
    )
    with listener, pytest.raises(raised):
        receiver.post(b"{}", {})
    receiver.close()
    thread.join(5)
