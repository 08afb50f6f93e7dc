"""Between reading and merging: what only the store can tell of the rows, and what must be known before the first."""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xpimport.clock import to_text
from xpimport.importing.consent import collect_opt_outs, collect_opt_outs_of_other_rows, find_last_rows, match_folded
from xpimport.importing.formats.opening import open_list
from xpimport.importing.merging.parts import schema
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.staging.sort import written_columns
from xpimport.importing.staging.stage import Staged, options_of
from xpimport.importing.tasks import Run
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.rules.rows import FILE_STEP
from xpimport.store import journal
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store

PAUSE = 0.004
"""Seconds between two write transactions, in which somebody who polls for the lock finds it free."""


@dataclass(frozen=True)
class Reconciled:
    """What is known before merging: rows that a later row of the same person replaces, bad rows, and people."""

    merged: int
    rejected: int
    people: int


@dataclass(frozen=True)
class ConsentCounts:
    """Rejected rows whose opt-out was kept, and people whose list gives a time of consent that is still ahead."""

    opted_out_of_rejected: int
    time_ahead: int


def reconcile(store: Store, run: Run, staged: Staged) -> Reconciled:
    """Reject what only the store can tell; of each person the last row that is left stands.

    A run that is taken up again takes the rejections it has recorded, since by now its own rows are in the store.
    """
    if run.stage == "merging":
        again = f"s.row IN (SELECT row FROM main.rejections WHERE task_id = {run.task})"
        _reject(store, staged, again, run.definition.identify_by, "rejected before")
    else:
        for condition, reason in _unfit(run, staged.attributes):
            _reject(store, staged, condition, run.definition.identify_by, reason)

    def total(table: str) -> int:
        return sum(
            store.scalar(f"SELECT count(*) FROM {schema(number)}.{table}") for number in range(len(staged.parts))
        )

    return Reconciled(total("replaced"), total("rejected"), total("people"))


