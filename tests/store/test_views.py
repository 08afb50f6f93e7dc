"""The store opens well for others: the views tell names in place of numbers, and times as text."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        (
            "deliveries_shown",
            {
                "task": 1,
                "campaign": "hello",
                "user_id": "u0",
                "address": "p0@example.com",
                "state": "accepted",
                "changed_at": "2026-11-24T12:00:00Z",
            },
        ),
        ("triggers_shown", {"import": "list", "campaign": "hello", "state": "sent"}),
        ("tasks_shown", {"type": "profile_import", "import": "list", "status": "completed", "rows_read": 3}),
    ],
)
def test_a_view_shows_in_datasette_what_the_numbers_stand_for(shop, tmp_path, view, expected):
    assert shop("run-now", "list", now="2026-11-24T12:00:00Z").code == 0
    # A copy without a log, as a backup is.
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("VACUUM INTO ?", (str(copy),))
    done = subprocess.run(
        [sys.executable, "-m", "datasette", "--get", f"/copy/{view}.json?_shape=array", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0].items() >= expected.items()
