"""Time one million new and one million changed rows in a store of one million and of ten million profiles.

A changed row has another number of points, as after a day; names and addresses stay.

    python tests/benchmarks/import_growth.py [--rows 1000000] [--times 10]

With `--answers 200` it also asks, while the ten million are being imported, so many times for a report, and as often
tries to stop a trigger, and tells how long the slowest answer took.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from import_million import PROGRAM, REPOSITORY, make_list, make_store
from measuring import Run, measure, table


def operations(folder: Path, store: Path, held: int, rows: int) -> list[Run]:
    """New rows, then changed rows, in a store that holds `held` people already."""
    new, changed = folder / "new.csv", folder / "changed.csv"
    make_list(new, rows, "--steady", "--seed", "8", "--first", str(held + 1))
    make_list(changed, rows, "--steady", "--seed", "9", "--among", str(held))
    command = [*PROGRAM, "--db", str(store), "run-now", "big", "--source"]
    size = f"{held / 1e6:g} million"
    return [
        measure(f"changed rows, {size} profiles", [*command, str(changed)]),
        measure(f"new rows, {size} profiles", [*command, str(new)]),
    ]


def answers(store: Path, importing: list[str], count: int) -> None:
    """Ask while an import runs; prints the times of the answers."""
    program = [*PROGRAM, "--db", str(store)]
    questions = [[*program, "report", "1"], [*program, "stop-trigger", "1"], [*program, "task", "list"]]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    run = subprocess.Popen(importing, **quiet)
    took: list[float] = []
    while run.poll() is None and len(took) < count:
        time.sleep(0.2)
        start = time.perf_counter()
        subprocess.run(questions[len(took) % len(questions)], check=False, **quiet)
        took.append(time.perf_counter() - start)
    run.wait()
    print(
        f"{len(took)} answers (report, stop-trigger, task list) while importing, each a process of its own: "
        f"median {statistics.median(took):.2f} s, slowest {max(took):.2f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=10, help="how much larger the larger store is (10)")
    parser.add_argument("--answers", type=int, default=0)
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ.pop("XPIMPORT_NOW", None)
    runs: list[Run] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for times in (1, options.times):
            source, store, held = folder / "list.csv", folder / f"store-{times}.db", options.rows * times
            make_list(source, held, "--steady", "--seed", "7")
            command = [*make_store(store, source), "run-now", "big"]
            if times > 1 and options.answers:
                answers(store, command, options.answers)
            else:
                filled = measure(f"{held / 1e6:g} million into an empty store", command)
                print(
                    f"{filled.name}: {filled.seconds:.1f} s, {held / filled.seconds:.0f} rows/s, {filled.memory:.0f} MiB"
                )
            runs += operations(folder, store, held, options.rows)
            store.unlink()
    print(f"\n{options.rows:,} rows each\n\n{table(runs, options.rows)}")
    for small, large in zip(runs[:2], runs[2:], strict=True):
        print(f"{large.name}: {small.seconds / large.seconds:.0%} of the rate of {small.name}")


if __name__ == "__main__":
    sys.exit(main())
