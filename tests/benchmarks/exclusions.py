"""Time the decision whom of a million people a send leaves out, with every reason of it in use.

python tests/benchmarks/exclusions.py [--people 1000000]
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from zoneinfo import ZoneInfo

from xpimport.defining import attributes
from xpimport.sending import triggers
from xpimport.sending.audience.exclusion import decide_exclusions
from xpimport.store.opening import open_store

PROGRAM = [sys.executable, "-m", "xpimport"]


def prepare(folder: Path, people: int) -> Path:
    """A store with a trigger that is being sent, whose people have not been decided on yet."""
    with (folder / "list.csv").open("w") as out:
        out.write("user_id,email,email_subscription,points\n")
        out.writelines(
            f"u{n},{f'p{n % (people - people // 50)}@example.com' if n % 97 else ''},{int(n % 10 > 0)},{n % 100}\n"
            for n in range(people)
        )
    (folder / "hello.txt").write_text("Hello")
    db = folder / "store.db"
    hello = ["--segment", "points >= 5", "--control-group", "10%", "--category", "offers"]
    for arguments in (
        ["init", "--timezone", "UTC"],
        ["settings", "set", "file.look", "0s"],
        ["settings", "set", "outbox.keep", "off"],
        ["attribute", "add", "points", "integer"],
        ["category", "add", "offers", "--per-week", "2"],
        ["campaign", "add", "hello", "--subject", "Hi", "--text", str(folder / "hello.txt"), *hello],
        ["import", "add", "list", "--source", str(folder / "list.csv"), "--campaign", "hello"],
        ["run-now", "list"],
        ["run-now", "list", "--again"],
        ["run-now", "list", "--again"],
    ):
        subprocess.run([*PROGRAM, "--db", str(db), *arguments], check=True, capture_output=True)
    store = open_store(db)
    with store.writing():
        store.db.execute(
            "INSERT INTO suppressions SELECT 'email', email_key, CASE id % 2 WHEN 1 THEN 'bounced' ELSE 'manual' END,"
            " '2026-01-01T00:00:00.000000Z' FROM profiles WHERE email_key IS NOT NULL AND id % 50 < 2 ON CONFLICT DO NOTHING"
        )
        # Two earlier sends of the category: one reached everybody, one every second person.
        for trigger, share in ((1, 1), (2, 2)):
            store.db.execute(
                "INSERT INTO deliveries (trigger_id, profile_id, state, address, changed_at) SELECT ?, profile_id, 'accepted',"
                " NULL, unixepoch() - 3600 FROM audience WHERE task_id = ? AND profile_id % ? = 0",
                (trigger, trigger, share),
            )
            store.db.execute("UPDATE triggers SET state = 'sent', began_at = '2026-01-01' WHERE id = ?", (trigger,))
        store.db.execute("UPDATE triggers SET state = 'sending' WHERE id = 3")
    store.close()
    return db


def main() -> None:
    """Prepare, decide, and show what was decided."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(prepare(Path(folder), chosen.people))
        start = time.perf_counter()
        decide_exclusions(store, triggers.get(store, 3), attributes.types(store), ZoneInfo("UTC"))
        seconds = time.perf_counter() - start
        for state, reason, count in store.all(
            "SELECT state, reason, count(*) FROM deliveries WHERE trigger_id = 3 GROUP BY 1, 2 ORDER BY 3 DESC"
        ):
            print(f"{count:>10,} {state} {reason or ''}")
        print(f"{chosen.people:,} people decided in {seconds:.1f} s")


if __name__ == "__main__":
    main()
