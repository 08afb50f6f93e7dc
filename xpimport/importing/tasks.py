"""The record of one import run: claiming it, keeping it alive, completing it, failing it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xpimport.clock import from_text, now, to_text
from xpimport.errors import Invalid, NotFound, Refused
from xpimport.importing.sources import SourceFile
from xpimport.importing.sources.selection import Key, Taken, key_of
from xpimport.rules.definition import Definition
from xpimport.store.claims import heartbeat, lapsed, me
from xpimport.store.database import Store

ATTEMPTS = 3
"""How often an import that was killed is taken up, the first attempt included."""

Kinds = dict[str, tuple[str, int | None]]
"""Attribute -> type and, for strings, how many characters it holds."""


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
        raise Refused(f"Task {task} of import {name!r} is running. Look at it with: xpimport task show {task}")


def running(store: Store) -> int:
    """How many imports run in this store at the moment."""
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


def check_rest(store: Store, import_id: int, name: str, task: int) -> None:
    """Refuse a task whose rest cannot be imported: only a completed run of the same import has one.

    Raises:
        NotFound: no such task.
        Invalid: it is no run of that import.
        Refused: it has not completed.
    """
    row = store.one(
        "SELECT t.type, t.status, t.import_id, i.name FROM tasks t LEFT JOIN imports i ON i.id = t.import_id"
        " WHERE t.id = ?",
        task,
    )
    if row is None:
        raise NotFound(f"There is no task {task}. See: xpimport task list --import {name}")
    if row["type"] != "profile_import" or row["import_id"] != import_id:
        kind = "run" if row["type"] == "profile_import" else "report"
        raise Invalid(
            f"--rest-of {task}: that is a {kind} of import {row['name']!r}, not a run of {name!r}. "
            f"See: xpimport task list --import {name}"
        )
    if row["status"] != "completed":
        raise Refused(
            f"Task {task} is {row['status']}, not completed, so it has no rest. Import the whole list: "
            f"xpimport run-now {name}"
        )


def skip(store: Store, import_id: int, first: datetime, last: datetime, count: int) -> int:
    """Record a gap of missed occurrences as one task; inside the caller's transaction."""
    at = to_text(now())
    cursor = store.db.execute(
        "INSERT OR IGNORE INTO tasks (type, import_id, status, scheduled_for, started_at, finished_at, missed_first,"
        " missed_last, missed_count, error_code, error_message) VALUES"
        " ('profile_import', ?, 'skipped', ?, ?, ?, ?, ?, ?, 'missed', ?)",
        (
            import_id,
            to_text(first),
            at,
            at,
            to_text(first),
            to_text(last),
            count,
            f"{count} scheduled run{'' if count == 1 else 's'} came while no tick ran.",
        ),
    )
    return cursor.lastrowid or 0


_SELECT = """
SELECT t.*, i.name AS import_name, i.timezone AS timezone, c.name AS campaign, c.medium AS medium,
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
        medium=row["medium"],
        ignore_subscription=bool(row["ignore_subscription"]),
        rest_of=row["rest_of"],
    )


def take_up(store: Store, task: int, before: Any) -> bool:
    """Claim a waiting or abandoned task for this process; False when another was quicker."""
    with store.writing():
        return bool(
            store.db.execute(
                "UPDATE tasks SET status = 'running', owner = ?, heartbeat = ?,"
                " attempt = attempt + (status = 'running') WHERE id = ? AND status = ? AND owner IS ?",
                (me(), heartbeat(), task, before["status"], before["owner"]),
            ).rowcount
        )


def wait_for_file(
    store: Store, task: int, look: Mapping[str, list[int]] | None, wake: datetime, until: datetime, why: str
) -> None:
    """Give the task back until `wake`, keeping what was seen and why it waits; it fails at `until`."""
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET status = 'waiting_for_file', owner = NULL, heartbeat = NULL, look = ?, wake_at = ?,"
            " wait_until = ?, progress = ? WHERE id = ?",
            (
                json.dumps(look) if look is not None else None,
                to_text(wake),
                to_text(until),
                f"waiting: {why}",
                task,
            ),
        )


def note_files(store: Store, run: Run, files: Sequence[SourceFile], hashes: Sequence[str], began: datetime) -> None:
    """Record what is about to be read, and since when (UTC) it is worked on; the first attempt's word stands."""
    listed = [
        {
            "name": file.name,
            "location": file.location,
            "bytes": file.bytes,
            "sha256": digest,
            "modified": file.modified,
        }
        for file, digest in zip(files, hashes, strict=True)
    ]
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET files = ?, content_hash = ?, heartbeat = ?, work_began_at = coalesce(work_began_at, ?)"
            " WHERE id = ?",
            (json.dumps(listed), "+".join(hashes), heartbeat(), to_text(began), run.task),
        )


