"""What comes next: imports and sends of the coming days, with the changes of the clocks among them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from xpimport.clock import from_text
from xpimport.rules.schedule import clock_changes, next_after, occurrences, parse_schedule, parse_send_time, parse_zone
from xpimport.store.database import Store

PER_IMPORT = 200
"""Lines of one import at the most; a list of every minute helps nobody."""


@dataclass(frozen=True)
class Planned:
    """One coming event; `at` in UTC, `zone` where its rule lives."""

    at: datetime
    zone: str
    what: str
    import_name: str
    campaign: str | None
    task: int | None
    note: str


def plan(store: Store, start: datetime, days: int) -> list[Planned]:
    """Everything planned in the `days` after `start` (UTC), in order of time."""
    end = start + timedelta(days=days)
    found: list[Planned] = []
    zones: set[str] = set()
    for row in store.all(
        "SELECT i.*, c.name AS campaign FROM imports i LEFT JOIN campaigns c ON c.id = i.campaign_id"
        " WHERE i.removed_at IS NULL AND i.active AND i.schedule IS NOT NULL ORDER BY i.id"
    ):
        zones.add(row["timezone"])
        zone = parse_zone(row["timezone"])
        coming = occurrences(parse_schedule(row["schedule"]), zone, start)
        for number, at in enumerate(takewhile(lambda at: at <= end, coming)):
            if number >= PER_IMPORT:
                break
            found.append(Planned(at, row["timezone"], "import", row["name"], row["campaign"], None, ""))
            if row["campaign"] is None:
                continue
            if row["send_at"] is None:
                found.append(
                    Planned(at, row["timezone"], "send", row["name"], row["campaign"], None, "as soon as it completes")
                )
            else:
                send = next_after(parse_send_time(row["send_at"]), zone, at)
                found.append(Planned(send, row["timezone"], "send", row["name"], row["campaign"], None, ""))
    found += _armed(store, end)
    for name in sorted(zones):
        for change in clock_changes(parse_zone(name), start, end):
            note = f"{change.before} becomes {change.after}"
            found.append(Planned(change.at, name, "clock change", "", None, None, note))
    return sorted(found, key=lambda one: (one.at, one.what != "import"))


def _armed(store: Store, end: datetime) -> list[Planned]:
    rows = store.all(
        "SELECT g.send_at, g.state, g.task_id, i.name, i.timezone, c.name AS campaign FROM triggers g"
        " JOIN imports i ON i.id = g.import_id JOIN campaigns c ON c.id = g.campaign_id"
        " WHERE g.state IN ('waiting', 'scheduled') AND g.send_at IS NOT NULL ORDER BY g.id"
    )
    return [
        Planned(
            from_text(row["send_at"]),
            row["timezone"],
            "send",
            row["name"],
            row["campaign"],
            row["task_id"],
            "armed" if row["state"] == "scheduled" else "armed when its import completes",
        )
        for row in rows
        if from_text(row["send_at"]) <= end
    ]
