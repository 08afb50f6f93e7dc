"""What a mail says of a message of ours; nothing in it is believed without our key, and only where we put it."""

import base64
import quopri

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mails import (
    FORGED,
    GONE,
    KEY,
    OTHER_KEY,
    SECRET,
    SENT_AT,
    TOKEN,
    complaint,
    head,
    mail,
    recipient,
    report,
    verified,
)

from xpimport.rules.events import Kind, NotUnderstood, Reported
from xpimport.rules.tokens import Purpose, make_old_token
from xpimport.tracking.mail_reports import NoKey, parse


def said(text):
    return parse(text.encode() if isinstance(text, str) else text, verified)


def one(text):
    (only,) = said(text)
    return only


def is_bounce_of_u3(text, *, gone=True):
    event = one(text)
    return isinstance(event, Reported) and (event.kind, event.key, event.gone) == (Kind.BOUNCED, KEY, gone)


# Delivery reports


def test_a_delivery_report_says_who_when_and_why():
    assert one(report()) == Reported(
        Kind.BOUNCED, "mail", SENT_AT, KEY, "u3@example.com", id="<1@mx.example.net>", gone=True, detail=f"smtp; {GONE}"
    )


def test_postfix_marks_its_reports_as_automatic_and_they_count_all_the_same():
    assert is_bounce_of_u3(report(Auto_Submitted="auto-replied"))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable"])
def test_an_encoded_report_is_read(encoding):
    encode = base64.encodebytes if encoding == "base64" else quopri.encodestring
    fields = encode(f"Reporting-MTA: dns; mx.example.net\n\n{recipient()}".encode()).decode()
    returned = f"Content-Transfer-Encoding: {encoding}\n\n{encode(head().encode()).decode()}"
    text = report(about=fields, encoding=encoding, returned=returned, returned_as="text/rfc822-headers")
    text = text.replace("text/rfc822-headers\n\nContent-Transfer", "text/rfc822-headers\nContent-Transfer")
    assert is_bounce_of_u3(text.replace(recipient(), ""))


@pytest.mark.parametrize("kind", ["text/plain", "message/global-delivery-status", "application/octet-stream"])
def test_a_report_counts_whatever_its_fields_are_declared_as(kind):
    assert is_bounce_of_u3(report(kind=kind))


@pytest.mark.parametrize("ends", ["\r\n", "\r"])
def test_a_report_is_read_with_line_ends_of_other_systems(ends):
    assert is_bounce_of_u3(report().replace("\n", ends))


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded", "deliverable"])
def test_what_is_on_its_way_or_there_is_no_bounce(action):
    assert said(report(recipient(action=action, status="2.0.0", said=""))) is None
    assert said(report(recipient(action=action, status="4.4.1", said=""))) is None


def test_what_is_called_failed_but_is_temporary_by_its_status_is_no_bounce():
    assert said(report(recipient(status="4.2.2", said="452 4.2.2 mailbox full"))) is None


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.2.2", "552 5.2.2 mailbox full"),
        ("5.7.1", "550 5.7.1 your network is on our block list"),
        ("5.0.0", "450 4.2.0 user unknown at the moment, given up"),
        ("5.4.7", "delivery time expired"),
    ],
)
def test_a_mailbox_that_is_there_is_not_gone(status, words):
    assert is_bounce_of_u3(report(recipient(status=status, said=words)), gone=False)


def test_the_code_of_the_server_is_taken_where_the_status_says_nothing():
    assert is_bounce_of_u3(report(recipient(status="5.0.0", said="550 5.1.1 no")))
    assert is_bounce_of_u3(report(recipient(status="", said="550 5.1.1 no")))


def test_words_are_asked_where_the_fields_say_nothing():
    unclear = recipient(status="5.0.0", said="")
    assert is_bounce_of_u3(report(unclear, words="u3@example.com: user unknown\n\nThe domain has no quota.\n"))
    assert is_bounce_of_u3(report(unclear, words="u3@example.com: no\n\nSomebody else: user unknown.\n"), gone=False)


