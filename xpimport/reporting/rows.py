"""The reports that have a line for each person or row: excluded users, and rejected rows."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xpimport.clock import now, to_text
from xpimport.reporting.history import seconds, where_of
from xpimport.rules.csv_rows import csv_rows
from xpimport.rules.delivery import EXCLUDED, FAILED, UNCERTAIN, sql_in
from xpimport.rules.rows import FILE_COLUMN, REJECTED_COLUMNS, file_of, line_of
from xpimport.store.database import Store

EXCLUDED_COLUMNS = (
    "task_id", "run_at", "campaign", "user_id", "channel", "address", "outcome", "reason", "detail", "row",
)  # fmt: skip
OUTCOMES = {"excluded": {EXCLUDED, FAILED, UNCERTAIN}, "failed": {FAILED}, "uncertain": {UNCERTAIN}}
"""What `--excluded`, `--failed` and `--uncertain` list."""


def people(store: Store, task: int, which: str) -> Iterator[dict[str, Any]]:
    """One map for each person of a task's send with such an outcome, by the columns of the excluded users report."""
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    rows = store.db.execute(
        "SELECT t.started_at, c.name AS campaign, c.channel, p.user_id, coalesce(d.address, CASE c.medium WHEN 'email'"
        " THEN p.email ELSE p.mobile_number END) AS address, d.state, d.reason, d.detail, a.row FROM triggers g"
        " JOIN tasks t ON t.id = g.task_id JOIN campaigns c ON c.id = g.campaign_id"
        " JOIN deliveries d ON d.trigger_id = g.id JOIN audience a ON a.task_id = t.id AND a.profile_id = d.profile_id"
        f" LEFT JOIN profiles p ON p.id = d.profile_id WHERE t.id = ? AND {sql_in('d.state', OUTCOMES[which])} ORDER BY a.row",
        (task,),
    )
    for row in rows:
        values = (
            task,
            seconds(row["started_at"]),
            row["campaign"],
            row["user_id"],
            row["channel"],
            row["address"],
            row["state"],
            row["reason"],
            row["detail"],
            where_of(row["row"], files),
        )
        yield dict(zip(EXCLUDED_COLUMNS, values, strict=True))


def rejected(store: Store, task: int) -> tuple[list[str], Iterator[dict[str, Any]]]:
    """The columns and lines of the rejected rows: as they were in the file, plus where and why."""
    task_row = store.one("SELECT header, files FROM tasks WHERE id = ?", task)
    header = json.loads(task_row["header"] or "[]")
    names = [file["name"] for file in json.loads(task_row["files"])]
    columns = [title or _name_for(number, header) for number, title in enumerate(header, 1)]
    added = [*REJECTED_COLUMNS, FILE_COLUMN] if len(names) > 1 else [*REJECTED_COLUMNS]
    rows = store.db.execute(
        'SELECT row, "column", reason, cells FROM rejections WHERE task_id = ? ORDER BY row', (task,)
    )

    def lines() -> Iterator[dict[str, Any]]:
        for row in rows:
            cells = json.loads(row["cells"])
            # A record with too many cells keeps the rest in its last column.
            if columns and len(cells) > len(columns):
                cells = [*cells[: len(columns) - 1], ",".join(map(str, cells[len(columns) - 1 :]))]
            values = dict(zip(columns, cells, strict=False))
            where = (line_of(row["row"]), row["column"], row["reason"], names[file_of(row["row"])])
            yield values | dict(zip(added, where, strict=False))

    return [*columns, *added], lines()


def _name_for(number: int, header: list[str]) -> str:
    """What a column without a title is called: as no other column is."""
    name = f"column_{number}"
    while name in header:
        name += "_"
    return name


def keep_excluded_report(store: Store, task: int) -> tuple[int, Path, int]:
    """Make the excluded users report of a task: a task of its own, with its file kept. Returns both, and the lines."""
    at = to_text(now())
    with store.writing():
        cursor = store.db.execute(
            "INSERT INTO tasks (type, import_id, about_task_id, status, stage, started_at) SELECT 'excluded_users_report',"
            " import_id, id, 'running', 'done', ? FROM tasks WHERE id = ?",
            (at, task),
        )
    report = int(cursor.lastrowid or 0)
    path = store.folder("reports") / f"excluded-{task}-{report}.csv"
    with os.fdopen(
        os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline=""
    ) as out:
        written = 0
        for row in csv_rows(EXCLUDED_COLUMNS, people(store, task, "excluded")):
            out.write(row)
            written += 1
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET status = 'completed', finished_at = ?, output = ?, rows_read = 0 WHERE id = ?",
            (to_text(now()), str(path), report),
        )
    return report, path, written - 1  # the first row has the titles
