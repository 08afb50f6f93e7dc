"""Kinds of setting values: from the text that somebody types to the value that its user takes, and back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from xpimport.errors import Invalid
from xpimport.rules.durations import parse_duration, typed_duration

T = TypeVar("T")

LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Kind(Generic[T]):
    """`parse` gives the value of a text, or raises Invalid; `show` gives its normal text, which parses to the same."""

    parse: Callable[[str], T]
    show: Callable[[T], str]


def optional(kind: Kind[T]) -> Kind[T | None]:
    """The same kind, where no text at all is a value too: None."""
    return Kind(
        lambda text: kind.parse(text) if text else None,
        lambda value: "" if value is None else kind.show(value),
    )


def text_kind(check: Callable[[str], None] = lambda _: None) -> Kind[str]:
    """Text that is taken as it stands once `check` has not refused it; empty is unset."""

    def parse(text: str) -> str:
        if text:
            check(text)
        return text

    return Kind(parse, str)


def count(lowest: int, highest: int) -> Kind[int]:
    """Whole numbers."""

    def parse(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
            raise Invalid(f"{text!r} is not a whole number from {lowest} to {highest}.")
        return int(text)

    return Kind(parse, str)


def _switch(text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise Invalid(f"{text!r} is neither on nor off.")
    return text.lower() == "on"


def _zone(text: str) -> ZoneInfo:
    from xpimport.rules.schedule import parse_zone

    return parse_zone(text)


def _wait(text: str) -> float:
    length = (
        timedelta(seconds=int(text)) if text.isascii() and text.isdigit() and len(text) < 9 else parse_duration(text)
    )
    if not timedelta(seconds=1) <= length <= LONGEST_WAIT:
        raise Invalid(f"{text!r} is not a time from 1s to 1h. Write it like 30s or 2m.")
    return length.total_seconds()


def _days(text: str) -> timedelta:
    length = parse_duration(text)
    if not length or length % timedelta(days=1):
        raise Invalid(f"{text!r} is not a number of whole days. Write it like 400d.")
    return length


def _path(text: str) -> Path:
    return Path(text).expanduser().absolute()


def _address(text: str) -> None:
    from email.utils import parseaddr

    from xpimport.rules.values import check_column

    if check_column("email", [parseaddr(text)[1]]).values[0] is None:
        raise Invalid(f"{text!r} is not an email address. Write it like news@example.com or 'News <news@example.com>'.")


def _base_url(text: str) -> None:
    local = text.startswith(("http://127.0.0.1", "http://localhost"))
    if not ((text.startswith("https://") or local) and text.isascii() and not set(text) & set(' <>,"')):
        raise Invalid(f"{text!r} is not an https address. Write it like https://example.com/unsubscribe/")


def _site(text: str) -> str:
    """A web address that others are made of by putting a path behind it; without a slash at its end."""
    if not text:
        return text
    if "@" in text:
        raise Invalid(
            "An address that everybody sees holds no user and no password. Write it like https://mail.example.com"
        )
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port, parts = "", None, urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"})
    plain = text.isascii() and text.isprintable() and not set(text) & set(" <>\"'`\\^{|}?#@,")
    if not (host and secure and plain):
        raise Invalid(
            f"{text!r} is not an https address. Write it like https://mail.example.com or https://example.com/m"
        )
    named = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{named}{f':{port}' if port else ''}{parts.path.rstrip('/')}"


def _reference(text: str) -> str:
    kind, _, place = text.partition(":")
    if text and (kind not in {"env", "file"} or not place):
        raise Invalid("A secret is kept by reference only: file:/path/to/it (mode 0600) or env:NAME.")
    return f"file:{Path(place).expanduser().resolve()}" if kind == "file" else text


SWITCH: Kind[bool] = Kind(_switch, lambda value: "on" if value else "off")
ZONE: Kind[ZoneInfo] = Kind(_zone, lambda zone: zone.key)
DURATION: Kind[timedelta] = Kind(parse_duration, typed_duration)
DAYS: Kind[timedelta] = Kind(_days, lambda length: f"{length.days}d")
SECONDS: Kind[float] = Kind(_wait, lambda seconds: typed_duration(timedelta(seconds=seconds)))
"""How long something is waited for, in seconds: a duration, or a bare number of seconds."""
PATH: Kind[Path | None] = optional(Kind(_path, str))
TEXT = text_kind()
ADDRESS = text_kind(_address)
"""A From address, with or without a name."""
BASE_URL = text_kind(_base_url)
SITE: Kind[str] = Kind(_site, str)
"""Where something of this program answers; a path of our own is put behind it, beginning with a slash."""
SECRET: Kind[str] = Kind(_reference, str)
"""Where a secret is kept: `env:NAME` or `file:PATH`; the secret itself is never a value."""
