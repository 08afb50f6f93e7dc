"""The types of attributes: checking and normalising whole columns of cells.

Columns are worked on at once: a value seen before costs a look into a dictionary, and the checks of one cell are
plain functions from text to a value, which raise `_Bad` with the code of a rejection.
"""

import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache

ATTRIBUTE_TYPES = (
    "string", "number", "integer", "boolean", "date", "datetime", "json", "email", "mobile", "language", "timezone",
)  # fmt: skip

SQL_TYPES = dict.fromkeys(ATTRIBUTE_TYPES, "TEXT") | {"number": "REAL", "integer": "INTEGER", "boolean": "INTEGER"}

BUILT_IN = {
    "user_id": "user_id",
    "email": "email",
    "email_subscription": "subscription",
    "email_subscription_time": "datetime",
    "mobile_number": "mobile",
    "sms_subscription": "subscription",
    "sms_subscription_time": "datetime",
    "language": "language",
    "timezone": "timezone",
}

REJECTIONS = {
    "missing_identifier": "the cell that says who it is is blank",
    "ambiguous_identifier": "several profiles share the address",
    "wrong_column_count": "the row has more or fewer cells than the header",
    "malformed_row": "the row's quotes do not match",
    "invalid_email": "no email address",
    "invalid_mobile": "no mobile number with country code (E.164)",
    "invalid_number": "no number",
    "invalid_integer": "no whole number",
    "invalid_boolean": "none of true, false, 1, 0",
    "invalid_date": "no date like 2026-11-24",
    "invalid_datetime": "no time like 2026-11-24T09:00:00+01:00",
    "invalid_json": "no JSON array or object",
    "invalid_timezone": "no zone like Europe/Dublin",
    "invalid_language": "no language like en or pt-BR",
    "too_long": "more characters than the attribute holds",
    "control_character": "characters that are no text",
    "already_exists": "the profile is there already (--mode create)",
    "unknown_profile": "there is no such profile (--mode update)",
}

Value = str | int | float | None

DEFAULT_LENGTH = 101
"""Characters of a string (docs.xtremepush.com/docs/attributes-tags)."""

