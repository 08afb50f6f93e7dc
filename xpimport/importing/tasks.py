"""The record of one import run: making and claiming it, keeping it alive, completing it, failing it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from xpimport.clock import from_text, now, to_text
from xpimport.errors import NotFound, Refused
from xpimport.hints import command
from xpimport.rules.definition import Definition
from xpimport.rules.setting_kinds import count
from xpimport.rules.settings import Setting
from xpimport.rules.trigger import setback_wait
from xpimport.rules.values import Kinds
from xpimport.store.claims import heartbeat, lapsed, me
from xpimport.store.database import Store

ATTEMPTS = 3
"""How often an import that was killed is taken up, the first attempt included."""

AT_ONCE = Setting("imports.at_once", "2", count(1, 64), "how many imports run at the same time")


@dataclass(frozen=True)
class Run:
    """An import run as its worker sees it; `kinds` are the attributes as they were when it began."""

    task: int
    import_id: int
    import_name: str
    definition: Definition
    kinds: Kinds
    timezone: str
    attempt: int
    started_at: datetime
    scheduled_for: datetime | None
    again: bool
    stage: str
    content_hash: str | None
    look: dict[str, list[int]] | None
    campaign: str | None = None
    channel: str | None = None
    medium: str | None = None
    ignore_subscription: bool = False
    rest_of: int | None = None


def refuse_overlap(store: Store, import_id: int, name: str) -> None:
    """Called inside the claiming transaction: one task of an import runs at a time.

    Raises:
        Refused: another one runs; a dead one counts until a tick has taken it up.
    """
    task = store.scalar("SELECT id FROM tasks WHERE import_id = ? AND status = 'running'", import_id)
    if task is not None:
        raise Refused(f"Task {task} of import {name!r} is running. Look at it with: {command('task', 'show', task)}")


def running(store: Store) -> int:
    """How many imports run in this store now."""
    rows = store.all("SELECT owner, heartbeat FROM tasks WHERE status = 'running' AND type = 'profile_import'")
    return sum(not lapsed(row["owner"], row["heartbeat"]) for row in rows)


def create(
    store: Store,
    import_id: int,
    definition: Definition,
    kinds: Kinds,
    *,
    status: str = "running",
    scheduled_for: datetime | None = None,
    again: bool = False,
    rest_of: int | None = None,
) -> int:
    """Begin a task with a copy of the definition, claimed by this process; inside the caller's transaction."""
    at = now()
    kept = json.dumps({"definition": json.loads(definition.to_json()), "kinds": kinds})
    mine = status == "running"
    cursor = store.db.execute(
        "INSERT INTO tasks (type, import_id, status, scheduled_for, started_at, definition, again, rest_of, owner,"
        " heartbeat, wake_at) VALUES ('profile_import', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            import_id,
            status,
            to_text(scheduled_for) if scheduled_for else None,
            to_text(at),
            kept,
            int(again),
            rest_of,
            me() if mine else None,
            heartbeat() if mine else None,
            to_text(at),
        ),
    )
    assert cursor.lastrowid is not None  # noqa: S101 - an INSERT always has one
    return cursor.lastrowid


def is_busy(store: Store, import_id: int) -> bool:
    """Whether a task of that import runs, or waits for its file."""
    return bool(
        store.scalar(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE import_id = ? AND status IN ('running', 'waiting_for_file'))",
            import_id,
        )
    )


def has_run(store: Store, import_id: int, scheduled_for: datetime) -> bool:
    """Whether there is a task of that occurrence."""
    return bool(
        store.scalar(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE import_id = ? AND scheduled_for = ?)",
            import_id,
            to_text(scheduled_for),
        )
    )


def known(store: Store, task: int) -> int:
    """That number, if it is a task's.

    Raises:
        NotFound: it is not.
    """
    if store.scalar("SELECT 1 FROM tasks WHERE id = ?", task) is None:
        raise NotFound(f"There is no task {task}. See: xpimport task list")
    return task


def newest_of(store: Store, import_id: int) -> int | None:
    """The newest run of an import, a skipped one too; None before the first."""
    task = store.scalar("SELECT max(id) FROM tasks WHERE import_id = ? AND type = 'profile_import'", import_id)
    return None if task is None else int(task)


