"""The first half of an import: read the whole file, check every cell, and set the rows down outside the store.

Reading a long list holds no lock on the store, and what it leaves is made afresh by each attempt; what has to
outlive a kill (rejections, counts, the cursor) is in the store.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from xpimport.errors import Failed, FileRefused
from xpimport.importing.formats import FormatOptions, Reader, RecordBatch
from xpimport.importing.formats.blocks import ColumnBlock, LineBlock, split_columns
from xpimport.importing.formats.csv import CsvReader
from xpimport.importing.formats.opening import open_list
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.staging.sort import SortedPart, no_room
from xpimport.importing.staging.validate import Column, RowLayout
from xpimport.importing.staging.worker_pool import WorkerPool, worker_pool_for
from xpimport.rules.definition import Definition, choose_columns
from xpimport.rules.rows import FILE_STEP
from xpimport.rules.values import EMAIL_KEY, Kinds
from xpimport.store.driver import sqlite3

Progress = Callable[[int, int, int], None]
"""Called with rows read, bytes read and bytes in all."""


HeaderCheck = Callable[[Sequence[str]], None]
"""Called with the attributes that the columns of a file fill; raises FileRefused."""


class Sample:
    """The first records of a list, taken along while it is read."""

    def __init__(self, size: int) -> None:
        """Take at most `size` records."""
        self.rows: list[list[str]] = []
        self._size = size

    def take(self, piece: LineBlock | RecordBatch, dialect: tuple[str, str, int]) -> None:
        """Look at the next piece; `dialect` is the list's delimiter, quote and number of columns."""
        if len(self.rows) >= self._size:
            return
        if isinstance(piece, LineBlock):
            found = split_columns(piece, *dialect)
            # Records with quotes come behind the others there.
            in_order = sorted(zip(found.lines, zip(*found.cells, strict=True), strict=True))
            records = [list(record) for _, record in in_order]
        else:
            records = piece.records
        self.rows += records[: self._size - len(self.rows)]


@dataclass(frozen=True)
class Staged:
    """What reading a source gave: how many rows, the columns seen, and the sorted parts with all the rows."""

    read: int
    header: list[str]
    ignored: list[str]
    attributes: list[str]
    parts: list[SortedPart]


def content_hashes(files: Sequence[SourceFile]) -> list[str]:
    """The SHA-256 of each file.

    Raises:
        FileRefused: a file went away or cannot be read (`no_file`).
    """
    found = []
    for file in files:
        try:
            with file.path.open("rb") as content:
                found.append(hashlib.file_digest(content, "sha256").hexdigest())
        except OSError as problem:
            raise FileRefused(f"Cannot read {file.path}: {problem.strerror}.", code="no_file") from None
    return found


def columns_of(header: Sequence[str], definition: Definition, kinds: Kinds, name: str) -> list[Column]:
    """The columns of a file that are taken, in their order. Raises FileRefused, see `choose_columns`."""
    chosen = choose_columns(header, definition, list(kinds), name)
    return [Column(index, header[index], attribute, *kinds[attribute]) for attribute, index in chosen.items()]


def options_of(definition: Definition) -> FormatOptions:
    """How the text of this import's lists is read."""
    return FormatOptions(
        format=definition.format,
        sheet=definition.sheet,
        delimiter=definition.delimiter,
        quote=definition.quote,
        encoding=definition.encoding,
    )


def stage(
    place: Path,
    files: Sequence[SourceFile],
    definition: Definition,
    kinds: Kinds,
    progress: Progress,
    check_header: HeaderCheck | None = None,
    sample: Sample | None = None,
) -> Staged:
    """Read and check all `files` into sorted parts, which are called like `place` with endings of their own.

    Before any row `check_header` gets the attributes that each file's columns fill, and may refuse them; `sample`
    takes the first records along.

    Raises:
        FileRefused: a file cannot be imported as a whole, or it changed while it was read (`file_changed`).
        Failed: a process that helped was lost (`worker_lost`), or there is no room for the rows (`disk`).
    """
    readers: list[Reader] = []
    try:
        readers += [open_list(file.path, options_of(definition), file.name) for file in files]
        columns = [columns_of(r.header, definition, kinds, f.name) for r, f in zip(readers, files, strict=True)]
        if check_header is not None:
            for taken in columns:
                check_header([column.attribute for column in taken])
        attributes = list(dict.fromkeys(column.attribute for taken in columns for column in taken))
        if "email" in attributes:
            attributes.append(EMAIL_KEY)
        total = sum(file.bytes for file in files)
        with worker_pool_for(total, place, attributes) as pool:
            rows = done = 0
            for number, (reader, file, taken) in enumerate(zip(readers, files, columns, strict=True)):
                layout = RowLayout(taken, attributes, definition.identify_by, number * FILE_STEP, definition.region)
                pool.open(layout, _dialect(reader))
                for offset, count in _hand_out(reader, pool, sample):
                    rows += count
                    progress(rows, done + offset, total)
                done += file.bytes
                _check_unchanged(file)
            read, parts = pool.finish()
        used = {column.title for column in columns[0]}
        ignored = [title for title in readers[0].header if title not in used]
        return Staged(read, readers[0].header, ignored, attributes, parts)
    except sqlite3.Error as problem:
        raise Failed(no_room(place, problem), code="disk") from None
    finally:
        for reader in readers:
            reader.close()


def _dialect(reader: Reader) -> tuple[str, str, int]:
    if isinstance(reader, CsvReader):
        return reader.delimiter, reader.quote, len(reader.header)
    return ",", "", len(reader.header)


def _hand_out(reader: Reader, pool: WorkerPool, sample: Sample | None) -> Iterator[tuple[int, int]]:
    """Give the pool all of a list; yields bytes read so far and rows given, for progress."""
    for piece in reader.pieces() if isinstance(reader, CsvReader) else reader.batches():
        if sample is not None:
            sample.take(piece, _dialect(reader))
        if isinstance(piece, LineBlock):
            pool.lines(piece)
            yield piece.offset, piece.count
        else:
            pool.columns(_columns(piece, len(reader.header)))
            yield piece.offset, len(piece.records) + len(piece.malformed)


def _columns(batch: RecordBatch, width: int) -> ColumnBlock:
    cells = list(zip(*batch.records, strict=True)) or [()] * width
    return ColumnBlock(cells, batch.lines, batch.malformed)


def _check_unchanged(file: SourceFile) -> None:
    try:
        state = file.path.stat()
    except OSError:
        state = None
    if state is None or (state.st_size, state.st_mtime_ns) != (file.bytes, file.modified):
        raise FileRefused(
            f"{file.name} changed while it was read. Deliver it under another name and rename it when it is whole.",
            code="file_changed",
        )
