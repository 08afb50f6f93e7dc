"""Values that a format keeps typed, as the text that a cell of a csv list would hold."""

from __future__ import annotations

import json
from datetime import date, time, timedelta
from decimal import Decimal

_WHOLE = 1e21
"""Whole numbers below this are written with all their digits."""


class Digits(str):
    """A number as JSON text, digit for digit."""

    __slots__ = ()


def text_of(value: object) -> str:
    """Any value as the text of a cell; None is blank, arrays and objects are compact JSON."""
    if isinstance(value, str):
        return str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number_text(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return duration_text(value)
    return json_text(value) if isinstance(value, dict | list | tuple) else str(value)


def number_text(value: float) -> str:
    """A number as short as it can be read back; a whole one without a point (1001.0 is 1001)."""
    return str(int(value)) if value.is_integer() and abs(value) < _WHOLE else repr(value)


def duration_text(value: timedelta) -> str:
    """Hours, minutes and seconds, as a spreadsheet shows a duration: 26:30:00."""
    whole, fraction = divmod(abs(value) // timedelta(microseconds=1), 1_000_000)
    text = f"{whole // 3600:02}:{whole % 3600 // 60:02}:{whole % 60:02}"
    text += f".{fraction:06}".rstrip("0") if fraction else ""
    return f"-{text}" if value < timedelta(0) else text


def json_text(value: object) -> str:
    """A value as compact JSON; numbers keep their digits, times are ISO 8601 text."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{_quoted(str(key))}:{json_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(json_text, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, Digits | bool | int | float | Decimal):
        return text_of(value)
    return _quoted(text_of(value))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