def test_of_several_recipients_those_who_failed_are_named():
    others = (
        recipient("copy@elsewhere.example", "delivered", "2.0.0", "250 ok"),
        recipient("full@example.com", status="5.2.2"),
    )
    events = said(report(*others, recipient()))
    assert [(event.address, event.gone) for event in events] == [("full@example.com", False), ("u3@example.com", True)]
    assert len({event.id for event in events}) == 2


def test_a_recipient_who_is_named_for_each_try_failed_once():
    assert is_bounce_of_u3(report(recipient(status="5.2.2"), recipient(), recipient(status="5.2.2")))


def test_recipients_without_an_empty_line_between_them_are_told_apart():
    events = said(report(recipient("a@example.com") + recipient("b@example.com")))
    assert [event.address for event in events] == ["a@example.com", "b@example.com"]


def test_the_address_that_we_wrote_to_comes_before_where_it_was_forwarded_to():
    assert (
        one(report("Original-Recipient: rfc822;u3@example.com\n" + recipient("u3@home.example"))).address
        == "u3@example.com"
    )


def test_a_report_without_a_readable_outcome_is_not_understood():
    assert isinstance(said(report("Final-Recipient: rfc822; u4@exampl")), NotUnderstood)
    assert isinstance(said(report("")), NotUnderstood)


def test_a_report_whose_fields_name_nobody_is_read_by_its_words():
    words = (
        "The original message was received at 9\n\n   ----- The following addresses had permanent fatal errors -----\n"
    )
    words += (
        "<u3@example.com>\n\n   ----- Transcript of session follows -----\n550 5.1.1 <u3@example.com>... User unknown\n"
    )
    assert is_bounce_of_u3(report("", words=words))


def test_a_delivery_report_that_a_person_forwards_is_a_letter():
    body = f"--b\n\nSee below.\n--b\nContent-Type: message/rfc822\n\n{report()}\n--b--\n"
    fields = {"MIME_Version": "1.0", "Content_Type": "multipart/mixed; boundary=b", "Subject": "Fwd: Undelivered"}
    assert said(mail(body, From="ann@example.com", Return_Path="<ann@example.com>", **fields)) is None


# Where the key is


@pytest.mark.parametrize("field", ["To", "Delivered_To", "X_Original_To"])
def test_the_key_is_found_in_the_address_that_the_bounce_came_to(field):
    assert is_bounce_of_u3(report(returned="", **{field: f"bounces+{KEY}@example.com"}))


@pytest.mark.parametrize("name", ["X-Original-Message-ID", "Original-Message-ID", "Original-Envelope-Id"])
def test_the_key_is_found_in_the_fields_of_the_report(name):
    assert is_bounce_of_u3(report(returned="", about=f"Reporting-MTA: dns; mx\n{name}: <{KEY}@example.com>\n"))
    assert is_bounce_of_u3(report(returned="", **{name.replace("-", "_"): f"<{KEY}@example.com>"}))


@pytest.mark.parametrize("kind", ["message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers"])
def test_the_key_is_found_in_what_was_returned(kind):
    assert is_bounce_of_u3(report(returned_as=kind))


def test_the_key_is_found_in_what_is_pasted_below():
    assert is_bounce_of_u3(report(returned="", words=f"Your message:\n\n{head()}\n"))


def test_the_key_is_found_in_capitals_and_in_a_folded_line():
    assert is_bounce_of_u3(report(returned=head().replace(KEY, KEY.upper()).replace("Message-ID: ", "MESSAGE-ID:\n ")))


def test_a_forged_key_is_none():
    assert one(report(returned=head(FORGED), To=f"bounces+{FORGED}@example.com")) == NoKey(
        Kind.BOUNCED, "u3@example.com", SENT_AT, gone=True, detail=f"smtp; {GONE}"
    )


def test_an_opt_out_token_is_no_key_of_a_message():
    assert isinstance(one(report(returned=head(TOKEN))), NoKey)


