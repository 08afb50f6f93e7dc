"""What SendGrid's events say."""

import pytest
from provider_bodies import (
    ADDRESS,
    AT,
    GMAIL_PREFETCH,
    GMAIL_PROXY,
    KEY,
    MESSAGE_ID,
    SAFARI,
    sendgrid,
    sendgrid_bounce,
    without,
)

from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported
from xpimport.tracking.providers.sendgrid import parse

LINK = "https://shop.example.com/a"


def of(kind, **changed):
    """What comes of an event about our message: never with an id, which SendGrid changes when it tells it again."""
    return Reported(kind, **{"provider": "sendgrid", "time": AT, "key": KEY, "address": ADDRESS, **changed})


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (sendgrid("delivered", response="250 OK"), of(Kind.DELIVERED)),
        (sendgrid("open", useragent=SAFARI), of(Kind.OPENED)),
        (sendgrid("open", useragent=SAFARI, sg_machine_open=False), of(Kind.OPENED)),
        (sendgrid("open", useragent=SAFARI, sg_machine_open=True), of(Kind.OPENED, machine=Machine.APPLE)),
        (sendgrid("open", useragent="Mozilla/5.0"), of(Kind.OPENED, machine=Machine.APPLE)),
        (sendgrid("open", useragent=GMAIL_PREFETCH), of(Kind.OPENED, machine=Machine.PREFETCH)),
        (sendgrid("open", useragent=GMAIL_PROXY), of(Kind.OPENED)),
        (sendgrid("click", useragent=SAFARI, url=LINK), of(Kind.CLICKED, url=LINK)),
        (
            sendgrid("click", useragent="BarracudaCentral", url=LINK),
            of(Kind.CLICKED, url=LINK, machine=Machine.SCANNER),
        ),
        (sendgrid("spamreport"), of(Kind.COMPLAINED)),
        (sendgrid("unsubscribe"), of(Kind.UNSUBSCRIBED)),
        (sendgrid("group_unsubscribe", asm_group_id=7), of(Kind.UNSUBSCRIBED)),
        (sendgrid_bounce(), of(Kind.BOUNCED, gone=True, detail="550 5.1.1 unknown")),
    ],
)
def test_an_event_is_read_alone_and_in_a_list(event, said):
    assert list(parse(event)) == [said]
    assert list(parse([event, event])) == [said, said]


@pytest.mark.parametrize("name", ["processed", "deferred", "group_resubscribe", "account_status_change"])
def test_what_is_no_event_says_nothing(name):
    assert list(parse([sendgrid(name, response="450 4.7.1 try later")])) == []


@pytest.mark.parametrize(
    ("bounce", "gone"),
    [
        (sendgrid_bounce(), True),
        (sendgrid_bounce(status=None, reason=None, bounce_classification=None), True),
        (sendgrid_bounce(status="5.0.0", reason="550 user unknown", bounce_classification="Unclassified"), True),
        (
            sendgrid_bounce(status="550", reason="550 5.1.1 The email account that you tried to reach does not exist"),
            True,
        ),
        (
            sendgrid_bounce(
                status="5.7.1", reason="550 5.7.1 message content rejected", bounce_classification="Content"
            ),
            False,
        ),
        (sendgrid_bounce(status="5.4.1", reason="unable to get mx info", bounce_classification="Technical"), False),
        (sendgrid_bounce(status="", reason="unable to get mx info", bounce_classification="Technical"), False),
        (sendgrid_bounce(status="5.1.1", bounce_classification="Reputation"), False),
        (sendgrid_bounce(status="5.2.2", reason="552 5.2.2 full", bounce_classification="Mailbox Unavailable"), False),
        (sendgrid_bounce(status="5.0.0", reason="554 sorry", bounce_classification="Mailbox Unavailable"), False),
        (sendgrid_bounce(status="5.7.1", reason="blocked", bounce_classification=None), False),
        (sendgrid_bounce("blocked", status="5.7.1", reason="554 blocked", bounce_classification="Reputation"), False),
        (sendgrid_bounce("blocked", status="5.1.1", bounce_classification=None), False),
        (
            sendgrid_bounce(
                "blocked", status="4.4.7", reason="gave up after 72 hours", bounce_classification="Technical"
            ),
            False,
        ),
        (sendgrid_bounce("bounce", status="4.2.2", reason="452 full", bounce_classification=None), False),
        (sendgrid_bounce(None, status={"a": 1}, reason=["x"], bounce_classification=5), False),
    ],
)
def test_a_bounce_counts_always_and_one_that_is_about_us_is_not_gone(bounce, gone):
    assert [(said.kind, said.gone) for said in parse(bounce)] == [(Kind.BOUNCED, gone)]


