"""Reports as a spreadsheet: the same cells as in CSV, none of them a formula or a link. The one owner of xlsxwriter."""

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xpimport.errors import Failed, Invalid
from xpimport.rules.csv_rows import cell_text

ROWS = 1_048_575
"""Rows that a sheet holds beside its titles."""
COLUMNS = 16_384
CHARACTERS = 32_767
"""What a sheet holds in its width, and a cell at the most."""

_OPTIONS = {
    "constant_memory": True,
    "strings_to_numbers": False,
    "strings_to_formulas": False,
    "strings_to_urls": False,
}


@dataclass
class Written:
    """What came of a spreadsheet: the rows of each of its sheets, and how many cells were cut since none holds more."""

    sheets: list[int] = field(default_factory=list)
    cut: int = 0


def write_xlsx(
    path: Path, name: str, columns: Sequence[str], lines: Iterable[Mapping[str, Any]], rows: int = ROWS
) -> Written:
    """Write lines under their titles; more than `rows` go on in further sheets, under the same titles.

    Raises:
        Invalid: the extra that it needs is not installed.
        Failed: the list is too wide, or there is no room for it.
    """
    workbook, problem = _library()
    if len(columns) > COLUMNS:
        raise Failed(f"The list has {len(columns):,} columns; a sheet holds {COLUMNS:,}. Take CSV: --format csv")
    found, left = Written(), iter(lines)
    # Its parts are written beside it, where there is room for the whole; a pipe or a device has no place beside it.
    beside = None if path.exists() and not path.is_file() else path.parent
    with TemporaryDirectory(dir=beside, prefix=".xlsx-") as parts, path.open("wb", buffering=0) as file:
        book = workbook(_Room(file), {**_OPTIONS, "tmpdir": parts})
        bold = book.add_format({"bold": True})
        ahead = next(left, None)
        while ahead is not None or not found.sheets:
            sheet = book.add_worksheet(f"{name} {len(found.sheets) + 1}" if found.sheets else name)
            _head(sheet, columns, bold)
            page = islice(chain([ahead], left), rows) if ahead is not None else ()
            found.sheets.append(_fill(sheet, columns, page, found))
            ahead = next(left, None)
        try:
            book.close()
        except problem as why:
            raise Failed(f"The spreadsheet could not be written: {why}.") from None
    return found


class _Room:
    """A file for zipfile, which goes on writing when it is cleared away: once there is no room, that is let pass."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._full = False

    def write(self, data: bytes) -> int:
        """All of the data, or the first error."""
        left = memoryview(data)
        while left and not self._full:
            try:
                left = left[self._file.write(left) :]
            except OSError:
                self._full = True
                raise
        return len(data)

    def seek(self, place: int, whence: int = 0) -> int:
        """As the file does."""
        return 0 if self._full else self._file.seek(place, whence)

    def tell(self) -> int:
        """As the file does."""
        return 0 if self._full else self._file.tell()

    def flush(self) -> None:
        """Nothing: it is not buffered."""


def _library() -> tuple[Any, type[Exception]]:
    try:
        from xlsxwriter import Workbook
        from xlsxwriter.exceptions import XlsxFileError
    except ImportError:
        raise Invalid("--format xlsx needs an extra. Install it: pip install 'xpimport[xlsx]'") from None
    return Workbook, XlsxFileError


def _head(sheet: Any, columns: Sequence[str], bold: object) -> None:
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(columns) - 1, 18)
    for at, title in enumerate(columns):
        sheet.write_string(0, at, cell_text(title)[:CHARACTERS], bold)


def _fill(sheet: Any, columns: Sequence[str], lines: Iterable[Mapping[str, Any]], found: Written) -> int:
    filled = 0
    for filled, line in enumerate(lines, 1):
        for at, column in enumerate(columns):
            value = line.get(column)
            if isinstance(value, int) and not isinstance(value, bool):
                sheet.write_number(filled, at, value)
            elif text := cell_text(value):
                sheet.write_string(filled, at, _fitting(text, found))
    return filled


def _fitting(text: str, found: Written) -> str:
    # Excel counts in UTF-16.
    encoded = text.encode("utf-16-le")
    if len(encoded) <= 2 * CHARACTERS:
        return text
    found.cut += 1
    return encoded[: 2 * CHARACTERS].decode("utf-16-le", errors="ignore")
