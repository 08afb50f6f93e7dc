"""The one SQLite of the whole program.

WAL in SQLite before 3.51.3 (3.50.7 and 3.44.6 carry the fix too) can lose a commit, see
https://sqlite.org/wal.html#walresetbug. The package pysqlite3 brings a sound one, and sqlite-utils picks it
up by itself; the program must never mix two copies of the library on one file.
"""

# Type checkers take this name for true; importing it from typing costs an idle tick 6 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    import sqlite3
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError:
        import sqlite3

__all__ = ["WAL_IS_SOUND", "sqlite3"]

_VERSION = sqlite3.sqlite_version_info

#: Whether this SQLite keeps every commit in WAL mode; a rollback journal is used where it does not.
WAL_IS_SOUND = _VERSION >= (3, 51, 3) or (3, 50, 7) <= _VERSION < (3, 51) or (3, 44, 6) <= _VERSION < (3, 45)

# Else each None that is written is first asked whether it adapts itself, which costs more than to write a text.
sqlite3.register_adapter(type(None), lambda none: none)
