"""What comes next: imports and sends of the coming days, with the changes of the clocks among them."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from xpimport.clock import from_text
from xpimport.reporting.forecast import scheduled_forecast
from xpimport.rules.definition import Definition
from xpimport.rules.durations import format_duration
from xpimport.rules.forecast import Forecast
from xpimport.rules.schedule import clock_changes, occurrences, parse_schedule, parse_zone
from xpimport.rules.trigger import send_instant
from xpimport.store.claims import lapsed
from xpimport.store.database import Store
from xpimport.store.sends import how_far

PER_IMPORT = 200
"""Lines of one import at the most; a list of every minute helps nobody."""

WORTH_SAYING = 60
"""Seconds from which on it is told how long an import takes that is in time."""


@dataclass(frozen=True)
class Planned:
    """One coming event; `at` in UTC, `zone` where its rule lives.

    Of an import: how many seconds it is expected to take, and whether it would miss its send; None where not known.
    """

    at: datetime
    zone: str
    what: str
    import_name: str
    campaign: str | None
    task: int | None
    note: str
    expected_seconds: float | None = None
    late: bool | None = None


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
        definition = Definition.from_json(row["options"])
        coming = occurrences(parse_schedule(row["schedule"]), zone, start)
        for number, at in enumerate(takewhile(lambda at: at <= end, coming)):
            if number >= PER_IMPORT:
                break
            send = send_instant(row["send_at"], row["timezone"], at)
            expected = scheduled_forecast(store, row["id"], definition, at, send)
            found.append(
                Planned(
                    at,
                    row["timezone"],
                    "import",
                    row["name"],
                    row["campaign"],
                    None,
                    _note(expected),
                    expected.seconds,
                    expected.late,
                )
            )
            if row["campaign"] is None:
                continue
            if send is None:
                found.append(
                    Planned(at, row["timezone"], "send", row["name"], row["campaign"], None, "as soon as it completes")
                )
            else:
                found.append(Planned(send, row["timezone"], "send", row["name"], row["campaign"], None, ""))
    found += _armed(store, end)
    for name in sorted(zones):
        for change in clock_changes(parse_zone(name), start, end):
            note = f"{change.before} becomes {change.after}"
            found.append(Planned(change.at, name, "clock change", "", None, None, note))
    return sorted(found, key=lambda one: (one.at, one.what != "import"))


def _note(expected: Forecast) -> str:
    """What there is to say of how long an import takes; a few seconds are nothing to say."""
    parts = []
    if expected.seconds is not None and (expected.seconds >= WORTH_SAYING or expected.late):
        parts.append(f"expected to take {format_duration(timedelta(seconds=max(1, round(expected.seconds))))}")
    if expected.late:
        parts.append("would miss its send time")
    return "; ".join(parts)


def _armed(store: Store, end: datetime) -> list[Planned]:
    rows = store.all(
        "SELECT g.id, g.send_at, g.wake_at, g.state, g.approval, g.owner, g.heartbeat, g.task_id,"
        " i.name, i.timezone, c.name AS campaign FROM triggers g"
        " JOIN imports i ON i.id = g.import_id JOIN campaigns c ON c.id = g.campaign_id"
        " WHERE g.state IN ('waiting', 'scheduled', 'sending') AND coalesce(g.wake_at, g.send_at) IS NOT NULL ORDER BY g.id"
    )
    return [
        Planned(
            _due_at(row),
            row["timezone"],
            "send",
            row["name"],
            row["campaign"],
            row["task_id"],
            _state(store, row),
        )
        for row in rows
        if _due_at(row) <= end
    ]


def _due_at(row: Any) -> datetime:
    """When a trigger is due; of a send that has begun, when it goes on."""
    return from_text(row["wake_at"] if row["state"] == "sending" else row["send_at"] or row["wake_at"])


def _state(store: Store, row: Any) -> str:
    if row["state"] == "sending":
        begun, people = how_far(store, row["id"])
        how = "goes on" if lapsed(row["owner"], row["heartbeat"]) else "being sent"
        return f"{how} after {begun:,} of {people:,}"
    if row["approval"] == "needed":
        return "needs approval"
    return "armed" if row["state"] == "scheduled" else "armed when its import completes"
