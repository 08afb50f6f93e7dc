"""Lists made for tests of reading, and what reading them gives."""

import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions
from xpimport.importing.formats.opening import open_list

CSV = b"user_id,email\n1,a@example.com\n2,b@example.com\n"
ROWS = [["1", "a@example.com"], ["2", "b@example.com"]]


def read(path: Path, name: str | None = None, **options):
    """Header, records, lines and malformed rows of a list."""
    with open_list(path, FormatOptions(**options), name or path.name) as reader:
        batches = list(reader.batches(size=3))
        return (
            reader.header,
            [record for batch in batches for record in batch.records],
            [line for batch in batches for line in batch.lines],
            [(one.line, one.reason) for batch in batches for one in batch.malformed],
        )


def refusal(path: Path, name: str | None = None, **options) -> FileRefused:
    with pytest.raises(FileRefused) as refused:
        read(path, name, **options)
    return refused.value


def gzipped(content: bytes) -> bytes:
    """Packed, to the same bytes at any time: contents name their tests, and two test workers must agree on names."""
    return gzip.compress(content, mtime=0)


def zipped(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return made.getvalue()


def zipped_as(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return made.getvalue()


def sheet(*rows, title="People") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def parquet(**columns) -> bytes:
    made = io.BytesIO()
    pyarrow.parquet.write_table(pa.table(columns), made)
    return made.getvalue()
