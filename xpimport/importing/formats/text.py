"""Bytes to text: recognises the byte order mark, decodes strictly, and keeps memory bounded."""

from __future__ import annotations

import codecs
import io
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from xpimport.errors import FileRefused, Invalid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import BinaryIO

BLOCK_BYTES = 1 << 20
"""Bytes read at a time. Larger blocks fall out of the processor's cache and are slower to split."""

LINE_LIMIT = 1 << 20
"""Characters in one physical line."""

_BOMS = (
    # Before UTF-16, whose mark begins the same way.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Python knows these as text encodings, but no list is kept in them, and some make lone surrogates.
_NOT_FOR_FILES = {"idna", "mbcs", "oem", "punycode", "raw_unicode_escape", "undefined", "unicode_escape", "utf-7"}
_CUT_SHORT = {"unexpected end of data", "truncated data", "incomplete multibyte sequence"}


class Stream(Protocol):
    """Bytes to read from first to last: a file, or what is unpacked from one."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""

    def tell(self) -> int:
        """Bytes of the file on disk that were read so far."""

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True)
class DecodedBlock:
    """Text of whole physical lines (but for the end of the file).

    `offset` is the bytes of the file on disk that were read so far, for progress only.
    """

    text: str
    offset: int
    last: bool


def open_binary(path: Path, name: str) -> BinaryIO:
    """Open a regular file for reading.

    Raises:
        FileRefused: `no_file`, `not_a_file` or `unreadable`.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise FileRefused(f"{name} is not a regular file. Name one file.", code="not_a_file")
        return path.open("rb", buffering=0)
    except (FileNotFoundError, NotADirectoryError):
        raise FileRefused(f"{name}: there is no such file. Check the path.", code="no_file") from None
    except (OSError, ValueError) as error:
        raise FileRefused(f"{name} cannot be read: {error}. Check its permissions.", code="unreadable") from None


def check_encoding(encoding: str) -> str:
    """Return the codec's own name.

    Raises:
        Invalid: no such encoding, or one that is not for text files.
    """
    try:
        "".encode(encoding)  # unlike codecs.lookup, refuses codecs that do not make text
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        known = "undefined"
    if known in _NOT_FOR_FILES or known.replace("-", "_") in _NOT_FOR_FILES:
        raise Invalid(f"Unknown encoding {encoding!r}. Use one such as utf-8, utf-16, cp1252 or latin-1.")
    return known


def split_lines(text: str) -> list[str]:
    """Physical lines with their ends; LF, CRLF and CR each end one, and nothing else does."""
    return io.StringIO(text, newline="").readlines()


def count_line_ends(text: str) -> int:
    """The number of LF, CRLF and CR in `text`."""
    return text.count("\n") + text.count("\r") - text.count("\r\n")


class TextBlocks:
    """Iterates over the decoded text of a file, in blocks cut at line ends; the last one has `last` set.

    `encoding` is the declared one or None; afterwards it is the one in use. Every iteration may raise FileRefused:
    `undecodable` (with line and byte offset, both of the first bad byte), `line_too_long`, `unreadable`.
    """

    def __init__(self, file: Stream, encoding: str | None, name: str) -> None:
        self._file = file
        self._name = name
        self._declared = encoding is not None
        self.encoding = check_encoding(encoding or "utf-8")
        self._lines_before = 0
        self._carry = ""

    def __iter__(self) -> Iterator[DecodedBlock]:
        data = self._start()
        decoder = codecs.getincrementaldecoder(self.encoding)()
        while True:
            following = self._read()
            text = self._decode(decoder, data, offset=self._offset, last=not following)
            self._offset += len(data)
            if not following:
                yield DecodedBlock(text, self._file.tell(), last=True)
                return
            # A CR at the very end may be the first half of a CRLF.
            cut = max(text.rfind("\n"), text.rfind("\r", 0, len(text) - 1)) + 1
            self._carry = text[cut:]
            if len(self._carry) > LINE_LIMIT:
                self._lines_before += count_line_ends(text[:cut])
                raise line_too_long(self._name, self._lines_before + 1)
            if cut:
                block = text[:cut]
                self._lines_before += count_line_ends(block)
                yield DecodedBlock(block, self._file.tell(), last=False)
            data = following

    def _start(self) -> bytes:
        """Read the first bytes, take the mark off and let it choose the encoding."""
        data = self._read()
        self._offset = 0
        for mark, encoding in _BOMS:
            if data.startswith(mark):
                self.encoding = encoding
                self._declared = True
                self._offset = len(mark)
                return data[len(mark) :]
        return data

    def _read(self) -> bytes:
        try:
            return self._file.read(BLOCK_BYTES)
        except OSError as error:
            raise FileRefused(f"{self._name} cannot be read: {error}.", code="unreadable") from error

    def _decode(self, decoder: codecs.IncrementalDecoder, data: bytes, *, offset: int, last: bool) -> str:
        waiting = decoder.getstate()[0]
        try:
            return self._carry + decoder.decode(data, final=last)
        except UnicodeDecodeError as error:
            good = error.object[: error.start].decode(self.encoding, "replace")
            line = self._lines_before + count_line_ends(self._carry + good) + 1
            raise self._undecodable(error, line, offset - len(waiting) + error.start, last) from None
        except UnicodeError:
            # The only other refusal of a codec: UTF-16 or UTF-32 declared without saying which, and no mark.
            raise FileRefused(
                f"{self._name}, line 1, byte offset 0: there is no byte order mark. Declare {self.encoding}-le or "
                f"{self.encoding}-be instead of {self.encoding}.",
                code="undecodable",
            ) from None

    def _undecodable(self, error: UnicodeDecodeError, line: int, offset: int, last: bool) -> FileRefused:
        byte = error.object[error.start]
        if last and error.reason in _CUT_SHORT:
            advice = "The file ends in the middle of a character: the upload was probably cut off. Fetch it again."
        elif self._declared:
            advice = "Declare the encoding that it is really in, or save it as UTF-8."
        else:
            advice = "Save it as UTF-8, or declare the encoding that it is in (cp1252, latin-1, utf-16-le ...)."
        where = f"{self._name}, line {line}, byte offset {offset}"
        return FileRefused(f"{where}: the byte 0x{byte:02X} is not {self.encoding}. {advice}", code="undecodable")


def line_too_long(name: str, line: int) -> FileRefused:
    """The refusal of a physical line beyond `LINE_LIMIT`."""
    return FileRefused(
        f"{name}, line {line}: the line is longer than {LINE_LIMIT:,} characters. Check that it is a list of people "
        "with one record a line.",
        code="line_too_long",
    )
