"""Finding the files of a run, waiting until they are finished, bringing them here, and putting them away afterwards."""

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from xpimport.clock import now
from xpimport.defining import settings
from xpimport.defining.imports import Import
from xpimport.errors import FileRefused, Unreachable, XpimportError
from xpimport.flow.progress import ProgressReporter
from xpimport.importing import earlier_runs, task_notes, tasks
from xpimport.importing.sources import selection
from xpimport.importing.sources.registry import open_source
from xpimport.importing.sources.source import Listed, Source, SourceFile
from xpimport.importing.sources.stdin import copy_stdin
from xpimport.importing.tasks import Run
from xpimport.rules.definition import Definition
from xpimport.rules.locations import STDIN
from xpimport.sending import triggers
from xpimport.store.database import Store

SECOND_LOOK = timedelta(seconds=50)
"""After a first look the task waits this long: the next minute's tick takes the second."""

PASSING = {"no_file", "file_too_old", "file_unfinished", "file_changed", "truncated_download", Unreachable.code}
"""What may pass by itself: a tick tries again until the run's time is over."""

_ENDING = re.compile(r"(?:\.[A-Za-z0-9]{1,8}){1,2}$")


@contextmanager
def opened(store: Store, definition: Definition, timezone: str, at: datetime) -> Iterator[Source]:
    """The place of an import's lists, for a run at the instant `at`."""
    source = open_source(definition, at.astimezone(ZoneInfo(timezone)), settings.load(store))
    try:
        yield source
    finally:
        source.close()


class _Unfinished(FileRefused):
    code = "file_unfinished"

    def __init__(self, message: str, seen: dict[str, list[int]]) -> None:
        super().__init__(message)
        self.seen = seen


def find(store: Store, run: Run, fetching: Callable[[int, int], None], *, patient: bool) -> list[SourceFile] | None:
    """The finished files of a run, on this machine; None when the task was given back to wait for them.

    Raises:
        FileRefused: there is none, or none that is finished; when `patient`, only after the run's time is over.
        Unreachable: likewise.
    """
    if run.definition.source == STDIN:
        if run.attempt > 1:
            raise FileRefused("Standard input cannot be read again after a kill. Run it anew.", code="source_changed")
        return [copy_stdin(store.folder("staging") / f"task-{run.task}.stdin")]
    try:
        with opened(store, run.definition, run.timezone, _start(run)) as source:
            chosen = (
                _begun_with(store, run, source) if run.stage == "merging" else _finished(store, run, source, patient)
            )
            return bring(
                source, chosen, run.definition, store.folder("staging"), f"task-{run.task}", _beat(store, run, fetching)
            )
    except (FileRefused, Unreachable) as problem:
        if not patient or problem.code not in PASSING:
            raise
        # What was seen outlives a server that is away for a minute, but not a file that is.
        seen = problem.seen if isinstance(problem, _Unfinished) else None
        _wait(store, run, run.look if isinstance(problem, Unreachable) else seen, problem)
        return None


def _start(run: Run) -> datetime:
    return run.scheduled_for or run.started_at


def _begun_with(store: Store, run: Run, source: Source) -> list[Listed]:
    """The files that an earlier attempt had begun to merge: what came meanwhile is for the next run."""
    listed = {file.location: file for file in source.list()}
    found = [listed.get(location) for location in task_notes.noted_locations(store, run.task)]
    if not found or None in found:
        raise FileRefused("The file that this task began with is gone. Run it anew.", code="source_changed")
    return [file for file in found if file is not None]


