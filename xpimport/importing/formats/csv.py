"""Reads csv and tsv lists: strict, with the physical line of every record, in bounded memory.

A block without any quote is split by `str.split`, which takes half the time of the csv module; a block with quotes
goes through `csv.reader` as a whole, and only a block that holds something unusual is read record by record.
"""

from __future__ import annotations

import csv
import gc
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Self

from xpimport.errors import FileRefused, Invalid
from xpimport.importing.formats import Malformed, Reader, RecordBatch, cut
from xpimport.importing.formats.blocks import LineBlock, stand_alone
from xpimport.importing.formats.header import checked_header
from xpimport.importing.formats.text import LINE_LIMIT, DecodedBlock, TextBlocks, line_too_long, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from xpimport.importing.formats import FormatOptions
    from xpimport.importing.formats.text import Stream

FIELD_LIMIT = 131_072
"""Characters in one cell."""

BROKEN_LINES = 50
"""A stray quote that has swallowed more physical lines than this is a quote that was never closed."""

_SEPARATOR_LINE = re.compile(r'"?sep=([^"\r\n])"?[\r\n]*', re.IGNORECASE)
_STRAY_QUOTE = "after a closing quote only a delimiter or the end of the line may follow; double a quote inside a cell"


@dataclass
class _Parsed:
    """What a block held. `rest` is the text of a record that goes on in the next block; `ends` is where the
    last record or malformed record begins, 0 when there is none.
    """

    records: list[list[str]] = field(default_factory=list)
    lines: Sequence[int] = ()
    malformed: list[Malformed] = field(default_factory=list)
    rest: str = ""


