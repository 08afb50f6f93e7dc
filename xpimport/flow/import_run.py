"""One import run, from a file to an armed trigger."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from xpimport.clock import now
from xpimport.defining import attributes, imports, settings
from xpimport.defining.imports import Import
from xpimport.errors import (
    Cancelled,
    Failed,
    FileRefused,
    Invalid,
    Refused,
    StoreRefused,
    Unreachable,
    XpimportError,
    reason_of,
)
from xpimport.flow import adopt, source_files
from xpimport.flow.progress import Progress, ProgressReporter
from xpimport.flow.send import how_far, send_at_once, stop_hint
from xpimport.hints import command
from xpimport.importing import earlier_runs, task_notes, tasks
from xpimport.importing.guards import check_guards
from xpimport.importing.merging import merge, parts, reconcile
from xpimport.importing.merging.reconcile import ConsentCounts, Reconciled
from xpimport.importing.sources.registry import check_source
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.staging.stage import Staged, content_hashes, stage
from xpimport.importing.tasks import Run
from xpimport.reporting.forecast import forecast
from xpimport.rules.definition import Definition, consent_message, consent_missing
from xpimport.rules.locations import parse_location
from xpimport.rules.trigger import send_instant
from xpimport.sending import triggers
from xpimport.sending.channels.registry import channel_kind
from xpimport.sending.delivery.send import Sent
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3
from xpimport.store.high_water import write_note


@dataclass(frozen=True)
class Ran:
    """What `run_now` did: its task, which may have failed, and the send where one was due at once."""

    task: int
    sent: Sent | None


def begin(
    store: Store,
    found: Import,
    *,
    scheduled_for: datetime | None = None,
    source: str | None = None,
    again: bool = False,
    rest_of: int | None = None,
) -> int:
    """Make the task and its waiting trigger; inside the caller's transaction.

    With `rest_of` it sends only to people whom that task, and other rests of it, have not sent to.

    Raises:
        Refused: another task of the import runs.
    """
    tasks.refuse_overlap(store, found.id, found.name)
    definition = found.definition
    if source is not None:
        definition = _other_source(definition, source)
    if source is not None and rest_of is not None:
        # A list that somebody corrected by hand comes without what its supplier puts beside it.
        definition = replace(definition, marker=None, count_file=None, max_age=None)
    kinds = attributes.kinds(store)
    task = tasks.create(store, found.id, definition, kinds, scheduled_for=scheduled_for, again=again, rest_of=rest_of)
    if found.campaign_id is not None:
        send_at = send_instant(found.send_at, found.timezone, scheduled_for or now())
        triggers.create(store, task, found.id, found.campaign_id, definition, send_at)
    return task


def _other_source(definition: Definition, source: str) -> Definition:
    """The definition for one run from another place, which is given no credentials of the first, and is left as it is."""
    there = parse_location(source).place == parse_location(definition.source).place
    if not there:
        definition = replace(definition, password=None, key=None, token=None)
    return check_source(replace(definition, source=source, after="leave"))


def run_now(
    store: Store, name: str, *, source: str | None, again: bool, progress: Progress, rest_of: int | None = None
) -> Ran:
    """Run an import now, and send at once where its send time is blank.

    Raises:
        NotFound: no such import, or no task `rest_of`.
        Invalid: the task `rest_of` is no run of this import.
        Refused: another task of it runs, as many imports run as are allowed at once, nothing may leave this machine, or
            the store is in doubt.
    """
    found = imports.get(store, name)
    adopt.check(store)
    if rest_of is not None:
        earlier_runs.check_rest(store, found.id, found.name, rest_of)
    with store.writing():
        limit = settings.get(store, tasks.AT_ONCE)
        if tasks.running(store) >= limit:
            more = command("settings", "set", "imports.at_once", limit + 1)
            raise Refused(f"{limit} imports run already. Wait for one to end, or: {more}")
        task = begin(store, found, source=source, again=again, rest_of=rest_of)
    try:
        execute(store, tasks.load(store, task), progress, patient=False)
    except Cancelled:
        raise
    except Exception as problem:
        raise _broke_off(store, task, reason_of(problem)) from problem
    try:
        return Ran(task, send_at_once(store, task, progress))
    except (Cancelled, Refused):
        raise
    except Exception as problem:
        raise _send_broke_off(store, task, reason_of(problem)) from problem


def _broke_off(store: Store, task: int, problem: str) -> Failed:
    """An import that could not even be failed (a full disk): what becomes of it, and how to keep it from that."""
    with suppress(XpimportError):
        tasks.set_back(store, task, problem)
    trigger = triggers.of_task(store, task)
    text = f"Task {task} broke off: {problem}\nA later tick takes it up"
    if trigger is None:
        return Failed(f"{text}.")
    return Failed(
        f"{text} and then sends {trigger.campaign}. Nobody was sent to so far.\nStop it: {stop_hint(trigger)}"
    )


def _send_broke_off(store: Store, task: int, problem: str) -> Failed:
    trigger = triggers.of_task(store, task)
    if trigger is None:
        return Failed(problem)
    far = how_far(store, trigger.id)
    return Failed(
        f"Task {task} was imported, and its send broke off {far}: {problem}\n"
        f"A later tick goes on. Stop it: {stop_hint(trigger)}"
    )


def execute(store: Store, run: Run, progress: Progress, *, patient: bool) -> None:
    """Carry a claimed run through, or give it back to wait for its file (`patient`, as ticks are).

    Whatever goes wrong with the list ends as a failed task with its reason; only what is wrong with the program or
    the store is raised.

    Raises:
        Cancelled: Ctrl-C or SIGTERM; the task is failed first.
    """
    try:
        write_note(store)
        files = source_files.find(store, run, partial(progress.reading, 0), patient=patient)
        if files is not None:
            _import(store, run, files, progress)
    except Cancelled:
        fail(store, run.task, "cancelled", "It was cancelled.")
        raise
    except (Failed, Unreachable, Invalid, Refused) as problem:
        fail(store, run.task, problem.code, problem.message)
    except OSError as problem:
        fail(store, run.task, "disk", f"{problem.strerror}: {problem.filename or store.files}.")
    except sqlite3.Error as problem:
        fail(store, run.task, "disk", f"The list could not be laid out in {store.files}: {problem}.")
    else:
        # Past its commit: nothing that goes wrong here makes the import fail.
        if files is not None:
            with suppress(Refused, StoreRefused):
                write_note(store)
            source_files.put_away(store, run, files)
    finally:
        for left in store.files.glob(f"staging/task-{run.task}.*"):
            left.unlink(missing_ok=True)


def fail(store: Store, task: int, code: str, message: str) -> None:
    """End a task as failed, and its trigger with it."""
    with store.writing():
        tasks.fail(store, task, code, message)
        triggers.disarm_failed(store, task)


def _import(store: Store, run: Run, files: list[SourceFile], progress: Progress) -> None:
    began = now()
    _tell_forecast(store, run, files, began, progress)
    hashes = content_hashes(files)
    if run.stage == "merging" and "+".join(hashes) != run.content_hash:
        raise FileRefused("The file is not the one that this task began with. Run it anew.", code="source_changed")
    task_notes.note_files(store, run, files, hashes, began)
    place = store.folder("staging") / f"task-{run.task}.{os.getpid()}"
    beat = ProgressReporter(store, run.task)

    def reading(rows: int, done: int, total: int) -> None:
        progress.reading(rows, done, total)
        beat.reading(rows, done, total)

    def merging(done: int, total: int) -> None:
        progress.merging(done, total)
        beat.merging(done, total)

    staged = stage(place, files, run.definition, run.kinds, reading, partial(_check_consent, run))
    beat("reconciling", staged.read, staged.read, "rows")
    with parts.attached(store, staged.parts):
        reconciled = reconcile.reconcile(store, run, staged)
        if run.stage != "merging":
            source_files.check_counts(files, staged.read)
            reconcile.restore_cells(store, run, staged, files)
            reconcile.record_rejections(store, run, staged)
            _note_staged(store, run, staged, reconciled, reconcile.count_consent(store, run, staged))
    with parts.attached(store, staged.parts, immutable=True):
        merge.merge(store, run, staged, place, merging)
    _complete(store, run, "+".join(hashes))


def _tell_forecast(store: Store, run: Run, files: list[SourceFile], began: datetime, progress: Progress) -> None:
    """Before the long part: whether it is expected to end before the send instant."""
    trigger = triggers.of_task(store, run.task)
    if trigger is not None and trigger.send_at is not None:
        size = sum(file.bytes for file in files)
        progress.expecting(forecast(store, run.import_id, began, trigger.send_at, size))


def _check_consent(run: Run, targets: Sequence[str]) -> None:
    """Before any row: nobody is written to because a list came without a word on who agreed."""
    if run.channel is None or run.medium is None or run.campaign is None or run.ignore_subscription:
        return
    if channel_kind(run.channel).keeps_consent:
        return
    if consent_missing(targets, run.definition, run.medium):
        raise FileRefused(consent_message(run.medium, run.campaign), code="consent_missing")


def _note_staged(store: Store, run: Run, staged: Staged, reconciled: Reconciled, consent: ConsentCounts) -> None:
    """Hold the list against its guards, and note what reading gave."""
    rest, rows = run.rest_of is not None, (staged.read, reconciled.merged, reconciled.rejected)
    guard = check_guards(store, run.import_id, run.definition, staged.read, reconciled.rejected, rest=rest)
    failed = guard is not None and run.definition.on_guard == "fail"
    task_notes.note_staged(
        store,
        run,
        header=staged.header,
        ignored=staged.ignored,
        rows=rows,
        consent=(consent.opted_out_of_rejected, consent.time_ahead),
        guard=guard,
        merging=not failed,
    )
    if failed:
        raise Failed(f"{guard} Nothing was imported.", code="guard")


def _complete(store: Store, run: Run, content_hash: str) -> None:
    """The task completes and its trigger is armed, or neither."""
    share, limit = earlier_runs.same_people(store, run), run.definition.same_people
    late = earlier_runs.began_late(store, run)
    with store.writing():
        at = now()
        same = None
        if not run.again and run.rest_of is None and run.definition.same_content == "hold":
            same = earlier_runs.sent_before(store, run, content_hash)
        completed = tasks.complete(store, run.task, at, share)
        alike = share is not None and limit is not None and share >= limit
        triggers.arm(
            store,
            run.task,
            completed_at=at,
            audience=completed.audience,
            guard=completed.guarded,
            same_content=same is not None,
            same_people=alike and not run.again,
            late_start=late,
        )
