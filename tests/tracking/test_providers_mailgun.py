"""What Mailgun's events say."""

import pytest
from provider_bodies import ADDRESS, AT, GMAIL_PREFETCH, GMAIL_PROXY, KEY, SAFARI, mailgun, mailgun_failed

from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported
from xpimport.tracking.providers.mailgun import parse

LINK = "https://shop.example.com/a"


def of(kind, **changed):
    """What comes of an event about our message: its id has the time with it, since it is unique within a day only."""
    known = {"provider": "mailgun", "time": AT + 0.5, "key": KEY, "address": ADDRESS, "id": f"n1 {AT}.5"}
    return Reported(kind, **known | changed)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (mailgun("delivered"), of(Kind.DELIVERED)),
        (mailgun("opened", **{"client-info": {"bot": "", "user-agent": SAFARI}}), of(Kind.OPENED)),
        (mailgun("clicked", url=LINK), of(Kind.CLICKED, url=LINK)),
        (mailgun("unsubscribed"), of(Kind.UNSUBSCRIBED)),
        (mailgun("complained"), of(Kind.COMPLAINED)),
        (mailgun_failed(), of(Kind.BOUNCED, gone=True, detail="550 5.1.1 unknown")),
        (mailgun("rejected", reject={"reason": "a virus"}), of(Kind.BOUNCED, detail="rejected: a virus")),
    ],
)
def test_an_event_is_read_as_a_webhook_in_a_list_and_as_it_is_exported(body, said):
    assert list(parse(body)) == list(parse([body])) == list(parse(body["event-data"])) == [said]


@pytest.mark.parametrize("name", ["accepted", "stored"])
def test_what_is_no_event_says_nothing(name):
    assert list(parse(mailgun(name))) == []


@pytest.mark.parametrize("code", [451, 499, 550])
def test_a_temporary_failure_says_nothing(code):
    assert list(parse(mailgun_failed(code, "4.7.1 greylisted", severity="temporary", reason="generic"))) == []


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        (mailgun_failed(550, "5.1.1 unknown"), True),
        (mailgun_failed("550", "no such user"), True),
        (mailgun_failed(550, None, reason=None), True),
        (mailgun_failed(550, "", **{"enhanced-code": "5.1.1"}), True),
        (mailgun_failed(552, "5.2.2 mailbox full"), False),
        (mailgun_failed(554, "5.7.1 blocked, see https://example.net/5.1.1.7"), False),
        (mailgun_failed(550, "rejected for policy reasons"), False),
        (mailgun_failed(550, "rejected", reason="espblock"), False),
        (mailgun_failed(550, "rejected", **{"bounce-type": "soft"}), False),
        (mailgun_failed(602, "Too old", reason="old"), False),
        (mailgun_failed(499, "Unable to connect to MX servers: []", reason="generic"), False),
        (mailgun_failed(550, "rejected", severity=None), False),
        (mailgun_failed({"a": 1}, ["x"], reason=7), True),
    ],
)
def test_a_final_failure_counts_always_and_one_that_is_not_about_the_mailbox_is_not_gone(body, gone):
    assert [(said.kind, said.gone) for said in parse(body)] == [(Kind.BOUNCED, gone)]


@pytest.mark.parametrize(
    ("code", "reason", "kind", "gone"),
    [
        (605, "suppress-bounce", Kind.BOUNCED, True),
        (605, None, Kind.BOUNCED, True),
        (None, "suppress-bounce", Kind.BOUNCED, True),
        (606, "suppress-unsubscribe", Kind.UNSUBSCRIBED, False),
        ("606", "", Kind.UNSUBSCRIBED, False),
        (607, "suppress-complaint", Kind.BOUNCED, True),
    ],
)
@pytest.mark.parametrize("severity", ["permanent", "temporary", None])
def test_what_it_would_not_send_because_of_its_lists_holds_here_too(code, reason, kind, gone, severity):
    (said,) = parse(mailgun_failed(code, "Not delivering", severity, reason))
    assert (said.kind, said.gone) == (kind, gone)
    assert "Not delivering" in said.detail


@pytest.mark.parametrize(
    ("client", "machine"),
    [
        ({"bot": "apple", "user-agent": SAFARI}, Machine.APPLE),
        ({"bot": "gmail", "user-agent": GMAIL_PREFETCH}, Machine.PREFETCH),
        ({"bot": "gmail", "user-agent": ""}, Machine.PREFETCH),
        ({"bot": "gmail", "user-agent": GMAIL_PROXY}, Machine.NONE),
        ({"bot": "generic", "user-agent": SAFARI}, Machine.PROVIDER),
        ({"bot": "one that is new"}, Machine.PROVIDER),
        ({"bot": "", "user-agent": "Mozilla/5.0"}, Machine.APPLE),
        ({"user-agent": GMAIL_PREFETCH}, Machine.PREFETCH),
        ({"bot": "", "user-agent": SAFARI}, Machine.NONE),
        ({"bot": None, "user-agent": None}, Machine.NONE),
        (None, Machine.NONE),
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["opened", "clicked"])
def test_its_flag_says_which_machine_it_was_and_else_the_agent(name, client, machine):
    assert [said.machine for said in parse(mailgun(name, **{"client-info": client}))] == [machine]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"user-variables": {}}, KEY),
        ({"user-variables": None}, KEY),
        ({"user-variables": {"xp": "other"}}, "other"),
        ({"user-variables": {}, "message": {"headers": {"message-id": f"{KEY}@EXAMPLE.COM".upper()}}}, KEY.upper()),
        ({"user-variables": {}, "message": {"headers": {"message-id": f"<{KEY}@example.com>"}}}, KEY),
        ({"user-variables": {}, "message": "none"}, None),
    ],
    ids=str,
)
def test_our_key_is_the_user_variable_else_in_the_message_id(changed, key):
    assert [said.key for said in parse(mailgun("delivered", **changed))] == [key]


@pytest.mark.parametrize(
    ("changed", "id_"), [({"id": None}, None), ({"timestamp": None}, None), ({"timestamp": AT}, f"n1 {AT}")]
)
def test_an_id_without_a_time_is_none(changed, id_):
    assert [said.id for said in parse(mailgun("delivered", **changed))] == [id_]


@pytest.mark.parametrize(
    "body", [{"event-data": None}, {"event-data": {"event": "dropped"}}, {"event": "delivered"}], ids=str
)
def test_what_is_not_of_mailgun_is_said_to_be_not(body):
    assert [type(said) for said in parse(body)] == [NotUnderstood]