# White space, and zero-width characters that ride along in copied text.
_EDGES = " \t\r\n\v\f\u00a0\u200b\ufeff\u2060\u3000"
_BIDI = "\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c"
_CONTROL = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f{_BIDI}]")
_CONTROL_STRICT = re.compile(f"[\x00-\x1f\x7f-\x9f{_BIDI}\u200b-\u200d\u2060\ufeff]")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}")
_MOBILE = re.compile(r"\+?([1-9][0-9]{6,14})")
_LANGUAGE = re.compile(r"([a-zA-Z]{2,3})(?:[-_]([a-zA-Z]{4}))?(?:[-_]([a-zA-Z]{2}|[0-9]{3}))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATETIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)? ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"({_ATEXT}(?:\.{_ATEXT})*)@((?:{_LABEL}\.)+[A-Za-z]{{2,63}})")
_ODD_DOMAIN = re.compile(
    r"(?:^|\.)(?:xn--|..--)|\.(?:test|invalid|localhost|local|example|onion|arpa)$|(?:^|\.)(?:home\.arpa)$",
    re.IGNORECASE,
)
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BOOLEAN = {"true": 1, "1": 1, "false": 0, "0": 0}


class _Bad(Exception):
    """A cell that cannot be imported; the argument is the code."""


@dataclass(frozen=True)
class Checked:
    """A column: for each cell the value to store (None where blank or bad), and index -> code for the bad ones."""

    values: list[Value]
    bad: dict[int, str]


def valid_name(name: str) -> bool:
    """Whether an attribute may be called so."""
    return _NAME.fullmatch(name) is not None


def address_key(medium: str, address: str) -> str:
    """How addresses of a medium are compared."""
    return address.lower() if medium == "email" else address


def check_column(kind: str, cells: Sequence[str], max_length: int | None = None) -> Checked:
    """Check the cells of one column as values of the type `kind`; see `Checked` for what comes back."""
    check = _checker(kind, max_length or (DEFAULT_LENGTH if kind == "string" else 255))
    known: dict[str, tuple[Value, str | None]] = {}
    values: list[Value] = []
    bad: dict[int, str] = {}
    for index, cell in enumerate(cells):
        found = known.get(cell)
        if found is None:
            found = known[cell] = check(cell)
        values.append(found[0])
        if found[1] is not None:
            bad[index] = found[1]
    return Checked(values, bad)


@cache
def _checker(kind: str, limit: int) -> Callable[[str], tuple[Value, str | None]]:
    one = _CHECKS[kind]

    def check(cell: str) -> tuple[Value, str | None]:
        text = cell.strip(_EDGES)
        if not text:
            return None, "missing_identifier" if kind == "user_id" else None
        pattern = _CONTROL if kind in {"string", "json"} else _CONTROL_STRICT
        if not text.isascii() or not text.isprintable():
            if pattern.search(text):
                return None, "control_character"
            if any("\ud800" <= letter <= "\udfff" for letter in text):
                return None, "control_character"
        if kind in {"string", "user_id"}:
            return (None, "too_long") if len(text) > limit else (text, None)
        try:
            return one(text), None
        except _Bad as problem:
            return None, str(problem)

    return check


def _number(text: str) -> Value:
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(value):
        raise _Bad("invalid_number")
    return value


def _integer(text: str) -> Value:
    value = int(text) if _INTEGER.fullmatch(text) else 1 << 64
    if not -(1 << 63) <= value < 1 << 63:
        raise _Bad("invalid_integer")
    return value


def _boolean(text: str) -> Value:
    value = _BOOLEAN.get(text.lower())
    if value is None:
        raise _Bad("invalid_boolean")
    return value


def _date(text: str) -> Value:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise _Bad("invalid_date")


def _datetime(text: str) -> Value:
    try:
        if not _DATETIME.fullmatch(text):
            raise _Bad("invalid_datetime")
        joined = re.sub(r"(?<=[0-9]) (?=[Z+-])", "", text)
        instant = datetime.fromisoformat(joined)
        instant = instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _Bad("invalid_datetime") from None
    shown = instant.strftime("%Y-%m-%dT%H:%M:%S") if instant.year > 999 else instant.isoformat()[:19]
    return shown + (f".{instant.microsecond:06d}".rstrip("0") if instant.microsecond else "") + "Z"


def _json(text: str) -> Value:
    def refuse(_: str) -> None:
        raise ValueError

    try:
        value = json.loads(text, parse_constant=refuse)
        if isinstance(value, dict | list):
            shown = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
            shown.encode()
            return shown
    except (ValueError, RecursionError):
        pass
    raise _Bad("invalid_json")


def _mobile(text: str) -> Value:
    found = _MOBILE.fullmatch(text)
    if found is None:
        raise _Bad("invalid_mobile")
    return found[1]


def _language(text: str) -> Value:
    found = _LANGUAGE.fullmatch(text)
    if found is None:
        raise _Bad("invalid_language")
    parts = [found[1].lower(), found[2] and found[2].title(), found[3] and found[3].upper()]
    return "-".join(part for part in parts if part)


@cache
def _zones() -> dict[str, str]:
    from zoneinfo import available_timezones

    return {name.lower(): name for name in available_timezones() if name not in {"localtime", "posixrules", "Factory"}}


def _timezone(text: str) -> Value:
    name = _zones().get(text.lower())
    if name is None:
        raise _Bad("invalid_timezone")
    return name


def _email(text: str) -> Value:
    found = _EMAIL.fullmatch(text)
    if found and len(text) <= 254 and len(found[1]) <= 64 and len(found[2]) <= 253 and not _ODD_DOMAIN.search(found[2]):
        return f"{found[1]}@{found[2].lower()}"
    return _careful_email(text)


@lru_cache(maxsize=20_000)
def _careful_email(text: str) -> str:
    """What the pattern refuses, or is not ASCII, is judged by email-validator, without asking the network."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(text, check_deliverability=False)
    except EmailNotValidError:
        raise _Bad("invalid_email") from None
    local = found.local_part if found.local_part.isascii() else found.local_part.casefold()
    return f"{local}@{found.ascii_domain.lower()}"


def _text(text: str) -> Value:
    return text


_CHECKS: dict[str, Callable[[str], Value]] = {
    "string": _text,
    "user_id": _text,
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "subscription": _boolean,
    "date": _date,
    "datetime": _datetime,
    "json": _json,
    "email": _email,
    "mobile": _mobile,
    "language": _language,
    "timezone": _timezone,
}
