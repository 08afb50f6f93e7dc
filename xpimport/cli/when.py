"""--since and --until: a time ago, or a date."""

from datetime import datetime
from zoneinfo import ZoneInfo

from xpimport.clock import now
from xpimport.errors import Invalid
from xpimport.rules.durations import parse_duration


def since_option(text: str | None, zone: str) -> datetime | None:
    """The instant (aware) that --since names; None where it was not given.

    Raises:
        Invalid: it is neither a time ago nor a date.
    """
    return None if text is None else _instant(text, zone, "since")


def until_option(text: str | None, zone: str) -> datetime | None:
    """As `since_option`, for --until."""
    return None if text is None else _instant(text, zone, "until")


def _instant(text: str, zone: str, option: str) -> datetime:
    try:
        return now() - parse_duration(text)
    except Invalid:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid(f"--{option} {text!r} is neither a time ago (7d, 12h) nor a date (2026-11-24).") from None
    return at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))
