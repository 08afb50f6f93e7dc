"""How long the next run of an import is expected to take, from those that completed before."""

import json
from datetime import datetime, timedelta

from xpimport.clock import from_text
from xpimport.rules.definition import Definition
from xpimport.rules.forecast import RUNS, TWO_LOOKS, Forecast, PastRun, expected_seconds
from xpimport.store.database import Store

# Begun and ended at one instant: the clock stood still, in a rehearsal.
_SELECT = """
SELECT work_began_at, finished_at, files FROM tasks WHERE type = 'profile_import' AND status = 'completed'
    AND attempt = 1 AND rest_of IS NULL AND work_began_at < finished_at
"""


def forecast(store: Store, import_id: int, begins: datetime, send_at: datetime | None, size: int | None) -> Forecast:
    """What to expect of a run whose work begins at `begins` on files of `size` bytes (None: not known).

    An import that has not run yet goes by the rates of the others.
    """
    past = _runs(store, _SELECT + " AND import_id = ? ORDER BY id DESC LIMIT ?", import_id, RUNS)
    if not past and size is not None:
        past = _runs(store, _SELECT + " ORDER BY id DESC LIMIT ?", RUNS)
    return Forecast(begins, expected_seconds(past, size), send_at)


def scheduled_forecast(
    store: Store,
    import_id: int,
    definition: Definition,
    at: datetime,
    send_at: datetime | None,
    size: int | None = None,
) -> Forecast:
    """What to expect of the run that is scheduled for `at`; without a marker a tick first looks twice at its file."""
    looks = timedelta() if definition.marker or definition.count_file else TWO_LOOKS
    return forecast(store, import_id, at + looks, send_at, size)


def _runs(store: Store, sql: str, *values: object) -> list[PastRun]:
    return [
        PastRun(
            (from_text(row["finished_at"]) - from_text(row["work_began_at"])).total_seconds(),
            sum(file["bytes"] for file in json.loads(row["files"])),
        )
        for row in store.all(sql, *values)
    ]
