"""Epochs of keys: whom a key of before this store went on from a copy names here.

A number that was given out before the copy was made means the same person in every copy; one that was given out later means
somebody whom only that copy knows.
"""

from xpimport.store.database import Store

_KEPT = "store.people_of_epoch."


def current(store: Store) -> int:
    """The epoch of the keys that are given out now."""
    return int(store.scalar("SELECT key_epoch FROM high_water"))


def end(store: Store) -> None:
    """Inside a transaction, before numbers are raised: the epoch ends with the people whom this store knows."""
    store.db.execute(
        "INSERT INTO settings (name, value) SELECT ? || key_epoch, coalesce((SELECT seq FROM sqlite_sequence"
        " WHERE name = 'profiles'), 0) FROM high_water WHERE TRUE ON CONFLICT (name) DO NOTHING",
        (_KEPT,),
    )


def knows(store: Store, epoch: int, profile: int) -> bool:
    """Whether a profile's number in a key of that epoch means the same person here."""
    if epoch >= current(store):
        return epoch == current(store)
    upto = store.scalar("SELECT value FROM settings WHERE name = ?", f"{_KEPT}{epoch}")
    return upto is not None and profile <= int(upto)
