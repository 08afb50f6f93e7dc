"""What ran when, on which file, and who stepped in."""

from datetime import datetime, timedelta
from typing import Any

from xpimport.reporting.beside import Run
from xpimport.reporting.pages.words import Times, counted, listed, number
from xpimport.rules.durations import format_duration
from xpimport.rules.trigger import BY_PEOPLE
from xpimport.store.database import Store

Fact = tuple[str, str, str]
"""What it is, what is so, and more about it."""


def facts(store: Store, details: dict[str, Any], run: Run, times: Times) -> list[Fact]:
    """The facts of a run; those that are not known are left out."""
    found = [*_files(details), _imported(details, times)]
    if details["trigger"]:
        found += [_sent(store, details, run, times), _decisions(details, times)]
    return [fact for fact in found if fact[1]]


def _files(details: dict[str, Any]) -> list[Fact]:
    files = details["files"]
    if not files:
        return []
    if len(files) > 1:
        names = listed([str(file["name"]) for file in files[:3]])
        more = f", and {len(files) - 3} more" if len(files) > 3 else ""
        return [("Files", names + more, f"{number(sum(file['bytes'] for file in files))} bytes")]
    file = files[0]
    digest = f", SHA-256 {file['sha256'][:12]}…" if file["sha256"] else ""
    found = [("File", str(file["name"]), f"{counted(file['bytes'], 'byte')}{digest}")]
    return [*found, ("From", str(file["location"] or ""), "")]


def _imported(details: dict[str, Any], times: Times) -> Fact:
    started, finished = details["started_at"], details["finished_at"]
    took = ""
    if finished:
        length = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
        took = f"to {times.clock(finished)}, in {format_duration(max(length, timedelta(seconds=1)))}"
    attempt = f", attempt {details['attempt']}" if details["attempt"] > 1 else ""
    return ("Import", times.instant(started), took + attempt)


def _sent(store: Store, details: dict[str, Any], run: Run, times: Times) -> Fact:
    trigger = details["trigger"]
    reason = f", {trigger['reason']}" if trigger["reason"] else ""
    state = f"{trigger['state']}{reason}"
    if run.row["began_at"] is None:
        due = f"due {times.instant(trigger['send_at'])}" if trigger["send_at"] else ""
        return ("Send", state, due)
    finished = store.scalar("SELECT finished_at FROM triggers WHERE id = ?", trigger["id"])
    until = f", finished {times.instant(finished)}" if finished else ""
    return ("Send", times.instant(run.row["began_at"]), f"{state}{until}")


def _decisions(details: dict[str, Any], times: Times) -> Fact:
    moves = [move for move in details["moves"] if move["reason"] in BY_PEOPLE]
    told = [f"{move['reason']} {times.instant(move['at'])}" for move in moves]
    approval = {"needed": "it needs an approval", "given": "it was approved"}.get(
        details["trigger"]["approval"] or "", ""
    )
    return ("Decisions", "; ".join(told) or "nobody stepped in", approval)
