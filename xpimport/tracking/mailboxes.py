"""The mails of a Maildir, a folder of .eml files, an mbox, one mail, or a pipe, one after the other.

Nothing is moved or deleted: who owns the mailbox decides what becomes of it, and a mail that is read again counts once.
"""

import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from xpimport.errors import FileRefused

LONGEST_MAIL = 4 << 20
"""Octets of one mail that are kept: a report begins with what it says, and ends with what somebody had attached."""

_LONGEST_LINE = 1 << 16
_FROM_LINE = re.compile(rb"From .*\d\d?:\d\d.*\d{4}")
_FROM_START = b"From "
_ESCAPED = re.compile(rb">+From ")
_FIELD = re.compile(rb"[A-Za-z0-9][-\w.]*[ \t]*:")
_BOM = b"\xef\xbb\xbf"
_PACKED = {
    b"\x1f\x8b": "zcat",
    b"BZh": "bzcat",
    b"\xfd7zXZ": "xzcat",
    b"\x28\xb5\x2f\xfd": "zstdcat",
    b"PK\x03\x04": "unzip -p",
}

Mail = tuple[str, bytes]
"""What a mail is called in messages to the operator (its file, or its number in the file), and its octets."""


def messages(source: str, stdin: BinaryIO) -> Iterator[Mail]:
    """Each mail of a path, or of `stdin` where the path is `-`.

    A long mail is cut at `LONGEST_MAIL`. A file of a folder that cannot be read stops the others not: it is told of at the
    end.

    Raises:
        FileRefused: there is no such file, or it is no mailbox, or cannot be read.
    """
    if source == "-":
        yield from _of_stream(stdin, "standard input")
        return
    path = Path(source)
    try:
        if path.is_dir():
            yield from _of_folder(path)
        else:
            with path.open("rb") as file:
                yield from _of_stream(file, source)
    except FileNotFoundError:
        raise FileRefused(f"There is no mailbox {source}.", code="no_file") from None
    except OSError as problem:
        raise FileRefused(f"{source} cannot be read: {problem.strerror or problem}.") from problem


# Folders


def _of_folder(folder: Path) -> Iterator[Mail]:
    parts = [folder / name for name in ("new", "cur") if (folder / name).is_dir()]
    if parts:
        files = [file for part in parts for file in sorted(part.iterdir()) if not file.name.startswith(".")]
    else:
        files = sorted(file for file in folder.iterdir() if file.suffix.lower() == ".eml")
        if not files:
            raise FileRefused(
                f"{folder} is no mailbox: it has neither new nor cur, as a Maildir has, nor files that end in .eml."
            )
    unread: list[str] = []
    for file in files:
        try:
            octets = _read(file)
        except OSError as problem:
            unread.append(f"{file} ({problem.strerror or problem})")
            continue
        if octets is not None:
            yield str(file.relative_to(folder)), octets
    if unread:
        raise FileRefused(f"All the others of {folder} were read, but these cannot be: {', '.join(unread[:10])}.")


def _read(file: Path) -> bytes | None:
    """A mail of a folder; None: it is no file (a pipe would never end), or was taken away in the meantime."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return None
        with file.open("rb") as opened:
            return opened.read(LONGEST_MAIL)
    except FileNotFoundError:
        moved = _moved(file)
        return None if moved is None else moved.read_bytes()[:LONGEST_MAIL]


def _moved(file: Path) -> Path | None:
    """Where a mail program that was opened meanwhile has put a new mail: to `cur`, with flags behind its name."""
    if file.parent.name != "new":
        return None
    there = file.parent.parent / "cur"
    found = (one for one in there.iterdir() if one.name.partition(":")[0] == file.name) if there.is_dir() else iter(())
    return next(found, None)


# One file, or a pipe


def _of_stream(stream: BinaryIO, name: str) -> Iterator[Mail]:
    """An mbox if it begins with a From line, else one mail. Empty: no mail at all, as an emptied mbox is."""
    lines = _lines(stream)
    first = next((line.removeprefix(_BOM) for line in lines if line.removeprefix(_BOM).strip()), None)
    if first is None:
        return
    if first.startswith(_FROM_START):
        yield from _of_mbox(chain([first], lines), name)
        return
    if not _FIELD.match(first) and not _ESCAPED.match(first):
        raise FileRefused(_no_mailbox(first, name))
    yield name, _joined(chain([first], lines))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    """Lines with their ends, a very long one in pieces."""
    while line := stream.readline(_LONGEST_LINE):
        yield line


def _no_mailbox(first: bytes, name: str) -> str:
    for magic, program in _PACKED.items():
        if first.startswith(magic):
            return f"{name} is compressed: unpack it on the way in: `{program} FILE | xpimport event bounces -`."
    begin = ascii(first[:40].decode("latin-1").strip())
    return (
        f"{name} is no mailbox: it begins with {begin}, where an mbox has a From line and a mail a header."
        " Give a Maildir, an mbox file, a mail (.eml), or - for a mail on standard input."
    )


def _of_mbox(lines: Iterator[bytes], name: str) -> Iterator[Mail]:
    """The mails of an mbox (RFC 4155): each begins with a From line, which has a time and stands after an empty line.

    So a sentence that begins with From is none, where a program did not escape it.
    """
    number, mail, after_empty = 0, _Mail(), True
    for whole, line in _with_starts(lines):
        starts = whole and after_empty and line.startswith(_FROM_START)
        if starts and (not number or _FROM_LINE.match(line)):
            if number:
                yield f"{name}, mail {number}", mail.octets()
            number, mail = number + 1, _Mail()
        else:
            mail.add(line[1:] if whole and _ESCAPED.match(line) else line)
        after_empty = whole and not line.strip(b"\r\n")
    if number:
        yield f"{name}, mail {number}", mail.octets()


def _with_starts(lines: Iterator[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Each piece, and whether it begins a line."""
    starts = True
    for line in lines:
        yield starts, line
        starts = line.endswith(b"\n")


def _joined(lines: Iterator[bytes]) -> bytes:
    mail = _Mail()
    for line in lines:
        mail.add(line)
    return mail.octets()


class _Mail:
    """A mail that is put together of lines, up to its longest."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []
        self._length = 0

    def add(self, line: bytes) -> None:
        if self._length < LONGEST_MAIL:
            self._lines.append(line)
            self._length += len(line)

    def octets(self) -> bytes:
        return b"".join(self._lines)
