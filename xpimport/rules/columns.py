"""Whole columns at once: what can be seen to be right is not looked at cell by cell.

A type with a quick way has a function from cells to values and suspects, the places of cells that it does not vouch
for. Suspects, and all cells of other types, go to `cells.checker`, which alone says what is right. The quick ways
join the cells and run one pattern over the text, line by line: what the pattern takes is stored.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import compress, count, repeat
from operator import ne, not_

from xpimport.rules import emails
from xpimport.rules.cells import Value, Verdict
from xpimport.rules.characters import EDGES

_Quick = Callable[[Sequence[str], int], tuple[Sequence[Value], Iterable[int]]]

_SAMPLE = 128


def check_cells(
    kind: str, cells: Sequence[str], limit: int, check: Callable[[str], Verdict]
) -> tuple[Sequence[Value], dict[int, str]]:
    """Check a column with `check` (see `cells.checker`): the values, and index -> code for the bad cells.

    The values may be `cells` itself.
    """
    if len(set(cells[:_SAMPLE])) * 2 <= min(len(cells), _SAMPLE):
        distinct = list(set(cells))
        if len(distinct) * 4 <= len(cells):
            return _few(cells, distinct, check)
    quick = _QUICK.get(kind)
    if quick is None:
        return _careful([None] * len(cells), range(len(cells)), cells, check)
    values, suspects = quick(cells, limit)
    suspects = list(suspects)
    if len(suspects) * 8 > len(cells):
        # Perhaps they only have blanks around them.
        values, suspects = quick([cell.strip(EDGES) for cell in cells], limit)
    return _careful(values, suspects, cells, check)


def _few(
    cells: Sequence[str], distinct: Sequence[str], check: Callable[[str], Verdict]
) -> tuple[Sequence[Value], dict[int, str]]:
    """A column of few values, each many times: a choice, a language, a city."""
    values, bad = _careful([None] * len(distinct), range(len(distinct)), distinct, check)
    if values == distinct:
        return cells, {}
    spread = list(map(dict(zip(distinct, values, strict=True)).__getitem__, cells))
    if not bad:
        return spread, {}
    codes = {distinct[index]: code for index, code in bad.items()}
    empty = [index for index, value in enumerate(spread) if value is None]
    return spread, {index: codes[cells[index]] for index in empty if cells[index] in codes}


def _careful(
    values: Sequence[Value], suspects: Iterable[int], cells: Sequence[str], check: Callable[[str], Verdict]
) -> tuple[Sequence[Value], dict[int, str]]:
    """Put into `values` what `check` says of the cells at the places `suspects`."""
    known: dict[str, Verdict] = {}
    bad: dict[int, str] = {}
    decided: list[Value] | None = None
    for index in suspects:
        cell = cells[index]
        verdict = known.get(cell)
        if verdict is None:
            verdict = known[cell] = check(cell)
        if decided is None:
            decided = list(values)
        decided[index], code = verdict
        if code is not None:
            bad[index] = code
    return values if decided is None else decided, bad


def _lines(pattern: re.Pattern[str], cells: Sequence[str]) -> list[str]:
    """For each cell what the group of `pattern` (see `_line`) holds of it, or "" where it does not match."""
    found = pattern.findall("\n".join(cells) + "\n")
    if len(found) != len(cells):
        whole = ["\0" if "\n" in cell else cell for cell in cells]
        found = pattern.findall("\n".join(whole) + "\n")
    return found


def _line(good: str) -> re.Pattern[str]:
    """A pattern that takes a text line by line, with `good`, which has one group and no line end, or without."""
    return re.compile(rf"{good}\n|.*\n")


def _unmatched(found: Sequence[str], cells: Sequence[str]) -> list[int]:
    """The places where a pattern found nothing, though there is something."""
    if "" not in found:
        return []
    return [index for index, text in enumerate(found) if not text and cells[index]]


def _odd_texts(text: str, cells: Sequence[str], limit: int) -> set[int]:
    """The places of cells that are too long, not printable, or have blanks around them; `text` is `_joined`."""
    odd: set[int] = set()
    if not text.isprintable():
        odd.update(compress(count(), map(not_, map(str.isprintable, cells))))
    if "| " in text or " |" in text or text.startswith(" ") or text.endswith(" "):
        odd.update(compress(count(), map(ne, map(str.strip, cells, repeat(" ")), cells)))
    if len(text) > limit and max(map(len, cells)) > limit:
        odd.update(compress(count(), map(limit.__lt__, map(len, cells))))
    return odd


def _joined(cells: Sequence[str]) -> tuple[str, bool]:
    """The cells with bars between them, where one with a blank at an end shows, and whether one is empty."""
    text = "|".join(cells)
    return text, "||" in text or text.startswith("|") or text.endswith("|") or not text


def _texts(cells: Sequence[str], limit: int) -> tuple[Sequence[Value], Iterable[int]]:
    text, empty = _joined(cells)
    return [cell or None for cell in cells] if empty else cells, _odd_texts(text, cells, limit)


def _user_ids(cells: Sequence[str], limit: int) -> tuple[Sequence[Value], Iterable[int]]:
    """ASCII only: among other printable characters are some that nobody sees."""
    text, empty = _joined(cells)
    odd = _odd_texts(text, cells, limit)
    if empty:
        odd.update(compress(count(), map(not_, cells)))
    if not text.isascii():
        odd.update(compress(count(), map(not_, map(str.isascii, cells))))
    return cells, odd


def _same(pattern: re.Pattern[str]) -> _Quick:
    """For lines that are stored as they are."""

    def quick(cells: Sequence[str], _: int) -> tuple[Sequence[Value], Iterable[int]]:
        found = _lines(pattern, cells)
        if "" not in found:
            return cells, ()
        return [text or None for text in found], _unmatched(found, cells)

    return quick


def _found(pattern: re.Pattern[str], convert: Callable[[str], Value] | None = None) -> _Quick:
    """For lines of which the pattern's group is stored, or what `convert` makes of it."""

    def quick(cells: Sequence[str], _: int) -> tuple[Sequence[Value], Iterable[int]]:
        found = _lines(pattern, cells)
        if "" not in found:
            return found if convert is None else list(map(convert, found)), ()
        values = (
            [(text and convert(text)) if text else None for text in found] if convert else [t or None for t in found]
        )
        return values, _unmatched(found, cells)

    return quick


