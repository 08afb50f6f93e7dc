"""The reports that have a line for each person or row: excluded users, and rejected rows."""

import filecmp
import json
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xpimport.clock import now, to_text
from xpimport.reporting.history import seconds, where_of
from xpimport.rules.csv_rows import csv_rows
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, UNCERTAIN, sql_in
from xpimport.rules.events import Kind, Machine
from xpimport.rules.rows import FILE_COLUMN, REJECTED_COLUMNS, file_of, line_of
from xpimport.rules.setting_kinds import DAYS
from xpimport.rules.settings import Setting
from xpimport.store.database import Store

EXCLUDED_COLUMNS = (
    "task_id", "run_at", "campaign", "user_id", "channel", "address", "outcome", "reason", "detail", "row",
)  # fmt: skip
OUTCOMES = {
    "excluded": {EXCLUDED, FAILED, UNCERTAIN},
    "failed": {FAILED},
    "uncertain": {UNCERTAIN},
    "who": {ACCEPTED},
}
"""What `--excluded` (which has accepted messages that came back, too), `--failed`, `--uncertain` and `--who` list."""

EVENT_COLUMNS = ("task_id", "campaign", "user_id", "address", "event", "at", "machine", "url", "detail", "row")


def people(store: Store, task: int, which: str) -> Iterator[dict[str, Any]]:
    """One map for each person of a task's send with such an outcome, by the columns of the excluded users report."""
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    came_back = "NULL"
    if which in {"excluded", "who"}:
        came_back = (
            f"(SELECT coalesce(e.detail, '') FROM events e WHERE d.state = '{ACCEPTED}' AND e.trigger_id = d.trigger_id"
            f" AND e.profile_id = d.profile_id AND e.kind = {Kind.BOUNCED:d} ORDER BY e.at LIMIT 1)"
        )
    rows = store.db.execute(
        "SELECT t.started_at, c.name AS campaign, c.channel, p.user_id, coalesce(d.address, CASE c.medium WHEN 'email'"
        f" THEN p.email ELSE p.mobile_number END) AS address, d.state, d.reason, d.detail, a.row, {came_back} AS came_back"
        " FROM triggers g"
        " JOIN tasks t ON t.id = g.task_id JOIN campaigns c ON c.id = g.campaign_id"
        " JOIN deliveries d ON d.trigger_id = g.id JOIN audience a ON a.task_id = t.id AND a.profile_id = d.profile_id"
        f" LEFT JOIN profiles p ON p.id = d.profile_id WHERE t.id = ? AND ({sql_in('d.state', OUTCOMES[which])}"
        f" OR came_back IS NOT NULL) ORDER BY a.row",
        (task,),
    )
    for row in rows:
        fate = (row["state"], row["reason"], row["detail"])
        if row["came_back"] is not None:
            fate = (row["state"] if which == "who" else Kind.BOUNCED.word, Kind.BOUNCED.word, row["came_back"] or None)
        values = (
            task,
            seconds(row["started_at"]),
            row["campaign"],
            row["user_id"],
            row["channel"],
            row["address"],
            *fate,
            where_of(row["row"], files),
        )
        yield dict(zip(EXCLUDED_COLUMNS, values, strict=True))