def test_an_answer_to_our_message_that_bounced_is_not_our_message():
    answer = f"From: ann@example.com\nMessage-ID: <1@example.com>\nReferences: <{KEY}@example.com>\n\n> {head()}"
    assert isinstance(one(report(returned=answer, In_Reply_To=f"<{KEY}@example.com>")), NoKey)


def test_in_reply_to_counts_only_where_nothing_of_the_message_was_returned():
    answers = {"In_Reply_To": f"<{KEY}@example.com>", "References": f"<{OTHER_KEY}@example.com>"}
    assert is_bounce_of_u3(report(returned="", **answers))
    assert one(report(returned=head(OTHER_KEY), **answers)).key == OTHER_KEY
    assert isinstance(one(report(returned="", about="X-Original-Message-ID: <1@example.com>\n", **answers)), NoKey)


def test_references_never_count():
    assert isinstance(one(report(returned="", References=f"<{KEY}@example.com>")), NoKey)


# Reports in words


QMAIL = """Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<u3@example.com>:
{said}

--- Below this line is a copy of the message.

Return-Path: <news@example.com>
"""


def qmail(words, **fields):
    return mail(QMAIL.format(said=words) + head() + "\nHello\n", Return_Path="<>", Subject="failure notice", **fields)


def test_a_report_in_words_is_gone_by_its_code_or_its_words():
    assert is_bounce_of_u3(qmail("Sorry, no mailbox here by that name. (#5.1.1)"))
    assert is_bounce_of_u3(qmail("Remote host said: 550 No such user"))


def test_a_report_in_words_is_soft_else():
    assert is_bounce_of_u3(qmail("The message could not be taken."), gone=False)
    assert is_bounce_of_u3(qmail("The mailbox is full. (#5.2.2)"), gone=False)


def test_a_report_in_words_with_a_temporary_code_is_no_bounce():
    assert said(qmail("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)")) is None
    assert said(qmail("Remote host said: 450 user unknown for now")) is None


def test_a_report_in_words_without_a_key_is_kept():
    text = qmail("No such user (#5.1.1)").replace(KEY, FORGED)
    assert one(text) == NoKey(
        Kind.BOUNCED, "u3@example.com", SENT_AT, gone=True, detail="<u3@example.com>: No such user (#5.1.1)"
    )


def test_exim_marks_its_reports_as_automatic_and_they_count_all_the_same():
    text = (
        f"A message that you sent could not be delivered.\n\n  u3@example.com\n    550 5.1.1 User unknown\n\n{head()}\n"
    )
    fields = {
        "Auto_Submitted": "auto-replied",
        "X_Failed_Recipients": "u3@example.com",
        "From": "Mail <exim@mx.example.net>",
    }
    assert is_bounce_of_u3(mail(text, **fields))
    assert is_bounce_of_u3(qmail("No such user (#5.1.1)", Auto_Submitted="auto-replied"))


# Complaints


@pytest.mark.parametrize("kind", ["abuse", "Fraud", "other", "a-new-one"])
def test_a_complaint_is_known_by_our_key_alone_since_addresses_are_hidden(kind):
    event = one(complaint(kind))
    assert (event.kind, event.key, event.address, event.detail) == (Kind.COMPLAINED, KEY, None, kind.lower())


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus"])
def test_a_report_that_is_the_opposite_or_of_something_else_is_no_complaint(kind):
    assert said(complaint(kind)) is None


def test_a_complaint_without_our_key_is_kept():
    assert one(complaint(returned="")) == NoKey(Kind.COMPLAINED, "hidden@isp.example.net", SENT_AT, detail="abuse")


def test_a_complaint_whose_fields_are_declared_as_text_counts():
    assert one(complaint().replace("message/feedback-report", "text/plain")).kind is Kind.COMPLAINED


# Opt-outs


