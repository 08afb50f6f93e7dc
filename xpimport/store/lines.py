"""Files to which whole lines are appended, safe on the disk before anybody goes on."""

import os
from pathlib import Path

from xpimport.store.high_water import sync_folder


def append_lines(file: Path, octets: bytes) -> bool:
    """Append lines to a file that others may append to as well; returns whether the file is new.

    Raises:
        OSError: they could not be written, or not all of them.
    """
    new = not file.exists()
    file.parent.mkdir(mode=0o700, exist_ok=True)
    opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(opened).st_size
        # What a kill cut off must not swallow this line.
        torn = size > 0 and os.pread(opened, 1, size - 1) != b"\n"
        rest = memoryview(b"\n" + octets if torn else octets)
        while rest:  # a full disk takes a part, and then says so
            rest = rest[os.write(opened, rest) :]
        os.fdatasync(opened)
    finally:
        os.close(opened)
    if new:
        sync_folder(file.parent)
    return new
