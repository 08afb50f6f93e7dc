"""One tick: take up what was left, send what is due, import what is due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from xpimport.clock import now
from xpimport.defining import imports, settings
from xpimport.defining.imports import Import
from xpimport.errors import Cancelled, XpimportError
from xpimport.flow.import_run import begin, execute, fail
from xpimport.flow.progress import SILENT
from xpimport.flow.send import send_due
from xpimport.importing import tasks
from xpimport.rules.schedule import Missed, missed, parse_schedule, parse_zone
from xpimport.sending import claim, triggers
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store


@dataclass
class Ticked:
    """What one tick did: tasks it ran or took up, triggers it sent, and what went wrong with the tick itself."""

    tasks: list[int] = field(default_factory=list)
    triggers: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def tick(store: Store) -> Ticked:
    """Do everything that is due now; one thing that breaks does not keep the others from their turn."""
    store.check_clock()
    done = Ticked()
    triggers.ignore_late(store)
    _send_due(store, done)
    for task in tasks.unattended(store):
        _guarded(done, partial(_take_up, store, task, done))
    for name in imports.due(store):
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


def _take_up(store: Store, task: int, done: Ticked) -> None:
    """Go on with a task that waits for its file, or whose process is gone."""
    if not tasks.take_up(store, task):
        return
    done.tasks.append(task)
    run = tasks.load(store, task)
    if run.attempt > tasks.ATTEMPTS:
        fail(store, run, "interrupted", f"It was killed {tasks.ATTEMPTS} times; it is not tried again.")
        return
    execute(store, run, SILENT, patient=run.scheduled_for is not None)


def _run_due(store: Store, name: str, done: Ticked) -> None:
    found = imports.get(store, name)
    task = _claim_occurrence(store, found)
    if task is not None:
        done.tasks.append(task)
        execute(store, tasks.load(store, task), SILENT, patient=True)


def _claim_occurrence(store: Store, found: Import) -> int | None:
    """Begin the task of the latest missed occurrence, and record the others as one skipped task.

    None when nothing is to run: another task of this import runs, too many imports run, or all of it is too old.
    """
    with store.writing():
        first = imports.due_since(store, found.id)
        if first is None:
            return None
        gap = missed(parse_schedule(found.schedule or ""), parse_zone(found.timezone), first, now())
        fresh = now() - gap.last <= timedelta(seconds=found.definition.catch_up)
        full = tasks.running(store) >= settings.get(store, tasks.AT_ONCE)
        if fresh and (full or tasks.is_busy(store, found.id)):
            return None
        _skip_others(store, found, gap, fresh=fresh)
        imports.pass_over(store, found, now())
        if not fresh or tasks.has_run(store, found.id, gap.last):
            return None
        return begin(store, found, scheduled_for=gap.last)


def _skip_others(store: Store, found: Import, gap: Missed, *, fresh: bool) -> None:
    count = gap.count - 1 if fresh else gap.count
    if count == 0:
        return
    last = gap.last
    if fresh:
        schedule, zone = parse_schedule(found.schedule or ""), parse_zone(found.timezone)
        last = missed(schedule, zone, gap.first, gap.last - timedelta(microseconds=1)).last
    tasks.skip(store, found.id, gap.first, last, count)
