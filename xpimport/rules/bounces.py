"""Which refusals say that an address is gone for good."""

import re

_GONE = re.compile(r"5[0-9][0-9][ -]5\.1\.[16]\b")


def is_bounce(detail: str) -> bool:
    """Whether a server's refusal says that the mailbox is not there (RFC 3463: 5.1.1) or has moved away (5.1.6).

    Others (policy, a full mailbox, a domain that cannot be found) may pass, and leave the address as it is.
    """
    return _GONE.match(detail) is not None