class _Feed:
    """Physical lines for the csv module, with a position that can be set back."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.position = 0
        self.ran_out = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        if self.position == len(self.lines):
            self.ran_out = True
            raise StopIteration
        line = self.lines[self.position]
        self.position += 1
        return line


@contextmanager
def _no_collection() -> Iterator[None]:
    """Pause the cyclic collector: it would walk the growing lists of strings a thousand times and find nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class CsvReader(Reader):
    """An open list; a context manager. Use `open_csv`.

    Attributes:
        header: the names of the columns, trimmed; blank ones are allowed, and are columns to ignore.
        encoding: the encoding in use.
        delimiter, quote: the ones in use; a `sep=` line has set the former.
    """

    def __init__(self, file: Stream, options: FormatOptions, name: str) -> None:
        """Read the header. Raises FileRefused and Invalid, see `open_csv`."""
        self._file = file
        self._name = name
        self.delimiter, self.quote = check_dialect(options)
        source = TextBlocks(file, options.encoding, name)
        self._blocks = iter(source)
        self._line = 1
        self._rest = ""
        self.header, self._first = self._read_header()
        self.encoding = source.encoding
        self._width = len(self.header)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """Yield the records after the header, once, at most `size` in a batch (a batch never spans two blocks).

        Raises:
            FileRefused: `undecodable`, `unclosed_quote`, `line_too_long`, `truncated` or `unreadable`.
        """
        for text, block in self._texts():
            yield from self._records(text, block, size)

    def pieces(self) -> Iterator[LineBlock | RecordBatch]:
        """Yield the same records as `batches`, but leave those that stand on one line each as text.

        Such text may be read in another process and in any order (`lines.split`); the end of the file never is.

        Raises:
            FileRefused: as `batches` does.
        """
        for text, block in self._texts():
            whole = None if block.last else self._as_lines(text, block.offset)
            if whole is None:
                yield from self._records(text, block, 20_000)
            else:
                yield whole

    def _texts(self) -> Iterator[tuple[str, DecodedBlock]]:
        """Each block with what the one before left over."""
        for block in chain([self._first], self._blocks):
            text, self._rest = self._rest + block.text, ""
            if text or block.last:
                yield text, block

    def _records(self, text: str, block: DecodedBlock, size: int) -> Iterator[RecordBatch]:
        with _no_collection():
            parsed = self._parse(text, last=block.last)
        self._rest = parsed.rest
        if len(parsed.rest) > LINE_LIMIT:
            raise self._unclosed(self._line)
        if block.last:
            self._refuse_truncated(parsed, text)
        yield from cut(RecordBatch(parsed.records, parsed.lines, parsed.malformed, block.offset), size)

    def _as_lines(self, text: str, offset: int) -> LineBlock | None:
        """The block as text, if each of its records stands on a line of its own."""
        plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        plain = plain.removesuffix("\n")
        lines = plain.split("\n")
        if self._refuse_long_line(lines) > FIELD_LIMIT:
            return None
        if self.quote and self.quote in plain and not stand_alone(lines, self.delimiter, self.quote):
            return None
        first = self._line
        self._line += len(lines)
        return LineBlock(plain, first, len(lines), offset)

    # -- the header -------------------------------------------------------------------------------------------

    def _read_header(self) -> tuple[list[str], DecodedBlock]:
        """Return the header and what is left of the block in which it ends."""
        rest = ""
        for block in self._blocks:
            text = rest + block.text
            lines = split_lines(text)
            self._refuse_long_line(lines)
            at = self._take_separator(lines)
            feed = _Feed(lines)
            feed.position = at + _leading_blank(lines[at:])
            start = feed.position
            header = self._header_record(feed, last=block.last)
            if header is not None:
                names = self._check_header(header, "".join(lines[start : feed.position]), self._line + start)
                self._line += feed.position
                left = "".join(lines[feed.position :])
                return names, DecodedBlock(left, block.offset, block.last)
            rest = "".join(lines[start:])
            self._line += start
            if len(rest) > LINE_LIMIT:
                raise self._unclosed(self._line)
        raise FileRefused(f"{self._name} is empty. Fetch it again, or ask its sender.", code="empty_file")

    def _take_separator(self, lines: list[str]) -> int:
        """Excel's `sep=;` on the first line sets the delimiter. Return the lines it takes: 1 or 0."""
        if self._line != 1 or not lines:
            return 0
        found = _SEPARATOR_LINE.fullmatch(lines[0])
        if not found or found[1] == self.quote:
            return 0
        self.delimiter = found[1]
        return 1

    def _header_record(self, feed: _Feed, *, last: bool) -> list[str] | None:
        """The next record, or None when it goes on in the next block, or there is none."""
        start = feed.position
        try:
            return next(self._reader(feed), None)
        except csv.Error as error:
            line = self._line + start
            if not feed.ran_out and "field larger" not in str(error):
                raise FileRefused(
                    f"{self._name}, line {line}: the header cannot be read: {_STRAY_QUOTE}.", code="malformed_header"
                ) from None
            if not feed.ran_out or last:
                raise self._unclosed(line) from None
            return None

    def _check_header(self, header: list[str], text: str, line: int) -> list[str]:
        where = f"{self._name}, line {line}"
        if "\0" in text:
            raise FileRefused(
                f"{where}: the header holds NUL bytes, so this is not plain text in the encoding expected. If it is "
                "UTF-16, declare utf-16-le or utf-16-be.",
                code="undecodable",
            )
        return checked_header(header, where)

    # -- the records ------------------------------------------------------------------------------------------

    def _parse(self, text: str, *, last: bool) -> _Parsed:
        """Read the records of `text`, which begins at line `self._line`, and move that line on."""
        if self.quote and self.quote in text:
            return self._parse_quoted(text, last=last)
        plain = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
        lines = plain.split("\n")
        if not lines[-1]:
            lines.pop()
        if self._refuse_long_line(lines) > FIELD_LIMIT:
            return self._parse_quoted(text, last=last)
        delimiter = self.delimiter
        records = [line.split(delimiter) for line in lines]
        return self._whole(lines, records) or self._sorted_out(lines, enumerate(records))

    def _parse_quoted(self, text: str, *, last: bool) -> _Parsed:
        lines = split_lines(text)
        self._refuse_long_line(lines)
        try:
            records = list(self._reader(lines))
        except csv.Error:
            records = []
        if len(records) == len(lines) and (whole := self._whole(lines, records)):
            return whole
        return self._one_by_one(lines, last=last)

    def _whole(self, lines: list[str], records: list[list[str]]) -> _Parsed | None:
        """The happy path: as many records as lines, all of the header's width, none of them blank."""
        if not set(map(len, records)) <= {self._width} or (self._width == 1 and not all(map(str.strip, lines))):
            return None
        first = self._line
        self._line += len(lines)
        return _Parsed(records, range(first, self._line))

    def _one_by_one(self, lines: list[str], *, last: bool) -> _Parsed:
        found: list[tuple[int, list[str] | None]] = []
        feed = _Feed(lines)
        reader = self._reader(feed)
        rest = len(lines)
        while (start := feed.position) < len(lines):
            try:
                found.append((start, next(reader)))
            except csv.Error as error:
                if feed.ran_out and not last:
                    rest = start
                    break
                self._refuse_unclosed(feed, start, str(error))
                # What the stray quote has swallowed is read again, so that every line has a fate of its own.
                found.append((start, None))
                feed.position = start + 1
        parsed = self._sorted_out(lines[:rest], found)
        parsed.rest = "".join(lines[rest:])
        return parsed

    def _refuse_unclosed(self, feed: _Feed, start: int, error: str) -> None:
        if feed.ran_out or "field larger" in error or feed.position - start > BROKEN_LINES:
            raise self._unclosed(self._line + start)

    def _sorted_out(
        self, lines: list[str], found: Iterator[tuple[int, list[str] | None]] | list[tuple[int, list[str] | None]]
    ) -> _Parsed:
        """Part records from blank lines and from malformed ones; `found` numbers lines of the block from 0."""
        records: list[list[str]] = []
        numbers: list[int] = []
        malformed: list[Malformed] = []
        first, width = self._line, self._width
        for start, cells in found:
            if cells is None:
                text = lines[start].rstrip("\r\n")
                malformed.append(Malformed(first + start, "malformed_row", [text], _STRAY_QUOTE))
            elif len(cells) <= 1 and not lines[start].strip():
                continue
            elif len(cells) == width:
                records.append(cells)
                numbers.append(first + start)
            else:
                detail = f"{len(cells)} cells where the header has {width}"
                malformed.append(Malformed(first + start, "wrong_column_count", cells, detail))
        self._line += len(lines)
        return _Parsed(records, numbers, malformed)

    # -- refusals ---------------------------------------------------------------------------------------------

    def _reader(self, lines: _Feed | list[str]) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            strict=True,
            delimiter=self.delimiter,
            quotechar=self.quote or None,
            quoting=csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
        )

    def _refuse_long_line(self, lines: list[str]) -> int:
        """Return the length of the longest line, in characters."""
        longest = max(map(len, lines), default=0)
        if longest > LINE_LIMIT:
            at = next(index for index, line in enumerate(lines) if len(line) > LINE_LIMIT)
            raise line_too_long(self._name, self._line + at)
        return longest

    def _unclosed(self, line: int) -> FileRefused:
        return FileRefused(
            f"{self._name}, line {line}: a quote that is opened in this record is never closed, or a cell is longer "
            f"than {FIELD_LIMIT:,} characters. Correct that record; a quote inside a cell is written twice.",
            code="unclosed_quote",
        )

    def _refuse_truncated(self, parsed: _Parsed, text: str) -> None:
        """A last record of a wrong shape without a line end is half of a record."""
        if not parsed.malformed or text.endswith(("\n", "\r")):
            return
        line = parsed.malformed[-1].line
        tail = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :]
        if (parsed.lines and parsed.lines[-1] > line) or not tail.strip():
            return
        raise FileRefused(
            f"{self._name}, line {line}: the last record is not complete and has no line end: the upload was probably "
            "cut off. Fetch or export the file again.",
            code="truncated",
        )


