"""What a request for a tracked address comes to: where it leads, and the event that it leaves in the spool."""

from datetime import datetime

from xpimport.defining import attributes
from xpimport.rules.events import Kind, Machine
from xpimport.rules.tokens import Named
from xpimport.sending.content.compose import select_profile
from xpimport.sending.content.targets import filled
from xpimport.sending.content.urls import host_of, location_of
from xpimport.store import epochs
from xpimport.store.database import Store
from xpimport.store.secret import secret_of
from xpimport.tracking import spool
from xpimport.tracking.urls import FrozenLink, Meaning, frozen_link, meaning_of

__all__ = ["meaning_of", "record", "target_of"]


def target_of(store: Store, named: Named, query: str = "") -> str | None:
    """Where a click leads, ready for a header; None: there is no such link.

    `query` is what the request has behind its `?`. It counts for a form alone, whose fields are in it. The host is always the
    one of the frozen link, whatever is filled in.
    """
    link = frozen_link(store, named)
    if link is None:
        return None
    address = link.url if link.template is None else _filled(store, link, named)
    if link.form:
        address = address.partition("#")[0].partition("?")[0] + (f"?{query}" if query else "")
    if host_of(address) != host_of(link.url):
        return None
    return location_of(address)


def _filled(store: Store, link: FrozenLink, named: Named) -> str:
    kinds = attributes.types(store)
    row = None
    if named.epoch is not None and epochs.knows(store, named.epoch, named.profile):
        row = store.one(f"SELECT {select_profile(kinds)} FROM profiles p WHERE p.id = ?", named.profile)
    values = {} if row is None else {name: row[name] for name in kinds}
    return filled(link.template or "", values, kinds, named.nth)


def record(store: Store, meaning: Meaning, at: datetime, machine: Machine = Machine.NONE) -> None:
    """Leave an opening or a click for the next tick; it is on the disk when this returns.

    Raises:
        OSError: it could not be written.
    """
    link = frozen_link(store, meaning.named) if meaning.kind is Kind.CLICKED else None
    url = None if link is None else link.url
    line = spool.event_line(secret_of(store), meaning.kind, meaning.named, at, url=url, machine=machine)
    spool.append(store, [line], at)
