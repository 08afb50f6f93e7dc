"""Five-field cron expressions: which ones are taken, and the minutes and dates that they name.

croniter expands the fields. Whatever it would take in a sense of its own (a sixth field, `5-5` as "every value",
ranges that wrap round, random and hashed values, dates that never come) is refused or put plainly beforehand.
"""

import re
from dataclasses import dataclass

from xpimport.errors import Invalid

MAX_LENGTH = 256

_TERM = re.compile(r"(\*|[a-z]+|[0-9]+)(?:-([a-z]+|[0-9]+))?(?:/([0-9]+))?")
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_EXTENSIONS = {
    "@": "names such as @daily are not taken. Write all five fields, for example 0 3 * * * for 03:00 every day",
    "?": "a question mark is not taken. Write * where any value will do",
    "#": "the n-th weekday of a month cannot be asked for. Write the weekday alone, for example mon",
    "l": 'L is not taken. Write the schedule as "monthly 31 03:00" for the last day of every month',
    "w": "W is not taken. Write a day from 1 to 31, or mon-fri in the weekday field",
    "h": "H (hashed values) is not taken. Write the value itself",
    "r": "R (random values) is not taken: the time must not change from one reading to the next. "
    "Write the value itself",
}


@dataclass(frozen=True)
class CronFields:
    """What a cron expression names.

    Attributes:
        text: the expression in lower case with single spaces.
        minutes: 0 to 59.
        hours: 0 to 23.
        days: days of the month, 1 to 31.
        months: 1 to 12.
        weekdays: 0 (Sunday) to 6 (Saturday).
        either: a date counts when its day or its weekday is named (both fields are restricted); otherwise
            both must be.
        every_pass: the minute or the hour field holds a `*`, so that the clock is followed as it is changed.
    """

    text: str
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    either: bool
    every_pass: bool


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    size: int
    example: str
    names: tuple[str, ...] = ()

    @property
    def span(self) -> str:
        names = f" or {self.names[0]} to {self.names[-1]}" if self.names else ""
        return f"{self.low} to {self.high}{names}"


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS = (
    _Field("minute", 0, 59, 60, "*/15"),
    _Field("hour", 0, 23, 24, "9-17"),
    _Field("day", 1, 31, 31, "1,15"),
    _Field("month", 1, 12, 12, "jan-mar", _MONTHS),
    _Field("weekday", 0, 7, 7, "mon-fri", _WEEKDAYS),
)


def parse_cron(text: str, what: str, forms: str) -> CronFields:
    """The fields of a cron expression; names may be in either case.

    Args:
        text: the expression.
        what: what it is to the operator, named in refusals ("schedule").
        forms: the forms that may be written instead, told when it is no cron expression at all.

    Raises:
        Invalid: not five fields of numbers, names and `* , - /`; a value out of range; no date ever comes.
    """
    try:
        return _parse(text, forms)
    except ValueError as problem:
        raise Invalid(f"{what} {shorten(text)!r}: {problem}") from None


def shorten(text: str, length: int = 60) -> str:
    """`text`, cut to `length` characters for a message."""
    return text if len(text) <= length else text[:length] + "…"


def split_words(text: str) -> list[str]:
    """The words of `text` in lower case; only blanks and tabs stand between them, not other white space."""
    return [word for word in re.split("[ \t]+", text.lower()) if word]


def _parse(text: str, forms: str) -> CronFields:
    words = split_words(text)
    if len(text) > MAX_LENGTH:
        raise ValueError(_too_long(text, words))
    if len(words) != len(_FIELDS):
        raise ValueError(_miscounted(words, forms))
    plain = [_plain_field(field, word) for field, word in zip(_FIELDS, words, strict=True)]
    minutes, hours, days, months, weekdays = _expand(plain)
    _, _, day, month, weekday = words
    either = not (day.startswith("*") or weekday.startswith("*"))
    longest = max(_LONGEST_MONTHS[number - 1] for number in months)
    if not either and min(days) > longest:
        raise ValueError(
            f"the day field says {day!r} and the month field {month!r}: no such date ever comes. Write a day "
            f"from 1 to {longest}, for example {words[0]} {words[1]} {longest} {month} {weekday}."
        )
    every_pass = "*" in words[0] or "*" in words[1]
    return CronFields(" ".join(words), minutes, hours, days, months, weekdays, either, every_pass)


