"""What earlier runs of an import took, brought and sent, as far as the next one has to know."""

from datetime import timedelta
from typing import Any

from xpimport.clock import to_text
from xpimport.errors import Invalid, NotFound, Refused
from xpimport.hints import command
from xpimport.importing.sources.selection import Key, Taken, key_of
from xpimport.importing.tasks import Run
from xpimport.rules.delivery import BEGUN, sql_in
from xpimport.store.database import Store


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


def sent_before(store: Store, run: Run, content_hash: str) -> int | None:
    """The newest other task of this import whose same content reached anybody, or may yet; in another copy of the store too."""
    found = store.scalar(
        "SELECT max(t.id) FROM tasks t LEFT JOIN triggers g ON g.task_id = t.id WHERE t.import_id = ? AND t.id <> ?"
        " AND t.content_hash = ? AND (t.error_code = 'restored' OR (t.status = 'completed'"
        " AND (g.state IN ('scheduled', 'held', 'sending') OR EXISTS"
        f" (SELECT 1 FROM deliveries d WHERE d.trigger_id = g.id AND {sql_in('d.state', BEGUN)}))))",
        run.import_id,
        run.task,
        content_hash,
    )
    return None if found is None else int(found)


def began_late(store: Store, run: Run) -> bool:
    """Whether a scheduled run began later than its grace because no tick ran, not because another run was at work."""
    if run.scheduled_for is None:
        return False
    grace = timedelta(seconds=run.definition.grace)
    if run.started_at <= run.scheduled_for + grace:
        return False
    waited = store.scalar(
        "SELECT EXISTS (SELECT 1 FROM tasks WHERE id < ? AND status IN ('completed', 'failed') AND attempt = 1"
        " AND started_at < ? AND finished_at BETWEEN ? AND ?)",
        run.task,
        to_text(run.scheduled_for + grace),
        to_text(run.started_at - grace),
        to_text(run.started_at),
    )
    return not waited


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
        raise NotFound(f"There is no task {task}. See: {command('task', 'list', '--import', name)}")
    if row["type"] != "profile_import" or row["import_id"] != import_id:
        kind = "run" if row["type"] == "profile_import" else "report"
        raise Invalid(
            f"--rest-of {task}: that is a {kind} of import {row['name']!r}, not a run of {name!r}. "
            f"See: {command('task', 'list', '--import', name)}"
        )
    if row["status"] != "completed":
        raise Refused(
            f"Task {task} is {row['status']}, not completed, so it has no rest. Import the whole list: "
            f"{command('run-now', name)}"
        )