_SKIPPED = {"missed": "came while no tick ran", "restored": "may have been made in another copy of this store"}


def skip(store: Store, import_id: int, first: datetime, last: datetime, count: int, why: str = "missed") -> int:
    """Record a gap of occurrences that were missed, or passed over for another reason, as one task; inside a transaction."""
    at = to_text(now())
    cursor = store.db.execute(
        "INSERT OR IGNORE INTO tasks (type, import_id, status, scheduled_for, started_at, finished_at, missed_first,"
        " missed_last, missed_count, error_code, error_message) VALUES"
        " ('profile_import', ?, 'skipped', ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            import_id,
            to_text(first),
            at,
            at,
            to_text(first),
            to_text(last),
            count,
            why,
            f"{count} scheduled run{'' if count == 1 else 's'} {_SKIPPED[why]}.",
        ),
    )
    return cursor.lastrowid or 0


_SELECT = """
SELECT t.*, i.name AS import_name, i.timezone AS timezone, c.name AS campaign, c.channel AS channel, c.medium AS medium,
    coalesce(c.ignore_subscription, 0) AS ignore_subscription
FROM tasks t JOIN imports i ON i.id = t.import_id
LEFT JOIN triggers g ON g.task_id = t.id LEFT JOIN campaigns c ON c.id = g.campaign_id
"""


def load(store: Store, task: int) -> Run:
    """The run of that task."""
    row = store.one(_SELECT + " WHERE t.id = ?", task)
    kept = json.loads(row["definition"])
    return Run(
        task=row["id"],
        import_id=row["import_id"],
        import_name=row["import_name"],
        definition=Definition.from_json(json.dumps(kept["definition"])),
        kinds={name: (kind, limit) for name, (kind, limit) in kept["kinds"].items()},
        timezone=row["timezone"],
        attempt=row["attempt"],
        started_at=from_text(row["started_at"]),
        scheduled_for=from_text(row["scheduled_for"]) if row["scheduled_for"] else None,
        again=bool(row["again"]),
        stage=row["stage"],
        content_hash=row["content_hash"],
        look=json.loads(row["look"]) if row["look"] else None,
        campaign=row["campaign"],
        channel=row["channel"],
        medium=row["medium"],
        ignore_subscription=bool(row["ignore_subscription"]),
        rest_of=row["rest_of"],
    )


def unattended(store: Store) -> list[int]:
    """Tasks whose wait is over, or whose process is gone, in their order."""
    rows = store.all("SELECT id, owner, heartbeat FROM tasks WHERE wake_at <= ? ORDER BY id", to_text(now()))
    return [row["id"] for row in rows if lapsed(row["owner"], row["heartbeat"])]


def take_up(store: Store, task: int) -> bool:
    """Claim a waiting or abandoned task for this process; False when it is neither, or another was quicker."""
    with store.writing():
        row = store.one("SELECT status, owner, heartbeat FROM tasks WHERE id = ?", task)
        if row["status"] not in {"running", "waiting_for_file"} or not lapsed(row["owner"], row["heartbeat"]):
            return False
        store.db.execute(
            "UPDATE tasks SET status = 'running', owner = ?, heartbeat = ?, attempt = attempt + (status = 'running')"
            " WHERE id = ?",
            (me(), heartbeat(), task),
        )
        return True


def set_back(store: Store, task: int, problem: str) -> None:
    """Give up a task that broke for another attempt later; the last of its attempts fails it. What broke it is kept.

    Raises:
        XpimportError: the store cannot be written.
    """
    with store.writing():
        row = store.one("SELECT status, setbacks FROM tasks WHERE id = ?", task)
        if row["status"] not in {"running", "waiting_for_file"}:
            return
        wake = to_text(now() + setback_wait(row["setbacks"] + 1))
        store.db.execute(
            "UPDATE tasks SET owner = NULL, heartbeat = NULL, wake_at = ?, setbacks = setbacks + 1, problem = ? WHERE id = ?",
            (wake, problem, task),
        )


