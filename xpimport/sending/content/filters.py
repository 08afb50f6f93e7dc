"""Filters and tests of the template language that Jinja has not, or that need a bound."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from jinja2 import pass_eval_context  # noqa: TID253 - belongs to sandbox.py, the owner
from jinja2.exceptions import SecurityError  # noqa: TID253
from jinja2.filters import do_join, do_mark_safe, do_replace, do_urlencode  # noqa: TID253
from jinja2.nodes import EvalContext  # noqa: TID253
from jinja2.runtime import Undefined  # noqa: TID253
from jinja2.utils import htmlsafe_json_dumps  # noqa: TID253
from markupsafe import Markup, escape

MAX_LENGTH = 1 << 20
MAX_DECIMALS = 30


class TooLarge(SecurityError):
    """A value longer than `MAX_LENGTH` was about to be made."""

    def __init__(self) -> None:
        """Say the bound."""
        super().__init__(f"a value of more than {MAX_LENGTH} characters or items is refused")


def check_length(value: Any) -> Any:
    """`value` itself; refuses one that is longer than `MAX_LENGTH`."""
    if len(value) > MAX_LENGTH:
        raise TooLarge
    return value


def is_empty(value: Any) -> bool:
    """Twig's `empty`: missing, None, false, or of no length; 0 is not empty."""
    if value is None or value is False or isinstance(value, Undefined):
        return True
    return hasattr(value, "__len__") and len(value) == 0


def _default(value: Any, instead: Any = "", _boolean: Any = None) -> Any:
    return instead if is_empty(value) else value


# --- date ---------------------------------------------------------------------------------------------------

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_LETTER = re.compile(r"\\(.)|([A-Za-z])", re.DOTALL)


def _ordinal(number: int) -> str:
    if 11 <= number % 100 <= 13:
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")


