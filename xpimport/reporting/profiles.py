"""Profiles as they are shown: what is known of a person, and what they were sent."""

from typing import Any

from xpimport.errors import NotFound
from xpimport.rules.values import EMAIL_KEY
from xpimport.store.database import Store

_HIDDEN = {"id", "created_task", "changed_task", EMAIL_KEY}


def _shown(row: Any) -> dict[str, Any]:
    return {key: row[key] for key in row.keys() if key not in _HIDDEN}  # noqa: SIM118 - a Row iterates its values


def profile_list(store: Store, limit: int) -> list[dict[str, Any]]:
    """The newest profiles, all attributes of each."""
    return [_shown(row) for row in store.all("SELECT * FROM profiles ORDER BY id DESC LIMIT ?", limit)]


def first_reached(store: Store, task: int, attribute: str) -> int:
    """The first profile that has a value of `attribute` and whose message of that task's send was accepted.

    Raises:
        NotFound: there is none.
    """
    found = store.scalar(
        "SELECT d.profile_id FROM triggers g JOIN deliveries d ON d.trigger_id = g.id JOIN profiles p ON p.id = d.profile_id"
        f" WHERE g.task_id = ? AND d.state = 'accepted' AND p.\"{attribute}\" IS NOT NULL ORDER BY d.profile_id LIMIT 1",
        task,
    )
    if found is None:
        raise NotFound(f"Nobody with a {attribute} got the campaign of task {task}.")
    return int(found)


def profile_details(store: Store, profile: int) -> dict[str, Any]:
    """One profile: its attributes, what keeps it from being written to, where it came from, what it was sent."""
    row = store.one("SELECT * FROM profiles WHERE id = ?", profile)
    opt_outs = store.all(
        "SELECT medium, address, opted_out_at, source FROM opt_outs WHERE (medium = 'email' AND address = ?)"
        " OR (medium = 'sms' AND address = ?)",
        row["email_key"],
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
