"""Reads, checks and sorts lists in a process of its own: `python -m xpimport.importing.staging.worker`.

Its orders come from the pool that started it; it ends when they do, so it never outlives its parent.
"""

import gc
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from xpimport.errors import FileRefused
from xpimport.importing.formats import Malformed
from xpimport.importing.formats.blocks import ColumnBlock, LineBlock, split_columns
from xpimport.importing.staging.sort import Range, RowWriter, SortedPart, no_room, sort_range
from xpimport.importing.staging.validate import Column, RowLayout, RowValidator
from xpimport.processes import Lost, Parent
from xpimport.store.driver import sqlite3

Message = tuple[Any, ...]


class Worker:
    """What a worker does, in whichever process: takes pieces of lists, and sorts what it took."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        self._validator: RowValidator | None = None
        self._dialect: tuple[str, str, int] = (",", '"', 0)
        self._attributes = attributes
        self.path = path
        self.gatherer = RowWriter(path, attributes)

    def open(self, layout: RowLayout, dialect: tuple[str, str, int]) -> None:
        """Begin with another file; `dialect` is its delimiter, quote and number of columns."""
        self._validator, self._dialect = RowValidator(layout), dialect

    def take_lines(self, block: LineBlock) -> None:
        """Check a block of text."""
        self.take_columns(split_columns(block, *self._dialect))

    def take_columns(self, found: ColumnBlock) -> None:
        """Check records that were read already."""
        assert self._validator is not None  # noqa: S101 - `open` comes first
        self.gatherer.add(self._validator.check(found))

    def sort(self, part: Path, gathered: Sequence[Path], between: Range) -> SortedPart:
        """Make a sorted part of a range of the keys that all workers have gathered."""
        return sort_range(part, gathered, self.path, between, self._attributes)


def to_message(layout: RowLayout) -> Message:
    """A layout as marshal can write it; `RowLayout` takes it back."""
    columns = [(c.index, c.title, c.attribute, c.kind, c.max_length) for c in layout.columns]
    return (columns, list(layout.attributes), layout.identify_by, layout.base, layout.region)


def _layout(message: Message) -> RowLayout:
    columns, *rest = message
    return RowLayout([Column(*column) for column in columns], *rest)


def _obey(worker: Worker, order: str, message: Message) -> Message | None:
    """Carry out one order; those that end a stage have an answer."""
    if order == "open":
        worker.open(_layout(message[0]), message[1])
    elif order == "lines":
        worker.take_lines(LineBlock(*message))
    elif order == "columns":
        cells, lines, malformed = message
        worker.take_columns(ColumnBlock(cells, lines, [Malformed(*one) for one in malformed]))
    elif order == "end":
        return worker.gatherer.end()
    elif order == "sort":
        path, gathered, between = message
        part = worker.sort(Path(path), [Path(file) for file in gathered], between)
        return (part.path, part.people)
    return None


def main() -> None:
    """Take orders until the input ends."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    parent = Parent()
    with suppress(Lost):
        path, attributes = parent.receive()
        worker = Worker(Path(path), attributes)
        while True:
            order, message = parent.receive()
            try:
                answer = _obey(worker, order, message)
            except FileRefused as problem:
                answer = ("refused", problem.code, problem.message)
            except (OSError, sqlite3.Error) as problem:
                answer = ("refused", "disk", no_room(worker.path, problem))
            if answer is not None:
                parent.send(answer)


if __name__ == "__main__":
    main()
