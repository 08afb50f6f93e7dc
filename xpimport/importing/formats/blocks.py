"""Blocks of lines to columns: the quick way for records that each stand on one line, which nearly all do."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from itertools import compress
from typing import TYPE_CHECKING

from xpimport.importing.formats import Malformed

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class LineBlock:
    """Text of records of which each stands on one line of its own; LF between them, no order asked of the reader.

    Attributes:
        text: without the last line end.
        first: the physical line of the file (from 1) where it begins.
        count: how many lines it has.
        offset: bytes of the file read so far, for progress only.
    """

    text: str
    first: int
    count: int
    offset: int


@dataclass(frozen=True)
class ColumnBlock:
    """Records laid out by column.

    Attributes:
        cells: for each column of the header its cells, as they were written.
        lines: for each record the physical line where it starts.
        malformed: the records of a wrong shape.
    """

    cells: Sequence[Sequence[str]]
    lines: Sequence[int]
    malformed: Sequence[Malformed]


@cache
def _one_line_record(delimiter: str, quote: str) -> re.Pattern[str]:
    """A record whose every cell is quoted and closed, or begins without a quote, as the csv module reads it."""
    d, q = re.escape(delimiter), re.escape(quote)
    cell = f"(?:{q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}|[^{d}{q}][^{d}]*)?"
    return re.compile(f"{cell}(?:{d}{cell})*")


def stand_alone(lines: Sequence[str], delimiter: str, quote: str) -> bool:
    """Whether each of `lines` is a whole record, so that they may be read apart and in any order."""
    complete = _one_line_record(delimiter, quote).fullmatch
    return all(complete(line) for line in lines if quote in line)


def split_columns(block: LineBlock, delimiter: str, quote: str, width: int) -> ColumnBlock:
    """Lay out the records of a block that `stand_alone`."""
    lines: Sequence[str] = block.text.split("\n")
    numbers: Sequence[int] = range(block.first, block.first + block.count)
    wanted, quoted = width - 1, bool(quote) and quote in block.text
    counts = [line.count(delimiter) for line in lines]
    odd: list[tuple[int, str]] = []
    if quoted or width == 1 or set(counts) != {wanted}:
        apart = [
            place
            for place, (line, count) in enumerate(zip(lines, counts, strict=True))
            if count != wanted or (quoted and quote in line) or (width == 1 and not line.strip())
        ]
        odd = [(numbers[place], lines[place]) for place in apart]
        plain = bytearray(b"\1") * len(lines)
        for place in apart:
            plain[place] = 0
        lines, numbers = list(compress(lines, plain)), list(compress(numbers, plain))
    flat = delimiter.join(lines).split(delimiter) if lines else []
    cells = [flat[place::width] for place in range(width)]
    if not odd:
        return ColumnBlock(cells, numbers, ())
    return _with_odd(cells, list(numbers), odd, delimiter, quote)


def _with_odd(
    cells: list[list[str]], numbers: list[int], odd: list[tuple[int, str]], delimiter: str, quote: str
) -> ColumnBlock:
    """Add the records that hold a quote, and part the blank lines and the records of a wrong width."""
    width = len(cells)
    malformed = []
    quoted = [(number, line) for number, line in odd if quote and quote in line]
    parsed = csv.reader([line for _, line in quoted], strict=True, delimiter=delimiter, quotechar=quote or None)
    found = [(number, record) for (number, _), record in zip(quoted, parsed, strict=True)]
    found += [
        (number, line.split(delimiter))
        for number, line in odd
        if not (quote and quote in line) and (line.strip() or delimiter in line)
    ]
    good = []
    for number, record in found:
        if len(record) == width:
            good.append(record)
            numbers.append(number)
        else:
            detail = f"{len(record)} cells where the header has {width}"
            malformed.append(Malformed(number, "wrong_column_count", record, detail))
    for column, more in zip(cells, zip(*good, strict=True), strict=False):
        column.extend(more)
    return ColumnBlock(cells, numbers, malformed)
