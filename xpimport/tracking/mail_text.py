"""A mail as plain values: its fields and its parts, decoded, whatever its bytes are.

A message that a report returns stays one part, as text: what is in it is looked at, never taken for the report's own.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from xpimport.rules.events import read_time

if TYPE_CHECKING:
    from email.message import Message

_LONGEST_VALUE = 4000
_LONGEST_TEXT = 1 << 20
_MOST_FIELDS = 1000
_MOST_PARTS = 100

_ADDRESS = re.compile(r"[^\s<>\"'();:,]+@[^\s<>\"'();:,]+")
_LONGEST_ADDRESS = 300

_TIMES = (("received", ";"), ("date", ""))
"""Where the time of a mail is: what our own server wrote on top, behind the last semicolon, before what its sender says."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a mail that is not made of parts; `type` as it is declared, in small letters."""

    type: str
    text: str


@dataclass(frozen=True, slots=True)
class ReadMail:
    """A mail; `fields` by their names in small letters, with encoded words decoded, the uppermost first."""

    type: str
    fields: dict[str, list[str]]
    parts: list[Part]

    def field(self, name: str) -> str:
        """The uppermost field of that name; empty where there is none."""
        return next(iter(self.fields.get(name, ())), "")

    def texts(self, *types: str) -> Iterator[str]:
        """Those parts' texts."""
        return (part.text for part in self.parts if part.type in types)

    def time(self) -> float | None:
        """When it arrived, or was written."""
        times = (
            _date(self.field(name).rpartition(behind)[2] if behind else self.field(name)) for name, behind in _TIMES
        )
        return next((time for time in times if time is not None), None)


def read_mail(octets: bytes) -> ReadMail | None:
    """A mail of any bytes; None where the standard library cannot take it apart (a thousand parts in each other)."""
    from email import message_from_bytes

    try:
        message = message_from_bytes(unix_lines(octets), _flat())
        fields: dict[str, list[str]] = {}
        for name, value in message.items()[:_MOST_FIELDS]:
            fields.setdefault(str(name).lower(), []).append(_decoded(str(value)))
        return ReadMail(message.get_content_type(), fields, list(_parts(message)))
    except Exception:  # noqa: BLE001 - the library raises whatever it meets on bytes that anybody may send
        return None


def unix_lines(octets: bytes) -> bytes:
    """The same lines, whichever of the three ends they had."""
    return octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def address_in(text: str) -> str | None:
    """The first address in a field; None where it has none."""
    found = _ADDRESS.search(text[:_LONGEST_ADDRESS])
    return found[0] if found else None


@cache
def _flat() -> "type[Message[str, str]]":
    """A message class that does not go into returned messages and status fields, so that encoded ones are text too."""
    from email.message import Message

    class Flat(Message):
        def get_content_type(self) -> str:
            return re.sub(r"^message/", "returned/", super().get_content_type())

    return Flat


def _parts(message: "Message[Any, Any]") -> Iterator[Part]:
    waiting, count = [message], 0
    while waiting and count < _MOST_PARTS:
        one = waiting.pop()
        inner: Any = one.get_payload()
        if isinstance(inner, list):
            waiting.extend(reversed(inner))
            continue
        count += 1
        octets = one.get_payload(decode=True)
        octets = octets[:_LONGEST_TEXT] if isinstance(octets, bytes) else b""
        yield Part(re.sub(r"^returned/", "message/", one.get_content_type()), _text(octets, _charset(one)))


def _charset(message: "Message[Any, Any]") -> str:
    try:
        return message.get_content_charset() or "utf-8"
    except (LookupError, ValueError):
        return "utf-8"


def _text(octets: bytes, charset: str) -> str:
    for one in (charset, "utf-8"):
        try:
            return octets.decode(one)
        except (LookupError, ValueError):  # no such charset, or not written in it
            continue
    return octets.decode("latin-1")


def _decoded(value: str) -> str:
    """A field's value without its folds, its encoded words (RFC 2047) read."""
    from email.errors import HeaderParseError
    from email.header import decode_header

    value = re.sub(r"\n(?=[ \t])", "", value[:_LONGEST_VALUE]).strip()
    if "=?" not in value:
        return value
    try:
        words = decode_header(value)
    except (HeaderParseError, ValueError):
        return value
    return "".join(_text(word, charset or "utf-8") if isinstance(word, bytes) else word for word, charset in words)


def _date(written: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return read_time(parsedate_to_datetime(written.strip()[:200]).timestamp())
    except Exception:  # noqa: BLE001 - what is no date is refused in more ways than the library names
        return None
