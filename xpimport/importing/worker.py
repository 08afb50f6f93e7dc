"""Reads, checks and sorts lists in a process of its own: `python -m xpimport.importing.worker`.

It speaks marshal over its standard input and output, which only the crew that started it holds; it ends when its
input does, so it never outlives its parent.
"""

import gc
import marshal
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xpimport.errors import FileRefused
from xpimport.importing.checking import Checker, Column, Plan
from xpimport.importing.formats import Malformed
from xpimport.importing.formats.lines import Columns, Lines, split
from xpimport.importing.sorting import Gatherer, Part, Range, no_room, sort_range
from xpimport.store.driver import sqlite3

Message = tuple[Any, ...]


class Hand:
    """What a worker does, in whichever process: takes pieces of lists, and sorts what it took."""

    def __init__(self, path: Path, attributes: Sequence[str]) -> None:
        self._checker: Checker | None = None
        self._dialect: tuple[str, str, int] = (",", '"', 0)
        self._attributes = attributes
        self.path = path
        self.gatherer = Gatherer(path, attributes)

    def open(self, plan: Plan, dialect: tuple[str, str, int]) -> None:
        """Begin with another file; `dialect` is its delimiter, quote and number of columns."""
        self._checker, self._dialect = Checker(plan), dialect

    def take_lines(self, block: Lines) -> None:
        """Check a block of text."""
        self.take_columns(split(block, *self._dialect))

    def take_columns(self, found: Columns) -> None:
        """Check records that were read already."""
        assert self._checker is not None  # noqa: S101 - `open` comes first
        self.gatherer.add(*self._checker.check(found))

    def sort(self, part: Path, gathered: Sequence[Path], between: Range) -> Part:
        """Make a sorted part of a range of the keys that all hands have gathered."""
        return sort_range(part, gathered, self.path, between, self._attributes)


def plain(plan: Plan) -> Message:
    """A plan as marshal can write it; `Plan` takes it back."""
    columns = [(c.index, c.title, c.attribute, c.kind, c.max_length) for c in plan.columns]
    return (columns, list(plan.attributes), plan.identify_by, plan.base, plan.region)


def _plan(message: Message) -> Plan:
    columns, *rest = message
    return Plan([Column(*column) for column in columns], *rest)


def _obey(hand: Hand, order: str, message: Message) -> Message | None:
    """Carry out one order; those that end a stage have an answer."""
    if order == "open":
        hand.open(_plan(message[0]), message[1])
    elif order == "lines":
        hand.take_lines(Lines(*message))
    elif order == "columns":
        cells, lines, malformed = message
        hand.take_columns(Columns(cells, lines, [Malformed(*one) for one in malformed]))
    elif order == "end":
        return hand.gatherer.end()
    elif order == "sort":
        path, gathered, between = message
        part = hand.sort(Path(path), [Path(file) for file in gathered], between)
        return (part.path, part.people)
    return None


def main() -> None:
    """Take orders until the input ends."""
    # Ctrl-C reaches the whole group; the parent decides what becomes of its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.disable()
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        path, attributes = marshal.load(given)  # noqa: S302 - from the parent's pipe only
        hand = Hand(Path(path), attributes)
        while True:
            order, message = marshal.load(given)  # noqa: S302
            try:
                answer = _obey(hand, order, message)
            except FileRefused as problem:
                answer = ("refused", problem.code, problem.message)
            except (OSError, sqlite3.Error) as problem:
                answer = ("refused", "disk", no_room(hand.path, problem))
            if answer is not None:
                marshal.dump(answer, answers)
                answers.flush()
    except EOFError:
        return


if __name__ == "__main__":
    main()