# The 29th of February is left to the calendar, and the first and last years are, as zones lead out of them.
_DAY = (
    r"[1-8][0-9]{3}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)"
)
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"


@lru_cache(maxsize=20_000)
def _clock(written: str) -> tuple[str, int]:
    """A time of day with its offset, `10:00+02:00`, in UTC, and the days that the date moves."""
    moved = datetime.fromisoformat(f"2026-06-15T{written}").astimezone(UTC)
    return moved.strftime("%H:%M"), moved.day - 15


@lru_cache(maxsize=20_000)
def _moved(day: str, days: int) -> str:
    return (date.fromisoformat(day) + timedelta(days)).isoformat()


def _to_utc(text: str) -> str:
    shown = []
    for line in text.split("\n"):
        day = line[:10]
        clock, days = _clock(line[11:16] + line[19:])
        if days:
            day = _moved(day, days)
        shown.append(f"{day}T{clock}{line[16:19]}Z")
    return "\n".join(shown)


_LAYOUTS: list[tuple[re.Pattern[str], Callable[[str], str] | None]] = [
    (_line(rf"({_DAY}T{_TIME}Z)"), None),
    (_line(rf"({_DAY}[T ]{_TIME})"), lambda text: text.replace(" ", "T").replace("\n", "Z\n") + "Z"),
    (_line(rf"({_DAY})"), lambda text: text.replace("\n", "T00:00:00Z\n") + "T00:00:00Z"),
    (_line(rf"({_DAY}[T ]{_TIME}[+-](?:0[0-9]|1[0-4]):[0-5][0-9])"), _to_utc),
]
"""How times are commonly written, and how many at once, one a line, are rewritten as they are stored."""


def _datetimes(cells: Sequence[str], _: int) -> tuple[Sequence[Value], Iterable[int]]:
    """One layout a column, that of its first cell that has one."""
    for cell in filter(None, cells[:_SAMPLE]):
        for pattern, rewrite in _LAYOUTS:
            if _lines(pattern, [cell])[0]:
                return _in_layout(cells, pattern, rewrite)
    return [None] * len(cells), _unmatched([""] * len(cells), cells)


def _in_layout(
    cells: Sequence[str], pattern: re.Pattern[str], rewrite: Callable[[str], str] | None
) -> tuple[Sequence[Value], Iterable[int]]:
    found = _lines(pattern, cells)
    if "" not in found:
        return cells if rewrite is None else rewrite("\n".join(found)).split("\n"), ()
    suspects = _unmatched(found, cells)
    if rewrite is None:
        return [text or None for text in found], suspects
    rewritten = iter(rewrite("\n".join(filter(None, found))).split("\n"))
    return [next(rewritten) if text else None for text in found], suspects


_QUICK: dict[str, _Quick] = {
    "string": _texts,
    "user_id": _user_ids,
    "email": _same(_line(f"({emails.LINE})")),
    "mobile": _found(_line(r"\+?([1-9][0-9]{6,14}+)")),
    "integer": _found(_line(r"([+-]?[0-9]{1,18}+)"), int),
    "number": _found(_line(r"([+-]?[0-9]{1,15}+(?:\.[0-9]{1,15}+)?)"), float),
    "date": _same(_line(f"({_DAY})")),
    "datetime": _datetimes,
}
