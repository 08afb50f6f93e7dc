"""Reads parquet lists with pyarrow, batch by batch.

Records have no lines there: a record's line is its number plus one, so that the header counts as line 1 as in a csv
list. Nanoseconds are cut to microseconds, the finest that the store holds. Times without a zone have none here either.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from xpimport.errors import FileRefused
from xpimport.importing.formats import Malformed, Reader, RecordBatch
from xpimport.importing.formats.cells import text_of
from xpimport.importing.formats.header import checked_header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from xpimport.importing.formats.packing import DetectedFile


class ParquetReader(Reader):
    """An open list; use `open_parquet`.

    Attributes:
        header: the names of the columns, trimmed.
    """

    def __init__(self, file: BinaryIO, content: DetectedFile) -> None:
        """Read the schema. Raises FileRefused, see `open_parquet`."""
        from pyarrow import parquet

        self._file = file
        self._name = content.name
        self._size = content.signature[0]
        with _refusing(self._name):
            self._list = parquet.ParquetFile(file)
            self.header = checked_header(self._list.schema_arrow.names, self._name)
            self._count = max(self._list.metadata.num_rows, 1)
        if not self.header:
            raise FileRefused(f"{self._name} has no column. Export it again.", code="empty_file")

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """Yield the records, once, at most `size` in a batch.

        Raises:
            FileRefused: `damaged_file`, or `undecodable` where a column holds bytes that are no UTF-8 text.
        """
        batches = iter(self._list.iter_batches(batch_size=size, use_threads=False))
        line = 2
        while True:
            with _refusing(self._name):
                batch = next(batches, None)
                if batch is None:
                    return
                read = self._read(batch, line)
            yield read
            line += batch.num_rows

    def _read(self, batch: Any, line: int) -> RecordBatch:
        bad: dict[int, str] = {}
        columns = []
        for title, column in zip(self.header, batch.columns, strict=True):
            cells, wrong = self._texts(column, title, line)
            columns.append(cells)
            bad.update(dict.fromkeys(wrong, f"column {title!r} holds a time that no calendar has, or a key twice"))
        records = [list(record) for record in zip(*columns, strict=True)]
        lines: Any = range(line, line + batch.num_rows)
        malformed = [Malformed(line + at, "malformed_row", records[at], why) for at, why in sorted(bad.items())]
        if bad:
            lines = [number for at, number in enumerate(lines) if at not in bad]
            records = [record for at, record in enumerate(records) if at not in bad]
        done = self._size * min(line + batch.num_rows, self._count) // self._count
        return RecordBatch(records, lines, malformed, min(done, self._size))

    def _texts(self, column: Any, title: str, line: int) -> tuple[list[str], list[int]]:
        """The cells of a column as text, and the places of those that Python cannot hold."""
        try:
            values, wrong = _values(column)
            return [value if type(value) is str else _text(value) for value in values], wrong
        except UnicodeDecodeError:
            at = next((at for at, value in enumerate(column) if not _is_text(value)), 0)
            raise FileRefused(
                f"{self._name}, line {line + at}: the column {title!r} holds bytes that are no UTF-8 text. Export the "
                "list without it, or with text in it.",
                code="undecodable",
            ) from None


def open_parquet(content: DetectedFile) -> ParquetReader:
    """Open a list and read its schema.

    Raises:
        FileRefused: `missing_extra` (pyarrow is not installed), `damaged_file`, `empty_file`, `duplicate_header`,
            `too_many_columns`, or what unpacking raises.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        raise FileRefused(
            f"{content.name} is parquet, which needs one more package: pip install 'xpimport[parquet]'",
            code="missing_extra",
        ) from None
    file = content.spool()
    try:
        return ParquetReader(file, content)
    except BaseException:
        file.close()
        raise


def _values(column: Any) -> tuple[list[Any], list[int]]:
    """The values of a column; where Python cannot hold one, None, with its place."""
    import pyarrow as pa
    from pyarrow import compute

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = compute.cast(column, pa.timestamp("us", kind.tz), safe=False)
    elif (pa.types.is_time64(kind) or pa.types.is_duration(kind)) and kind.unit == "ns":
        coarse = pa.time64("us") if pa.types.is_time64(kind) else pa.duration("us")
        column = compute.cast(column, coarse, safe=False)
    try:
        return column.to_pylist(maps_as_pydicts="strict"), []
    except UnicodeDecodeError:
        raise
    except (ValueError, OverflowError, KeyError, ArithmeticError):
        values: list[Any] = []
        wrong = []
        for at, one in enumerate(column):
            try:
                values.append(one.as_py(maps_as_pydicts="strict"))
            except (ValueError, OverflowError, KeyError, ArithmeticError):
                values.append(None)
                wrong.append(at)
        return values, wrong


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else text_of(value)


def _is_text(value: Any) -> bool:
    try:
        _text(value.as_py())
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    from pyarrow import ArrowException

    try:
        yield
    except (ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
        raise FileRefused(f"{name} cannot be read as parquet: {said}. Export it again.", code="damaged_file") from None
