"""Tells what packs a list, by its first bytes and never by its name alone, and takes the packing off.

Nothing is unpacked to a path that an archive names, and nothing is held in memory as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from xpimport.errors import FileRefused
from xpimport.importing.formats.text import open_binary
from xpimport.importing.formats.unpacking import ENTRIES, SIZE, Unpacked, bomb, gunzip, refusing, unzip, unzstd

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable
    from pathlib import Path

    from xpimport.importing.formats.text import Stream

_HEAD = 4096
_ENDINGS = {"gzip": (".gz", ".gzip"), "zstd": (".zst", ".zstd"), "zip": (".zip",)}
_OFFICE = ("[Content_Types].xml", "_rels/", "docProps/", "xl/", "mimetype", "customXml/")
"""What the files in a workbook are called; `mimetype` is the first of an OpenDocument file."""


@dataclass(frozen=True)
class DetectedFile:
    """A list on disk, and how to read it from its first byte as often as needed.

    Attributes:
        path: the file.
        name: what it is called in messages; with the name of the one list inside where it is a zip.
        bare: the name that tells its format: of the list inside, without the endings of packings.
        packing: gzip, zstd, zip, or None.
        head: its first bytes, unpacked; at most 4,096.
        signature: size and time of change (ns) of the file on disk.
    """

    path: Path
    name: str
    bare: str
    packing: str | None
    head: bytes
    signature: tuple[int, int]

    def open(self) -> Stream:
        """The list from its first byte. Raises FileRefused, as reading from it may."""
        return _open(self.path, self.name, self.packing)

    def spool(self, limit: int = SIZE) -> BinaryIO:
        """The list as a file that can be read at any place: a private one without a name where it is packed.

        Raises:
            FileRefused: it is damaged, or longer than `limit` bytes.
        """
        if self.packing is None:
            return open_binary(self.path, self.name)
        import tempfile

        copy = tempfile.TemporaryFile()  # noqa: SIM115
        try:
            stream = self.open()
            try:
                while data := stream.read(1 << 20):
                    copy.write(data)
                    if copy.tell() > limit:
                        raise bomb(self.name, f"unpacks to more than {limit:,} bytes")
            finally:
                stream.close()
            copy.seek(0)
        except BaseException:
            copy.close()
            raise
        return copy


def detect(path: Path, name: str) -> DetectedFile:
    """Find out what packs the list at `path`, and read its first bytes.

    Raises:
        FileRefused: `no_file`, `not_a_file`, `unreadable`, `damaged_archive`, `encrypted_archive`, `nested_archive`,
            `not_one_list` or `archive_bomb`.
    """
    with open_binary(path, name) as file:
        head = _fill(file.read)
        packing = packing_of(head)
        bare, named = _without_ending(name)
        if named and named != packing:
            raise FileRefused(
                f"{name} is called {named} and is none. Fetch it again, or give it its right name.",
                code="damaged_archive",
            )
        if packing == "zip" and _is_office(file, name):
            packing = None
        if packing == "zip":
            with refusing(name):
                inside = _one_list(file, name).filename
            if PurePosixPath(inside).suffix:
                bare = inside
            name = f"{name} ({PurePosixPath(inside).name})"
        state = path.stat()
        signature = (state.st_size, state.st_mtime_ns)
    if packing is None:
        return DetectedFile(path, name, bare, None, head, signature)
    stream = _open(path, name, packing)
    try:
        head = _fill(stream.read)
    finally:
        stream.close()
    inner = packing_of(head)
    if inner is not None and not (inner == "zip" and head[30:].startswith(tuple(part.encode() for part in _OFFICE))):
        raise FileRefused(
            f"{name} holds another packed file ({inner}). Pack the list itself, once.", code="nested_archive"
        )
    return DetectedFile(path, name, bare, packing, head, signature)


def packing_of(head: bytes) -> str | None:
    """What packs a file that begins with `head`: gzip, zstd, zip (workbooks too), or None."""
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return None


def _open(path: Path, name: str, packing: str | None) -> Stream:
    file = open_binary(path, name)
    if packing is None:
        return file
    try:
        if packing == "gzip":
            return Unpacked(file, gunzip(file), name)
        if packing == "zstd":
            return Unpacked(file, unzstd(file, name), name)
        with refusing(name):
            info = _one_list(file, name)
            return Unpacked(file, unzip(file, info), name, info.header_offset)
    except BaseException:
        file.close()
        raise


def _fill(read: Callable[[int], bytes]) -> bytes:
    data = b""
    while len(data) < _HEAD and (more := read(_HEAD - len(data))):
        data += more
    return data


def _without_ending(name: str) -> tuple[str, str | None]:
    """A name without the ending of a packing, and the packing that it promised."""
    for packing, endings in _ENDINGS.items():
        for ending in endings:
            if name.lower().endswith(ending):
                return name[: -len(ending)], packing
    return name, None


def _is_office(file: BinaryIO, name: str) -> bool:
    """Whether a zip is a workbook (or another office file, which its reader then refuses)."""
    import zipfile

    with refusing(name), zipfile.ZipFile(file) as archive:
        inside = archive.namelist()
    return "[Content_Types].xml" in inside or ("mimetype" in inside and "content.xml" in inside)


def _one_list(file: BinaryIO, name: str) -> zipfile.ZipInfo:
    """The one list in a zip; folders, what macOS adds and dot files do not count.

    Raises:
        FileRefused: `archive_bomb`, `not_one_list` or `encrypted_archive`.
    """
    import zipfile

    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
    if len(entries) > ENTRIES:
        raise bomb(name, f"holds {len(entries):,} files, more than {ENTRIES:,}")
    lists = [info for info in entries if not _not_a_list(info.filename)]
    if len(lists) != 1:
        names = ", ".join(info.filename for info in lists[:5]) + (", ..." if len(lists) > 5 else "")
        found = f"{len(lists)} files ({names})" if lists else "no file"
        raise FileRefused(f"{name} holds {found}; a zip must hold exactly one list.", code="not_one_list")
    info = lists[0]
    if info.flag_bits & 1:
        raise FileRefused(
            f"{name} is protected by a password. Deliver it without one, over a channel that is safe.",
            code="encrypted_archive",
        )
    if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise FileRefused(
            f"{name} is packed by method {info.compress_type}, which is not read. Use the ordinary method (deflate).",
            code="damaged_archive",
        )
    return info


def _not_a_list(filename: str) -> bool:
    path = PurePosixPath(filename)
    return filename.endswith("/") or not path.name or "__MACOSX" in path.parts or path.name.startswith(".")