def note_progress(store: Store, task: int, progress: Mapping[str, object]) -> None:
    """A sign of life, and how far it is, for who looks from another terminal."""
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET progress = ?, heartbeat = ? WHERE id = ?", (json.dumps(progress), heartbeat(), task)
        )


def taken(store: Store, import_id: int, source: str) -> Taken | None:
    """What completed runs of this import took from this source; None before the first."""
    rows = store.all(
        "SELECT t.id, f.value ->> 'location' AS location, f.value ->> 'bytes' AS bytes,"
        " f.value ->> 'modified' AS modified FROM tasks t, json_each(t.files) f WHERE t.import_id = ?"
        " AND t.status = 'completed' AND t.rest_of IS NULL AND t.definition ->> '$.definition.source' = ? ORDER BY t.id",
        import_id,
        source,
    )
    if not rows:
        return None
    newest = max(row["modified"] for row in rows)
    last = {_key(row) for row in rows if row["id"] == rows[-1]["id"]}
    return Taken(newest, frozenset(last | {_key(row) for row in rows if row["modified"] == newest}), frozenset(last))


def _key(row: Any) -> Key:
    return key_of(row["location"], row["bytes"], row["modified"])


def noted_locations(store: Store, task: int) -> list[str]:
    """Where the files of a task came from, in their order, once they are noted."""
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    return [file.get("location", "") for file in files]


def same_people(store: Store, run: Run) -> float | None:
    """The share (0 to 1) of this run's audience that was in the last completed run's too; None without one.

    Runs that bring the rest of a list have no share and are no last run: theirs are a few people of it.
    """
    if run.rest_of is not None:
        return None
    last = store.scalar(
        "SELECT max(id) FROM tasks WHERE import_id = ? AND id <> ? AND type = 'profile_import'"
        " AND status = 'completed' AND rest_of IS NULL",
        run.import_id,
        run.task,
    )
    people = store.scalar("SELECT count(*) FROM audience WHERE task_id = ?", run.task)
    if last is None or not people:
        return None
    # Both sides come in the order of the table's key, so this is one merge of the two (0.15 s a million).
    both = store.scalar(
        "SELECT count(*) FROM (SELECT profile_id FROM audience WHERE task_id = ? INTERSECT"
        " SELECT profile_id FROM audience WHERE task_id = ? ORDER BY 1)",
        run.task,
        last,
    )
    return float(both / people)


def complete(store: Store, task: int, at: datetime, same_people: float | None = None) -> int:
    """Make the audience visible; inside the transaction that also arms the trigger. Returns its size.

    The table's own CHECK holds the identity of the row counts; what is counted is held against it here.
    """
    store.db.execute(
        "UPDATE tasks SET status = 'completed', stage = 'done', finished_at = ?, owner = NULL, heartbeat = NULL,"
        " wake_at = NULL, progress = NULL, same_people = ?, rows_not_imported = rows_read - rows_created"
        " - rows_updated - rows_unchanged - rows_merged - rows_rejected WHERE id = ?",
        (to_text(at), same_people, task),
    )
    row = store.one("SELECT rows_created + rows_updated + rows_unchanged AS n FROM tasks WHERE id = ?", task)
    audience = store.scalar("SELECT count(*) FROM audience WHERE task_id = ?", task)
    if row["n"] != audience:
        raise AssertionError(f"task {task}: {row['n']} rows came to {audience} profiles")
    return int(audience)


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


def sent_before(store: Store, run: Run, content_hash: str) -> int | None:
    """The newest other task of this import that brought the same content to people, or is about to."""
    found = store.scalar(
        "SELECT max(t.id) FROM tasks t JOIN triggers g ON g.task_id = t.id WHERE t.import_id = ? AND t.id <> ?"
        " AND t.status = 'completed' AND t.content_hash = ? AND g.state IN ('scheduled', 'held', 'sending', 'sent')",
        run.import_id,
        run.task,
        content_hash,
    )
    return None if found is None else int(found)
