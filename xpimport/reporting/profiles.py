"""Profiles as they are shown: what is known of a person, and what they were sent."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from xpimport.clock import to_text
from xpimport.errors import NotFound
from xpimport.rules.events import Kind, Machine
from xpimport.rules.rows import line_of
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
    """One profile: its attributes, what keeps it from being written to, where it came from, what it was sent, its story."""
    row = store.one("SELECT * FROM profiles WHERE id = ?", profile)
    own = (row["email_key"], row["mobile_number"])
    opt_outs, suppressions = (
        store.all(f"SELECT * FROM {table} WHERE (medium, address) IN (('email', ?), ('sms', ?))", *own)
        for table in ("opt_outs", "suppressions")
    )
    deliveries = store.all(
        "SELECT g.id AS trigger_id, g.task_id, c.name AS campaign, d.state, d.reason, d.changed_at FROM triggers g"
        " CROSS JOIN deliveries d ON d.trigger_id = g.id AND d.profile_id = ? JOIN campaigns c ON c.id = g.campaign_id"
        " ORDER BY g.id DESC LIMIT ?",
        profile,
        SENDS,
    )
    return {
        **_shown(row),
        "created_by_task": row["created_task"],
        "changed_by_task": row["changed_task"],
        "opt_outs": [{key: one[key] for key in ("medium", "address", "opted_out_at", "source")} for one in opt_outs],
        "suppressions": [
            {key: one[key] for key in ("medium", "address", "reason", "suppressed_at")} for one in suppressions
        ],
        "deliveries": [{key: one[key] for key in ("task_id", "campaign", "state", "reason")} for one in deliveries],
        "story": sorted(
            [
                *_said_no(opt_outs, suppressions),
                *_sends(deliveries),
                *_events(store, profile, deliveries),
                *_imports(store, profile, row["created_task"]),
            ],
            key=lambda told: str(told["at"]),
            reverse=True,
        ),
    }


SENDS = 100
"""Sends and imports of a story at the most."""


def _told(at: str, what: str, outcome: str, **more: object) -> dict[str, Any]:
    named = dict.fromkeys(("task", "import", "campaign", "line", "reason", "by"))
    return {"at": at[:19] + "Z", "what": what, "outcome": outcome, **named, **more}


def _unix(at: int) -> str:
    return to_text(datetime.fromtimestamp(at, UTC))


def _said_no(opt_outs: Sequence[Any], suppressions: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for one in opt_outs:
        yield _told(one["opted_out_at"], one["medium"], "opted out", by=one["source"])
    for one in suppressions:
        yield _told(one["suppressed_at"], one["medium"], "suppressed", reason=one["reason"])


def _sends(deliveries: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for one in deliveries:
        yield _told(
            _unix(one["changed_at"]), one["campaign"], one["state"], campaign=one["campaign"], task=one["task_id"],
            reason=one["reason"],
        )  # fmt: skip


def _events(store: Store, profile: int, deliveries: Sequence[Any]) -> Iterator[dict[str, Any]]:
    for one in deliveries:
        rows = store.all(
            "SELECT e.kind, e.at, e.machine, coalesce(l.url, e.detail) AS detail FROM events e LEFT JOIN links l"
            " ON l.trigger_id = e.trigger_id AND l.number = e.link WHERE e.trigger_id = ? AND e.profile_id = ?",
            one["trigger_id"],
            profile,
        )
        for event in rows:
            by = f"{Machine(event['machine']).word} (a machine)" if event["machine"] else None
            yield _told(
                _unix(event["at"]), one["campaign"], Kind(event["kind"]).word, campaign=one["campaign"],
                task=one["task_id"], reason=event["detail"], by=by,
            )  # fmt: skip


def _imports(store: Store, profile: int, created: int) -> Iterator[dict[str, Any]]:
    rows = store.all(
        "SELECT t.id, t.started_at, i.name, a.row FROM tasks t CROSS JOIN audience a ON a.task_id = t.id AND a.profile_id = ?"
        " LEFT JOIN imports i ON i.id = t.import_id WHERE t.status = 'completed' ORDER BY t.id DESC LIMIT ?",
        profile,
        SENDS,
    )
    for row in rows:
        outcome = "created" if row["id"] == created else "imported"
        named = {"import": row["name"], "task": row["id"], "line": line_of(row["row"])}
        yield _told(row["started_at"], str(row["name"]), outcome, **named)
