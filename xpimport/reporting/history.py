"""The Task History: what ran, what came of each row, and what became of each person.

The maps here are the JSON of `task show` and `task list`: an interface, to add to, never to rename.
"""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from xpimport.clock import from_text, to_text
from xpimport.errors import NotFound, Refused
from xpimport.hints import command
from xpimport.reporting.figures import Figures, as_json, engagement_json, figures
from xpimport.reporting.forecast import forecast
from xpimport.rules.rows import file_of, line_of
from xpimport.store.claims import lapsed
from xpimport.store.database import Store

Details = dict[str, Any]

ROWS = ("read", "created", "updated", "unchanged", "merged", "rejected", "not_imported")
CONSENT = ("kept_unsubscribed", "opted_out_of_rejected", "time_ahead")

_SELECT = """
SELECT t.*, i.name AS import_name, g.id AS trigger_id, g.state AS trigger_state, g.send_at AS send_at,
    g.reason AS trigger_reason, g.decided_at AS decided_at, g.began_at AS began_at, g.problem AS trigger_problem,
    g.approval AS approval,
    c.name AS campaign
FROM tasks t LEFT JOIN imports i ON i.id = t.import_id
LEFT JOIN triggers g ON g.task_id = coalesce(t.about_task_id, t.id) LEFT JOIN campaigns c ON c.id = g.campaign_id
"""


def seconds(text: str | None) -> str | None:
    """A stored instant as it is shown in JSON: UTC, whole seconds."""
    return None if text is None else text[:19] + "Z"


def task_details(store: Store, task: int) -> Details:
    """Everything about one task.

    Raises:
        NotFound: no such task.
    """
    row = store.one(_SELECT + " WHERE t.id = ?", task)
    if row is None:
        raise NotFound(f"There is no task {task}. See: xpimport task list")
    details = _common(row)
    if row["type"] != "profile_import":
        return {**details, "about_task": row["about_task_id"], "output": row["output"]}
    details["rejections"] = _rejections(store, task)
    _add_figures(store, [(row, details)])
    details["ignored_columns"] = json.loads(row["ignored_columns"])
    details["guard"] = row["guard"]
    details["same_people"] = row["same_people"]
    details["same_people_task"] = _last_before(store, row) if row["same_people"] is not None else None
    details["progress"] = _progress(row)
    details["waiting_because"] = row["waiting_because"] if row["status"] == "waiting_for_file" else None
    details["notes"] = json.loads(row["notes"])
    details["expected_at"] = _expected_at(store, row)
    details["moves"] = _moves(store, row["trigger_id"])
    details["problem"] = row["trigger_problem"] or row["problem"]
    details["reports"] = [
        {"id": one["id"], "at": seconds(one["started_at"])}
        for one in store.all("SELECT id, started_at FROM tasks WHERE about_task_id = ? ORDER BY id DESC", task)
    ]
    return details


def _rejections(store: Store, task: int) -> list[Details]:
    rows = store.all(
        "SELECT reason, count(*) AS n FROM rejections WHERE task_id = ? GROUP BY reason ORDER BY n DESC, reason", task
    )
    return [{"reason": row["reason"], "count": row["n"]} for row in rows]


def _note(row: Any) -> Details | None:
    if row["status"] != "running" or not row["progress"]:
        return None
    note: Details = json.loads(row["progress"])
    return note


def _progress(row: Any) -> Details | None:
    """How far a run is; None when it does not run, or has nothing to tell yet. While reading, `total` is a reckoning."""
    note = _note(row)
    return note and {key: note[key] for key in ("stage", "done", "total", "unit", "rate", "seconds_left")}


def _expected_at(store: Store, row: Any) -> str | None:
    """When a run that is being worked on is expected to complete; None when that is not known."""
    note = _note(row)
    if note is None or status_of(row) != "running":
        return None
    if note["stage"] == "fetching":
        return None
    if note["stage"] == "merging":
        left = note["seconds_left"]
        return None if left is None else seconds(to_text(from_text(note["at"]) + timedelta(seconds=left)))
    size = sum(file["bytes"] for file in json.loads(row["files"]))
    expected = forecast(store, row["import_id"], from_text(row["work_began_at"]), None, size)
    return None if expected.seconds is None else seconds(to_text(expected.completes))


def _last_before(store: Store, row: Any) -> int | None:
    """The run that `same_people` compares with: the last that had completed when this one did."""
    found = store.scalar(
        "SELECT max(id) FROM tasks WHERE import_id = ? AND id <> ? AND type = 'profile_import' AND status = 'completed'"
        " AND rest_of IS NULL AND (id < ? OR finished_at < ?)",
        row["import_id"],
        row["id"],
        row["id"],
        row["finished_at"],
    )
    return None if found is None else int(found)


def status_of(row: Any) -> str:
    """A task's status as a reader sees it: `interrupted` is running with a dead owner."""
    if row["status"] == "running" and lapsed(row["owner"], row["heartbeat"]):
        return "interrupted"
    return str(row["status"])


