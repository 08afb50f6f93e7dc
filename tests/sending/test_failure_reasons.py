"""Each reason for which a message fails for good, met as a user meets it: one test a reason, named after it."""

import json
import re
from contextlib import closing

import pytest
from servers.api_peer import api_peer
from servers.smtp_peer import DROP, Script, smtp_peer
from shop import HEADER

from xpimport.rules.delivery import FAILURES
from xpimport.rules.settings import Settings
from xpimport.sending.channels import Outgoing
from xpimport.sending.channels.registry import open_channel

MORNING = "2026-11-24T08:00:00Z"
SMTP = ("--channel", "smtp", "--from", "news@example.com")


def failed(shop):
    """The reason by user_id; everybody else has got the message."""
    delivery = shop("task", "show", 1, "--json").json()["delivery"]
    reasons = {line["user_id"]: line["reason"] for line in shop("report", 1, "--failed", "--json").json()}
    assert delivery["accepted"] == delivery["audience"] - len(reasons)
    return reasons


def reason_of(channel, key="key", to="a@example.com"):
    """State and reason of a message that a channel is given directly."""
    with closing(channel.connect()) as session:
        outcome = session.send(Outgoing(key, to, "news@example.com", b"Subject: x\r\n\r\nhi\r\n"))
    return outcome.state, outcome.reason


def send(shop, script, now=None):
    """Run the import; its campaign goes to a mail server that follows this script."""
    with smtp_peer(script) as peer:
        assert shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}").code == 0
        done = shop("run-now", "list", now=now)
        assert done.code == 0, done.err


@pytest.mark.shop(people=2, campaign=SMTP)
def test_rejected_by_server_is_a_message_that_the_server_refuses_for_good(shop):
    send(shop, Script(rcpt="550 5.7.1 blocked by policy"))
    assert failed(shop) == {"u0": "rejected_by_server", "u1": "rejected_by_server"}


@pytest.mark.shop(people=1, campaign=SMTP, imports=("--retry-for", "1h"), now=MORNING)
def test_retry_expired_is_a_message_put_off_until_no_more_attempts_are_made(shop):
    send(shop, Script(rcpt="450 4.2.0 later"), now=MORNING)
    shop("tick", now="2026-11-24T08:59:00Z")
    assert shop("task", "show", 1, "--json").json()["delivery"]["unsent"] == 1
    shop("tick", now="2026-11-24T09:01:00Z")
    assert failed(shop) == {"u0": "retry_expired"}


@pytest.mark.shop(
    attributes={"first_name": "string"},
    people="user_id,email,email_subscription,first_name\nu0,a@example.com,1,\nu1,b@example.com,1,Ann\n",
    text="Hello {{ first_name }}",
    campaign=("--strict",),
)
def test_not_personalised_is_a_message_for_which_a_value_is_missing(shop):
    assert shop("run-now", "list").code == 0
    assert failed(shop) == {"u0": "not_personalised"}


@pytest.mark.shop(people=HEADER + "\nu0,ärmel@example.com,1\nu1,b@example.com,1\n", campaign=SMTP)
def test_smtputf8_unsupported_is_an_address_in_letters_that_the_server_cannot_take(shop):
    send(shop, Script(extensions=()))
    assert failed(shop) == {"u0": "smtputf8_unsupported"}


@pytest.mark.shop(people=1, text='{"to": {{ user_id | tojson }}}', campaign=None, imports=None)
def test_redirected_is_a_message_whose_receiver_points_elsewhere(shop, tmp_path):
    with api_peer(lambda _: (302, {"Location": "http://127.0.0.1:9/"}, "")) as api:
        hook = ("--channel", "webhook", "--medium", "email", "--url", api.url, "--allow-private")
        assert shop("campaign", "add", "hook", "--text", tmp_path / "hello.txt", *hook).code == 0
        assert shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hook").code == 0
        assert shop("run-now", "list", now=MORNING).code == 0
        # It is held first: a second claim shows that it is this person's.
        assert shop("release-trigger", 1, now=MORNING).code == 0
        shop("tick", now="2026-11-24T08:01:00Z")
    assert failed(shop) == {"u0": "redirected"}


# The next two are seen by a channel alone: a send leaves such an address out, and makes its keys itself.


def test_invalid_address_is_one_that_would_say_more_than_an_address_to_the_server(tmp_path):
    with smtp_peer() as peer:
        channel = open_channel("smtp", Settings({"smtp.url": f"smtp://127.0.0.1:{peer.port}"}), tmp_path)
        assert reason_of(channel, to="a@example.com> SIZE=1") == ("failed", "invalid_address")
        assert peer.messages == []


def test_invalid_key_is_a_message_whose_key_cannot_be_a_file_name(tmp_path):
    channel = open_channel("outbox", Settings({}), tmp_path / "outbox")
    assert reason_of(channel, key="../key") == ("failed", "invalid_key")


@pytest.mark.shop(people=1, campaign=SMTP, now=MORNING)
def test_bounced_later_is_an_uncertain_message_that_came_back(shop):
    with smtp_peer(Script(dot=DROP)) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}", now=MORNING)
        shop("run-now", "list", now=MORNING)
    key = re.search(rb"^Message-ID: <(\w+)@", peer.messages[0], re.MULTILINE)[1].decode()
    event = {"event": "bounced", "time": MORNING, "key": key, "status": "5.1.1"}
    shop("event", "ingest", "-", "--provider", "xpimport", stdin=json.dumps(event), now=MORNING)
    assert failed(shop) == {"u0": "bounced_later"}


def test_every_reason_has_a_test_of_its_name():
    assert {found[1] for name in globals() if (found := re.match(r"test_(\w+?)_is_", name))} == set(FAILURES)
