"""What Amazon SES' events say, in SNS' envelopes and without."""

import pytest
from provider_bodies import (
    ADDRESS,
    GMAIL_PREFETCH,
    ISO,
    KEY,
    MESSAGE_ID,
    SAFARI,
    ses,
    ses_bounce,
    ses_complaint,
    ses_mail,
    sns,
    without,
)

from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported
from xpimport.tracking.providers.ses import parse

DELIVERY = {"timestamp": ISO, "processingTimeMillis": 840, "recipients": [ADDRESS], "smtpResponse": "250 2.0.0 OK"}
NO_KEY = {"headers": [], "tags": {}, "commonHeaders": {}}


def of(kind, **changed):
    """What comes of an event about our message."""
    return Reported(kind, **{"provider": "ses", "time": ISO, "key": KEY, "address": ADDRESS, **changed})


@pytest.mark.parametrize("wrapped", [sns, lambda event: event, lambda event: [event]], ids=["envelope", "bare", "list"])
@pytest.mark.parametrize(
    ("event", "said"),
    [
        (ses("Delivery", DELIVERY), of(Kind.DELIVERED)),
        (ses("Open", {"timestamp": ISO, "userAgent": SAFARI}), of(Kind.OPENED)),
        (ses("Open", {"timestamp": ISO, "userAgent": "Mozilla/5.0"}), of(Kind.OPENED, machine=Machine.APPLE)),
        (ses("Open", {"timestamp": ISO, "userAgent": GMAIL_PREFETCH}), of(Kind.OPENED, machine=Machine.PREFETCH)),
        (ses("Click", {"timestamp": ISO, "link": "https://shop.example.com/a?b=1", "userAgent": SAFARI}),
         of(Kind.CLICKED, url="https://shop.example.com/a?b=1")),
        (ses("Reject", {"reason": "Bad content"}),
         of(Kind.BOUNCED, time="2026-11-24T09:00:01.000Z", detail="rejected: Bad content")),
        (ses("Subscription", {"timestamp": ISO, "newTopicPreferences": {"unsubscribeAll": True}}), of(Kind.UNSUBSCRIBED)),
    ],
    ids=lambda value: value.get("eventType") if isinstance(value, dict) else "",
)  # fmt: skip
def test_an_event_is_read_in_its_envelope_and_without(wrapped, event, said):
    assert list(parse(wrapped(event))) == [said]


@pytest.mark.parametrize(
    ("kind", "subtype", "recipient", "gone"),
    [
        ("Permanent", "General", {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}, True),
        ("Permanent", "General", {"status": "5.5.0", "diagnosticCode": "smtp; 550 5.5.0 mailbox unavailable"}, True),
        ("Permanent", "NoEmail", {}, True),
        ("Permanent", "General", {}, True),
        ("Permanent", "General", {"diagnosticCode": "smtp; 550 5.1.1 no"}, True),
        ("Permanent", "General", {"status": "5.7.1", "diagnosticCode": "smtp; 550 5.7.1 blocked, see our list"}, False),
        ("Permanent", "General", {"status": "5.2.2", "diagnosticCode": "smtp; 552 mailbox full"}, False),
        ("Permanent", "General", {"diagnosticCode": "smtp; 554 rejected for policy reasons"}, False),
        ("Permanent", "General", {"status": "4.4.7", "diagnosticCode": "smtp; 554 4.4.7 Message expired"}, False),
        ("Permanent", "Suppressed", {"status": "5.1.1"}, True),
        (
            "Permanent",
            "OnAccountSuppressionList",
            {"status": "5.1.1", "diagnosticCode": "Amazon SES did not send"},
            True,
        ),
        ("Permanent", "OnAccountSuppressionList", {}, True),
        ("Transient", "General", {"status": "5.3.0", "diagnosticCode": "smtp; 550 denied by policy"}, False),
        ("Transient", "General", {"status": "5.1.1", "diagnosticCode": "smtp; 550 5.1.1 user unknown"}, False),
        ("Transient", "General", {"status": "5.4.4", "diagnosticCode": "smtp; 550 host not found"}, False),
        ("Transient", "General", {"status": "4.4.7", "diagnosticCode": "smtp; 554 4.4.7 Message expired"}, False),
        ("Transient", "MailboxFull", {"status": "5.2.2"}, False),
        ("Transient", "ContentRejected", {}, False),
        ("Undetermined", "Undetermined", {}, False),
        ("Undetermined", "Undetermined", {"diagnosticCode": "smtp; 550 user unknown"}, False),
        (None, None, {}, False),
        (None, None, {"status": "5.1.1"}, True),
    ],
)
def test_a_bounce_counts_always_and_only_a_mailbox_that_is_not_there_is_gone(kind, subtype, recipient, gone):
    (said,) = parse(sns(ses_bounce(kind, subtype, **recipient)))
    assert (said.kind, said.gone, said.key, said.address) == (Kind.BOUNCED, gone, KEY, ADDRESS)
    assert (said.time, said.id) == (ISO, "0102-f-1")


