"""Reads lists of JSON objects, one a line, in bounded memory.

The columns are the keys of the first object, then the keys first seen later: a key that only a late line has, such as
an opt-out, is a column like any other. So the whole file is read once for its keys before the first row is given.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NoReturn

from xpimport.errors import FileRefused
from xpimport.importing.formats import Malformed, Reader, RecordBatch, cut
from xpimport.importing.formats.cells import Digits, json_text, text_of
from xpimport.importing.formats.header import COLUMN_LIMIT, checked_header
from xpimport.importing.formats.text import LINE_LIMIT, DecodedBlock, TextBlocks, line_too_long, split_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from xpimport.importing.formats import FormatOptions
    from xpimport.importing.formats.packing import DetectedFile

_SPACE = " \t\r\n"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class _NoNumber(ValueError):
    """NaN or Infinity, which JSON does not have."""


class _NotAnObject(ValueError):
    """JSON, and no object."""


class _Twice(ValueError):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _Twice(key)
            seen.add(key)
    return made


def _refuse_constant(text: str) -> NoReturn:
    raise _NoNumber(text)


def _scanner(number: Callable[[str], str]) -> Callable[[str, int], tuple[Any, int]]:
    """What `json.loads` calls, without its care for what a stripped line of text cannot be."""
    decoder = json.JSONDecoder(
        object_pairs_hook=_object, parse_int=number, parse_float=number, parse_constant=_refuse_constant
    )
    scan: Callable[[str, int], tuple[Any, int]] = decoder.scan_once  # type: ignore[attr-defined]
    return scan


_fast = _scanner(str)
_exact = _scanner(Digits)


class JsonlReader(Reader):
    """An open list; use `open_jsonl`.

    Attributes:
        header: the keys, trimmed.
    """

    def __init__(self, content: DetectedFile, options: FormatOptions) -> None:
        """Read the keys. Raises FileRefused and Invalid, see `open_jsonl`."""
        self._name = content.name
        self._keys = _keys_of(content, options.encoding)
        self.header = checked_header(self._keys, f"{self._name}, keys of the objects")
        self._file = content.open()
        self._blocks = TextBlocks(self._file, options.encoding, self._name)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, size: int = 20_000) -> Iterator[RecordBatch]:
        """Yield the objects, once, at most `size` in a batch.

        Raises:
            FileRefused: `undecodable`, `line_too_long`, `truncated`, or what unpacking raises.
        """
        first = 1
        for block in self._blocks:
            lines = split_lines(block.text)
            yield from cut(self._read(lines, first, block), size)
            first += len(lines)

    def _read(self, lines: list[str], first: int, block: DecodedBlock) -> RecordBatch:
        """The objects of a block whose first line has the number `first`."""
        records: list[list[str]] = []
        numbers: list[int] = []
        malformed: list[Malformed] = []
        keys = self._keys
        for number, line in enumerate(lines, first):
            bare = line.strip(_SPACE)
            if not bare:
                continue
            try:
                get = _parsed(bare).get
                records.append([value if type(value) is str else _cell(value, bare, key)
                                for key in keys for value in (get(key),)])  # fmt: skip
                numbers.append(number)
            except (ValueError, RecursionError) as problem:
                if block.last and number == first + len(lines) - 1 and _cut_off(line, problem):
                    raise self._truncated(number) from None
                malformed.append(Malformed(number, "malformed_row", [bare], _why(problem)))
        return RecordBatch(records, numbers, malformed, block.offset)

    def _truncated(self, line: int) -> FileRefused:
        return FileRefused(
            f"{self._name}, line {line}: the last object is not complete and has no line end: the upload was probably "
            "cut off. Fetch or export the file again.",
            code="truncated",
        )


def open_jsonl(content: DetectedFile, options: FormatOptions) -> JsonlReader:
    """Open a list and read all its keys; a nested array or object becomes a cell of compact JSON.

    Numbers keep their digits, null is a blank cell. A line that is no JSON object, or that has a key twice, NaN or
    half of a surrogate pair, is a malformed row.

    Raises:
        FileRefused: `empty_file`, `malformed_header` (no line is an object), `duplicate_header`, `too_many_columns`,
            `undecodable`, `line_too_long`, `unreadable`, or what unpacking raises.
        Invalid: an encoding that cannot be.
    """
    return JsonlReader(content, options)


# A run opens its list several times; the keys of a file that has not changed are the same.
@lru_cache(maxsize=8)
def _keys_of(content: DetectedFile, encoding: str | None) -> tuple[str, ...]:
    """All keys of a list, in the order in which they come."""
    keys: dict[str, None] = {}
    opening = ""
    line = 0
    file = content.open()
    try:
        for block in TextBlocks(file, encoding, content.name):
            lines = split_lines(block.text)
            if (longest := max(map(len, lines), default=0)) > LINE_LIMIT:
                at = next(index for index, one in enumerate(lines) if len(one) == longest)
                raise line_too_long(content.name, line + at + 1)
            line += len(lines)
            bare = [one for one in (one.strip(_SPACE) for one in lines) if one]
            opening = opening or next(iter(bare), "")
            if opening.startswith("["):
                raise _no_keys(content.name, opening)
            keys.update(dict.fromkeys(chain.from_iterable(_objects(bare))))
            if len(keys) > COLUMN_LIMIT:
                checked_header(list(keys), f"{content.name}, keys of the objects up to line {line}")
    finally:
        file.close()
    if not keys:
        raise _no_keys(content.name, opening)
    return tuple(keys)


def _objects(lines: list[str]) -> Iterator[dict[str, object]]:
    for line in lines:
        try:
            yield _parsed(line)
        except (ValueError, RecursionError):
            continue


def _no_keys(name: str, opening: str) -> FileRefused:
    if not opening:
        return FileRefused(f"{name} is empty. Fetch it again, or ask its sender.", code="empty_file")
    if opening[0] == "[":
        said = "it begins as one JSON array. Write one object a line, as jq -c '.[]' does"
    else:
        said = "no line of it is a JSON object with keys. Check the format"
    return FileRefused(f"{name}: {said}.", code="malformed_header")


def _parsed(line: str) -> dict[str, object]:
    """The object of a line, its numbers as text. Raises ValueError or RecursionError."""
    try:
        value, end = _fast(line, 0)
    except StopIteration as problem:
        raise json.JSONDecodeError("no value", line, problem.value) from None
    if end != len(line):
        raise json.JSONDecodeError("more than one value", line, end)
    if type(value) is not dict:
        raise _NotAnObject
    if "\\" in line and _SURROGATE.search(line):
        json_text(value).encode()
    return value


def _cell(value: object, line: str, key: str) -> str:
    if isinstance(value, dict | list):
        return json_text(_exact(line, 0)[0][key])
    return text_of(value)


def _cut_off(line: str, problem: Exception) -> bool:
    return isinstance(problem, json.JSONDecodeError) and not line.endswith(("\n", "\r"))


def _why(problem: Exception) -> str:
    if isinstance(problem, _NotAnObject):
        return "the line is no JSON object"
    if isinstance(problem, _Twice):
        return f'the object has the key "{problem}" twice'
    if isinstance(problem, _NoNumber):
        return f"{problem} is no JSON number; write null"
    if isinstance(problem, json.JSONDecodeError):
        return f"the line is no JSON: {problem.msg}, at character {problem.pos + 1}"
    if isinstance(problem, UnicodeEncodeError):
        return "an escape in the line is half of a character (a lone surrogate)"
    return "the line is nested too deeply"
