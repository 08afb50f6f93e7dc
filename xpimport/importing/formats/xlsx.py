"""Reads the lists of workbooks (xlsx, and xls, xlsb and ods as far as calamine reads them).

A row is known by the number that the sheet shows. Whole numbers stay whole (1001.0 is 1001), dates are ISO 8601.
A spreadsheet keeps 15 digits of a number: a longer identifier that was not typed as text has lost the others before
it comes here. Merged cells have their value in the first cell only. calamine holds a whole sheet in memory, about
100 bytes a cell.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

from xpimport.errors import FileRefused
from xpimport.importing.formats import Malformed, Reader, RecordBatch
from xpimport.importing.formats.cells import text_of
from xpimport.importing.formats.header import checked_header
from xpimport.importing.formats.workbook import UNPACKED, SheetScan, scan_workbook

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xpimport.importing.formats import FormatOptions
    from xpimport.importing.formats.packing import DetectedFile

# How the directory of an encrypted workbook names what it holds.
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")


class XlsxReader(Reader):
    """An open sheet; use `open_xlsx`.

    Attributes:
        header: the cells of the first row that is not blank, trimmed.
    """

    def __init__(self, sheet: Any, look: SheetScan, name: str, size: int) -> None:
        """Read the header. Raises FileRefused, see `open_xlsx`."""
        self._name, self._size, self._look = name, size, look
        self._height = max(sheet.total_height, 1)
        self._rows = _rows(sheet, name)
        for row, cells in self._rows:
            wide = max((index for index, cell in enumerate(cells, 1) if cell.strip()), default=0)
            if wide:
                self.header = checked_header(cells[:wide], f"{name}, row {row}")
                return
        raise FileRefused(f"{name} is empty. Name another sheet with --sheet, or ask its sender.", code="empty_file")

    def close(self) -> None:
        """Let go of the sheet."""
        self._rows = iter(())

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """Yield the rows after the header, once, at most `size` in a batch."""
        records: list[list[str]] = []
        lines: list[int] = []
        malformed: list[Malformed] = []
        width = len(self.header)
        troubled = self._look.troubled
        for row, cells in self._rows:
            if row in troubled:
                malformed.append(Malformed(row, "malformed_row", cells[:width], troubled[row]))
                continue
            if not any(cells) or not "".join(cells).strip():
                continue
            beyond = cells[width:]
            if any(beyond) and "".join(beyond).strip():
                malformed.append(_too_wide(row, cells, width))
                continue
            records.append(cells[:width] if beyond else cells + [""] * (width - len(cells)))
            lines.append(row)
            if len(records) == size:
                yield RecordBatch(records, lines, malformed, self._size * row // self._height)
                records, lines, malformed = [], [], []
        if records or malformed:
            yield RecordBatch(records, lines, malformed, self._size)


def open_xlsx(content: DetectedFile, options: FormatOptions) -> XlsxReader:
    """Open a sheet: the one of the options, else the first that is shown.

    A row in which a cell holds an error, or a formula that was never calculated, is malformed (in xlsx; calamine
    gives such cells of the other kinds as blank).

    Raises:
        FileRefused: `empty_file`, `missing_sheet`, `encrypted_workbook`, `damaged_workbook`, `sheet_too_large`,
            `archive_bomb`, `duplicate_header`, `too_many_columns`, or what unpacking raises.
    """
    from python_calamine import CalamineWorkbook, PasswordError

    name = content.name
    file = content.spool(UNPACKED)
    try:
        looks = []
        if content.head.startswith(b"PK"):
            looks = scan_workbook(file, name)
        elif _is_encrypted(file):
            raise _encrypted(name)
        file.seek(0)
        with _refusing(name):
            try:
                book = CalamineWorkbook.from_filelike(file)
            except PasswordError:
                raise _encrypted(name) from None
    finally:
        file.close()
    number, title = _chosen(book, options.sheet, name)
    name = f"{name}, sheet {title}"
    look = looks[number] if number < len(looks) else SheetScan()
    if look.too_large:
        raise FileRefused(
            f"{name}: its cells span {look.rows:,} rows and {look.columns:,} columns. Delete what stands far away from "
            "the list, and save it again; a list of that size is better kept as csv.",
            code="sheet_too_large",
        )
    with _refusing(name):
        sheet = book.get_sheet_by_name(title)
    return XlsxReader(sheet, look, name, content.signature[0])


def _chosen(book: Any, wanted: str | None, name: str) -> tuple[int, str]:
    """The number (from 0) and the name of the sheet to read."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    sheets = [(number, one) for number, one in enumerate(book.sheets_metadata) if one.typ == SheetTypeEnum.WorkSheet]
    if wanted is not None:
        for number, one in sheets:
            if one.name.casefold() == wanted.strip().casefold():
                return number, one.name
        names = ", ".join(one.name for _, one in sheets)
        raise FileRefused(
            f"{name}: there is no sheet {wanted!r}; the sheets are {names}. Set the right one with --sheet.",
            code="missing_sheet",
        )
    shown = [found for found in sheets if found[1].visible == SheetVisibleEnum.Visible] or sheets
    if not shown:
        raise FileRefused(f"{name} has no sheet. Export it again.", code="empty_file")
    return shown[0][0], shown[0][1].name


def _rows(sheet: Any, name: str) -> Iterator[tuple[int, list[str]]]:
    rows = iter(sheet.iter_rows())
    number = 0
    while True:
        with _refusing(name):
            row = next(rows, None)
        if row is None:
            return
        number += 1
        yield number, [cell if type(cell) is str else text_of(cell) for cell in row]


def _too_wide(row: int, cells: Sequence[str], width: int) -> Malformed:
    kept = list(cells)
    while not kept[-1].strip():
        kept.pop()
    return Malformed(row, "wrong_column_count", kept, f"{len(kept)} cells where the header has {width}")


def _is_encrypted(file: BinaryIO) -> bool:
    """Whether an OLE file is a workbook with a password around it."""
    before = b""
    while data := file.read(1 << 20):
        if _ENCRYPTED in before + data:
            return True
        before = data[-len(_ENCRYPTED) :]
    return False


def _encrypted(name: str) -> FileRefused:
    return FileRefused(
        f"{name} is protected by a password. Save it without one, and deliver it over a channel that is safe.",
        code="encrypted_workbook",
    )


@contextmanager
def _refusing(name: str) -> Iterator[None]:
    """What calamine may raise, told as a refusal; a panic of it is no Exception."""
    from python_calamine import CalamineError

    try:
        yield
    except FileRefused:
        raise
    except BaseException as error:
        if not isinstance(error, CalamineError | OSError | ValueError) and type(error).__name__ != "PanicException":
            raise
        raise FileRefused(
            f"{name} cannot be read as a workbook: {str(error).rstrip('.')}. Save it again as xlsx.",
            code="damaged_workbook",
        ) from None