@pytest.mark.parametrize(
    ("bounce", "detail"),
    [
        (
            ses_bounce(status="5.1.1", diagnosticCode="smtp; 550 5.1.1 no\n such\x1b[1m user"),
            "smtp; 550 5.1.1 no such [1m user",
        ),
        (ses_bounce(status="5.1.1", diagnosticCode="smtp; 550 who?"), "5.1.1 smtp; 550 who?"),
        (ses_bounce(status="5.1.1"), "5.1.1 Permanent General"),
        (ses_bounce("Undetermined", "Undetermined"), "Undetermined"),
        (ses_bounce(subtype="OnAccountSuppressionList"), "Permanent OnAccountSuppressionList"),
    ],
)
def test_the_words_of_a_bounce_are_one_line(bounce, detail):
    assert [said.detail for said in parse(bounce)] == [detail]


def test_a_bounce_of_two_recipients_is_two_each_with_its_address():
    bounce = ses_bounce()
    bounce["bounce"]["bouncedRecipients"] = [
        {"emailAddress": "a@example.com", "status": "5.1.1"},
        {"emailAddress": "Bea <b@example.com>", "status": "5.2.2"},
        {"emailAddress": "c@example.com", "action": "delayed", "status": "4.2.2"},
    ]
    assert [(said.address, said.gone) for said in parse(bounce)] == [("a@example.com", True), ("b@example.com", False)]


def test_a_delivery_to_two_recipients_is_two():
    delivery = ses("Delivery", DELIVERY | {"recipients": ["a@example.com", "b@example.com"]})
    assert [said.address for said in parse(delivery)] == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize("event", [ses("Open", {"timestamp": ISO}), ses_complaint(complainedRecipients=None)])
def test_where_it_is_not_said_which_of_several_recipients_it_was_nobody_is_named(event):
    event["mail"]["destination"] = ["a@example.com", "b@example.com"]
    assert [said.address for said in parse(event)] == [None]


@pytest.mark.parametrize("kind", [None, "", "abuse", "fraud", "other", "annoyance", 7, "ABUSE"])
def test_a_complaint_is_one_whatever_its_type(kind):
    (said,) = parse(sns(ses_complaint(complaintFeedbackType=kind, complaintSubType=None)))
    assert (said.kind, said.key, said.address, said.time, said.id) == (Kind.COMPLAINED, KEY, ADDRESS, ISO, "0102-c-1")


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "Not-Spam"])
def test_what_says_that_it_is_no_spam_or_is_about_authentication_is_no_complaint(kind):
    assert list(parse(ses_complaint(complaintFeedbackType=kind))) == []


def test_a_complaint_that_is_only_a_place_on_the_suppression_list_is_a_message_that_was_not_sent():
    (said,) = parse(ses_complaint(complaintSubType="OnAccountSuppressionList"))
    assert (said.kind, said.gone) == (Kind.BOUNCED, True)


