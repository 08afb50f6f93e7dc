"""Looking a person up."""

from xpimport.errors import NotFound, Refused
from xpimport.rules.values import address_key
from xpimport.store.database import Store


def find_profile(store: Store, who: str) -> int:
    """The number of the profile that a user_id or an email address names.

    Raises:
        NotFound: there is none.
        Refused: several profiles share the address.
    """
    found = store.scalar("SELECT id FROM profiles WHERE user_id = ?", who.strip())
    if found is not None:
        return int(found)
    rows = store.all("SELECT id, user_id FROM profiles WHERE email_key = ?", address_key("email", who.strip()))
    if not rows:
        raise NotFound(f"There is no profile {who!r}. See: xpimport profile list")
    if len(rows) > 1:
        names = ", ".join(str(row["user_id"]) for row in rows[:5])
        raise Refused(f"{len(rows)} profiles share the address {who}: {names}. Name one by its user_id.")
    return int(rows[0]["id"])
