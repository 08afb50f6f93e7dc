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
    """Values one behind the other, the items of a list that was cut off too; what is none is told when any other was."""
    decoder, at, found, bad = json.JSONDecoder(), 0, False, []
    while at < len(text):
        try:
            value, at = decoder.raw_decode(text, at)
        except RecursionError:
            bad.append(NotUnderstood("it is nested too deeply", body=text[at : at + SHOWN]))
            at = len(text)
        except ValueError as problem:
            if text[at] in "[]" and not bad:
                at += 1  # a list without an end: its items are values by themselves
            else:
                line_end = text.find("\n", at)
                end = len(text) if line_end < 0 else line_end + 1
                bad.append(NotUnderstood(f"it is no JSON: {problem}", body=text[at:end][:SHOWN]))
                at = end
        else:
            found = True
            yield value
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    if bad and not found and text.lstrip()[:1] not in ("[", "{"):
        raise FileRefused(f"{name} holds no JSON. Give the file as the provider wrote it.")
    yield from bad
