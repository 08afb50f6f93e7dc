"""The one place that asks what time it is.

`XPIMPORT_NOW` (ISO 8601 with an offset) replaces the clock and is frozen for the life of the process, for
rehearsals and tests. It governs every rule about times; time-outs use the monotonic clock.
"""

import os
from datetime import UTC, datetime

from xpimport.errors import Invalid

VARIABLE = "XPIMPORT_NOW"
SENDS = "XPIMPORT_NOW_SENDS"


def frozen() -> datetime | None:
    """The instant that `XPIMPORT_NOW` names, in UTC; None when it is not set.

    Raises:
        Invalid: the variable is no ISO 8601 time with an offset.
    """
    text = os.environ.get(VARIABLE)
    if not text:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Invalid(
            f"{VARIABLE}={text!r} is not a time with an offset. Write it like 2026-11-24T03:00:00Z, or unset it."
        )
    return instant.astimezone(UTC)


def may_send() -> bool:
    """Whether messages may leave this machine: under a clock that was set by hand only where `XPIMPORT_NOW_SENDS=yes`."""
    return frozen() is None or os.environ.get(SENDS) == "yes"


def now() -> datetime:
    """This instant, in UTC: the frozen one if there is one, else the system's."""
    return frozen() or datetime.now(UTC)


def to_text(instant: datetime) -> str:
    """An aware `instant` as the store keeps it: UTC, fixed width, so that text order is time order."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def from_text(text: str) -> datetime:
    """The UTC instant that `to_text` wrote."""
    return datetime.fromisoformat(text)
