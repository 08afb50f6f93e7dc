"""What a run writes down in its task while it works: its files, how far it is, what reading gave."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from xpimport.clock import to_text
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.tasks import Run
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store


def note_files(store: Store, run: Run, files: Sequence[SourceFile], hashes: Sequence[str], began: datetime) -> None:
    """Record what is about to be read, and since when (UTC) it is worked on; the first attempt's word stands."""
    listed = [
        {
            "name": file.name,
            "location": file.location,
            "bytes": file.bytes,
            "sha256": digest,
            "modified": file.modified,
        }
        for file, digest in zip(files, hashes, strict=True)
    ]
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET files = ?, content_hash = ?, heartbeat = ?, work_began_at = coalesce(work_began_at, ?)"
            " WHERE id = ?",
            (json.dumps(listed), "+".join(hashes), heartbeat(), to_text(began), run.task),
        )


def noted_locations(store: Store, task: int) -> list[str]:
    """Where the files of a task came from, in their order, once they are noted."""
    files = json.loads(store.scalar("SELECT files FROM tasks WHERE id = ?", task))
    return [file.get("location", "") for file in files]


def note_progress(store: Store, task: int, progress: Mapping[str, object]) -> None:
    """A sign of life, and how far it is, for who looks from another terminal."""
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET progress = ?, heartbeat = ? WHERE id = ?", (json.dumps(progress), heartbeat(), task)
        )


def note_staged(
    store: Store,
    run: Run,
    *,
    header: Sequence[str],
    ignored: Sequence[str],
    rows: tuple[int, int, int],
    consent: tuple[int, int],
    guard: str | None,
    merging: bool,
) -> None:
    """Record what reading gave: `rows` read, merged and rejected, and what a guard says.

    `consent`: rejected rows whose opt-out counts, and people whose time of consent is still ahead.

    From `merging` on a killed run is taken up where it stopped.
    """
    with store.writing():
        store.db.execute(
            "UPDATE tasks SET stage = ?, header = ?, ignored_columns = ?, rows_read = ?, rows_merged = ?,"
            " rows_rejected = ?, opted_out_of_rejected = ?, time_ahead = ?, guard = ? WHERE id = ?",
            (
                "merging" if merging else "reading",
                json.dumps(header, ensure_ascii=False),
                json.dumps(ignored, ensure_ascii=False),
                *rows,
                *consent,
                guard,
                run.task,
            ),
        )


def add_notes(store: Store, task: int, notes: Sequence[str]) -> None:
    """Add sentences that whoever looks at the task should read."""
    with store.writing():
        kept = json.loads(store.scalar("SELECT notes FROM tasks WHERE id = ?", task))
        store.db.execute("UPDATE tasks SET notes = ? WHERE id = ?", (json.dumps([*kept, *notes]), task))
