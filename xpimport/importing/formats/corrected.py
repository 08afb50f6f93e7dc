"""Lists of rejected rows that come back corrected: read in the form in which they were written, as they once were.

They are known by the columns that `report --rejected` adds, in any import. Those columns are left out, so that what
a corrected list rejects can be reported, corrected and brought back in its turn.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from xpimport.importing.formats import Malformed, RecordBatch
from xpimport.rules.formulas import unguarded
from xpimport.rules.rows import FILE_COLUMN, REJECTED_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xpimport.importing.formats import FormatOptions, Reader

_ADDED = frozenset({*REJECTED_COLUMNS, FILE_COLUMN})
# A spreadsheet may have saved it with another delimiter, or with quotes around all titles.
_FIRST_LINE = re.compile(r'"?\b{}"?([,;\t|])"?{}"?\1"?{}\b'.format(*REJECTED_COLUMNS).encode())


def options_for(head: bytes, options: FormatOptions) -> FormatOptions:
    """How a list that begins with `head` is read: a corrected one in the report's own form, whatever the import's are in."""
    found = _FIRST_LINE.search(head.partition(b"\n")[0])
    if found is None:
        return options
    return replace(options, format="csv", sheet=None, delimiter=found[1].decode(), quote='"', encoding=None)


def as_imported(reader: Reader) -> Reader:
    """The reader itself, or for a corrected list one that gives the cells as they were in the first list.

    Not for jsonl: JSON is written without guards.
    """
    return _Corrected(reader) if set(REJECTED_COLUMNS) <= set(reader.header) else reader


class _Corrected:
    """A reader without the added columns and without guards."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._left_out = {place for place, title in enumerate(reader.header) if title in _ADDED}
        self.header = self._cells(reader.header)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """The batches of the list; see `Reader`."""
        for batch in self._reader.batches(size):
            records = [self._cells(record) for record in batch.records]
            yield RecordBatch(records, batch.lines, [self._malformed(one) for one in batch.malformed], batch.offset)

    def _cells(self, record: Sequence[str]) -> list[str]:
        return [unguarded(cell) for place, cell in enumerate(record) if place not in self._left_out]

    def _malformed(self, found: Malformed) -> Malformed:
        if found.reason != "wrong_column_count":
            return found
        return replace(found, cells=self._cells(found.cells))