def events(store: Store, task: int, kinds: Collection[Kind]) -> Iterator[dict[str, Any]]:
    """One map for each event of these kinds of a task's send, machines' too, in the order of the list and the time."""
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    rows = store.db.execute(
        "SELECT c.name AS campaign, p.user_id, d.address, e.kind, e.at, e.machine, coalesce(l.url, e.detail) AS url, e.detail,"
        " a.row FROM triggers g JOIN campaigns c ON c.id = g.campaign_id JOIN events e ON e.trigger_id = g.id"
        f" AND e.kind IN ({', '.join(str(int(kind)) for kind in kinds)})"
        " JOIN deliveries d ON d.trigger_id = g.id AND d.profile_id = e.profile_id"
        " JOIN audience a ON a.task_id = g.task_id AND a.profile_id = e.profile_id"
        " LEFT JOIN links l ON l.trigger_id = g.id AND l.number = e.link LEFT JOIN profiles p ON p.id = e.profile_id"
        " WHERE g.task_id = ? ORDER BY a.row, e.at",
        (task,),
    )
    for row in rows:
        kind = Kind(row["kind"])
        clicked = kind is Kind.CLICKED
        values = (
            task,
            row["campaign"],
            row["user_id"],
            row["address"],
            kind.word,
            datetime.fromtimestamp(row["at"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            Machine(row["machine"]).word if row["machine"] else None,
            row["url"] if clicked else None,
            None if clicked else row["detail"],
            where_of(row["row"], files),
        )
        yield dict(zip(EVENT_COLUMNS, values, strict=True))


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


KEEP = Setting("reports.keep", "400d", DAYS, "how long the files of excluded users reports are kept")


@dataclass(frozen=True)
class KeptReport:
    """An excluded users report: its task, its file, its lines, and whether it was there `before`, with the same in it."""

    task: int
    path: Path
    lines: int
    before: bool


def keep_excluded_report(store: Store, task: int, *, new: bool = False) -> KeptReport:
    """The excluded users report of a task: a task of its own, with its file kept.

    Where nothing has changed it is the one that was made last, unless a `new` one is asked for.
    """
    at = to_text(now())
    _drop_old(store)
    made = store.folder("reports") / f".excluded-{task}.{os.getpid()}"
    try:
        lines = _write(made, csv_rows(EXCLUDED_COLUMNS, people(store, task, "excluded")))
        last = None if new else _last_report(store, task)
        if last is not None and last[1].is_file() and filecmp.cmp(made, last[1], shallow=False):
            return KeptReport(*last, lines, before=True)
        return _keep(store, task, at, made, lines)
    finally:
        made.unlink(missing_ok=True)


def _drop_old(store: Store) -> None:
    """Remove the files of reports whose time is over; their tasks stay in the history."""
    text = store.scalar("SELECT value FROM settings WHERE name = ?", KEEP.name)
    before = to_text(now() - KEEP.kind.parse(text or KEEP.default))
    old = store.all(
        "SELECT output FROM tasks WHERE type = 'excluded_users_report' AND started_at < ? AND output IS NOT NULL",
        before,
    )
    for row in old:
        Path(row["output"]).unlink(missing_ok=True)


def _write(path: Path, rows: Iterable[str]) -> int:
    """The rows in a private file, on the disk; how many there are behind the titles."""
    written = 0
    with os.fdopen(
        os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w", encoding="utf-8", newline=""
    ) as out:
        for row in rows:
            out.write(row)
            written += 1
        out.flush()
        os.fsync(out.fileno())
    return written - 1


def _last_report(store: Store, task: int) -> tuple[int, Path] | None:
    row = store.one(
        "SELECT id, output FROM tasks WHERE about_task_id = ? AND type = 'excluded_users_report' AND status = 'completed'"
        " ORDER BY id DESC LIMIT 1",
        task,
    )
    return None if row is None or row["output"] is None else (int(row["id"]), Path(row["output"]))


def _keep(store: Store, task: int, at: str, made: Path, lines: int) -> KeptReport:
    """The file under its name and the task that tells of it, or neither."""
    with store.writing():
        cursor = store.db.execute(
            "INSERT INTO tasks (type, import_id, about_task_id, status, stage, started_at, finished_at, rows_read)"
            " SELECT 'excluded_users_report', import_id, id, 'completed', 'done', ?, ?, 0 FROM tasks WHERE id = ?",
            (at, to_text(now()), task),
        )
        report = int(cursor.lastrowid or 0)
        path = made.with_name(f"excluded-{task}-{report}.csv")
        store.db.execute("UPDATE tasks SET output = ? WHERE id = ?", (str(path), report))
        made.rename(path)
    return KeptReport(report, path, lines, before=False)
