"""Making a store, and opening one that is there, of this schema or an older one."""

import os
from contextlib import suppress
from pathlib import Path

from xpimport.clock import frozen
from xpimport.errors import NotFound, Refused, StoreRefused
from xpimport.store.database import CLOCK, Store, explained
from xpimport.store.driver import WAL_IS_SOUND, sqlite3
from xpimport.store.high_water import doubt, write_note
from xpimport.store.location import APPLICATION_ID, SCHEMA_VERSION


def create_store(path: Path) -> tuple[Store, bool]:
    """Open the store at `path`, making it (0600, in a 0700 directory) when it is not there.

    Returns: the store, and whether it was made now.
    """
    new = not path.exists()
    if new:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_EXCL, 0o600))
        except OSError as problem:
            raise StoreRefused(f"Cannot make a store at {path}: {problem.strerror}.") from None
    try:
        return open_store(path, _new=new), new
    except BaseException:
        if new:
            path.unlink(missing_ok=True)
        raise


def open_store(path: Path, *, _new: bool = False) -> Store:
    """Open the store at `path`, bringing an older schema up to date.

    Raises:
        NotFound: there is no such file.
        StoreRefused: it is not a store of ours, newer than this program, read-only or damaged.
        Busy: it needs bringing up to date and stays locked.
    """
    try:
        there = path.exists()
    except OSError as problem:
        raise StoreRefused(f"Cannot open the store {path}: {problem.strerror}. Name another with --db.") from None
    if not there:
        raise NotFound(f"There is no store at {path}. Make one with: xpimport init")
    if not path.is_file():
        raise StoreRefused(f"{path} is not a file, so it cannot be a store. Name another with --db.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise StoreRefused(f"The store {path} is read-only for this user. Make it writable, or name another.")
    with explained(path):
        # As a URI, so that what is attached may be one too.
        db = sqlite3.connect(
            path.absolute().as_uri(), uri=True, isolation_level=None, timeout=5.0, check_same_thread=False
        )
    db.row_factory = sqlite3.Row
    store = Store(path, db)
    try:
        with explained(path):
            _check_and_prepare(store, new=_new)
    except BaseException:
        db.close()
        raise
    return store


def _check_and_prepare(store: Store, *, new: bool) -> None:
    version = store.scalar("PRAGMA user_version")
    ours = store.scalar("PRAGMA application_id") == APPLICATION_ID
    # Two processes may make the same store at once: the second finds an empty file that nobody has signed yet.
    empty = version == 0 and not ours and store.scalar("SELECT count(*) FROM sqlite_master") == 0
    if not ours and not (new or empty):
        raise StoreRefused(f"{store.path} is not a store of xpimport; it was left alone. Name another with --db.")
    if not ours and not new:
        raise StoreRefused(f"{store.path} is empty, not a store. Remove it and run: xpimport init")
    if version > SCHEMA_VERSION:
        raise StoreRefused(
            f"The store {store.path} was written by a newer xpimport (schema {version}, this one knows "
            f"{SCHEMA_VERSION}); it was left alone. Update xpimport."
        )
    store.db.execute("PRAGMA synchronous = FULL")
    store.db.execute("PRAGMA foreign_keys = ON")
    store.db.execute("PRAGMA secure_delete = FAST")
    wanted = "wal" if WAL_IS_SOUND else "delete"
    if store.scalar("PRAGMA journal_mode") != wanted:
        store.db.execute(f"PRAGMA journal_mode = {wanted}")
    if version < SCHEMA_VERSION:
        from xpimport.store.migrations import migrate

        if version:
            store.check_clock()
        with store.transaction():  # a new store has no clock yet
            migrate(store.db)
            if not version and frozen() is not None:
                store.db.execute("INSERT OR IGNORE INTO settings (name, value) VALUES (?, 'typed')", (CLOCK,))
        if version:
            _note_upgrade(store)


def _note_upgrade(store: Store) -> None:
    """The first note of a store that was made before there were any; an older copy put back beside one is left in doubt."""
    found = doubt(store)
    if found is None or found.note is None:
        with suppress(Refused):
            write_note(store)
