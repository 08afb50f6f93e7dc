"""What an idle tick needs, and nothing else: one indexed question, no write to the store."""

import os
import time

from xpimport.store.driver import sqlite3
from xpimport.store.location import APPLICATION_ID, SCHEMA_VERSION, spool_marker, tick_note

DUE = """
SELECT EXISTS (SELECT 1 FROM imports WHERE next_run_at <= :now)
    OR EXISTS (SELECT 1 FROM tasks WHERE wake_at <= :now)
    OR EXISTS (SELECT 1 FROM triggers WHERE wake_at <= :now)
"""
"""Every stored instant is on the row it belongs to, in UTC text, with an index of its own."""


def nothing_due(path: str) -> bool:
    """Whether a tick now has nothing at all to do; False for any doubt about the store."""
    if os.path.exists(spool_marker(path)):  # noqa: PTH110
        return False
    seconds = time.time()
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{int(seconds % 1 * 1e6):06d}Z"
    address = path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        connection = sqlite3.connect(f"file:{address}?mode=ro", uri=True)
        try:
            if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                return False
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                return False
            return not connection.execute(DUE, {"now": now}).fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error:
        return False


def note_tick(path: str) -> None:
    """Leave word that a tick ran, as the modification time of a file: the store itself stays unwritten.

    Raises:
        OSError: the directory beside the store cannot be written.
    """
    note = tick_note(path)
    try:
        os.utime(note)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(note), 0o700, exist_ok=True)  # noqa: PTH103, PTH120
        os.close(os.open(note, os.O_CREAT | os.O_WRONLY, 0o600))
