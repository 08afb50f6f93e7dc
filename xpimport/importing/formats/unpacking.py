"""What unpacks gzip, zstd and zip as a stream, with limits that no bomb passes."""

from __future__ import annotations

import errno
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from xpimport.errors import FileRefused

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Iterator

RATIO = 200
"""How many times its packed size a list may have, beyond the first `FREE` bytes."""

FREE = 10 << 20
SIZE = 20 << 30
"""Bytes of an unpacked list."""

ENTRIES = 1_000
"""Files in a zip."""

_CHUNK = 1 << 17
_SMALL = 1 << 11
"""zstd unpacks whatever it is given at once, up to 32,768 times as much, so it is given little."""


class Unpacked:
    """Reads like a file; `tell` gives the packed bytes read so far. Use `Content.open`."""

    def __init__(self, file: BinaryIO, pieces: Iterator[bytes], name: str, start: int = 0) -> None:
        """Read from `pieces`, which are unpacked from `file` at `start`; the file is closed with this."""
        self._file, self._pieces, self._name, self._start = file, pieces, name, start
        self._rest = b""
        self._given = 0

    def read(self, size: int, /) -> bytes:
        """As many bytes as asked for, fewer only at the end.

        Raises:
            FileRefused: `damaged_archive`, `archive_bomb` or `unreadable`.
        """
        parts = [self._rest]
        have = len(self._rest)
        while have < size:
            with refusing(self._name):
                piece = next(self._pieces, b"")
            if not piece:
                break
            have += len(piece)
            self._given += len(piece)
            self._check()
            parts.append(piece)
        data = b"".join(parts)
        self._rest = data[size:]
        return data[:size]

    def tell(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _check(self) -> None:
        if self._given > SIZE:
            raise bomb(self._name, f"unpacks to more than {SIZE >> 30} GiB")
        if self._given > FREE and self._given > RATIO * max(self.tell() - self._start, 1):
            raise bomb(self._name, f"unpacks to more than {RATIO} times its size")


def gunzip(file: BinaryIO) -> Iterator[bytes]:
    """All members of a gzip file, one after the other; padding with zeros may follow them."""
    unpack = zlib.decompressobj(31)
    waiting = b""
    while True:
        if unpack.eof:
            waiting = unpack.unused_data.lstrip(b"\0")
            while not waiting:
                if not (waiting := file.read(_CHUNK)):
                    return
                waiting = waiting.lstrip(b"\0")
            unpack = zlib.decompressobj(31)
        ended = False
        if not waiting:
            waiting = file.read(_CHUNK)
            ended = not waiting
        data = unpack.decompress(waiting, 1 << 20)
        waiting = unpack.unconsumed_tail
        if data:
            yield data
        elif ended and not unpack.eof:
            raise EOFError("it has no end marker")


def unzstd(file: BinaryIO, name: str) -> Iterator[bytes]:
    """All frames of a zstd file, one after the other."""
    try:
        import zstandard
    except ImportError:
        raise FileRefused(
            f"{name} is packed with zstd, which needs one more package: pip install 'xpimport[zstd]'",
            code="missing_extra",
        ) from None
    whole = zstandard.ZstdDecompressor()
    unpack = whole.decompressobj()
    begun = False
    waiting = b""
    while True:
        if unpack.eof:
            waiting, unpack, begun = unpack.unused_data, whole.decompressobj(), False
        if not waiting:
            waiting = file.read(_SMALL)
        if not waiting:
            if begun:
                raise EOFError("its last frame has no end")
            return
        begun = True
        try:
            data = unpack.decompress(waiting)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
        waiting = b""
        if data:
            yield data


def unzip(file: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """One file of a zip; its length and sum are checked at its end."""
    import zipfile

    with zipfile.ZipFile(file) as archive, archive.open(info) as member:
        while data := member.read(_CHUNK):
            yield data


def bomb(name: str, what: str) -> FileRefused:
    """The refusal of what is too large to be a list; `what` says how it is."""
    return FileRefused(f"{name} {what}, which no list of people does. Deliver it unpacked.", code="archive_bomb")


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """What unpacking may raise, told as a refusal; an error of the disk is told as such."""
    import struct
    import zipfile

    damage = (EOFError, zlib.error, zipfile.BadZipFile, struct.error)
    try:
        yield
    except (*damage, ValueError, LookupError, OverflowError, RuntimeError) as error:
        raise _damaged(name, error) from None
    except OSError as error:
        # A place before the first byte or beyond all files, which a damaged directory names.
        if error.errno in {errno.EINVAL, errno.EOVERFLOW}:
            raise _damaged(name, error) from None
        raise FileRefused(f"{name} cannot be read: {error}.", code="unreadable") from None


def _damaged(name: str, error: Exception) -> FileRefused:
    said = str(error).rstrip(".") or type(error).__name__
    return FileRefused(f"{name} is damaged or was cut off: {said}. Fetch it again.", code="damaged_archive")