def _offset(when: datetime, separator: str) -> str:
    minutes = int((when.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{separator}{rest:02}"


def _month_length(when: datetime) -> int:
    following = when.replace(day=28) + timedelta(days=4)
    return (following - timedelta(days=following.day)).day


def _is_leap(when: datetime) -> bool:
    return when.year % 4 == 0 and (when.year % 100 != 0 or when.year % 400 == 0)


_PHP: dict[str, Callable[[datetime], str]] = {
    "d": lambda t: f"{t.day:02}",
    "D": lambda t: _DAYS[t.weekday()][:3],
    "j": lambda t: str(t.day),
    "l": lambda t: _DAYS[t.weekday()],
    "N": lambda t: str(t.isoweekday()),
    "S": lambda t: _ordinal(t.day),
    "w": lambda t: str(t.isoweekday() % 7),
    "z": lambda t: str(t.timetuple().tm_yday - 1),
    "W": lambda t: f"{t.isocalendar().week:02}",
    "o": lambda t: str(t.isocalendar().year),
    "F": lambda t: _MONTHS[t.month - 1],
    "m": lambda t: f"{t.month:02}",
    "M": lambda t: _MONTHS[t.month - 1][:3],
    "n": lambda t: str(t.month),
    "t": lambda t: str(_month_length(t)),
    "L": lambda t: str(int(_is_leap(t))),
    "Y": lambda t: f"{t.year:04}",
    "y": lambda t: f"{t.year % 100:02}",
    "a": lambda t: "am" if t.hour < 12 else "pm",
    "A": lambda t: "AM" if t.hour < 12 else "PM",
    "g": lambda t: str(t.hour % 12 or 12),
    "G": lambda t: str(t.hour),
    "h": lambda t: f"{t.hour % 12 or 12:02}",
    "H": lambda t: f"{t.hour:02}",
    "i": lambda t: f"{t.minute:02}",
    "s": lambda t: f"{t.second:02}",
    "u": lambda t: f"{t.microsecond:06}",
    "v": lambda t: f"{t.microsecond // 1000:03}",
    "e": lambda t: t.tzname() or "UTC",
    "T": lambda t: t.tzname() or "UTC",
    "O": lambda t: _offset(t, ""),
    "P": lambda t: _offset(t, ":"),
    "c": lambda t: f"{t:%Y-%m-%dT%H:%M:%S}{_offset(t, ':')}",
}


def _date(value: Any, form: str = "F j, Y H:i") -> Any:
    """`value` (ISO 8601 text, a date or a datetime) in PHP's format letters; a missing value stays missing."""
    if is_empty(value):
        return value
    when = _moment(value)

    def written(found: re.Match[str]) -> str:
        escaped, letter = found.groups()
        if escaped is not None:
            return str(escaped)
        if letter not in _PHP:
            raise ValueError(f"the date format has no letter {letter!r}; write \\{letter} for the letter itself")
        return _PHP[letter](when)

    return _LETTER.sub(written, str(form))


def _moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime.combine(value, time())
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError("the date filter was given something that is no ISO 8601 date") from None


# --- numbers, texts, lists ----------------------------------------------------------------------------------


def _number_format(value: Any, decimals: int = 0, point: str = ".", thousands: str = ",") -> Any:
    """A number, or text that is one, rounded half up; a missing value stays missing."""
    if is_empty(value):
        return value
    if not 0 <= decimals <= MAX_DECIMALS:
        raise ValueError(f"number_format takes 0 to {MAX_DECIMALS} decimals")
    try:
        number = Decimal(str(value).strip())
        rounded = number.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)
    except InvalidOperation:
        raise ValueError("number_format was given something that is no number") from None
    whole, _, fraction = f"{abs(rounded):,f}".partition(".")
    sign = "-" if rounded < 0 else ""
    return sign + whole.replace(",", thousands) + (point + fraction if fraction else "")


def _split(value: Any, separator: str = "", limit: int = 0) -> list[str]:
    """Twig's `split`: at `separator` into at most `limit` pieces, or into characters without one."""
    text = str(value)
    if not text:
        return []
    if not separator:
        width = max(limit, 1)
        return [text[start : start + width] for start in range(0, len(text), width)]
    return text.split(separator, limit - 1 if limit > 0 else -1)


def _merge(value: Any, other: Any) -> Any:
    """Two lists, or two mappings of which the second wins."""
    if isinstance(value, Mapping):
        return check_length({**value, **other})
    return check_length([*value, *other])


def _slice(value: Any, start: int, length: int | None = None) -> Any:
    """Twig's `slice`: `length` characters or items from `start` on; from the end where they are negative."""
    whole = value if isinstance(value, str) else list(value)
    rest = whole[start:]
    return rest if length is None else rest[:length]


@pass_eval_context
def _join(context: EvalContext, value: Iterable[Any], glue: str = "", attribute: Any = None) -> Any:
    items: list[Any] = []
    total = 0
    for item in value:
        total += len(glue) + (len(item) if isinstance(item, str) else 1)
        if total > MAX_LENGTH:
            raise TooLarge
        items.append(item)
    return check_length(do_join(context, items, glue, attribute))


@pass_eval_context
def _replace(context: EvalContext, value: Any, old: Any, new: Any = None) -> Any:
    """Jinja's `replace(old, new)`, and Twig's `replace({old: new, ...})`."""
    pairs = old.items() if isinstance(old, Mapping) else [(old, new)]
    text = value if isinstance(value, str) else str(value)
    for before, after in pairs:
        found = text.count(str(before)) if str(before) else len(text) + 1
        if len(text) + found * max(0, 5 * len(str(after)) - len(str(before))) > MAX_LENGTH:  # 5: escaped, & grows
            raise TooLarge
        text = do_replace(context, text, str(before), after)
    return text


def _nl2br(value: Any) -> Markup:
    return Markup("<br>\n").join(escape(value).splitlines())


def _json(value: Any) -> Markup:
    return htmlsafe_json_dumps(value)


def _keys(value: Mapping[Any, Any]) -> list[Any]:
    return list(value)


def _rounded(value: Any, precision: int = 0, method: str = "common") -> Any:
    """Twig's `round`: half away from zero, or `ceil`, or `floor`."""
    scale = 10 ** min(max(int(precision), -MAX_DECIMALS), MAX_DECIMALS)
    ways: dict[str, Callable[[float], float]] = {"ceil": math.ceil, "floor": math.floor}
    if method in ways:
        return ways[method](value * scale) / scale
    if method != "common":
        raise ValueError("round takes 'common', 'ceil' or 'floor'")
    return float(Decimal(str(value)).quantize(Decimal(1).scaleb(-int(precision)), ROUND_HALF_UP))


FILTERS: dict[str, Callable[..., Any]] = {
    "d": _default,
    "date": _date,
    "default": _default,
    "join": _join,
    "json_encode": _json,
    "keys": _keys,
    "merge": _merge,
    "nl2br": _nl2br,
    "number_format": _number_format,
    "raw": do_mark_safe,
    "replace": _replace,
    "round": _rounded,
    "slice": _slice,
    "split": _split,
    "tojson": _json,
    "url_encode": do_urlencode,
}
