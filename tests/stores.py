"""Stores as files: thrown away and made again, as if the first had never been."""

import os
import shutil
from pathlib import Path


def throw_away(db: Path) -> None:
    """Remove a store with all that lies beside it, and what the state directory knows of any."""
    for left in db.parent.glob(f"{db.name}*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


def begin_anew(db: Path, octets: bytes) -> None:
    """Make a store of a file's octets, which nobody has worked with before."""
    throw_away(db)
    db.write_bytes(octets)
