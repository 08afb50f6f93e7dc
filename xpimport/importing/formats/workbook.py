"""Looks through the zip of a workbook before anything else opens it.

calamine loads a sheet as one full rectangle, gives cells with an error as blank ones, and ends the process where
memory does not suffice: one stray cell in the last corner of a sheet is enough for that. So limits are checked, and
such cells found, here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from xpimport.importing.formats.unpacking import ENTRIES, FREE, RATIO, bomb, refusing

if TYPE_CHECKING:
    import zipfile

UNPACKED = 4 << 30
"""Bytes of all the files in a workbook."""

CELLS = 32 << 20
"""Cells of the rectangle that a sheet spans: 32 columns of the rows that a sheet can have."""

_CHUNK = 1 << 22
_ROW_LIMIT = 64 << 20
# With a literal start these take a third of the time; where cells are written otherwise, the careful ones look again.
_COLUMN = re.compile(rb""" r=["']([A-Za-z]+)""")
_ROW = re.compile(rb""" r=["'][A-Za-z]*([0-9]+)""")
_CAREFUL_COLUMN = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]+)""")
_CAREFUL_ROW = re.compile(rb"""\sr\s*=\s*["'][A-Za-z]*([0-9]+)""")
_CELL = re.compile(rb"<(?:\w+:)?c[\s>/]")
_ERROR = re.compile(rb"""<(?:\w+:)?c\s([^>]*\bt=["']e["'][^>]*)>""")
_FORMULA = re.compile(
    rb"<(?:\w+:)?c\s([^>]*)><(?:\w+:)?f\b[^>]*?(?:/>|>[^<]*</(?:\w+:)?f>)\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></(?:\w+:)?v>)?\s*</"
)
_REFERENCE = re.compile(rb"""\br=["'][A-Za-z]+([0-9]+)["']""")
_SHEET = re.compile(rb"""<(?:\w+:)?sheet\s[^>]*?\b\w+:id=["']([^"']+)["']""")
_ATTRIBUTE = re.compile(rb"""(\w+)=["']([^"']*)["']""")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s([^>]*)>")


@dataclass
class SheetScan:
    """What was seen in a sheet.

    Attributes:
        troubled: the rows (as the sheet numbers them) that cannot be trusted, each with why.
        rows, columns: what its cells span.
    """

    troubled: dict[int, str] = field(default_factory=dict)
    rows: int = 0
    columns: int = 0

    @property
    def too_large(self) -> bool:
        """Whether it must not be loaded."""
        return self.rows * self.columns > CELLS


def scan_workbook(file: BinaryIO, name: str) -> list[SheetScan]:
    """Check the limits of a zipped workbook, and look through its sheets, in their order.

    Only xlsx keeps its sheets as text that can be looked through; of xlsb and ods the limits of the zip are checked.

    Raises:
        FileRefused: `archive_bomb` or `damaged_archive`.
    """
    import zipfile

    with refusing(name), zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > ENTRIES:
            raise bomb(name, f"holds {len(entries):,} files, more than {ENTRIES:,}")
        total = 0
        looks: dict[str, SheetScan] = {}
        for info in entries:
            scan = _Scanner() if info.filename.endswith(".xml") and "/worksheets/" in info.filename else None
            total = _read_through(archive, info, scan, name, total)
            if scan is not None:
                looks[info.filename] = scan.look
        return [looks.get(path, SheetScan()) for path in _sheet_paths(archive)]


def _read_through(archive: zipfile.ZipFile, info: zipfile.ZipInfo, scan: _Scanner | None, name: str, total: int) -> int:
    """Unpack one file to nowhere, which checks its length and sum; returns the bytes of all files so far."""
    given = 0
    with archive.open(info) as member:
        while data := member.read(_CHUNK):
            given += len(data)
            if given > FREE and given > RATIO * max(info.compress_size, 1):
                raise bomb(name, f"unpacks to more than {RATIO} times its size")
            if total + given > UNPACKED:
                raise bomb(name, f"unpacks to more than {UNPACKED >> 30} GiB")
            if scan is not None:
                scan.feed(data)
    if scan is not None:
        scan.end()
    return total + given


def _sheet_paths(archive: zipfile.ZipFile) -> list[str]:
    """Where the sheets of an xlsx lie, in their order; none in other workbooks."""
    try:
        ids = _SHEET.findall(archive.read("xl/workbook.xml"))
        relations = archive.read("xl/_rels/workbook.xml.rels")
    except KeyError:
        return []
    targets = {}
    for attributes in _RELATION.findall(relations):
        found = dict(_ATTRIBUTE.findall(attributes))
        target = found.get(b"Target", b"").decode("utf-8", "replace")
        targets[found.get(b"Id")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return [targets.get(one, "") for one in ids]


class _Scanner:
    """Goes through the XML of a sheet in pieces that end where a row ends."""

    def __init__(self) -> None:
        self.look = SheetScan()
        self._rest = b""
        self._columns: set[bytes] = set()
        self._widest = 0
        self._tags = 0

    def feed(self, data: bytes) -> None:
        if self.look.too_large:
            return
        text = self._rest + data
        end = text.rfind(b"row>") + len(b"row>")
        if end < len(b"row>"):
            end = 0
        self._rest = text[end:]
        if len(self._rest) > _ROW_LIMIT:
            # No row of a list is as long as that.
            self.look.rows = self.look.columns = CELLS
        elif end:
            self._look_at(text[:end])

    def end(self) -> None:
        self._look_at(self._rest)

    def _look_at(self, text: bytes) -> None:
        columns, rows = _COLUMN.findall(text), _ROW
        self._tags += text.count(b"<row") + text.count(b":row")
        if len(columns) < text.count(b"<c") + text.count(b":c"):
            columns, rows = _CAREFUL_COLUMN.findall(text), _CAREFUL_ROW
            # Cells that do not say where they are follow each other.
            self._widest = max(self._widest, *(len(_CELL.findall(row)) for row in text.split(b"row")))
        self._columns.update(columns)
        self.look.columns = max(self._widest, *map(_number, self._columns), 0)
        self.look.rows = max(self.look.rows, self._tags, *map(int, set(rows.findall(text))))
        self._find_trouble(text)

    def _find_trouble(self, text: bytes) -> None:
        if b't="e"' in text or b"t='e'" in text:
            self._note(_ERROR.findall(text), "a cell holds an error, such as #N/A")
        if b"<f" in text or b":f" in text:
            never = [cell for cell in _FORMULA.findall(text) if b" t=" not in b" " + cell]
            self._note(never, "a formula was never calculated; open the workbook, save it, and deliver it again")

    def _note(self, cells: list[bytes], why: str) -> None:
        for cell in cells:
            if found := _REFERENCE.search(cell):
                self.look.troubled.setdefault(int(found[1]), why)


def _number(letters: bytes) -> int:
    """The number of a column: A is 1, XFD is 16,384."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + letter - 64
    return number
