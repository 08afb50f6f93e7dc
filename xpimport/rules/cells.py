"""What is right: the check of one cell, for each type. `columns` is faster, and never of another opinion.

The checks are plain functions from trimmed text to a value, or None where the text is none of the type.
"""

import json
import math
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache

from xpimport.rules.characters import EDGES, refused
from xpimport.rules.emails import email

Value = str | int | float | None
Verdict = tuple[Value, str | None]
"""The value to store (None where blank or bad), and the code of a rejection."""

STRING_LENGTH = 101
"""Characters of a string unless its attribute says otherwise (docs.xtremepush.com/docs/attributes-tags)."""

USER_ID_LENGTH = 255

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_MOBILE = re.compile(r"\+?([1-9][0-9]{6,14})")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})(?:[-_]([a-zA-Z]{4}))?(?:[-_]([a-zA-Z]{2}|[0-9]{3}))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HOUR, _SIXTY = r"(?:[01][0-9]|2[0-3])", r"[0-5][0-9]"
_FRACTION = r"(?:[.,][0-9]{1,9})?"
_DATETIME = re.compile(
    rf"(?P<date>{_DATE.pattern})(?:[Tt ](?P<time>{_HOUR}:{_SIXTY}(?::{_SIXTY}{_FRACTION})?)"
    rf" ?(?P<zone>[Zz]|[+-]{_HOUR}(?::?{_SIXTY})?)?)?"
    rf"|(?P<basic>[0-9]{{8}}[Tt]{_HOUR}{_SIXTY}(?:{_SIXTY}{_FRACTION})?(?:[Zz]|[+-]{_HOUR}(?:{_SIXTY})?)?)"
)
_BOOLEAN = {"true": 1, "1": 1, "false": 0, "0": 0}


class _Hostile(Exception):
    """A value spells out, as an escape, a character that it may not hold."""


@cache
def checker(kind: str, limit: int, region: str | None) -> Callable[[str], Verdict]:
    """The check of one cell as a value of the type `kind`.

    `limit` is the most characters of a string or user_id; `region` is the country of mobile numbers without country
    code, None for those in E.164 only.
    """
    read = _READ[kind] if kind != "mobile" or region is None else _mobile_of(region)
    hostile = refused(kind)
    reason = f"invalid_{'boolean' if kind == 'subscription' else kind}"
    blank: Verdict = (None, "missing_identifier" if kind == "user_id" else None)

    def check(cell: str) -> Verdict:
        text = cell.strip(EDGES)
        if not text:
            return blank
        if not (text.isascii() and text.isprintable()) and hostile.search(text):
            return None, "control_character"
        if read is None:
            return (None, "too_long") if len(text) > limit else (text, None)
        try:
            value = read(text)
        except _Hostile:
            return None, "control_character"
        return value, reason if value is None else None

    return check


def _number(text: str) -> Value:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _integer(text: str) -> Value:
    value = int(text) if _INTEGER.fullmatch(text) else 1 << 64
    return value if -(1 << 63) <= value < 1 << 63 else None


def _boolean(text: str) -> Value:
    return _BOOLEAN.get(text.lower())


def _date(text: str) -> Value:
    try:
        return date.fromisoformat(text).isoformat() if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _datetime(text: str) -> Value:
    """An instant, in UTC to the second or as exact as it was written, to a microsecond."""
    found = _DATETIME.fullmatch(text)
    if found is None:
        return None
    written = found["basic"] or f"{found['date']}T{found['time'] or '00:00'}{found['zone'] or ''}"
    try:
        instant = datetime.fromisoformat(written.upper().replace(",", "."))
        shown = (instant.astimezone(UTC) if instant.tzinfo else instant).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):
        return None
    return (shown.rstrip("0") if "." in shown else shown) + "Z"


def _json(text: str) -> Value:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        value = json.loads(text, parse_constant=refuse)
        if not isinstance(value, dict | list):
            return None
        shown = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, RecursionError):
        return None
    if "\\" in text and any(refused("json").search(one) for one in _strings(value)):
        raise _Hostile
    return shown


def _strings(value: object) -> Iterator[str]:
    """All strings in a JSON value, names included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]


def _mobile(text: str) -> Value:
    found = _MOBILE.fullmatch(text)
    return found and found[1]


def _mobile_of(region: str) -> Callable[[str], Value]:
    from xpimport.rules.phones import mobile

    return lambda text: mobile(text, region)


def _language(text: str) -> Value:
    found = _LANGUAGE.fullmatch(text)
    if found is None:
        return None
    parts = [found[1].lower(), found[2] and found[2].title(), found[3] and found[3].upper()]
    return "-".join(part for part in parts if part)


@cache
def _zones() -> dict[str, str]:
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones() if name not in {"localtime", "posixrules", "Factory"}}


def _timezone(text: str) -> Value:
    return _zones().get(text.lower()) if text.isascii() else None


_READ: dict[str, Callable[[str], Value] | None] = {
    "string": None,
    "user_id": None,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "subscription": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
    "email": email,
    "mobile": _mobile,
    "language": _language,
    "timezone": _timezone,
}