def _finished(store: Store, run: Run, source: Source, patient: bool) -> list[Listed]:
    taken = earlier_runs.taken(store, run.import_id, run.definition.source)

    def chosen() -> list[Listed]:
        return selection.select(source, run.definition, _start(run), taken, again=run.again)

    files = chosen()
    seen = selection.fingerprint(files)
    missing = selection.unfinished(source, files, run.definition)
    if missing is not None:
        raise _Unfinished(missing, seen)
    if source.looks == 1 or run.definition.marker or run.definition.count_file:
        return files
    if patient:
        if run.look != seen:
            raise _Unfinished("The file is still being written to.", seen)
        return files
    time.sleep(settings.get(store, selection.LOOK).total_seconds())
    if selection.fingerprint(chosen()) != seen:
        names = ", ".join(file.name for file in files)
        raise _Unfinished(f"{names} is still being written to. Run it again when it is whole.", seen)
    return files


def bring(
    source: Source,
    chosen: Sequence[Listed],
    definition: Definition,
    folder: Path,
    prefix: str,
    fetching: Callable[[int, int], None] = lambda *_: None,
) -> list[SourceFile]:
    """Fetch the chosen files into `folder`, as private files `prefix.N.*`, with the rows that they are to have."""
    files = []
    counted: set[str] = set()
    for number, file in enumerate(chosen):
        ending = _ENDING.search(file.name)
        expected = None
        if definition.count_file:
            # One count file for the whole folder counts once.
            name = file.name if definition.count_file.startswith(".") else definition.count_file
            expected = 0 if name in counted else selection.expected_rows(source, file, definition.count_file)
            counted.add(name)
        target = folder / f"{prefix}.{number}{ending[0] if ending else ''}"
        files.append(replace(source.fetch(file, target, fetching), expected=expected))
    return files


def present(store: Store, found: Import, folder: Path) -> list[SourceFile]:
    """The files that a run of an import would take now if it were its first; fetched ones are put into `folder`."""
    with opened(store, found.definition, found.timezone, now()) as source:
        chosen = selection.select(source, found.definition, now())
        return bring(source, chosen, replace(found.definition, count_file=None), folder, "check")


def _beat(store: Store, run: Run, fetching: Callable[[int, int], None]) -> Callable[[int, int], None]:
    """A sign of life in the task while a long file comes over the network."""
    reporter = ProgressReporter(store, run.task)

    def beat(done: int, total: int) -> None:
        fetching(done, total)
        reporter("fetching", done, total, "bytes")

    return beat


def _wait(store: Store, run: Run, seen: dict[str, list[int]] | None, problem: XpimportError) -> None:
    """Give the task back until the next look, or fail it when its time is over."""
    until = wait_until(store, run)
    if now() >= until:
        raise problem
    tasks.wait_for_file(store, run.task, seen, min(now() + SECOND_LOOK, until), until, problem.message)


def wait_until(store: Store, run: Run) -> datetime:
    """Until when a scheduled run waits for its file: the catch-up window, or the send instant if that is sooner."""
    until = _start(run) + timedelta(seconds=run.definition.catch_up)
    trigger = triggers.of_task(store, run.task)
    return min(until, trigger.send_at) if trigger and trigger.send_at else until


def check_counts(files: Sequence[SourceFile], read: int) -> None:
    """Hold the rows that were read against what the count files announced.

    Raises:
        FileRefused: they differ (`count_mismatch`).
    """
    expected = [file.expected for file in files if file.expected is not None]
    if expected and sum(expected) != read:
        raise FileRefused(
            f"The count file announces {sum(expected)} rows, and {read} were read.", code="count_mismatch"
        )


def put_away(store: Store, run: Run, files: Sequence[SourceFile]) -> None:
    """Do what `--after` says with the files of a task that has completed; what cannot be done is noted in the task."""
    if run.definition.after == "leave":
        return
    try:
        with opened(store, run.definition, run.timezone, _start(run)) as source:
            notes = selection.put_away(source, files, run.definition)
    except XpimportError as problem:
        notes = [f"The file could not be put away ({run.definition.after}): {problem.message}"]
    except OSError as problem:
        words = problem.strerror or str(problem)
        notes = [f"The file could not be put away ({run.definition.after}): {words}."]
    if notes:
        task_notes.add_notes(store, run.task, notes)