def _common(row: Any) -> Details:
    files = [
        {key: file.get(key) for key in ("name", "bytes", "sha256", "location")} for file in json.loads(row["files"])
    ]
    error = {"code": row["error_code"], "message": row["error_message"]} if row["error_code"] else None
    trigger = None
    if row["type"] == "profile_import" and row["trigger_id"] is not None:
        trigger = {
            "id": row["trigger_id"],
            "campaign": row["campaign"],
            "state": row["trigger_state"],
            "send_at": seconds(row["send_at"]),
            "reason": row["trigger_reason"],
            "approval": row["approval"],
        }
    rows = {name: row[f"rows_{name}"] for name in ROWS} | {name: row[name] for name in CONSENT}
    missed = None
    if row["missed_count"]:
        missed = {
            "first": seconds(row["missed_first"]),
            "last": seconds(row["missed_last"]),
            "count": row["missed_count"],
        }
    return {
        "id": row["id"],
        "type": row["type"],
        "import": row["import_name"],
        "status": status_of(row),
        "attempt": row["attempt"],
        "rest_of": row["rest_of"],
        "scheduled_for": seconds(row["scheduled_for"]),
        "started_at": seconds(row["started_at"]),
        "finished_at": seconds(row["finished_at"]),
        "error": error,
        "file": files[0] if files else None,
        "files": files,
        "rows": rows,
        "rejections": [],
        "trigger": trigger,
        "delivery": None,
        "engagement": None,
        "missed": missed,
    }


def _add_figures(store: Store, listed: Sequence[tuple[Any, Details]]) -> None:
    """What became of the audiences of imports: `delivery`, once there is one, and `engagement`."""
    found = figures(store, [row for row, _ in listed if row["status"] == "completed"])
    for row, details in listed:
        if row["trigger_id"] is None:
            continue
        known = found.get(row["id"])
        details["delivery"] = known and as_json(known)
        details["engagement"] = engagement_json(known or Figures())


def _moves(store: Store, trigger: int | None) -> list[Details]:
    rows = store.all("SELECT * FROM trigger_moves WHERE trigger_id = ? ORDER BY id", trigger)
    return [
        {
            "at": seconds(row["moved_at"]),
            "from": row["from_state"],
            "to": row["to_state"],
            "reason": row["reason"],
        }
        for row in rows
    ]


def task_list(store: Store, filters: dict[str, str], limit: int | None = None) -> list[Details]:
    """Tasks, newest first.

    `filters` may hold `import`, `campaign`, `type`, `status`, `trigger` (its state), `since`, `until` (UTC text).
    """
    conditions = {
        "import": "i.name = ?",
        "campaign": "c.name = ?",
        "type": "t.type = ?",
        "trigger": "t.type = 'profile_import' AND g.state = ?",
        "since": "t.started_at >= ?",
        "until": "t.started_at < ?",
    }
    chosen = [name for name in conditions if name in filters]
    where = " AND ".join(conditions[name] for name in chosen) or "1"
    rows = store.all(f"{_SELECT} WHERE {where} ORDER BY t.id DESC", *(filters[name] for name in chosen))
    wanted = [row for row in rows if filters.get("status") in {None, status_of(row)}]
    found = [(row, _common(row)) for row in wanted[:limit]]
    imports = [(row, details) for row, details in found if row["type"] == "profile_import"]
    _add_figures(store, imports)
    for row, details in imports:
        details["rejections"] = _rejections(store, row["id"])
    return [details for _, details in found]


def newest_begun(store: Store) -> int:
    """The newest task whose sending has begun.

    Raises:
        NotFound: there is none.
    """
    task = store.scalar("SELECT max(task_id) FROM triggers WHERE began_at IS NOT NULL")
    if task is None:
        raise NotFound("Nothing has been sent from this store yet, so there is nothing to report.")
    return int(task)


def begun_of_import(store: Store, import_id: int) -> int | None:
    """The newest task of an import whose sending has begun; None where there is none."""
    task = store.scalar("SELECT max(task_id) FROM triggers WHERE import_id = ? AND began_at IS NOT NULL", import_id)
    return None if task is None else int(task)


def newest_import(store: Store) -> int:
    """The newest task that read a file.

    Raises:
        NotFound: there is none.
    """
    task = store.scalar("SELECT max(id) FROM tasks WHERE type = 'profile_import' AND status <> 'skipped'")
    if task is None:
        raise NotFound("Nothing has been imported into this store yet, so there is nothing to report.")
    return int(task)


def is_report(store: Store, task: int) -> bool:
    """Whether a task made a report, and is no import."""
    return bool(store.scalar("SELECT type <> 'profile_import' FROM tasks WHERE id = ?", task))


def check_begun(store: Store, task: int) -> None:
    """Refuse a report on a send that has not begun.

    Raises:
        NotFound: no such task.
        Refused: it has no campaign, or its send has not begun.
    """
    details = task_details(store, task)
    if details["trigger"] is None:
        raise Refused(f"Task {task} sends nothing, so nobody was excluded. See: {command('task', 'show', task)}")
    if not store.scalar("SELECT began_at IS NOT NULL FROM triggers WHERE task_id = ?", task):
        raise Refused(
            f"The send of task {task} has not begun ({details['trigger']['state']}), so nobody was excluded yet."
        )


def where_of(row: int, files: list[Details]) -> int | str:
    """A row as a person finds it: its line, with the file's name where there are several."""
    place = file_of(row)
    return f"{files[place]['name']}:{line_of(row)}" if len(files) > 1 and place < len(files) else line_of(row)
