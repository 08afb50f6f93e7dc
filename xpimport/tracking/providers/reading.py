"""Reading somebody else's JSON: whatever is of another type than it should be counts as if it were not there.

An opt-out or a complaint is not lost because a field beside it is odd.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from xpimport.rules.bounces import Bounce, bounce_of
from xpimport.rules.events import NotUnderstood
from xpimport.rules.replies import MAX_TEXT, printable
from xpimport.tracking.providers.declaration import Said

_STATUS = re.compile(r"(?<![\d.])[45]\.[0-7]\.\d{1,3}(?![\d.]*\d)")
"""An enhanced status (RFC 3463) anywhere in a text; neither a part of an address like 5.1.1.20 nor Exim 4.94.2."""

_BEYOND = 1e18
_SAYS_NOTHING = frozenset({"", "4.0.0", "5.0.0"})


def each(value: object) -> Iterator[object]:
    """The items of a list, or the one value that is no list."""
    yield from value if isinstance(value, list) else [value]


def events_of(value: object, event: Callable[[dict[str, object]], Iterable[Said]]) -> Iterator[Said]:
    """What `event` makes of each object among the items; what is none is said to be none."""
    for item in each(value):
        if isinstance(item, dict):
            yield from event(item)
        else:
            yield not_an_object()


def mapping(value: object) -> dict[str, object]:
    """An object; an empty one in place of anything else."""
    return value if isinstance(value, dict) else {}


def listed(value: object) -> list[object]:
    """A list; an empty one in place of anything else."""
    return value if isinstance(value, list) else []


def is_text(value: object) -> bool:
    """Whether that is a text that can be stored: not one of a megabyte, or of half a surrogate pair."""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def text(value: object) -> str | None:
    """A text without blanks around it; None for what is empty or no text."""
    return value.strip() or None if isinstance(value, str) and is_text(value) else None


def word(value: object) -> str:
    """A text of a closed set, in small letters; empty where there is none."""
    return (text(value) or "").lower()


def time(value: object) -> str | float | None:
    """An instant as it is written there; None for a number that is beyond all time, and cannot be kept either."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if abs(value) < _BEYOND else None
    return text(value)


def number(value: object) -> str | None:
    """A number that names something, which some write as a text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value) if abs(value) < _BEYOND else None
    return text(value)


def address(value: object) -> str | None:
    """An address, also out of `Name <address>`."""
    written = text(value)
    if written and written.endswith(">"):
        written = text(written.rpartition("<")[2][:-1])
    return written


def key_of(variable: object, *message_ids: object, own: re.Pattern[str] | None = None) -> str | None:
    """Our key: from the provider's variable `xp`, else what stands before the @ of a Message-ID.

    A Message-ID whose domain is the provider's `own` was made by it, and says nothing.
    """
    for written in (variable, *message_ids):
        found = (text(written) or "").strip("<> \t\r\n")
        key, _, domain = found.partition("@")
        if key.strip() and not (own and own.search(domain.lower())):
            return key.strip()
    return None


def spoken(*parts: object) -> str:
    """What was said: the texts and numbers among these, none twice."""
    said = ""
    for part in parts:
        more = part[:MAX_TEXT] if isinstance(part, str) else number(part) or ""
        if more and more not in said:
            said = f"{said} {more}"
    return said.strip()


def status_of(given: object, said: str) -> str:
    """The enhanced status: the field's, or the more exact one in what was said; empty where there is none."""
    named = _STATUS.search(text(given) or "")
    status = named[0] if named else ""
    if status in _SAYS_NOTHING and (found := _STATUS.search(said)):
        return found[0]
    return status


def is_gone(status: str, said: str, *, permanent: bool | None) -> bool:
    """Whether a final refusal says that the mailbox is not there; a provider that calls it passing is believed."""
    return permanent is not False and bounce_of(status, said, permanent=permanent) is Bounce.GONE


def detail(said: str, status: str = "") -> str | None:
    """The words of a refusal or a complaint and their status, in one line for a report."""
    return printable(said if status in said else f"{status} {said}") or None


def not_an_object() -> NotUnderstood:
    """For what is no event of anybody."""
    return NotUnderstood("an event is a JSON object")


def not_known(provider: str, field: str, value: object) -> NotUnderstood:
    """For an event of a kind that this provider is not known to have."""
    if not isinstance(value, str):
        return NotUnderstood(f"{field} is no text: this is not what {provider} writes")
    return NotUnderstood(f"{field} is {printable(value)[:60]!r}, which {provider} is not known to write")
