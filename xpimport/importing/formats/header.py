"""The names of columns, which every format checks alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpimport.errors import FileRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMN_LIMIT = 16_384
"""Columns in the header: as many as a spreadsheet has."""

_TRIM = " \t\r\n\u00a0\u200b\ufeff"


def checked_header(cells: Sequence[str], where: str) -> list[str]:
    """The names, trimmed; blank ones are allowed, and are columns to ignore. `where` names file and line.

    Raises:
        FileRefused: `too_many_columns`, or two that differ in nothing but case (`duplicate_header`).
    """
    if len(cells) > COLUMN_LIMIT:
        raise FileRefused(
            f"{where}: the header has {len(cells):,} columns, more than {COLUMN_LIMIT:,}. Check the delimiter.",
            code="too_many_columns",
        )
    header = [cell.strip(_TRIM) for cell in cells]
    seen: dict[str, tuple[int, str]] = {}
    for number, cell in enumerate(header, start=1):
        key = cell.casefold()
        if key and key in seen:
            before, name = seen[key]
            raise FileRefused(
                f'{where}: columns {before} ("{name}") and {number} ("{cell}") have the same name. Rename one.',
                code="duplicate_header",
            )
        seen[key] = (number, cell)
    return header
