"""One file per format of list; each turns a file into batches of the same shape."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True)
class FormatOptions:
    """How to read a list.

    Attributes:
        format: one of `rules.definition.FORMATS`, or None for what the file's name says.
        sheet: the sheet of a workbook; None for its first.
        delimiter: one character between cells; a `sep=` first line wins over it.
        quote: one character around cells, or "" for a list without quoting.
        encoding: a Python codec name, or None for UTF-8; a byte order mark wins over it.
    """

    format: str | None = None
    sheet: str | None = None
    delimiter: str = ","
    quote: str = '"'
    encoding: str | None = None


@dataclass(frozen=True)
class Malformed:
    """One record whose shape is wrong.

    Attributes:
        line: the physical line where it starts (the first line of the file is 1).
        reason: `wrong_column_count` or `malformed_row`.
        cells: what was read; for `malformed_row` the text of that line as a single cell.
        detail: what is wrong with it, in words.
    """

    line: int
    reason: str
    cells: list[str]
    detail: str


@dataclass(frozen=True)
class RecordBatch:
    """Records that follow each other in the file, with those of a wrong shape kept aside.

    Attributes:
        records: each exactly as wide as the header; cells as they were written, not trimmed.
        lines: for each of `records` the physical line where it starts, ascending.
        malformed: ascending by line, between the last line of the batch before and the first of the next.
        offset: bytes of the file read so far, for progress only.
    """

    records: list[list[str]]
    lines: Sequence[int]
    malformed: list[Malformed]
    offset: int


def cut(batch: RecordBatch, size: int) -> Iterator[RecordBatch]:
    """Cut a batch into ones of at most `size` records; a malformed record goes with the records before it."""
    records, lines, malformed = batch.records, batch.lines, batch.malformed
    if len(records) <= size:
        if records or malformed:
            yield batch
        return
    taken = 0
    for start in range(0, len(records), size):
        end = start + size
        upto = len(malformed)
        if end < len(records):
            upto = bisect_left(malformed, lines[end], key=lambda one: one.line)
        yield RecordBatch(records[start:end], lines[start:end], malformed[taken:upto], batch.offset)
        taken = upto


class Reader(Protocol):
    """An open list of any format; a context manager."""

    header: list[str]

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """Yield what follows the header, once. Raises FileRefused with line or row where it cannot be read."""

    def close(self) -> None:
        """Close the file."""

    def __enter__(self) -> Self:
        """Give itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()
