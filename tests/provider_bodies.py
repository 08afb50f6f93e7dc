"""Bodies as the event providers write them; what is in them is made up."""

import json

KEY, ADDRESS, AT = "aeaqcbzfk3pwn5mcjq2xg7rb4ylkd6oe", "eve@example.com", 1_795_510_808
MESSAGE_ID, ISO, ISO7 = f"<{KEY}@example.com>", "2026-11-24T09:00:08.120Z", "2026-11-24T09:00:08.1234567Z"
SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605"
)
GMAIL_PREFETCH = "Mozilla/5.0 (Windows NT 10.0) Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
GMAIL_PROXY = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"


def without(body, *names):
    """A body without these fields."""
    return {name: value for name, value in body.items() if name not in names}


def ses_mail(**changed):
    """What SES says of the message in every event."""
    return {
        "timestamp": "2026-11-24T09:00:01.000Z",
        "messageId": "0102018f-made-up-000000",
        "source": "news@example.com",
        "destination": [ADDRESS],
        "headersTruncated": False,
        "headers": [{"name": "To", "value": ADDRESS}, {"name": "Message-ID", "value": MESSAGE_ID}],
        "commonHeaders": {"to": [ADDRESS], "messageId": MESSAGE_ID, "subject": "Hello"},
        "tags": {"ses:configuration-set": ["xp"], "xp": [KEY]},
        **changed,
    }


def ses(kind, about, mail=None):
    """A bare event of SES' event publishing."""
    return {"eventType": kind, "mail": mail or ses_mail(), kind[0].lower() + kind[1:].replace(" ", ""): about}


def ses_bounce(kind="Permanent", subtype="General", mail=None, **recipient):
    """A bounce of one recipient."""
    return ses(
        "Bounce",
        {
            "feedbackId": "0102-f-1",
            "bounceType": kind,
            "bounceSubType": subtype,
            "bouncedRecipients": [{"emailAddress": ADDRESS, **recipient}],
            "timestamp": ISO,
        },
        mail,
    )


def ses_complaint(mail=None, **about):
    """A complaint of one recipient."""
    told = {"feedbackId": "0102-c-1", "complainedRecipients": [{"emailAddress": ADDRESS}], "timestamp": ISO}
    return ses("Complaint", told | about, mail)


def sns(event, **changed):
    """SNS' envelope around an event, or around another text."""
    return {
        "Type": "Notification",
        "MessageId": "5f0c-1",
        "TopicArn": "arn:aws:sns:eu-west-1:111122223333:xp-events",
        "Subject": "Amazon SES Email Event Notification",
        "Message": event if isinstance(event, str) else json.dumps(event),
        "Timestamp": "2026-11-24T09:00:09.000Z",
        "SignatureVersion": "2",
        "Signature": "bWFkZSB1cA==",
        "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem",
        **changed,
    }


def sendgrid(event, **changed):
    """One event of SendGrid's list."""
    return {
        "email": ADDRESS,
        "timestamp": AT,
        "smtp-id": MESSAGE_ID,
        "event": event,
        "category": ["news"],
        "sg_event_id": "c2ctZXZlbnQt000015",
        "sg_message_id": "14c5d75ce93.dfd.0015.filter0001.16648.5515E0B88.0",
        "xp": KEY,
        **changed,
    }


def sendgrid_bounce(kind="bounce", **changed):
    """A bounce at SendGrid."""
    told = {"type": kind, "status": "5.1.1", "reason": "550 5.1.1 unknown", "bounce_classification": "Invalid Address"}
    return sendgrid("bounce", **told | changed)


def mailgun(event, **changed):
    """A body of Mailgun."""
    return {
        "signature": {"timestamp": str(AT), "token": "0" * 50, "signature": "0" * 64},
        "event-data": {
            "id": "n1",
            "event": event,
            "timestamp": AT + 0.5,
            "recipient": ADDRESS,
            "message": {"headers": {"to": ADDRESS, "message-id": MESSAGE_ID.strip("<>")}, "size": 900},
            "user-variables": {"xp": KEY},
            **changed,
        },
    }


def mailgun_failed(code=550, message="5.1.1 unknown", severity="permanent", reason="bounce", **status):
    """A failure at Mailgun."""
    told = {"code": code, "message": message, "attempt-no": 1, **status}
    return mailgun("failed", **{"severity": severity, "reason": reason, "delivery-status": told})


def postmark(record, **changed):
    """A body of Postmark that is no bounce."""
    return {
        "RecordType": record,
        "MessageStream": "broadcast",
        "MessageID": "6b1a0d5c-0000-4000-8000-000000000003",
        "ServerID": 23,
        "Metadata": {"xp": KEY},
        "Recipient": ADDRESS,
        **changed,
    }


def postmark_bounce(kind, details="smtp;550 5.1.1 user unknown", **changed):
    """A bounce at Postmark."""
    told = {"ID": 42, "Type": kind, "Email": ADDRESS, "BouncedAt": ISO7, "Details": details, "Inactive": False}
    described = "The server was unable to deliver your message (ex: unknown user, mailbox not found)."
    return without(postmark("Bounce", **told | {"Description": described} | changed), "Recipient")


def xtremepush(event, **changed):
    """A body of Xtremepush."""
    return {"event": event, "time": AT, "properties": {"external_message_id": KEY}, **changed}


BODIES = {
    "xpimport": [{"event": "bounced", "time": ISO, "key": KEY, "status": "5.1.1", "detail": "unknown", "id": "7"}],
    "ses": [
        sns(ses_bounce(status="5.1.1", diagnosticCode="smtp; 550 5.1.1 user unknown")),
        ses_bounce("Transient", status="5.3.0", diagnosticCode="smtp; 550 denied"),
        ses_complaint(complaintFeedbackType="abuse", complaintSubType=None),
        ses("Delivery", {"timestamp": ISO, "recipients": [ADDRESS], "smtpResponse": "250 OK"}),
        ses("Click", {"timestamp": ISO, "link": "https://shop.example.com/a", "userAgent": SAFARI}),
        ses("Subscription", {"timestamp": ISO, "newTopicPreferences": {"unsubscribeAll": True, "topicSubscriptionStatus": [
            {"topicName": "news", "subscriptionStatus": "OptOut"}]}, "oldTopicPreferences": {}}),
        sns("{}", Type="SubscriptionConfirmation"),
    ],
    "sendgrid": [
        [sendgrid("open", useragent=SAFARI, sg_machine_open=True), sendgrid("click", url="https://shop.example.com/a")],
        sendgrid_bounce(),
        sendgrid("dropped", reason="Bounced Address"),
    ],
    "mailgun": [
        mailgun("clicked", **{"client-info": {"bot": "", "user-agent": SAFARI}, "url": "https://shop.example.com/a"}),
        mailgun_failed(),
        mailgun("rejected", reject={"reason": "virus", "description": ""}),
    ],
    "postmark": [
        postmark("Open", ReceivedAt=ISO7, UserAgent=SAFARI),
        postmark_bounce("HardBounce"),
        postmark("SubscriptionChange", SuppressSending=True, SuppressionReason="ManualSuppression", ChangedAt=ISO7),
    ],
    "xtremepush": [xtremepush("message_click", properties={"external_message_id": KEY, "url": "https://shop.example.com/a"})],
}  # fmt: skip
"""Some of each provider, to be broken."""
