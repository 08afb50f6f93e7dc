"""What the columns of a list look like: a likely attribute type for each, from some of its rows."""

import re
import unicodedata
from collections.abc import Sequence

from xpimport.rules.values import check_column

CELLS = 2_000
"""Cells of a column that are enough to tell."""

_SHARE = 0.8
"""So many of a column's cells have to fit: a list has some bad cells."""

# A column of these must be called so: "at" is a language, and a word.
_LANGUAGE = re.compile(r"lang|locale|sprache|langue|idioma", re.IGNORECASE)
_MOBILE = re.compile(r"mobile|phone|msisdn|cell|gsm|tel|handy|sms|whatsapp", re.IGNORECASE)
_IDENTIFIER = re.compile(r"(?:^|[\W_])(?:id|key|code|zip|postcode|plz|number|no)$", re.IGNORECASE)
_LEADING_ZERO = re.compile(r"[+-]?0[0-9]")
# The first that fits is taken.
_ORDER = ("boolean", "integer", "number", "date", "datetime", "email", "json", "timezone")


def guess_types(header: Sequence[str], records: Sequence[Sequence[str]]) -> list[str]:
    """The likely attribute type of each column of `records`, which are as wide as `header`; else string.

    Digits with zeros before them stay text, and so do the numbers of a column that is called an id, a code or a
    number: they are names, not amounts.
    """
    columns = zip(*records[:CELLS], strict=True) if records else [()] * len(header)
    return [_guess(title, column) for title, column in zip(header, columns, strict=True)]


def _guess(title: str, column: Sequence[str]) -> str:
    cells = [cell for cell in (cell.strip() for cell in column) if cell]
    if not cells:
        return "string"
    if _MOBILE.search(title) and _fits("mobile", cells):
        return "mobile"
    if _LANGUAGE.search(title) and _fits("language", cells):
        return "language"
    if all(cell.startswith("+") for cell in cells) and _fits("mobile", cells):
        return "mobile"
    found = next((kind for kind in _ORDER if _fits(kind, cells)), "string")
    numeric = found in {"integer", "number"}
    if numeric and (_IDENTIFIER.search(title) or any(map(_LEADING_ZERO.match, cells))):
        return "string"
    return found


def _fits(kind: str, cells: Sequence[str]) -> bool:
    return len(cells) - len(check_column(kind, cells).bad) >= _SHARE * len(cells)


def attribute_name(title: str) -> str:
    """A name that an attribute may have, made from a column's: "First name" is first_name."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    return name if name[:1].isalpha() else f"column_{name}".strip("_")
