"""Time a tick that has nothing to do, in a store with many imports, against a Python that only imports sqlite3.

    python tests/benchmarks/idle_tick.py [--imports 10000] [--pairs 25]

The commands take turns, so that what else the machine does hits them alike. Prints a table of medians (seconds of the
real clock from start to end of the process) and the ratio of each to the bare Python.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))


def define(db: Path, imports: int) -> None:
    """A store with `imports` active daily imports, none of them due for hours."""
    program = [sys.executable, "-m", "xpimport", "--db", str(db)]
    hour = (time.gmtime().tm_hour + 12) % 24
    subprocess.run([*program, "init", "--timezone", "UTC"], check=True, capture_output=True)
    added = [*program, "import", "add", "first", "--source", "/lists/first.csv", "--schedule", f"daily {hour:02}:00"]
    subprocess.run(added, check=True, capture_output=True)
    from xpimport.store.driver import sqlite3

    connection = sqlite3.connect(db)
    columns = [row[1] for row in connection.execute("PRAGMA table_info(imports)") if row[1] not in {"id", "name"}]
    names = ", ".join(columns)
    connection.executemany(
        f"INSERT INTO imports (name, {names}) SELECT ?, {names} FROM imports WHERE name = 'first'",
        [(f"import-{number}",) for number in range(1, imports)],
    )
    connection.commit()
    (count,) = connection.execute("SELECT count(*) FROM imports WHERE next_run_at IS NOT NULL").fetchone()
    connection.close()
    if count != imports:
        raise SystemExit(f"{count} imports are scheduled, not {imports}")


def seconds(command: list[str]) -> float:
    """How long `command` takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", type=int, default=10_000)
    parser.add_argument("--pairs", type=int, default=25)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ.pop("XPIMPORT_NOW", None)
    with tempfile.TemporaryDirectory() as folder:
        db = Path(folder) / "store.db"
        define(db, options.imports)
        # What pip writes for the console script.
        script = Path(folder) / "xpimport"
        script.write_text(
            "import sys\nfrom xpimport.__main__ import main\nif __name__ == '__main__':\n    sys.exit(main())\n"
        )
        commands = {
            'python -c "import sqlite3"': [sys.executable, "-c", "import sqlite3"],
            "xpimport tick": [sys.executable, str(script), "--db", str(db), "tick"],
            "python -m xpimport tick": [sys.executable, "-m", "xpimport", "--db", str(db), "tick"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for command in commands.values():
            seconds(command)
        for _ in range(options.pairs):
            for name, command in commands.items():
                times[name].append(seconds(command))
    bare = statistics.median(next(iter(times.values())))
    print(f"{options.imports:,} imports defined, nothing due, median of {options.pairs} turns\n")
    print(f"| {'command':<28} | {'ms':>6} | {'ratio':>5} |\n| {'-' * 28} | {'-' * 5}: | {'-' * 4}: |")
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"| {name:<28} | {median * 1000:6.1f} | {median / bare:5.2f} |")


if __name__ == "__main__":
    main()
