"""Rows of CSV as this program writes them: every reader finds the same cells, and no spreadsheet runs one of them."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from xpimport.rules.formulas import guarded

# Quoted is what any reader may take for an end of a cell or a line, for a byte order mark, or for blanks to trim.
_QUOTED = re.compile(r'[",\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]|\A\s|\s\Z')
# UTF-8 has no form for half a surrogate pair, which an escape in JSON can bring.
_HALVES = re.compile("[\ud800-\udfff]")


def csv_row(cells: Iterable[object]) -> str:
    """Cells as one row (RFC 4180, LF at its end), with formulas made inert: None is blank, lists and maps are JSON."""
    texts = [_quoted(cell) for cell in cells]
    # A line without anything would be no row.
    return ('""' if texts == [""] else ",".join(texts)) + "\n"


def csv_rows(columns: Sequence[str], lines: Iterable[Mapping[str, object]]) -> Iterator[str]:
    """A row of titles, and one for each line."""
    yield csv_row(columns)
    for line in lines:
        yield csv_row(line.get(column) for column in columns)


def cell_text(cell: object) -> str:
    """A cell as the text that every reader finds there."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return guarded(_HALVES.sub("\ufffd", cell))
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, dict | list) else str(cell)


def _quoted(cell: object) -> str:
    text = cell_text(cell)
    return '"' + text.replace('"', '""') + '"' if _QUOTED.search(text) else text
