"""The opt-out that a message offers: its token says who got it, and over which medium."""

from xpimport.errors import NotFound
from xpimport.people import subscriptions
from xpimport.rules.tokens import read_unsubscribe_token
from xpimport.sending.content.compose import secret_of
from xpimport.store.database import Store


def unsubscribe(store: Store, token: str) -> tuple[str, bool]:
    """Opt out the address that a token's message went to, and its profile; the medium, and whether that was new.

    Raises:
        NotFound: the token is not one of this store's.
    """
    found = read_unsubscribe_token(secret_of(store), token)
    row = found and store.one(
        "SELECT c.medium, d.address, d.profile_id FROM deliveries d JOIN triggers g ON g.id = d.trigger_id"
        " JOIN campaigns c ON c.id = g.campaign_id WHERE d.trigger_id = ? AND d.profile_id = ?",
        found.trigger,
        found.profile,
    )
    if not row:
        raise NotFound("This token is not one of this store. Copy it whole from the link in the message.")
    return row["medium"], subscriptions.opt_out(store, row["profile_id"], row["medium"], row["address"])
