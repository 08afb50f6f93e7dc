"""Time the views of a store with years of sends: each as a whole command, from start to end of its process.

    python tests/benchmarks/engagement_views.py [--runs 500] [--people 10000] [--ingest 200000]

The store has so many runs of so many people each, four in five of them of one campaign, about 2.6 events a delivery, and
its counters. Then so many events of the newest run are taken in by `event ingest`. Prints a table in Markdown.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

from measuring import measure  # noqa: E402

from xpimport.rules.tokens import Purpose, make_key  # noqa: E402
from xpimport.store.opening import open_store  # noqa: E402
from xpimport.store.secret import secret_of  # noqa: E402
from xpimport.tracking.counting import recount  # noqa: E402

START = 1_700_000_000

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :people)"

PEOPLE = f"""{NUMBERS} INSERT INTO profiles (id, user_id, email, email_key, email_subscription, created_task, changed_task)
SELECT i, 'u' || i, 'p' || i || '@example.com', 'p' || i || '@example.com', 1, 1, 1 FROM n"""

RUN = """INSERT INTO tasks (id, type, import_id, status, scheduled_for, started_at, finished_at, stage, rows_read, rows_unchanged,
files) SELECT :run, 'profile_import', 1, 'completed', :at, :at, :at, 'done', :people, :people, '[]'"""

TRIGGER = """INSERT INTO triggers (id, task_id, import_id, campaign_id, state, send_at, grace, retry_for, began_at, decided_at,
finished_at, key_epoch) VALUES (:run, :run, 1, :campaign, 'sent', :at, 900, 14400, :at, :at, :at, 1)"""

AUDIENCE = f"{NUMBERS} INSERT INTO audience (task_id, profile_id, row) SELECT :run, i, i + 1 FROM n"

DELIVERIES = f"""{NUMBERS} INSERT INTO deliveries (trigger_id, profile_id, state, reason, address, attempts, changed_at)
SELECT :run, i, CASE WHEN i % 10 THEN 'accepted' ELSE 'excluded' END, CASE WHEN i % 10 THEN NULL ELSE 'unsubscribed' END,
'p' || i || '@example.com', i % 10 > 0, :seconds FROM n"""

EVENTS = f"""{NUMBERS} INSERT INTO events (trigger_id, profile_id, kind, event_key, at, machine, detail)
SELECT :run, i, k.value, i * 31 + k.key, :seconds + 600 + i % 3600, k.value = 2 AND i % 7 = 0,
CASE k.value WHEN 3 THEN 'https://www.example.com/' || i % 9 END FROM n CROSS JOIN json_each('[1, 2, 2, 2, 3]') k
WHERE i % 10 AND (k.value = 1 OR (k.value = 2 AND i % 3 = 0) OR (k.key = 2 AND i % 2) OR (k.value = 3 AND i % 11 = 0))"""

COUNTS = """INSERT INTO delivery_counts SELECT trigger_id, state, coalesce(reason, ''), count(*) FROM deliveries
WHERE trigger_id = :run GROUP BY 1, 2, 3"""


def command(db: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "xpimport", "--db", str(db), *words]


def define(db: Path, folder: Path) -> None:
    """Two campaigns, and an import for one of them."""
    (folder / "t.txt").write_text("Hello")
    (folder / "list.csv").write_text("user_id,email,email_subscription\nu1,p1@example.com,1\n")
    for words in (
        ("init", "--timezone", "UTC"),
        ("campaign", "add", "big", "--subject", "Hi", "--text", str(folder / "t.txt")),
        ("campaign", "add", "other", "--subject", "Hi", "--text", str(folder / "t.txt")),
        ("import", "add", "list", "--source", str(folder / "list.csv"), "--campaign", "big"),
    ):
        subprocess.run(command(db, *words), check=True, capture_output=True)


def fill(db: Path, runs: int, people: int) -> list[str]:
    """Fill the store; returns the keys of the newest run's messages."""
    store = open_store(db)
    with store.writing():
        store.db.execute(PEOPLE, {"people": people})
    for run in range(1, runs + 1):
        seconds = START + run * 86_400
        at = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(seconds))
        values = {"run": run, "people": people, "at": at, "seconds": seconds, "campaign": 1 if run % 5 else 2}
        with store.writing():
            for statement in (RUN, TRIGGER, AUDIENCE, DELIVERIES, EVENTS, COUNTS):
                store.db.execute(statement, values)
            recount(store, run)
        if run % 50 == 0:
            print(f"  {run} runs ...", file=sys.stderr, flush=True)
    secret = secret_of(store)
    found = store.one("SELECT (SELECT count(*) FROM deliveries), (SELECT count(*) FROM events)")
    print(f"{found[0]:,} deliveries and {found[1]:,} events in {runs} runs, {db.stat().st_size / 1e6:,.0f} MB.\n")
    keys = [make_key(secret, Purpose.MESSAGE, 1, runs, profile) for profile in range(1, people + 1) if profile % 10]
    store.close()
    return keys


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--people", type=int, default=10_000)
    parser.add_argument("--ingest", type=int, default=200_000)
    chosen = parser.parse_args()
    os.environ.update(PYTHONPATH=str(REPOSITORY))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = str(folder / "state")
        db = folder / "views.db"
        define(db, folder)
        keys = fill(db, chosen.runs, chosen.people)
        print("| command | seconds | MiB |\n| --- | ---: | ---: |")
        for words in (
            ("task", "list"),
            ("task", "show", str(chosen.runs)),
            ("campaign", "analytics", "big"),
            ("campaign", "import-triggers", "big"),
            ("report", str(chosen.runs), "--clicked"),
        ):
            best = min((measure(" ".join(words), command(db, *words)) for _ in range(3)), key=lambda run: run.seconds)
            print(f"| {' '.join(words)} | {best.seconds:.2f} | {best.memory:.0f} |", flush=True)
        at = START + chosen.runs * 86_400
        events = folder / "events.jsonl"
        with events.open("w", encoding="utf-8") as file:
            for number in range(chosen.ingest):
                event = {"event": "opened", "time": at + 4000 + number // len(keys), "key": keys[number % len(keys)]}
                file.write(json.dumps(event) + "\n")
        took = measure("event ingest", command(db, "event", "ingest", str(events), "--provider", "xpimport"))
        rate = chosen.ingest / took.seconds
        print(f"| event ingest of {chosen.ingest:,}: {rate:,.0f}/s | {took.seconds:.2f} | {took.memory:.0f} |")


if __name__ == "__main__":
    main()
