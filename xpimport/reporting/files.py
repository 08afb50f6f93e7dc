"""A file that is there whole or not at all: written beside its place, and renamed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkstemp

from xpimport.errors import Failed


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A private new file beside `path`, to be written; it takes the place of `path` once that is done.

    What is no plain file (a pipe, a device) is given as it is.

    Raises:
        Failed: the place cannot be written to.
    """
    place = path.resolve()
    try:
        if place.exists() and not place.is_file():
            yield place
            return
        handle, name = mkstemp(prefix=f".{place.name[:100]}.", dir=place.parent)
        os.close(handle)
        made = Path(name)
        try:
            yield made
            with made.open("rb") as file:
                os.fsync(file.fileno())
            made.replace(place)
        finally:
            made.unlink(missing_ok=True)
    except OSError as problem:
        raise Failed(f"Cannot write {path}: {problem.strerror or problem}.") from None
