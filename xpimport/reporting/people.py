"""Profiles, as a person looks them up."""

from typing import Any

from xpimport.errors import NotFound, Refused
from xpimport.store.database import Store

_HIDDEN = {"id", "created_task", "changed_task", "email_key"}


def find_profile(store: Store, who: str) -> int:
    """The number of the profile that a user_id or an email address names.

    Raises:
        NotFound: there is none.
        Refused: several profiles share the address.
    """
    found = store.scalar("SELECT id FROM profiles WHERE user_id = ?", who.strip())
    if found is not None:
        return int(found)
    rows = store.all("SELECT id, user_id FROM profiles WHERE email_key = lower(?)", who.strip())
    if not rows:
        raise NotFound(f"There is no profile {who!r}. See: xpimport profile list")
    if len(rows) > 1:
        names = ", ".join(str(row["user_id"]) for row in rows[:5])
        raise Refused(f"{len(rows)} profiles share the address {who}: {names}. Name one by its user_id.")
    return int(rows[0]["id"])


def _shown(row: Any) -> dict[str, Any]:
    return {key: row[key] for key in row.keys() if key not in _HIDDEN}  # noqa: SIM118 - a Row iterates its values


def profile_list(store: Store, limit: int) -> list[dict[str, Any]]:
    """The newest profiles, all attributes of each."""
    return [_shown(row) for row in store.all("SELECT * FROM profiles ORDER BY id DESC LIMIT ?", limit)]


def profile_details(store: Store, profile: int) -> dict[str, Any]:
    """One profile: its attributes, what keeps it from being written to, where it came from, what it was sent."""
    row = store.one("SELECT * FROM profiles WHERE id = ?", profile)
    address = (row["email"] or "").lower()
    opt_outs = store.all(
        "SELECT medium, address, opted_out_at, source FROM opt_outs WHERE (medium = 'email' AND address = ?)"
        " OR (medium = 'sms' AND address = ?)",
        address,
        row["mobile_number"],
    )
    deliveries = store.all(
        "SELECT g.task_id, c.name AS campaign, d.state, d.reason FROM deliveries d JOIN triggers g ON g.id = d.trigger_id"
        " JOIN campaigns c ON c.id = g.campaign_id WHERE d.profile_id = ? ORDER BY g.id DESC LIMIT 20",
        profile,
    )
    return {
        **_shown(row),
        "created_by_task": row["created_task"],
        "changed_by_task": row["changed_task"],
        "opt_outs": [dict(one) for one in opt_outs],
        "deliveries": [dict(one) for one in deliveries],
    }
