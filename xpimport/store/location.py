"""Where the store is, and what lies beside it. Kept light: an idle tick loads it."""

import os
import sys

APPLICATION_ID = 0x78706D70
"""`PRAGMA application_id` of every store of ours ("xpmp")."""

SCHEMA_VERSION = 4
"""`PRAGMA user_version` of the newest schema; equals the number of migrations, which a test proves."""


def default_path() -> str:
    """The store used without `--db`: `XPIMPORT_DB`, else `xpimport.db` in the user's data directory."""
    named = os.environ.get("XPIMPORT_DB")
    if named:
        return named
    home = os.path.expanduser("~")  # noqa: PTH111 - pathlib costs an idle tick 5 ms
    if sys.platform == "darwin":
        data = home + "/Library/Application Support"
    else:
        data = os.environ.get("XDG_DATA_HOME") or home + "/.local/share"
    return f"{data}/xpimport/xpimport.db"


def files_directory(path: str) -> str:
    """The directory beside the store at `path` that holds its outbox, reports and working files."""
    return path + ".files"


def tick_note(path: str) -> str:
    """The empty file whose modification time says when a tick last ran."""
    return files_directory(path) + "/tick"


def spool_marker(path: str) -> str:
    """The empty file that is there while something was spooled that no tick has looked at."""
    return files_directory(path) + "/spooled"
