"""One tick: take up what was left, send what is due, import what is due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from xpimport.clock import from_text, now, to_text
from xpimport.defining import imports, settings
from xpimport.defining.imports import Import
from xpimport.errors import Cancelled, XpimportError
from xpimport.flow.import_run import SILENT, Progress, begin, execute, kinds_of
from xpimport.importing import tasks
from xpimport.rules.schedule import Missed, missed, next_after, parse_schedule, parse_zone
from xpimport.sending import claim, triggers
from xpimport.sending.delivery.send import Sent, send
from xpimport.sending.triggers import Trigger
from xpimport.store.claims import lapsed
from xpimport.store.database import Store


@dataclass
class Ticked:
    """What one tick did: tasks it ran or took up, triggers it sent, and what went wrong with the tick itself."""

    tasks: list[int] = field(default_factory=list)
    triggers: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def tick(store: Store) -> Ticked:
    """Do everything that is due at this moment; one thing that breaks does not keep the others from their turn."""
    done = Ticked()
    triggers.ignore_late(store)
    _send_due(store, done)
    for task in _abandoned_and_waiting(store):
        _guarded(done, partial(_take_up, store, task, done))
    for name in _due_imports(store):
        _guarded(done, partial(_run_due, store, name, done))
    triggers.ignore_late(store)
    _send_due(store, done)
    return done


def _guarded(done: Ticked, work: Callable[[], None]) -> None:
    try:
        work()
    except Cancelled:
        raise
    except XpimportError as problem:
        done.problems.append(problem.message)


def _send_due(store: Store, done: Ticked) -> None:
    for trigger in claim.due(store):
        if trigger.id not in done.triggers:
            _guarded(done, partial(_send, store, trigger, done))


def _send(store: Store, trigger: Trigger, done: Ticked) -> None:
    if send_due(store, trigger, SILENT) is not None:
        done.triggers.append(trigger.id)


def send_due(store: Store, trigger: Trigger, progress: Progress) -> Sent | None:
    """Claim a due trigger and send it; None when it was not to be had or reconciled without sending."""
    claimed = claim.claim(store, trigger)
    if claimed is None:
        return None
    kinds = {name: kind for name, (kind, _) in kinds_of(store).items()}
    values = {value.name: value.value for value in settings.everything(store)}
    return send(store, claimed, kinds, values, progress.sending)


def _abandoned_and_waiting(store: Store) -> list[int]:
    rows = store.all("SELECT id, owner, heartbeat FROM tasks WHERE wake_at <= ? ORDER BY id", to_text(now()))
    return [row["id"] for row in rows if lapsed(row["owner"], row["heartbeat"])]


def _take_up(store: Store, task: int, done: Ticked) -> None:
    """Go on with a task that waits for its file, or whose process is gone."""
    row = store.one("SELECT status, owner, heartbeat, attempt FROM tasks WHERE id = ?", task)
    if row["status"] not in {"running", "waiting_for_file"} or not lapsed(row["owner"], row["heartbeat"]):
        return
    if not tasks.take_up(store, task, row):
        return
    done.tasks.append(task)
    run = tasks.load(store, task)
    if run.attempt > tasks.ATTEMPTS:
        from xpimport.flow.import_run import fail

        fail(store, run, "interrupted", f"It was killed {tasks.ATTEMPTS} times; it is not tried again.")
        return
    execute(store, run, SILENT, patient=run.scheduled_for is not None)


def _due_imports(store: Store) -> list[str]:
    at = to_text(now())
    rows = store.all("SELECT name FROM imports WHERE next_run_at <= ? ORDER BY next_run_at, id", at)
    return [row["name"] for row in rows]


def _run_due(store: Store, name: str, done: Ticked) -> None:
    found = imports.get(store, name)
    task = _claim_occurrence(store, found)
    if task is not None:
        done.tasks.append(task)
        execute(store, tasks.load(store, task), SILENT, patient=True)


def _claim_occurrence(store: Store, found: Import) -> int | None:
    """Begin the task of the latest missed occurrence, and record the others as one skipped task (DESIGN 2.9).

    None when nothing is to run: another task of this import runs, too many imports run, or all of it is too old.
    """
    with store.writing():
        row = store.one("SELECT next_run_at FROM imports WHERE id = ? AND active AND removed_at IS NULL", found.id)
        if row is None or row["next_run_at"] is None or from_text(row["next_run_at"]) > now():
            return None
        busy = store.scalar(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE import_id = ? AND status IN ('running', 'waiting_for_file'))",
            found.id,
        )
        gap = _gap(found, row["next_run_at"])
        fresh = now() - gap.last <= timedelta(seconds=found.definition.catch_up)
        if fresh and (busy or tasks.running(store) >= int(settings.get(store, "imports.at_once"))):
            return None
        _skip_others(store, found, gap, fresh=fresh)
        store.db.execute(
            "UPDATE imports SET next_run_at = ? WHERE id = ?",
            (to_text(next_after(parse_schedule(found.schedule or ""), parse_zone(found.timezone), now())), found.id),
        )
        taken = store.scalar(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE import_id = ? AND scheduled_for = ?)", found.id, to_text(gap.last)
        )
        return begin(store, found, scheduled_for=gap.last) if fresh and not taken else None


def _gap(found: Import, first: str) -> Missed:
    return missed(parse_schedule(found.schedule or ""), parse_zone(found.timezone), from_text(first), now())


def _skip_others(store: Store, found: Import, gap: Missed, *, fresh: bool) -> None:
    count = gap.count - 1 if fresh else gap.count
    if count == 0:
        return
    last = gap.last
    if fresh:
        schedule, zone = parse_schedule(found.schedule or ""), parse_zone(found.timezone)
        last = missed(schedule, zone, gap.first, gap.last - timedelta(microseconds=1)).last
    tasks.skip(store, found.id, gap.first, last, count)