@pytest.mark.parametrize(
    "subject",
    [
        f"unsubscribe {TOKEN}",
        f"Unsubscribe {TOKEN.upper()}",
        f"unsubscribe\n {TOKEN}",
        f"unsubscribe%20{TOKEN}",
        f"unsubscribe+{TOKEN}",
        f"Re: UNSUBSCRIBE {TOKEN} ",
        f"=?utf-8?q?unsubscribe_{TOKEN}?=",
        f"=?utf-8?b?{base64.b64encode(f'unsubscribe {TOKEN[:20]}'.encode()).decode()}?=\n =?utf-8?q?{TOKEN[20:]}?=",
    ],
)
def test_what_a_mail_program_sends_to_our_opt_out_address_opts_out(subject):
    event = one(mail("", From="ann@home.example", Subject=subject))
    assert (event.kind, event.key.lower(), event.purpose) == (Kind.UNSUBSCRIBED, TOKEN, Purpose.UNSUBSCRIBE)
    assert (event.address, event.time) == (None, SENT_AT)


def test_a_token_in_the_address_opts_out():
    assert one(mail("", From="ann@home.example", To=f"news+{TOKEN}@example.com")).kind is Kind.UNSUBSCRIBED


def test_an_opt_out_counts_from_whatever_program():
    text = mail("", From="ann@home.example", Subject=f"unsubscribe {TOKEN}", Auto_Submitted="auto-replied")
    assert one(text).kind is Kind.UNSUBSCRIBED


def test_a_token_of_before_there_were_epochs_keeps_its_capitals():
    token = make_old_token(SECRET, 1, 3)
    assert one(mail("", From="ann@home.example", Subject=f"unsubscribe {token}")).key == token


@pytest.mark.parametrize(
    "subject", ["unsubscribe", "Please unsubscribe me", f"unsubscribe {TOKEN[:-2]}aa", f"unsubscribe {KEY}"]
)
def test_an_opt_out_without_a_token_is_kept_for_a_person_to_decide(subject):
    text = mail("Take me off.\n", From="u3@example.com", Return_Path="<u3@example.com>", Subject=subject)
    assert one(text) == NoKey(Kind.UNSUBSCRIBED, "u3@example.com", SENT_AT)


# What says nothing


ANSWER = f"I am away.\n\n> To unsubscribe write to us\n> Message-ID: <{KEY}@example.com>\n> X-Status: 5.1.1\n"


@pytest.mark.parametrize(
    "fields",
    [
        {"Auto_Submitted": "auto-replied", "Return_Path": "<>"},
        {"Auto_Submitted": "auto-replied (vacation)"},
        {"X_Autoreply": "yes"},
        {"Precedence": "auto_reply"},
        {},
    ],
)
def test_an_automatic_answer_says_nothing(fields):
    named = {"Subject": "Out of office", "In_Reply_To": f"<{KEY}@example.com>", "From": "u3@example.com"}
    assert said(mail(ANSWER, **(named | fields))) is None
    assert said(mail(QMAIL.format(said="#5.1.1"), **(named | {"Auto_Submitted": "auto-replied"}))) is None


@pytest.mark.parametrize("subject", ["confirm 3a9f00", "Your confirmation is required to leave the Staff mailing list"])
def test_a_list_that_asks_for_confirmation_is_not_answered(subject):
    text = mail(
        "Mailing list removal notice. To unsubscribe, answer.\n",
        From="staff-confirm+7@lists.example.org",
        Subject=subject,
    )
    assert said(text) is None


def test_a_letter_that_quotes_a_bounce_says_nothing():
    fields = {"From": "ann@example.com", "Return_Path": "<ann@example.com>", "Subject": "what is this?"}
    assert said(mail(QMAIL.format(said="no such user (#5.1.1)") + head(), **fields)) is None
    assert said(mail(recipient() + head(), **fields)) is None


def test_a_receipt_of_a_reader_says_nothing():
    fields = f"Final-Recipient: rfc822; u3@example.com\nOriginal-Message-ID: <{KEY}@example.com>\nDisposition: x; displayed\n"
    text = report("", kind="message/disposition-notification", about=fields).replace(
        "delivery-status", "disposition-notification"
    )
    assert said(text) is None


