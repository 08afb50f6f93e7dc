"""A reply in its parts, and which refusals say that an address is gone for good."""

import pytest

from xpimport.rules.bounces import Bounce, bounce_of, is_bounce
from xpimport.rules.replies import DOT, MAX_LINE, http_reply, smtp_reply


@pytest.mark.parametrize(
    ("text", "enhanced"),
    [
        ("5.1.1 no such user", "5.1.1"),
        ("5.1.1", "5.1.1"),
        ("5.1.10 null MX", "5.1.10"),
        ("5.7.1 two\n5.7.1 lines", "5.7.1"),
        ("4.2.2: full", "4.2.2"),
        ("no such user (5.1.1)", ""),
        ("\n5.1.1 on the second line only", ""),
        ("5.1.1st floor", ""),
        ("3.1.1 of no class", ""),
        ("", ""),
    ],
)
def test_the_enhanced_status_stands_at_the_beginning_of_a_reply(text: str, enhanced: str) -> None:
    assert smtp_reply("RCPT", 550, text).enhanced == enhanced


@pytest.mark.parametrize(
    ("code", "text", "bounced"),
    [
        (550, "5.1.1 no such user", True),
        (553, "5.1.6 moved away", True),
        (550, "5.1.1\nno such user", True),
        (450, "5.1.1 no such user", False),
        (550, "4.1.1 no such user", False),
        (550, "5.1.10 null MX", True),
        (550, "5.1.2 no such domain", False),
        (552, "5.2.2 full", False),
        (554, "5.7.1 spam", False),
        (550, "no such user", False),
    ],
)
def test_only_a_mailbox_that_is_not_there_or_has_moved_is_a_bounce(code: int, text: str, bounced: bool) -> None:
    assert [is_bounce(smtp_reply(command, code, text)) for command in ("RCPT", DOT)] == [bounced] * 2


def test_neither_a_failure_without_a_reply_nor_an_http_answer_is_a_bounce() -> None:
    assert not is_bounce(None)
    assert not is_bounce(http_reply(501, "5.1.1 no such user"))


def test_only_what_is_said_of_the_recipient_or_the_message_is_a_bounce() -> None:
    assert not any(
        is_bounce(smtp_reply(command, 550, "5.1.1 who are you")) for command in ("EHLO", "AUTH", "MAIL", "DATA")
    )


def test_a_reply_is_reported_in_one_printable_line_of_bounded_length() -> None:
    assert smtp_reply(DOT, 554, "5.7.1 two\nlines\x1b[31m\tred").said == "554 5.7.1 two lines [31m red"
    assert len(smtp_reply(DOT, 554, "x" * 100_000).said) == MAX_LINE
    assert len(smtp_reply(DOT, 554, "x" * 100_000).text) < 10_000


@pytest.mark.parametrize(
    ("status", "text", "permanent", "expected"),
    [
        ("5.1.1", "550 5.1.1 unknown", None, Bounce.GONE),
        ("5.1.2", "host not found", None, Bounce.GONE),
        ("5.1.10", "null MX", None, Bounce.GONE),
        ("5.2.2", "mailbox full", True, Bounce.OTHER),
        ("5.7.1", "blocked using a list", True, Bounce.OTHER),
        ("4.2.2", "mailbox full", True, None),
        ("4.4.1", "no answer", None, None),
        ("5.0.0", "550 No such user here", None, Bounce.GONE),
        ("5.0.0", "550 message content rejected", True, Bounce.OTHER),
        ("", "User unknown", None, Bounce.GONE),
        ("", "mailbox is full", True, Bounce.OTHER),
        ("", "", True, Bounce.GONE),
        ("", "", False, Bounce.OTHER),
        ("", "permanent error", None, Bounce.OTHER),
        ("2.1.5", "delivered", None, None),
        (
            "5.4.4",
            "Host or domain name not found. Name service error for name=exmaple.com type=AAAA: Host not found",
            None,
            Bounce.GONE,
        ),
        ("5.4.4", "unable to route", None, Bounce.OTHER),
        ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable", True, Bounce.GONE),
        ("5.3.0", "550 no such user here", None, Bounce.GONE),
        ("5.3.0", "550 denied by policy", True, Bounce.OTHER),
        ("5.1.0", "550 5.1.0 Address rejected", True, Bounce.GONE),
        ("5.1.0", "550 5.1.0 Sender address rejected: Domain not found", True, Bounce.OTHER),
        ("", "550 Sender verify failed: domain does not exist", None, Bounce.OTHER),
        ("", "smtp; 450 mailbox unavailable", True, None),
        ("", "4500 mailboxes, none of that name: user unknown", None, Bounce.GONE),
    ],
)
def test_a_report_says_whether_the_mailbox_is_gone_refused_or_tried_again(status, text, permanent, expected):
    assert bounce_of(status, text, permanent=permanent) == expected
