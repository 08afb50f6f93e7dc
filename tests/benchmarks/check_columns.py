"""Time the checks of each column of a realistic list: microseconds of CPU a cell.

    python tests/benchmarks/check_columns.py [--rows 200000] [--seed 7] [--rounds 5]

The list is the one of make_list.py, with more columns: times, dates, and addresses that are all bad. Batches are read
and turned into columns first; then every column is checked `--rounds` times, and the best round counts. Prints a
table; the last line is what a million rows of the list's ten columns would cost.
"""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
sys.path.insert(0, str(REPOSITORY))

KINDS = {
    "user_id": "user_id",
    "email": "email",
    "email_subscription": "subscription",
    "mobile_number": "mobile",
    "sms_subscription": "subscription",
    "language": "language",
    "timezone": "timezone",
    "first_name": "string",
    "city": "string",
    "points": "integer",
}


def columns_of(path: Path) -> dict[str, list[Sequence[str]]]:
    """The cells of each column of the list at `path`, batch by batch."""
    from xpimport.importing.formats import FormatOptions
    from xpimport.importing.formats.csv import open_csv

    found: dict[str, list[Sequence[str]]] = {name: [] for name in KINDS}
    with open_csv(path, FormatOptions(), path.name) as reader:
        for batch in reader.batches():
            for name, cells in zip(reader.header, zip(*batch.records, strict=True), strict=True):
                found[name].append(cells)
    return found


def more_columns(batches: list[Sequence[str]], seed: int) -> dict[str, tuple[str, list[Sequence[str]]]]:
    """ColumnBlock that the list lacks, as long as `batches`: name -> type, cells; 2 % of them bad."""
    rng = random.Random(seed)

    def one(write: str) -> str:
        return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**8))).strftime(write)

    def made(write: str) -> list[Sequence[str]]:
        return [tuple("soon" if rng.random() < 0.02 else one(write) for _ in cells) for cells in batches]

    return {
        "seen (UTC)": ("datetime", made("%Y-%m-%dT%H:%M:%SZ")),
        "seen (no zone)": ("datetime", made("%Y-%m-%d %H:%M:%S")),
        "seen (+02:00)": ("datetime", made("%Y-%m-%dT%H:%M:%S+02:00")),
        "born": ("date", made("%Y-%m-%d")),
        "address, bad": (
            "email",
            [tuple(f"{rng.choice('ab')}{rng.random()}@x.y_z" for _ in cells) for cells in batches],
        ),
        "spent": ("number", [tuple(f"{rng.random() * 1000:.2f}" for _ in cells) for cells in batches]),
    }


def forget() -> None:
    """Empty the bounded caches of the checks, as no list is checked twice in a row."""
    for name, module in list(sys.modules.items()):
        if name.startswith("xpimport.rules."):
            for value in vars(module).values():
                if getattr(value, "cache_parameters", dict)().get("maxsize"):
                    value.cache_clear()


def seconds(kind: str, batches: list[Sequence[str]], rounds: int) -> float:
    """The CPU time of checking `batches`, the best of so many rounds."""
    from xpimport.rules.values import check_column

    best = float("inf")
    for _ in range(rounds):
        forget()
        start = time.process_time()
        for cells in batches:
            check_column(kind, cells)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        maker = [sys.executable, str(Path(__file__).with_name("make_list.py"))]
        with path.open("wb") as out:
            subprocess.run([*maker, "--rows", str(options.rows), "--seed", str(options.seed)], stdout=out, check=True)
        found = columns_of(path)
    plan = [(name, KINDS[name], batches) for name, batches in found.items()]
    plan += [(name, kind, batches) for name, (kind, batches) in more_columns(found["points"], options.seed).items()]
    print(f"| {'column':<18} | {'type':<12} | µs a cell |\n| {'-' * 18} | {'-' * 12} | {'-' * 8}: |")
    total = 0.0
    for name, kind, batches in plan:
        taken = seconds(kind, batches, options.rounds)
        if name in KINDS:
            total += taken
        print(f"| {name:<18} | {kind:<12} | {taken / options.rows * 1e6:9.3f} |")
    print(f"\nA million rows of the list's ten columns: {total / options.rows * 1e6:.2f} s of CPU")


if __name__ == "__main__":
    main()
