"""The workers that read a list: this process alone for a short one, one process a core for a long one."""

import os
import queue
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from xpimport.errors import Failed
from xpimport.importing.formats.blocks import ColumnBlock, LineBlock
from xpimport.importing.staging.sort import SortedPart, split_key_ranges
from xpimport.importing.staging.validate import RowLayout
from xpimport.importing.staging.worker import Worker, to_message
from xpimport.processes import Helper, Lost

LONG_LIST = 4 << 20
"""Bytes from which on starting processes (0.1 s) pays."""

MOST_WORKERS = 4
"""More would wait for the one process that reads the file."""

Dialect = tuple[str, str, int]


class WorkerPool(Protocol):
    """Takes the pieces of lists, and gives back sorted parts."""

    def open(self, layout: RowLayout, dialect: Dialect) -> None:
        """Begin with another file; `dialect` is its delimiter, quote and number of columns."""

    def lines(self, block: LineBlock) -> None:
        """Take a block of text."""

    def columns(self, found: ColumnBlock) -> None:
        """Take records."""

    def finish(self) -> tuple[int, list[SortedPart]]:
        """How many records there were, and the sorted parts, in the order of their keys."""


@contextmanager
def worker_pool_for(size: int, place: Path, attributes: Sequence[str]) -> Iterator[WorkerPool]:
    """A pool fit for a list of `size` bytes, whose files are called like `place` with endings of their own."""
    workers = min(MOST_WORKERS, processors())
    if size < LONG_LIST or workers < 2:
        alone = _InProcess(place, attributes)
        try:
            yield alone
        finally:
            alone.close()
        return
    together = _Processes(workers, place, attributes)
    try:
        yield together
    finally:
        together.close()


def processors() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _named(place: Path, ending: str) -> Path:
    return place.with_name(f"{place.name}.{ending}")


class _InProcess:
    """Works in this process."""

    def __init__(self, place: Path, attributes: Sequence[str]) -> None:
        self._place = place
        self._worker = Worker(_named(place, "gathered-0"), attributes)
        self.open = self._worker.open
        self.lines = self._worker.take_lines
        self.columns = self._worker.take_columns

    def finish(self) -> tuple[int, list[SortedPart]]:
        read, _ = self._worker.gatherer.end()
        own = _named(self._place, "gathered-0")
        part = self._worker.sort(_named(self._place, "part-0"), [own], ("", None))
        own.unlink()
        return read, [part]

    def close(self) -> None:
        self._worker.gatherer.close()


class _Processes:
    """Hands every piece to whichever worker is free; a pipe holds little, so a busy one takes nothing."""

    def __init__(self, count: int, place: Path, attributes: Sequence[str]) -> None:
        self._place = place
        self._work: queue.Queue[tuple[str, Any] | None] = queue.Queue(maxsize=2)
        self._lost = threading.Event()
        self._workers = [Helper.start("xpimport.importing.staging.worker") for _ in range(count)]
        self._feeders: list[threading.Thread] = []
        try:
            for number, worker in enumerate(self._workers):
                self._tell(worker, (str(_named(place, f"gathered-{number}")), list(attributes)))
        except Failed:
            self.close()
            raise

    def open(self, layout: RowLayout, dialect: Dialect) -> None:
        """Every worker has to be through with the file before, so that each piece is read by its own layout."""
        self._drain()
        for worker in self._workers:
            self._tell(worker, ("open", (to_message(layout), dialect)))
        self._feeders = [threading.Thread(target=self._feed, args=(worker,), daemon=True) for worker in self._workers]
        for feeder in self._feeders:
            feeder.start()

    def _feed(self, worker: Helper) -> None:
        while (message := self._work.get()) is not None:
            try:
                self._tell(worker, message)
            except Failed:
                self._lost.set()
                while self._work.get() is not None:
                    pass
                return

    def _tell(self, worker: Helper, message: tuple[Any, ...]) -> None:
        try:
            worker.send(message)
        except Lost:
            raise _lost() from None

    def _put(self, order: str, message: tuple[Any, ...]) -> None:
        if self._lost.is_set():
            raise _lost()
        self._work.put((order, message))

    def lines(self, block: LineBlock) -> None:
        self._put("lines", (block.text, block.first, block.count, block.offset))

    def columns(self, found: ColumnBlock) -> None:
        malformed = [(one.line, one.reason, one.cells, one.detail) for one in found.malformed]
        self._put("columns", ([list(cells) for cells in found.cells], list(found.lines), malformed))

    def _drain(self) -> None:
        for _ in self._feeders:
            self._work.put(None)
        for feeder in self._feeders:
            feeder.join()
        self._feeders = []
        if self._lost.is_set():
            raise _lost()

    def finish(self) -> tuple[int, list[SortedPart]]:
        self._drain()
        for worker in self._workers:
            self._tell(worker, ("end", ()))
        ended = [self._answer(worker) for worker in self._workers]
        gathered = [_named(self._place, f"gathered-{number}") for number in range(len(self._workers))]
        ranges = split_key_ranges([samples for _, samples in ended], len(self._workers))
        for number, (worker, between) in enumerate(zip(self._workers, ranges, strict=True)):
            part = _named(self._place, f"part-{number}")
            self._tell(worker, ("sort", (str(part), [str(file) for file in gathered], between)))
        parts = [SortedPart(*self._answer(worker)) for worker in self._workers]
        for file in gathered:
            file.unlink()
        return sum(read for read, _ in ended), parts

    def _answer(self, worker: Helper) -> tuple[Any, ...]:
        try:
            answer: tuple[Any, ...] = worker.receive()
        except Lost:
            raise _lost() from None
        if answer[0] == "refused":
            raise Failed(answer[2], code=answer[1])
        return answer

    def close(self) -> None:
        for worker in self._workers:
            worker.close()
        for _ in self._feeders:
            self._work.put(None)
        for feeder in self._feeders:
            feeder.join()


def _lost() -> Failed:
    return Failed(
        "A process that read the list ended before its work was done; was there too little memory? Run it again.",
        code="worker_lost",
    )
