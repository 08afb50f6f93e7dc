"""Subscriptions and opt-outs as a person or a click changes them, outside an import."""

from xpimport.clock import now, to_text
from xpimport.errors import Refused
from xpimport.rules.definition import ADDRESS, ADDRESS_KEY, SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.rules.values import address_key
from xpimport.store import addresses, journal
from xpimport.store.database import Store


def subscribe(store: Store, profile: int, medium: str) -> bool:
    """Set a profile's subscription by a person's word, taking the address's opt-out back; True if it changed.

    Raises:
        Refused: the profile has no address of that medium.
    """
    return _set(store, profile, medium, 1)


def unsubscribe(store: Store, profile: int, medium: str) -> bool:
    """Opt a profile out, and its address with it; True if it changed."""
    return _set(store, profile, medium, 0)


def opt_out(store: Store, profile: int, medium: str, address: str) -> bool:
    """Opt an address out that a message went to, and the profile if it still has it; True if anything changed."""
    with store.writing():
        before = store.db.total_changes
        addresses.opt_out_person(
            store, profile, medium, address_key(medium, address), to_text(now()), "unsubscribe link"
        )
        return store.db.total_changes > before


def _set(store: Store, profile: int, medium: str, value: int) -> bool:
    column, time_column = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium]
    at = to_text(now())
    with store.writing():
        user_id, address = store.one(f"SELECT user_id, {ADDRESS_KEY[medium]} FROM profiles WHERE id = ?", profile)
        if address is None and value:
            raise Refused(f"This profile has no {ADDRESS[medium]}, so it cannot be subscribed to {medium}.")
        before = store.db.total_changes
        store.db.execute(
            f"UPDATE profiles SET {column} = ?, {time_column} = ? WHERE id = ? AND {column} IS NOT ?",
            (value, at, profile, value),
        )
        if value:
            addresses.opt_in(store, medium, address, at, user_id)
        elif address is not None:
            addresses.opt_out(store, medium, address, at, "by hand")
        else:
            journal.append(store, [(journal.UNSUBSCRIBE, medium, at, user_id, [])])
        return store.db.total_changes > before
