"""Which refusals say that an address is gone for good."""

from xpimport.rules.replies import Reply

_GONE = frozenset({"5.1.1", "5.1.6"})


def is_bounce(reply: Reply | None) -> bool:
    """Whether a refusal says that the mailbox is not there (RFC 3463: 5.1.1) or has moved away (5.1.6).

    Others (policy, a full mailbox, a domain that cannot be found) may pass, and leave the address as it is; so does a
    message that failed without a reply (None).
    """
    return reply is not None and reply.code // 100 == 5 and reply.enhanced in _GONE
