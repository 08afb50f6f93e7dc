"""Which refusals say that an address is gone for good."""

from xpimport.rules.replies import DOT, Reply

_GONE = frozenset({"5.1.1", "5.1.6", "5.1.10"})
_COMMANDS = frozenset({"RCPT", DOT})


def is_bounce(reply: Reply | None) -> bool:
    """Whether a refusal says that the mailbox is not there (RFC 3463: 5.1.1), has moved away (5.1.6) or its domain
    takes no mail (RFC 7505: 5.1.10); said of the recipient or the message, not of the sender or the connection.

    Others (policy, a full mailbox, a domain that cannot be found) may pass, and leave the address as it is; so does a
    message that failed without a reply (None).
    """
    return reply is not None and reply.command in _COMMANDS and reply.code // 100 == 5 and reply.enhanced in _GONE