def _too_long(text: str, words: list[str]) -> str:
    # strict=False: too long a text may have any number of fields.
    sizes = [(len(word), field.name) for field, word in zip(_FIELDS, words, strict=False)]
    longest, name = max(sizes, default=(0, "minute"))
    return (
        f"{len(text)} characters, of which {longest} in the {name} field; {MAX_LENGTH} are the most. "
        "Write a range or a step instead of a list, for example 0-30 or */5."
    )


def _miscounted(words: list[str], forms: str) -> str:
    if words and words[0].startswith("@"):
        return f"the minute field says {shorten(words[0])!r}: {_EXTENSIONS['@']}."
    named = ", ".join(f"{field.name} {word!r}" for field, word in zip(_FIELDS, words, strict=False))
    if len(words) > len(_FIELDS):
        named += f", and then {shorten(' '.join(words[len(_FIELDS) :]))!r}; seconds and years are not taken"
    return f"a cron expression has 5 fields, not {len(words)} ({named or 'none'}). Write {forms}."


def _plain_field(field: _Field, word: str) -> str:
    return ",".join(_plain_term(field, term, word) for term in word.split(","))


def _plain_term(field: _Field, term: str, word: str) -> str:
    """`term` in numbers alone, in a form that has one meaning only."""
    match = _TERM.fullmatch(term)
    if match is None or (match[1] == "*" and match[2]):
        raise _refusal(field, term or word, _why_odd(field, term))
    first, last, step = match.groups()
    if step is not None and not (len(step) <= 2 and 1 <= int(step) <= field.size):
        raise _refusal(field, term, f"a step is 1 to {field.size} here. Write for example */{min(field.size, 5)}")
    suffix = "" if step is None else f"/{step}"
    if first == "*":
        return first + suffix
    low = _value(field, first, term)
    if last is None:
        return f"{low}" if step is None else _stepped_from(field, low, step, term)
    high = _value(field, last, term)
    if high < low:
        raise _refusal(field, term, _why_wrapped(field, first, last, suffix))
    return f"{low}" if low == high else f"{low}-{high}{suffix}"


def _stepped_from(field: _Field, low: int, step: str, term: str) -> str:
    """A single value with a step: from there to the end of the field."""
    if field.names is _WEEKDAYS:
        # Whether the week ends with day 6 or with day 7, readers of cron expressions do not agree.
        why = f"a step needs a range here, as Sunday is 0 and 7. Write for example {min(low, 5)}-6/{step}"
        raise _refusal(field, term, why)
    return f"{low}/{step}"


def _value(field: _Field, token: str, term: str) -> int:
    if token in field.names:
        return field.low + field.names.index(token)
    if token.isdigit() and len(token) <= 2 and field.low <= int(token) <= field.high:
        return int(token)
    raise _refusal(field, term, _why_odd(field, token))


def _refusal(field: _Field, value: str, why: str) -> ValueError:
    return ValueError(f"the {field.name} field says {shorten(value)!r}: {why}.")


def _why_odd(field: _Field, token: str) -> str:
    if token.isdigit() and token.isascii():
        return f"a value is {field.span}, in one or two digits. Write for example {field.example}"
    if not token:
        return f"nothing stands beside a comma. Write for example {field.example}"
    if not re.fullmatch("[a-z]{3,}", token):
        for sign, why in _EXTENSIONS.items():
            if sign in token:
                return why
    return f"not a value, which is {field.span}. Write for example {field.example}"


def _why_wrapped(field: _Field, first: str, last: str, step: str) -> str:
    """How a range that wraps round is written as two."""
    if field.names and not first.isdigit():
        start, end = field.names[0], field.names[-1]
    else:
        start, end = str(field.low), str(field.low + field.size - 1)
    upper = first if first in (end, str(field.high)) else f"{first}-{end}{step}"
    lower = last if last == start else f"{start}-{last}{step}"
    return f"a range goes upwards. Write for example {upper},{lower}"


def _expand(plain: list[str]) -> list[frozenset[int]]:
    from croniter import croniter

    expanded, _ = croniter.expand(" ".join(plain))
    return [
        frozenset(range(field.low, field.low + field.size) if "*" in values else values)
        for field, values in zip(_FIELDS, expanded, strict=True)
    ]
