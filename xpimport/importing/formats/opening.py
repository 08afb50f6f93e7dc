"""Which format a list is in, and opening it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xpimport.importing.formats.csv import open_csv
from xpimport.importing.formats.mended import as_imported, options_for

if TYPE_CHECKING:
    from pathlib import Path

    from xpimport.importing.formats import FormatOptions, Reader


def open_list(path: Path, options: FormatOptions, name: str) -> Reader:
    """Open the list at `path`, called `name` in messages, and read its header.

    Raises:
        FileRefused: it cannot be read as a whole; see the format's own opener for the codes.
        Invalid: an option does not fit.
    """
    return as_imported(open_csv(path, options_for(_first_line(path), options), name))


def _first_line(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.readline(1 << 20)
    except (OSError, ValueError):
        return b""  # whoever opens it says what is wrong
