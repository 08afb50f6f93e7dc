"""The opt-out that a message offers: its token says who got it, and over which medium."""

from xpimport.errors import NotFound
from xpimport.hints import command
from xpimport.people import subscriptions
from xpimport.rules.definition import ADDRESS, MEDIA
from xpimport.rules.tokens import Named, read_unsubscribe_token
from xpimport.store import epochs
from xpimport.store.database import Store
from xpimport.store.secret import secret_of


def unsubscribe(store: Store, token: str) -> tuple[str, bool]:
    """Opt out the address that a token's message went to, and its profile; the medium, and whether that was new.

    Of a message that another copy of this store sent, the profile is opted out with all its addresses.

    Raises:
        NotFound: the token is not one of this store's, or names somebody whom only another copy of it knows.
    """
    found = read_unsubscribe_token(secret_of(store), token)
    if found is None:
        raise NotFound("This token is not one of this store. Copy it whole from the link in the message.")
    row = store.one(
        # Of what another copy sent, the address is the one that the person has today.
        "SELECT c.medium, d.profile_id, coalesce(d.address, CASE c.medium WHEN 'email' THEN p.email ELSE p.mobile_number END)"
        " AS address FROM deliveries d JOIN triggers g ON g.id = d.trigger_id JOIN campaigns c ON c.id = g.campaign_id"
        " LEFT JOIN profiles p ON p.id = d.profile_id WHERE d.trigger_id = ? AND d.profile_id = ?"
        # A send of before this one was made here, with its number, is another copy's.
        " AND ? BETWEEN coalesce(g.key_epoch, 1) AND ?",
        found.trigger,
        found.profile,
        found.epoch or 1,
        epochs.current(store),
    )
    if row and row["address"] is not None:
        return row["medium"], subscriptions.opt_out(store, row["profile_id"], row["medium"], row["address"])
    return " and ".join(MEDIA), _of_another_copy(store, found)


def _of_another_copy(store: Store, found: Named) -> bool:
    who = store.one(f"SELECT {', '.join(ADDRESS.values())} FROM profiles WHERE id = ?", found.profile)
    if who is None or not epochs.knows(store, found.epoch or 1, found.profile):
        raise NotFound(
            "This token is of a message that another copy of this store sent, to somebody who is not known here. "
            f"Opt the address out: {command('suppression', 'add', 'ADDRESS')}"
        )
    changed = False
    for medium, column in ADDRESS.items():
        if who[column] is not None:
            changed |= subscriptions.opt_out(store, found.profile, medium, who[column])
    return changed
