"""What happens to a message after it was handed over: its kinds, and what a provider says of one before it is matched."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from xpimport.rules.tokens import Purpose

MAIL = "mail"
"""Who reports what is read from a mailbox."""


class Kind(IntEnum):
    """What happened, as it is stored."""

    DELIVERED = 1
    OPENED = 2
    CLICKED = 3
    BOUNCED = 4
    UNSUBSCRIBED = 5
    COMPLAINED = 6

    @property
    def word(self) -> str:
        """As it is typed and shown."""
        return self.name.lower()


class Machine(IntEnum):
    """What made an open or a click if no person did, as it is stored; NONE: a person, as far as is known."""

    NONE = 0
    PROVIDER = 1
    APPLE = 2
    PREFETCH = 3
    SCANNER = 4
    HASTE = 5
    """Told by nobody, but by the message's events together: see rules/engagement.py."""

    @property
    def word(self) -> str:
        """As it is typed and shown."""
        return "scanner" if self is Machine.HASTE else self.name.lower()


UNMATCHED = {
    "no_key": "nothing in it says which message of ours it is about",
    "unknown_message": "its key is of this store, but there is no such message",
    "wrong_signature": "its key is not one of this store",
    "not_understood": "it is not what this provider writes",
    "impossible_time": "its time is before the message, or none at all",
    "too_old": "its run is closed, and counts no more",
}
"""Why something that was reported is kept apart and counted nowhere."""


@dataclass(frozen=True, slots=True)
class Reported:
    """One event, as a provider, a mail or a click reports it, before it is known whose it is.

    Attributes:
        provider: who reports it: the name of a provider, `mail`, or `web`.
        time: when it was, as it is written there; `read_time` reads it.
        key: our key of the message, where we put it; None where there is none.
        address: the address that it is about, as it is written there.
        id: the provider's own number of the event, where that stays the same when it is told again; else None.
        url: what was clicked.
        gone: of a bounce: the mailbox or its domain is not there, so that the address is suppressed.
        detail: the words of a bounce or a complaint, for a report.
        purpose: what the key was made for.
    """

    kind: Kind
    provider: str
    time: str | float | None
    key: str | None
    address: str | None = None
    id: str | None = None
    url: str | None = None
    machine: Machine = Machine.NONE
    gone: bool = False
    detail: str | None = None
    purpose: Purpose = Purpose.MESSAGE


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Something that is no event that we know, in the words of what is wrong with it; `body` is what it was."""

    why: str
    provider: str = ""
    body: str = ""


_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2200, 1, 1, tzinfo=UTC).timestamp()


def read_time(written: str | float | None) -> float | None:
    """The unix time of an instant that is written as seconds, milliseconds or ISO 8601 (UTC without an offset); None: nonsense.

    Seconds and milliseconds are told apart by what is plausible.
    """
    if isinstance(written, bool) or written is None:
        return None
    try:
        number = float(written)
    except ValueError:
        return _of_iso(str(written))
    except OverflowError:
        return None
    for scale in (1, 1000):
        if _FIRST <= number / scale < _LAST:
            return number / scale
    return None


def heard_at(written: str | float | None, arrived: float) -> int:
    """The unix time as of which a no is heeded: when it is said to have been, and never later than it arrived."""
    return int(min(read_time(written) or arrived, arrived))


def _of_iso(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        seconds = at.timestamp()
    except OverflowError:
        return None
    return seconds if _FIRST <= seconds < _LAST else None