def open_csv(file: Stream, options: FormatOptions, name: str) -> CsvReader:
    """Read the header of the list in `file`, called `name` in messages; the file is closed with the reader.

    Raises:
        FileRefused: `unreadable`, `empty_file`, `undecodable`, `unclosed_quote`, `line_too_long`,
            `malformed_header`, `duplicate_header` or `too_many_columns`.
        Invalid: a delimiter, quote or encoding that cannot be.
    """
    try:
        check_dialect(options)
        # A library may have raised this limit of the whole process.
        csv.field_size_limit(FIELD_LIMIT)
        return CsvReader(file, options, name)
    except BaseException:
        file.close()
        raise


def check_dialect(options: FormatOptions) -> tuple[str, str]:
    """Give delimiter and quote. Raises Invalid where they cannot be."""
    delimiter, quote = options.delimiter, options.quote
    if len(delimiter) != 1 or delimiter in "\r\n\0":
        raise Invalid(f"The delimiter must be one character, not {delimiter!r}. Use , or ; or a tab.")
    if len(quote) > 1 or quote in {"\r", "\n", "\0", delimiter}:
        raise Invalid(f"The quote must be one character other than the delimiter, or empty, not {quote!r}.")
    return delimiter, quote


def _leading_blank(lines: list[str]) -> int:
    return next((index for index, line in enumerate(lines) if line.strip()), len(lines))
