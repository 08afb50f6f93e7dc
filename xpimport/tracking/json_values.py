"""The JSON values of a file of events: one document, a value a line, or values one behind the other."""

import json
from collections.abc import Iterator
from typing import IO

from xpimport.errors import FileRefused
from xpimport.rules.events import NotUnderstood

WHOLE = 1 << 30
"""Bytes of one document that are read at once."""

SHOWN = 2_000
"""Characters that are kept of what is no JSON."""

_BOM = "\ufeff"


def values(file: IO[bytes], name: str) -> Iterator[object]:
    """Every value, in order; what is none, half a line at the end say, as `NotUnderstood`.

    Raises:
        FileRefused: it is text, and no JSON at all.
    """
    lines = (line.decode("utf-8", "replace").strip().lstrip(_BOM).strip() for line in file)
    first = next((line for line in lines if line), None)
    if first is None:
        return
    found = value_of(first)
    if isinstance(found, NotUnderstood) or _goes_on(first):
        text = first + "\n" + "\n".join(lines)
        yield from _document(text[:WHOLE], name)
        return
    yield found
    for line in lines:
        if line:
            yield value_of(line)


def _goes_on(line: str) -> bool:
    """Whether a first line is the beginning of a document, though it is a value by itself."""
    return line in {"[", "{"}


def value_of(text: str) -> object:
    """The JSON value that a text is; what is none as `NotUnderstood`."""
    try:
        return json.loads(text)
    except ValueError as problem:
        return NotUnderstood(f"it is no JSON: {problem}", body=text[:SHOWN])
    except RecursionError:
        return NotUnderstood("it is nested too deeply", body=text[:SHOWN])


def _document(text: str, name: str) -> Iterator[object]:
    decoder, at, count = json.JSONDecoder(), 0, 0
    while at < len(text):
        try:
            value, end = decoder.raw_decode(text, at)
        except RecursionError:
            yield NotUnderstood("it is nested too deeply", body=text[at : at + SHOWN])
            return
        except ValueError as problem:
            # What was cut off stands at the end; what begins with no value at all is no such file.
            if not count and text[at] not in "[{":
                raise FileRefused(f"{name} is no JSON: {problem}. Give the file as the provider wrote it.") from None
            yield NotUnderstood(f"it is no JSON: {problem}", body=text[at : at + SHOWN])
            line_end = text.find("\n", at)
            at = len(text) if line_end < 0 else line_end + 1
        else:
            yield value
            count += 1
            at = end
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
