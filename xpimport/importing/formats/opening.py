"""Which format a list is in, and opening it."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from xpimport.errors import FileRefused
from xpimport.importing.formats.corrected import as_imported, options_for
from xpimport.importing.formats.csv import check_dialect, open_csv
from xpimport.importing.formats.packing import DetectedFile, detect
from xpimport.importing.formats.text import check_encoding

if TYPE_CHECKING:
    from pathlib import Path

    from xpimport.importing.formats import FormatOptions, Reader

_ENDINGS = {
    ".csv": "csv",
    ".txt": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xlsb": "xlsx",
    ".xls": "xlsx",
    ".ods": "xlsx",
    ".parquet": "parquet",
}
_WORKBOOK = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_CALLED = {
    "csv": "a csv list",
    "tsv": "a tsv list",
    "jsonl": "a jsonl list",
    "xlsx": "a workbook",
    "parquet": "parquet",
}
# What arrives in place of a list: a page that asks to log in, a report, a backup, a packing that is not read.
_NO_LIST = (
    (re.compile(rb"\s*<(?:!doctype html|html)", re.IGNORECASE), "a web page"),
    (re.compile(rb"%PDF-"), "a PDF document"),
    (re.compile(rb"SQLite format 3\0"), "a SQLite database"),
    (re.compile(rb"BZh[1-9]1AY&SY"), "packed with bzip2"),
    (re.compile(rb"\xfd7zXZ\0"), "packed with xz"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "packed with 7-Zip"),
    (re.compile(rb"Rar!\x1a\x07"), "packed with RAR"),
    (re.compile(rb"-----BEGIN PGP MESSAGE|age-encryption\.org/"), "encrypted"),
)


def open_list(path: Path, options: FormatOptions, name: str) -> Reader:
    """Open the list at `path`, called `name` in messages, and read its header.

    The format is the one of the options, else what the file's name says, else what its first bytes say. A name that
    the first bytes contradict is refused.

    Raises:
        FileRefused: it cannot be read as a whole: `empty_file`, `wrong_format`, `missing_extra`, or a code of
            `packing.detect` or of the format's own opener.
        Invalid: an option does not fit.
    """
    check_options(options)
    content = detect(path, "standard input" if name == "-" else name)
    if not content.head:
        raise FileRefused(f"{content.name} is empty. Fetch it again, or ask its sender.", code="empty_file")
    options = options_for(content.head, options)
    kind = _format(content, options.format)
    if kind == "jsonl":
        from xpimport.importing.formats.jsonl import open_jsonl

        return open_jsonl(content, options)
    if kind == "xlsx":
        from xpimport.importing.formats.xlsx import open_xlsx

        return as_imported(open_xlsx(content, options))
    if kind == "parquet":
        from xpimport.importing.formats.parquet import open_parquet

        return as_imported(open_parquet(content))
    if kind == "tsv" and options.delimiter == ",":
        options = replace(options, delimiter="\t")
    return as_imported(open_csv(content.open(), options, content.name))


def check_options(options: FormatOptions) -> None:
    """Refuse what can be seen to be wrong before any file is there.

    Raises:
        Invalid: a delimiter, quote or encoding that cannot be.
    """
    check_dialect(options)
    if options.encoding is not None:
        check_encoding(options.encoding)


def _format(content: DetectedFile, asked: str | None) -> str:
    """Which reader a list is for. Raises FileRefused (`wrong_format`)."""
    seen = _seen(content.head)
    claimed = asked or _ENDINGS.get(PurePosixPath(content.bare).suffix.lower())
    if claimed is None or claimed == seen:
        return claimed or seen or _text(content)
    if seen is not None:
        raise FileRefused(
            f"{content.name} is {_CALLED[seen]}, not {_CALLED[claimed]}. Give it its right name, or set --format "
            f"{seen}.",
            code="wrong_format",
        )
    kind = _text(content)
    if claimed in {"xlsx", "parquet"}:
        raise FileRefused(
            f"{content.name} is called {_CALLED[claimed]} and is none. Export it again, or set --format {kind} if "
            "it is text.",
            code="wrong_format",
        )
    return claimed


def _seen(head: bytes) -> str | None:
    if head.startswith(_WORKBOOK):
        return "xlsx"
    # After the mark of parquet comes no character of a text.
    return "parquet" if head.startswith(b"PAR1") and head[4:5] < b"\x20" and head[4:5] not in b"\t\r\n" else None


def _text(content: DetectedFile) -> str:
    """What a list is that names no format: text, so csv. Raises FileRefused where it plainly is no list."""
    for pattern, what in _NO_LIST:
        if pattern.match(content.head):
            raise FileRefused(
                f"{content.name} is {what}, not a list of people. Look at it, and deliver the list itself.",
                code="wrong_format",
            )
    return "csv"
