"""What a refusal says of an address: one rule for a mail server's reply, a report by mail, and a provider's word."""

import re
from enum import Enum

from xpimport.rules.replies import DOT, Reply

_GONE = frozenset({"5.1.1", "5.1.6", "5.1.10"})
_NO_DOMAIN = "5.1.2"
_COMMANDS = frozenset({"RCPT", DOT})
_UNCLEAR = frozenset({"", "5.0.0", "5.1.0", "5.1.3", "5.3.0", "5.4.4", "5.5.0"})
"""Of these some mean a mailbox or a domain that is not there, and others something else: the words decide."""

_NOT_YET = re.compile(r"\s*(?:smtp;\s*)?4\d\d[ -]")

_SAYS_GONE = re.compile(
    r"(?:user|recipient|mailbox|address|account|e-?mail|addressee)\b.{0,60}?"
    r"(?:unknown|does ?n[o']t exist|do not exist|not (?:exist|found|known|valid|listed)|no longer (?:exists|valid|available)"
    r"|is (?:disabled|inactive|invalid|unavailable permanently)|rejected: user unknown)"
    r"|(?:unknown|invalid|no such|non-?existent)\b.{0,20}?(?:user|recipient|mailbox|address|account|person|local part)"
    r"|(?:domain|host)\b.{0,40}?(?:not found|does ?n[o']t exist|unknown)|no mailbox (?:here )?by that name",
    re.IGNORECASE | re.DOTALL,
)
_SAYS_OTHER = re.compile(
    r"full|quota|over ?size|too large|spam|block|black ?list|reputation|policy|denied|relay|authenticat|dmarc|spf|dkim"
    r"|greylist|rate|temporar|try again|later|content|virus",
    re.IGNORECASE,
)
_OF_THE_SENDER = re.compile(
    r"sender (?:address|domain|verif)|client host|\bhelo\b|reverse|\bptr\b|your (?:ip|domain|host)", re.IGNORECASE
)


class Bounce(Enum):
    """What a final refusal says of an address."""

    GONE = "the mailbox or its domain is not there: nobody writes there again"
    OTHER = "the message was refused for good, but the mailbox is there: full, or policy, or about us"


def is_bounce(reply: Reply | None) -> bool:
    """Whether a refusal says that the mailbox is not there (RFC 3463: 5.1.1), has moved away (5.1.6) or its domain
    takes no mail (RFC 7505: 5.1.10); said of the recipient or the message, not of the sender or the connection.

    Others (policy, a full mailbox, a domain that cannot be found) may pass, and leave the address as it is; so does a
    message that failed without a reply (None).
    """
    return reply is not None and reply.command in _COMMANDS and reply.code // 100 == 5 and reply.enhanced in _GONE


def bounce_of(status: str, text: str, *, permanent: bool | None = None) -> Bounce | None:
    """What a report says of an address: by its enhanced status (RFC 3463; empty where there is none), else its words.

    `permanent` is a provider's own class, which decides where neither does; None where there is none. Returns None for what
    is not final: they go on trying.
    """
    if status.startswith(("2", "4")) or (not status and _NOT_YET.match(text)):
        return None
    if status in _GONE or status == _NO_DOMAIN:
        return Bounce.GONE
    if status not in _UNCLEAR:
        return Bounce.OTHER
    if _OF_THE_SENDER.search(text):
        return Bounce.OTHER
    if _SAYS_GONE.search(text):
        return Bounce.GONE
    if permanent and not _SAYS_OTHER.search(text):
        return Bounce.GONE
    return Bounce.OTHER