@dataclass(frozen=True)
class Attempts:
    """The how manieth attempt of a task this is, whether its schedule began it, and what broke the last one, if known."""

    number: int
    scheduled: bool
    problem: str | None


def attempts(store: Store, task: int) -> Attempts:
    """How often a task has been tried; asked before anything else of it is read, which may be what breaks it."""
    row = store.one("SELECT attempt, scheduled_for IS NOT NULL AS scheduled, problem FROM tasks WHERE id = ?", task)
    return Attempts(row["attempt"], bool(row["scheduled"]), row["problem"])


def wait_for_file(
    store: Store, task: int, look: Mapping[str, list[int]] | None, wake: datetime, until: datetime, why: str
) -> None:
    """Give the task back until `wake`, keeping what was seen and why it waits; it fails at `until`."""
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET status = 'waiting_for_file', owner = NULL, heartbeat = NULL, look = ?, wake_at = ?,"
            " wait_until = ?, waiting_because = ?, progress = NULL WHERE id = ?",
            (
                json.dumps(look) if look is not None else None,
                to_text(wake),
                to_text(until),
                why,
                task,
            ),
        )


def unfinished(store: Store) -> list[int]:
    """All tasks that run or wait, as far as the store knows."""
    rows = store.all("SELECT id FROM tasks WHERE status IN ('running', 'waiting_for_file') ORDER BY id")
    return [row["id"] for row in rows]


def sent_elsewhere(store: Store, task: int, import_id: int, at: str, content_hash: str | None) -> None:
    """Inside a transaction: a task's send began at an instant (UTC text) in another copy of this store.

    Its number is kept, and its list counts as one that has been sent.
    """
    store.db.execute(
        "INSERT OR IGNORE INTO tasks (id, type, import_id, status, started_at, finished_at, error_code, error_message)"
        " SELECT ?, 'profile_import', id, 'skipped', ?, ?, 'restored', ? FROM imports WHERE id = ?",
        (task, at, at, "It ran and sent in another copy of this store; who got it is not known here.", import_id),
    )
    store.db.execute(
        "UPDATE tasks SET content_hash = ? WHERE id = ? AND import_id = ? AND status <> 'completed'",
        (content_hash, task, import_id),
    )


@dataclass(frozen=True)
class Completed:
    """How many people a completed run has brought, and whether a guard found its list unusual."""

    audience: int
    guarded: bool


def complete(store: Store, task: int, at: datetime, same_people: float | None = None) -> Completed:
    """Make the audience visible; inside the transaction that also arms the trigger.

    The table's own CHECK holds the identity of the row counts; what is counted is held against it here.
    """
    store.db.execute(
        "UPDATE tasks SET status = 'completed', stage = 'done', finished_at = ?, owner = NULL, heartbeat = NULL,"
        " wake_at = NULL, progress = NULL, same_people = ?, rows_not_imported = rows_read - rows_created"
        " - rows_updated - rows_unchanged - rows_merged - rows_rejected WHERE id = ?",
        (to_text(at), same_people, task),
    )
    row = store.one("SELECT rows_created + rows_updated + rows_unchanged AS n, guard FROM tasks WHERE id = ?", task)
    audience = store.scalar("SELECT count(*) FROM audience WHERE task_id = ?", task)
    if row["n"] != audience:
        raise AssertionError(f"task {task}: {row['n']} rows came to {audience} profiles")
    return Completed(int(audience), row["guard"] is not None)


def fail(store: Store, task: int, code: str, message: str) -> None:
    """End the task as failed; inside the caller's transaction. What was merged stays, and is said."""
    row = store.one("SELECT rows_created + rows_updated AS n, rows_read FROM tasks WHERE id = ?", task)
    if row["n"]:
        message += f" {row['n']} profiles had been changed before that."
    store.db.execute(
        "UPDATE tasks SET status = 'failed', finished_at = ?, error_code = ?, error_message = ?, owner = NULL,"
        " heartbeat = NULL, wake_at = NULL, progress = NULL, rows_not_imported = rows_read - rows_created"
        " - rows_updated - rows_unchanged - rows_merged - rows_rejected WHERE id = ? AND status <> 'failed'",
        (to_text(now()), code, message, task),
    )