@pytest.mark.parametrize(
    ("reason", "kind", "gone"),
    [
        ("Bounced Address", Kind.BOUNCED, True),
        ("Spam Reporting Address", Kind.BOUNCED, True),
        ("Invalid", Kind.BOUNCED, True),
        ("Unsubscribed Address", Kind.UNSUBSCRIBED, False),
        ("Invalid SMTPAPI header", Kind.BOUNCED, False),
        ("Spam Content", Kind.BOUNCED, False),
        ("Recipient List over Package Quota", Kind.BOUNCED, False),
        (None, Kind.BOUNCED, False),
    ],
)
def test_what_it_would_not_send_because_of_its_lists_holds_here_too(reason, kind, gone):
    (said,) = parse(sendgrid("dropped", reason=reason, status="5.0.0"))
    assert (said.kind, said.gone, said.detail) == (kind, gone, f"dropped: {reason}" if reason else "dropped:")


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"smtp-id": "<-g6-N0made7up@ismtpd0006p1sjc2.sendgrid.net>"}, KEY),
        ({"xp": None}, KEY),
        ({"xp": {"k": 1}}, KEY),
        ({"xp": "", "smtp-id": MESSAGE_ID.strip("<>").upper()}, KEY.upper()),
        ({"xp": None, "smtp-id": "<-g6-N0made7up@ismtpd0006p1sjc2.sendgrid.net>"}, None),
        ({"xp": None, "smtp-id": "<14c5d75ce93.dfd.64b469@ismtpd-555>"}, None),
        ({"xp": None, "smtp-id": "<S5FjSrNzSDq7U7nDrZCe0A@geopod-ismtpd-4-0>"}, None),
        ({"xp": None, "smtp-id": "<20261122.1234@shop.example.com>"}, "20261122.1234"),
        ({"xp": None, "smtp-id": 7}, None),
    ],
    ids=str,
)
def test_our_key_is_the_unique_argument_else_the_message_id_that_we_sent(changed, key):
    assert [said.key for said in parse(sendgrid("delivered", **changed))] == [key]


def test_an_unsubscribe_without_any_key_still_names_the_address():
    event = without(sendgrid("group_unsubscribe"), "xp", "smtp-id", "sg_event_id")
    assert list(parse([event])) == [of(Kind.UNSUBSCRIBED, key=None)]


@pytest.mark.parametrize(
    ("time", "told"),
    [("soon", "soon"), (None, None), (True, None), ([], None), (10**400, None), (AT * 1000, AT * 1000)],
)
def test_a_time_is_passed_on_as_it_is_written(time, told):
    assert [said.time for said in parse(sendgrid("open", timestamp=time))] == [told]


def test_one_bad_event_of_a_list_takes_no_other_with_it():
    said = list(
        parse([None, sendgrid("delivered"), sendgrid(5), "text", sendgrid("open", email=7, useragent=[SAFARI])])
    )
    assert [type(one) for one in said] == [NotUnderstood, Reported, NotUnderstood, NotUnderstood, Reported]
    assert said[-1] == of(Kind.OPENED, address=None)