@pytest.mark.parametrize(
    "event",
    [
        ses("Send", {}),
        ses("DeliveryDelay", {"delayType": "MailboxFull", "delayedRecipients": [{"emailAddress": ADDRESS, "status": "4.2.2"}]}),
        ses("Rendering Failure", {"errorMessage": "Attribute 'name' is not present"}),
        ses("Subscription", {"timestamp": ISO, "newTopicPreferences": {"unsubscribeAll": False}}),
        ses("Subscription", {"newTopicPreferences": {"topicSubscriptionStatus": [
            {"topicName": "news", "subscriptionStatus": "OptIn"}]}}),
        {"notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have successfully subscribed"},
    ],
    ids=lambda event: next(iter(event.values())),
)  # fmt: skip
def test_what_is_no_event_says_nothing(event):
    assert list(parse(event)) == list(parse(sns(event))) == []


def test_who_leaves_a_topic_unsubscribes_once():
    left = {"topicSubscriptionStatus": [{"topicName": "news", "subscriptionStatus": "OptOut"}]}
    assert [said.kind for said in parse(ses("Subscription", {"newTopicPreferences": left}))] == [Kind.UNSUBSCRIBED]
    assert list(parse(ses("Subscription", {"newTopicPreferences": left, "oldTopicPreferences": left}))) == []


@pytest.mark.parametrize(
    "body",
    [
        sns("You have chosen to subscribe to the topic.", Type="SubscriptionConfirmation", SubscribeURL="https://sns"),
        sns("You have been deactivated.", Type="UnsubscribeConfirmation"),
        sns("Successfully validated SNS topic for Amazon SES event publishing."),
    ],
)
def test_a_confirmation_and_a_greeting_say_nothing(body):
    assert list(parse(body)) == []


@pytest.mark.parametrize(
    "body", [sns("hello"), sns("[1"), sns("null"), sns("[]"), sns('{"eventType": "News"}'), {"Message": 5}]
)
def test_an_envelope_of_something_else_is_not_understood(body):
    assert [type(said) for said in parse(body)] == [NotUnderstood]


@pytest.mark.parametrize("kind", ["Bounce", "Complaint", "Delivery"])
def test_identity_feedback_is_read_as_event_publishing_is(kind):
    published = {"Bounce": ses_bounce(), "Complaint": ses_complaint(), "Delivery": ses("Delivery", DELIVERY)}[kind]
    feedback = without(published, "eventType") | {"notificationType": kind}
    assert list(parse(sns(feedback, MessageId="another"))) == list(parse(sns(published)))


@pytest.mark.parametrize(
    ("mail", "key"),
    [
        ({"headers": [], "commonHeaders": {"messageId": "0102018f-made-up-000000"}}, KEY),
        ({"tags": {"xp": KEY}, "headers": []}, KEY),
        ({"tags": {"xp": [f" {KEY.upper()} "]}}, KEY.upper()),
        ({"tags": {"xp": ["other"]}}, "other"),
        ({"tags": {"xp": []}}, KEY),
        ({"tags": {"xp": [7]}}, KEY),
        ({"tags": {}}, KEY),
        ({"tags": None, "headers": [{"name": "message-id", "value": MESSAGE_ID.upper()}]}, KEY.upper()),
        ({"tags": {}, "headers": [{"name": "Message-ID", "value": f" {MESSAGE_ID} "}]}, KEY),
        ({"tags": {}, "headers": None}, KEY),
        (
            {"tags": {}, "headers": [{"name": "References", "value": "<another@example.com>"}], "commonHeaders": None},
            None,
        ),
        (NO_KEY, None),
        (NO_KEY | {"commonHeaders": {"messageId": "0102018f-made-up-000000"}}, None),
        (NO_KEY | {"commonHeaders": {"messageId": "<0102018f-made-up@eu-west-1.amazonses.com>"}}, None),
        (NO_KEY | {"headers": [{"name": "Message-ID", "value": "<20261122.1234@shop.example.com>"}]}, "20261122.1234"),
    ],
    ids=str,
)
def test_our_key_is_the_tag_else_in_the_message_id_and_never_their_own_number(mail, key):
    assert [said.key for said in parse(ses("Delivery", DELIVERY, ses_mail(**mail)))] == [key]
