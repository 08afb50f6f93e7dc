"""What a receiver answered, in its parts: a mail server's reply to a command, or an HTTP answer to a request."""

import re
from typing import NamedTuple

CONNECT, DOT, POST = "CONNECT", ".", "POST"
"""What is answered where it is not an SMTP command: the connection (the greeting), the end of a message, a request."""

MAX_LINE, MAX_TEXT = 300, 8192
"""Characters of a reply that are reported, and that are kept."""

_ENHANCED = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")
_UNPRINTABLE = re.compile(
    r"[^\x21-\x7e\u00a1-\ud7ff\ue000-\ufffd\U00010000-\U000dffff]+|[\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+"
)


class Reply(NamedTuple):
    """An answer; a tuple, since four are made for every message.

    Attributes:
        command: what it answers: the SMTP command (`EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`), CONNECT, DOT or POST.
        code: the reply code (RFC 5321), or the HTTP status.
        enhanced: the enhanced status (RFC 3463) like `5.1.1`; empty where there is none, as in HTTP.
        text: the rest in the receiver's words, LF between its lines; the enhanced status is a part of it.
    """

    command: str
    code: int
    enhanced: str
    text: str

    @property
    def said(self) -> str:
        """Code and text for a report: one printable line of at most `MAX_LINE` characters."""
        return printable(f"{self.code} {self.text}")


def printable(text: str) -> str:
    """What somebody else said, as one printable line of at most `MAX_LINE` characters."""
    return " ".join(_UNPRINTABLE.sub(" ", text).split())[:MAX_LINE]


def smtp_reply(command: str, code: int, text: str) -> Reply:
    """A mail server's reply, whose enhanced status stands at the beginning of its text."""
    found = _ENHANCED.match(text)
    return Reply(command, code, found[0] if found else "", text[:MAX_TEXT])


def http_reply(status: int, text: str) -> Reply:
    """A receiver's answer to a request."""
    return Reply(POST, status, "", text[:MAX_TEXT])
