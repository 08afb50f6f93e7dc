"""Why somebody was excluded, a message failed, a row was rejected: each reason with its words."""

import json
from collections.abc import Mapping
from typing import Any

from xpimport.hints import command
from xpimport.reporting.figures import Figures
from xpimport.reporting.history import where_of
from xpimport.reporting.pages.page import Section
from xpimport.reporting.pages.tables import Bar, Cell, Column, Line, Row, Table, count
from xpimport.reporting.pages.words import counted, number, share_of
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, EXCLUSIONS, FAILED, FAILURES, UNCERTAIN
from xpimport.rules.values import REJECTIONS
from xpimport.store.database import Store

SAMPLES = 3
"""Lines that are shown of each reason of a rejection."""


def excluded(task: int, found: Figures) -> Section:
    """Who was not sent to."""
    people = found.fates[EXCLUDED]
    if not people:
        return Section("excluded", "Excluded", note="Nobody was excluded.", half=True)
    section = Section("excluded", f"Not sent to: {number(people)} excluded", half=True)
    of = f"{share_of(people, found.audience)} of {counted(found.audience, 'person', 'people')}"
    section.note = f"{of}. Each has the first reason that fits."
    section.table = _by_reason("Excluded, by reason", "Excluded", found.reasons[EXCLUDED], EXCLUSIONS)
    section.command = command("report", task, "--excluded") + " > excluded.csv"
    return section


def failed(task: int, found: Figures) -> Section:
    """Who was sent to without success, or perhaps without."""
    people, sent_to = found.fates[FAILED], found.audience - found.fates[EXCLUDED]
    section = Section("failed", "Failed", half=True)
    section.note = "Every message was accepted." if found.fates[ACCEPTED] == sent_to else "No message failed."
    if people:
        section.title = f"Sent to without success: {number(people)} failed"
        section.note = f"{share_of(people, sent_to)} of {number(sent_to)} sent to."
        section.table = _by_reason("Failed, by reason", "Failed", found.reasons[FAILED], FAILURES)
        section.command = command("resend", task, "--failed")
    if uncertain := found.fates[UNCERTAIN]:
        section.note += (
            f" Of {number(uncertain)} it is uncertain whether the message got through. They are not sent to again unless a"
            " person says so."
        )
    return section


def rejected(store: Store, details: dict[str, Any]) -> Section:
    """The rows that were not imported."""
    rows, found = details["rows"], {one["reason"]: one["count"] for one in details["rejections"]}
    if not found:
        return Section("rejected", "Not imported", note="No row was rejected.")
    section = Section("rejected", f"Not imported: {counted(rows['rejected'], 'row')}")
    of = f"{share_of(rows['rejected'], rows['read'])} of {counted(rows['read'], 'row')}"
    section.note = f"{of}. A line is counted from the first of the file, which is 1."
    section.table = _rejections(store, details["id"], found)
    section.command = command("report", details["id"], "--rejected") + " > rejected.csv"
    return section


def _by_reason(caption: str, total: str, found: Mapping[str, int], meanings: Mapping[str, str]) -> Table:
    """People by reason, the most frequent first, and their sum."""
    ranked = sorted(found.items(), key=lambda one: (-one[1], one[0]))
    most = max(found.values(), default=1)
    rows = [
        Row((Cell(reason, sub=meanings.get(reason, "")), count(people), Cell(bar=Bar(100 * people / most))))
        for reason, people in ranked
    ]
    rows.append(Row((Cell(total), count(sum(found.values())), Cell()), "sum"))
    columns = (Column("Reason", "code"), Column("People", "n"), Column("Bar", "bars drop", hidden=True))
    return Table(caption, columns, rows)


def _rejections(store: Store, task: int, found: Mapping[str, int]) -> Table:
    """The rejected rows by reason, each with a few of its lines."""
    samples, total = _samples(store, task), sum(found.values())
    rows = [
        Row(
            (
                Cell(reason, sub=REJECTIONS.get(reason, "")),
                count(lines),
                Cell(share_of(lines, total)),
                Cell(lines=samples.get(reason, ())),
            )
        )
        for reason, lines in found.items()
    ]
    rows.append(Row((Cell("Rejected"), count(total), Cell(), Cell()), "sum"))
    columns = (
        Column("Reason", "code"),
        Column("Rows", "n", "row|rows"),
        Column("Share of rejected", "n muted", "of rejected"),
        Column("Some of its lines", "full"),
    )
    return Table("Rows that were not imported, by reason", columns, rows, "stack")


def _samples(store: Store, task: int) -> dict[str, list[Line]]:
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    rows = store.all(
        'SELECT row, "column", value, reason FROM (SELECT *, row_number() OVER (PARTITION BY reason ORDER BY row) AS place'
        " FROM rejections WHERE task_id = ?) WHERE place <= ? ORDER BY row",
        task,
        SAMPLES,
    )
    found: dict[str, list[Line]] = {}
    for row in rows:
        where = where_of(row["row"], files)
        where = f"line {where:,}" if isinstance(where, int) else where
        column = f", {row['column']}" if row["column"] else ""
        value = None if row["value"] is None else _short(str(row["value"]))
        found.setdefault(row["reason"], []).append(Line(where + column, value))
    return found


def _short(value: str, most: int = 80) -> str:
    return value if len(value) <= most else value[: most - 1] + "…"
