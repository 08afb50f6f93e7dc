"""One tick: take up what was left, send what is due, import what is due."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from xpimport.clock import now
from xpimport.defining import imports, settings
from xpimport.defining.imports import Import
from xpimport.errors import Cancelled, reason_of
from xpimport.flow import adopt
from xpimport.flow.import_run import begin, execute, fail
from xpimport.flow.progress import SILENT
from xpimport.flow.send import send_due
from xpimport.importing import tasks
from xpimport.rules.schedule import Missed, missed, parse_schedule, parse_zone
from xpimport.sending import claim, triggers
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store
from xpimport.tracking.spool_intake import take_in_spool


@dataclass
class Ticked:
    """What one tick did: tasks it ran or took up, triggers it sent, and what went wrong with the tick itself."""

    tasks: list[int] = field(default_factory=list)
    triggers: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def tick(store: Store) -> Ticked:
    """Do everything that is due now; one thing that breaks does not keep the others from their turn.

    Raises:
        Refused: the store is in doubt: what is due is held, and nothing else is done.
    """
    store.check_clock()
    adopt.check(store, hold_due=True)
    done = Ticked()
    # Who said no in it is not written to by what is due now.
    _guarded(done, partial(take_in_spool, store))
    _guarded(done, partial(triggers.ignore_late, store))
    _send_due(store, done)
    for task in tasks.unattended(store):
        _guarded(done, partial(_take_up, store, task, done))
    for name in imports.due(store):
        _guarded(done, partial(_run_due, store, name, done))
    _guarded(done, partial(triggers.ignore_late, store))
    _send_due(store, done)
    return done


def _guarded(done: Ticked, work: Callable[[], object]) -> None:
    """What an item could not keep for itself is the tick's own problem; the next item has its turn all the same."""
    try:
        work()
    except Cancelled:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever it is, the others have their turn
        done.problems.append(reason_of(problem))


def _execute(store: Store, task: int, *, patient: bool) -> None:
    """Carry a claimed task on; whatever breaks it is kept with it, and it is tried again later."""
    try:
        execute(store, tasks.load(store, task), SILENT, patient=patient)
    except Cancelled:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is this task's
        tasks.set_back(store, task, reason_of(problem))


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
    tried = tasks.attempts(store, task)
    if tried.number > tasks.ATTEMPTS:
        how, why = ("was killed", "") if tried.problem is None else ("broke off", f" The last time: {tried.problem}")
        fail(store, task, "interrupted", f"It {how} {tasks.ATTEMPTS} times; it is not tried again.{why}")
        return
    _execute(store, task, patient=tried.scheduled)


def _run_due(store: Store, name: str, done: Ticked) -> None:
    found = imports.get(store, name)
    task = _claim_occurrence(store, found)
    if task is not None:
        done.tasks.append(task)
        _execute(store, task, patient=True)


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
