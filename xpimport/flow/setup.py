"""Making a store: its number, which sets it apart from every other, and the zone of its times."""

from dataclasses import dataclass
from pathlib import Path

from xpimport.defining import settings
from xpimport.rules.schedule import parse_zone
from xpimport.rules.settings import TIMEZONE
from xpimport.store.database import Store
from xpimport.store.opening import create_store
from xpimport.store.secret import secret_of


@dataclass(frozen=True)
class MadeStore:
    """A store that is there now: whether it is `new`, its zone, and `origin`, where that was found if nobody named it."""

    store: Store
    new: bool
    timezone: str
    origin: str


def make_store(path: Path, timezone: str | None, store_id: str | None = None) -> MadeStore:
    """Make the store at `path`, or open the one that is there, whose zone changes only where one is named.

    Raises:
        Invalid: there is no such zone; nothing was made.
        StoreRefused: it cannot be made, or what is there is not a store.
    """
    import uuid

    if timezone is not None:
        parse_zone(timezone)
    store, new = create_store(path)
    try:
        if new:
            settings.keep_store_id(store, store_id or uuid.uuid4().hex)
            # Now, so that every copy of the store reads the others' keys and tokens.
            secret_of(store)
        if not new and timezone is None:
            return MadeStore(store, new, settings.get(store, TIMEZONE).key, "")
        zone, origin = (timezone, "") if timezone else settings.local_zone()
        return MadeStore(store, new, settings.put(store, TIMEZONE, zone), origin)
    except BaseException:
        store.close()
        raise
