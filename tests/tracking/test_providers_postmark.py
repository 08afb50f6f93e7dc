"""What Postmark's webhooks say."""

import pytest
from provider_bodies import ADDRESS, ISO7, KEY, SAFARI, postmark, postmark_bounce

from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported, read_time
from xpimport.tracking.providers.postmark import parse

INACTIVE = (
    "ErrorCode 406: You tried to send to recipients that have been marked as inactive. Found inactive addresses: eve"
)


def of(kind, **changed):
    """What comes of an event about our message."""
    return Reported(kind, **{"provider": "postmark", "time": ISO7, "key": KEY, "address": ADDRESS, **changed})


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (postmark("Delivery", DeliveredAt=ISO7, Details="250 OK", ID=3), of(Kind.DELIVERED)),
        (postmark("Open", ReceivedAt=ISO7, FirstOpen=True, UserAgent=SAFARI), of(Kind.OPENED)),
        (postmark("Open", ReceivedAt=ISO7, UserAgent="Mozilla/5.0"), of(Kind.OPENED, machine=Machine.APPLE)),
        (postmark("Click", ReceivedAt=ISO7, OriginalLink="https://shop.example.com/a", UserAgent="curl/8"),
         of(Kind.CLICKED, url="https://shop.example.com/a", machine=Machine.SCANNER)),
        (postmark("SpamComplaint", ID=77, Email=ADDRESS, BouncedAt=ISO7), of(Kind.COMPLAINED, id="77")),
        (postmark_bounce("HardBounce"), of(Kind.BOUNCED, id="42", gone=True, detail="smtp;550 5.1.1 user unknown")),
        (postmark("SubscriptionChange", ChangedAt=ISO7, SuppressSending=True, SuppressionReason="ManualSuppression",
                  Origin="Recipient"), of(Kind.UNSUBSCRIBED, detail="ManualSuppression Recipient")),
    ],
)  # fmt: skip
def test_an_event_is_read_alone_and_in_a_list(body, said):
    assert list(parse(body)) == list(parse([body])) == [said]


def test_its_seven_decimals_are_a_time():
    assert read_time(ISO7) == pytest.approx(1_795_510_808.123456)


@pytest.mark.parametrize(
    ("body", "gone"),
    [
        (postmark_bounce("HardBounce"), True),
        (postmark_bounce("HardBounce", ""), True),
        (postmark_bounce("HardBounce", "smtp;550 5.7.1 blocked using a list"), False),
        (postmark_bounce("HardBounce", "smtp;550 message content rejected"), False),
        (postmark_bounce("HardBounce", "smtp;550 message content rejected", Inactive=True), True),
        (postmark_bounce("BadEmailAddress", "made up"), True),
        (postmark_bounce("ManuallyDeactivated", ""), True),
        (postmark_bounce("SMTPApiError", INACTIVE), True),
        (postmark_bounce("SMTPApiError", "the message is too large"), False),
        (postmark_bounce("SoftBounce", "smtp;552 5.2.2 over quota"), False),
        (postmark_bounce("SoftBounce"), False),
        (postmark_bounce("Blocked", "smtp;550 5.7.1 blocked"), False),
        (postmark_bounce("DMARCPolicy", "", Inactive=False), False),
        (postmark_bounce("SpamNotification", "", Inactive="yes"), False),
        (postmark_bounce("Unknown", ""), False),
        (postmark_bounce("Unknown"), True),
        (postmark_bounce("HardBounce", {"a": 1}, Description=5), True),
    ],
)
def test_a_final_bounce_counts_always_and_is_gone_by_its_type_or_where_the_address_is_closed(body, gone):
    assert [(said.kind, said.gone, said.id) for said in parse(body)] == [(Kind.BOUNCED, gone, "42")]


@pytest.mark.parametrize(
    "kind",
    ["Transient", "DnsError", "Subscribe", "AutoResponder", "AddressChange", "OpenRelayTest", "ChallengeVerification",
     "InboundError", "TemplateRenderingFailed"],
)  # fmt: skip
def test_a_bounce_by_record_only_says_nothing(kind):
    assert list(parse(postmark_bounce(kind))) == []


@pytest.mark.parametrize(
    ("kind", "read"),
    [("Unsubscribe", Kind.UNSUBSCRIBED), ("ManualSuppression", Kind.UNSUBSCRIBED), ("SpamComplaint", Kind.COMPLAINED)],
)
def test_some_bounces_are_a_no(kind, read):
    assert [(said.kind, said.gone) for said in parse(postmark_bounce(kind))] == [(read, False)]


@pytest.mark.parametrize(
    ("reason", "kind", "gone"),
    [
        ("ManualSuppression", Kind.UNSUBSCRIBED, False),
        (None, Kind.UNSUBSCRIBED, False),
        ("HardBounce", Kind.BOUNCED, True),
        ("SpamComplaint", Kind.COMPLAINED, False),
    ],
)
def test_an_address_that_is_closed_is_so_for_a_reason(reason, kind, gone):
    body = postmark("SubscriptionChange", SuppressSending=True, SuppressionReason=reason, ChangedAt=ISO7)
    assert [(said.kind, said.gone, said.address, said.id) for said in parse(body)] == [(kind, gone, ADDRESS, None)]


@pytest.mark.parametrize("suppressed", [False, None, "true", 1])
def test_an_address_that_is_open_again_takes_nobodys_no_back(suppressed):
    body = postmark("SubscriptionChange", SuppressSending=suppressed, SuppressionReason=None, ChangedAt=ISO7)
    assert list(parse(body)) == []


def test_the_description_is_shown_where_there_are_no_details_but_says_nothing_of_the_mailbox():
    (said,) = parse(postmark_bounce("Unknown", None))
    assert said.detail.startswith("The server was unable to deliver")
    assert not said.gone


@pytest.mark.parametrize("metadata", [{}, None, "xp", {"xp": None}, {"xp": " "}, {"other": KEY}], ids=str)
def test_without_our_key_in_the_metadata_there_is_none(metadata):
    assert [said.key for said in parse(postmark("Open", Metadata=metadata))] == [None]


@pytest.mark.parametrize("body", [postmark("Inbound"), postmark(None), postmark_bounce("Other"), postmark_bounce(7)])
def test_what_postmark_is_not_known_to_write_is_not_understood(body):
    assert [type(said) for said in parse(body)] == [NotUnderstood]
