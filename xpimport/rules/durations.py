"""Lengths of time: how they are typed (`1h30m`) and how they are told ("1 h 30 min")."""

import re
from datetime import timedelta

from xpimport.errors import Invalid

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_TYPED = re.compile("".join(rf"(?:(?P<{unit}>[0-9]{{1,9}}){unit})?" for unit in _SECONDS))
_TOLD = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
_LONGEST = timedelta(days=36_525)


def parse_duration(text: str) -> timedelta:
    """The length that `text` names: whole weeks, days, hours, minutes and seconds, largest first.

    `90s`, `15m`, `6h`, `2d`, `1w` and combinations such as `1h30m`; `0s` is a length too.

    Raises:
        Invalid: anything else, or more than a hundred years.
    """
    match = _TYPED.fullmatch(text) if text else None
    if match is None:
        raise Invalid(f"duration {_short(text)!r}: {_advice(text)}")
    seconds = sum(int(number) * _SECONDS[unit] for unit, number in match.groupdict("0").items())
    if seconds > _LONGEST.total_seconds():
        raise Invalid(f"duration {text!r}: longer than a hundred years. Write a shorter one, for example 365d or 52w.")
    return timedelta(seconds=seconds)


def typed_duration(length: timedelta) -> str:
    """The shortest text that `parse_duration` reads as `length`, which is not negative: `30s`, `1h30m`."""
    rest, parts = int(length.total_seconds()), []
    for unit, seconds in _SECONDS.items():
        number, rest = divmod(rest, seconds)
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"


def split_days(length: timedelta, typed: str) -> tuple[int | None, int | None]:
    """(seconds, None), or (None, days) where `length` was typed in days or weeks alone: `1d` is a day, `24h` is not."""
    if typed and set(typed) <= set("0123456789dw"):
        return None, length.days
    return int(length.total_seconds()), None


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:40] + "…"


def _advice(text: str) -> str:
    if re.fullmatch("[0-9]{1,9}", text):
        return f"the unit is missing. Write {text}s, {text}m, {text}h or {text}d, for example 15m."
    tidy = re.sub(r"[\s,]", "", text).lower()
    tidy = tidy.replace("min", "m").replace("sec", "s").replace("hr", "h")
    if tidy and _TYPED.fullmatch(tidy):
        return f"Write it as {tidy}."
    return (
        "not a length of time. Write whole numbers with w, d, h, m or s (weeks to seconds), largest first, "
        "for example 90s, 15m, 6h, 2d, 1w or 1h30m."
    )


def format_duration(length: timedelta) -> str:
    """`length` in plain words, cut off after its two largest units: "2 h 10 min", "45 s", "3 d 4 h".

    Less than a second is "0 s"; a negative length has a minus sign in front.
    """
    rest = int(abs(length).total_seconds())
    sign = "-" if length < timedelta() and rest else ""
    parts = []
    for unit, seconds in _TOLD:
        number, rest = divmod(rest, seconds)
        if number:
            parts.append(f"{number} {unit}")
    return sign + (" ".join(parts[:2]) or "0 s")