# When


@pytest.mark.parametrize(
    ("fields", "time"),
    [
        (
            {"Received": "from a by b (x; y); Sun, 22 Nov 2026 09:02:00 +0000", "Date": "Sun, 22 Nov 2020 09:00:00"},
            SENT_AT + 60,
        ),
        ({"Received": "from a by b", "Date": "Sun, 22 Nov 2026 10:01:00 +0100"}, SENT_AT),
        ({"Date": "yesterday"}, None),
        ({"Date": ""}, None),
        ({"Date": "Sun, 22 Nov 99999 10:01:00 +0100"}, None),
    ],
)
def test_our_own_server_says_when_a_report_came_else_its_sender(fields, time):
    assert one(report(**fields)).time == time


# Any bytes


SAMPLES = [
    text.encode()
    for text in (
        report(),
        complaint(),
        qmail("No such user (#5.1.1)"),
        mail("", Subject=f"unsubscribe {TOKEN}"),
        report(kind="text/plain", encoding="base64"),
        report(words="\xfc", Subject="=?utf-8?b?\xfc?= =?x-none?q?=ff?="),
    )
]
PIECES = st.sampled_from(
    [
        *(b"\0", b"\xff", b"\n\n", b"\r", b"=?", b"?=", b"--=_xp", b"--=_xp--\n", b"Content-Type: ", b"charset=x-none"),
        *(b"; charset*=utf-8''%ff", b"Content-Transfer-Encoding: base64\n", b"Content-Transfer-Encoding: x-uuencode\n"),
        *(
            b"message/rfc822",
            b"message/delivery-status",
            b"multipart/digest; boundary==_xp",
            b"From ",
            b"@",
            b"<",
            b'"',
        ),
    ]
)


@st.composite
def mutated(draw):
    octets = draw(st.sampled_from(SAMPLES))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(octets)))
        end = start + draw(st.integers(0, 40))
        octets = octets[:start] + draw(PIECES | st.binary(max_size=8)) + octets[end:]
    return octets


def survives(octets):
    result = parse(octets, verified)
    assert (
        result is None
        or isinstance(result, NotUnderstood)
        or (result and all(isinstance(r, Reported | NoKey) for r in result))
    )
    for event in result if isinstance(result, list) else ():
        assert isinstance(event, NoKey) or verified(event.key, event.purpose)


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_any_bytes_are_survived(octets):
    survives(octets)


@given(mutated())
@settings(deadline=None, max_examples=300)
def test_any_broken_mail_is_survived(octets):
    survives(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\xff\xfe\0" * 1000,
        b"Content-Type: multipart/mixed; boundary=a\n\n--a\n" * 3000,
        b"Content-Type: message/rfc822\n\n" * 3000,
        b"Subject: " + b"=?utf-8?q?=ff?= " * 50_000,
        b"To: " + b"<" * 500_000,
        b"From: " + b"a" * 500_000 + b"\nSubject: unsubscribe\n\n",
        b"Content-Type: message/delivery-status\n\n" + b"a" * 500_000,
        b"Content-Type: message/delivery-status\n\n" + b"Final-Recipient:\n" * 50_000,
        b"From: mailer-daemon@x.example\n\n" + b"Original-Recipient:\n" * 50_000,
        b"From: mailer-daemon@x.example\n\n" + b"-" * 500_000,
        b"From: mailer-daemon@x.example\n\n" + b"Message-ID: " * 50_000,
        b"From: mailer-daemon@x.example\n\n" + b"\n \t" * 100_000,
        b"From: mailer-daemon@x.example\n\n" + b"<u3@example.com>:" + b" 5.1." * 100_000,
        b"Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n" + b"=" * 100_000,
    ],
)
@pytest.mark.timeout(20)
def test_a_mail_that_is_made_to_be_slow_or_deep_is_survived(octets):
    survives(octets)