def _unfit(run: Run, attributes: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What the store makes of a row s: condition and reason, in the order in which they count."""
    by_email = run.definition.identify_by == "email"
    known = "EXISTS (SELECT 1 FROM main.profiles WHERE {})".format(
        "email_key = s.key" if by_email else "user_id = s.key"
    )
    if by_email:
        yield "(SELECT count(*) FROM main.profiles WHERE email_key = s.key) > 1", "ambiguous_identifier"
    elif "email" in attributes:
        adoptable = "SELECT count(*) FROM main.profiles WHERE user_id IS NULL AND email_key = s.email_key"
        known = f"({known} OR 1 = ({adoptable}))"
    if run.definition.mode == "create":
        yield known, "already_exists"
    elif run.definition.mode == "update":
        yield f"NOT {known}", "unknown_profile"


def _reject(store: Store, staged: Staged, condition: str, column: str, reason: str) -> None:
    """Move the rows that meet a condition to the rejected; an earlier row of the same person takes the place of one."""
    schemas, columns = [schema(number) for number in range(len(staged.parts))], written_columns(staged.attributes)
    says_no = " OR ".join(f"s.{name} = 0" for name in SUBSCRIPTION.values() if name in staged.attributes)
    for part in schemas:
        for table in ("replaced", "people"):
            if says_no:
                own = ", ".join(f's."{name}"' for name in ("row", "key", *columns))
                store.db.execute(
                    f"INSERT INTO {part}.opting_out SELECT {own} FROM {part}.{table} s WHERE ({condition}) AND ({says_no})"
                )
            store.db.execute(
                f"INSERT INTO {part}.rejected SELECT s.row, ?, s.key, ?, NULL FROM {part}.{table} s WHERE {condition}",
                (column, reason),
            )
        store.db.execute(f"DELETE FROM {part}.replaced WHERE row IN (SELECT row FROM {part}.rejected)")
    names = ", ".join(["row", *(f'"{name}"' for name in columns)])
    chosen = ", ".join(["max(s.row) AS row", *(f's."{name}"' for name in columns)])
    spare = " UNION ALL ".join(f"SELECT key, {names} FROM {part}.replaced" for part in schemas)
    for part in schemas:
        gone = f"row IN (SELECT row FROM {part}.rejected)"
        store.db.execute(
            f"CREATE TEMP TABLE spare AS SELECT p.rank AS place, {chosen}"
            f" FROM {part}.people p JOIN ({spare}) s ON s.key = p.key WHERE p.{gone} GROUP BY p.rank"
        )
        store.db.execute(
            f"UPDATE {part}.people AS p SET ({names}) = (SELECT {names} FROM temp.spare WHERE place = p.rank)"
            " WHERE rank IN (SELECT place FROM temp.spare)"
        )
        store.db.execute(f"DELETE FROM {part}.people WHERE {gone}")
        for other in schemas:
            store.db.execute(f"DELETE FROM {other}.replaced WHERE row IN (SELECT row FROM temp.spare)")
        store.db.execute("DROP TABLE temp.spare")


def restore_cells(store: Store, run: Run, staged: Staged, files: Sequence[SourceFile]) -> None:
    """Give rows that the store rejected the cells of their record, from a second look at the files."""
    schemas = [schema(number) for number in range(len(staged.parts))]
    if not any(store.scalar(f"SELECT EXISTS (SELECT 1 FROM {part}.rejected WHERE cells IS NULL)") for part in schemas):
        return
    for number, file in enumerate(files):
        with open_list(file.path, options_of(run.definition), file.name) as reader:
            for batch in reader.batches():
                cells = dict(zip(batch.lines, batch.records, strict=True))
                _restore(store, schemas, number * FILE_STEP, cells)


def _restore(store: Store, schemas: Sequence[str], base: int, cells: dict[int, list[str]]) -> None:
    if not cells:
        return
    for part in schemas:
        rows = store.all(
            f"SELECT row FROM {part}.rejected WHERE row BETWEEN ? AND ? AND cells IS NULL",
            base + min(cells),
            base + max(cells),
        )
        found = [(json.dumps(cells[row["row"] - base], ensure_ascii=False), row["row"]) for row in rows]
        store.db.executemany(f"UPDATE {part}.rejected SET cells = ? WHERE row = ?", found)


def record_rejections(store: Store, run: Run, staged: Staged) -> None:
    """Copy the rejections into the store, a short transaction at a time; what an earlier attempt left goes first."""
    forget = (
        "DELETE FROM rejections WHERE task_id = ? AND row IN (SELECT row FROM rejections WHERE task_id = ? LIMIT 20000)"
    )
    while True:
        with store.writing():
            gone = store.db.execute(forget, (run.task, run.task)).rowcount
        if not gone:
            break
    for number in range(len(staged.parts)):
        _copy_rejections(store, run, f"{schema(number)}.rejected")


def _copy_rejections(store: Store, run: Run, table: str) -> None:
    last = -1
    while True:
        upto = store.scalar(
            f"SELECT max(row) FROM (SELECT row FROM {table} WHERE row > ? ORDER BY row LIMIT 20000)", last
        )
        if upto is None:
            return
        with store.writing():
            store.db.execute(
                'INSERT INTO rejections (task_id, row, "column", value, reason, cells)'
                f' SELECT ?, row, "column", value, reason, cells FROM {table} WHERE row > ? AND row <= ?',
                (run.task, last, upto),
            )
            store.db.execute("UPDATE tasks SET heartbeat = ? WHERE id = ?", (heartbeat(), run.task))
        last = upto
        time.sleep(PAUSE)


def record_opt_outs(store: Store, run: Run, staged: Staged) -> None:
    """Before anything is merged, so that what a row finds does not depend on how the rows fall into batches."""
    parts = [schema(number) for number in range(len(staged.parts))]
    for part in parts:
        match_folded(store, staged.attributes, f"{part}.people")
    find_last_rows(store, staged.attributes, parts)
    for medium, column in SUBSCRIPTION.items():
        if column not in staged.attributes:
            continue
        store.db.execute("CREATE TEMP TABLE outs (address TEXT PRIMARY KEY, at TEXT NOT NULL) WITHOUT ROWID")
        for part in parts:
            collect_opt_outs(store, run, medium, staged.attributes, f"{part}.people")
        collect_opt_outs_of_other_rows(store, run, medium, staged.attributes, parts)
        _keep_opt_outs(store, run, medium)
        store.db.execute("DROP TABLE temp.outs")
    store.db.execute("DROP TABLE temp.last_rows")


def count_consent(store: Store, run: Run, staged: Staged) -> ConsentCounts:
    """What of the list's consent is told apart: see `ConsentCounts`."""
    times = [name for name in SUBSCRIPTION_TIME.values() if name in staged.attributes]
    ahead = " OR ".join(f"substr(s.{name}, 1, 19) > ?" for name in times)
    start = [to_text(run.started_at)[:19]] * len(times)
    opted_out = time_ahead = 0
    for number in range(len(staged.parts)):
        opted_out += store.scalar(f"SELECT count(*) FROM {schema(number)}.opting_out")
        if times:
            time_ahead += store.scalar(f"SELECT count(*) FROM {schema(number)}.people s WHERE {ahead}", *start)
    return ConsentCounts(opted_out, time_ahead)


def _keep_opt_outs(store: Store, run: Run, medium: str) -> None:
    """In the order of the addresses, so that one transaction touches few pages."""
    last, source = "", f"import {run.import_name}, task {run.task}"
    while True:
        upto = store.scalar(
            "SELECT max(address) FROM (SELECT address FROM temp.outs WHERE address > ? ORDER BY address LIMIT 20000)",
            last,
        )
        if upto is None:
            return
        with store.writing():
            _journal_opt_outs(store, run, medium, source, (last, upto))
            store.db.execute(
                "INSERT INTO opt_outs (medium, address, opted_out_at, source) SELECT ?, address, at, ? FROM temp.outs"
                " WHERE address > ? AND address <= ?"
                " ON CONFLICT (medium, address) DO UPDATE SET opted_out_at = max(opted_out_at, excluded.opted_out_at)",
                (medium, source, last, upto),
            )
            store.db.execute("UPDATE tasks SET heartbeat = ? WHERE id = ?", (heartbeat(), run.task))
        last = upto
        time.sleep(PAUSE)


def _journal_opt_outs(store: Store, run: Run, medium: str, source: str, span: tuple[str, str]) -> None:
    """Inside a transaction: what a list tells that is new; what it tells night after night is not journalled each time."""
    start = to_text(run.started_at)
    # Made by SQLite: a list may opt a million people out.
    addresses = store.scalar(
        "SELECT json_group_array(json(CASE at WHEN ? THEN json_quote(address) ELSE json_array(address, at) END))"
        " FROM temp.outs n"
        " WHERE n.address > ? AND n.address <= ? AND NOT EXISTS (SELECT 1 FROM opt_outs o WHERE o.medium = ?"
        " AND o.address = n.address AND o.opted_out_at >= n.at)",
        start,
        *span,
        medium,
    )
    if addresses != "[]":
        journal.append(store, [(journal.OPT_OUT, medium, start, source, journal.Json(addresses))])
