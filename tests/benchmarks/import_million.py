"""Time the import of a large list against two tools that put the same file into a keyed table.

    python tests/benchmarks/import_million.py [--rows 1000000] [--skip sqlite-utils]

The `sqlite3` shell only stores cells; `sqlite-utils upsert` also replaces what was there; xpimport checks and
normalises every cell, keeps the fate of every row, and merges in short transactions. Each runs in a process of its own;
the memory is the largest resident set that the kernel saw. All outputs land on the same disk (TMPDIR).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Run:
    """How long a command took (seconds) and the most memory it held (MiB)."""

    name: str
    seconds: float
    memory: float


def measure(name: str, command: list[str], stdin: str = "") -> Run:
    """Run `command` to its end; a command that fails ends the benchmark."""
    print(f"  {name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(stdin.encode())
        given.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=given, stdout=said, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{name} ended with {process.returncode}:\n{said.read().decode(errors='replace')[-2000:]}")
    return Run(name, seconds, usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10))


def benchmark(folder: Path, rows: int, skip: set[str]) -> list[Run]:
    """All runs, the reference first."""
    python = sys.executable
    generator = [python, str(REPOSITORY / "tests" / "benchmarks" / "make_list.py"), "--rows", str(rows), "--seed", "7"]
    source = folder / "list.csv"
    with source.open("wb") as out:
        subprocess.run(generator, check=True, stdout=out)
    os.utime(source, (1_700_000_000, 1_700_000_000))
    header = source.open(encoding="utf-8-sig").readline().strip().split(",")
    key = "TEXT PRIMARY KEY ON CONFLICT REPLACE"
    columns = ", ".join(f'"{name}" {key if name == "user_id" else "TEXT"}' for name in header)

    runs = []
    shell = shutil.which("sqlite3")
    if shell and "sqlite3" not in skip:
        script = (
            f"PRAGMA journal_mode=WAL;\nCREATE TABLE people ({columns});\n.import --csv --skip 1 '{source}' people\n"
        )
        runs.append(measure("sqlite3 shell, keyed .import", [shell, str(folder / "shell.db")], script))
    utils = shutil.which("sqlite-utils", path=f"{Path(python).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if utils and "sqlite-utils" not in skip:
        upsert = [utils, "upsert", str(folder / "utils.db"), "people", str(source), "--csv", "--pk", "user_id"]
        runs.append(measure("sqlite-utils upsert", upsert))

    program = [python, "-m", "xpimport", "--db", str(folder / "store.db")]
    definitions = [
        ["init", "--timezone", "UTC"],
        ["settings", "set", "file.look", "0s"],
        ["attribute", "add", "first_name", "string"],
        ["attribute", "add", "city", "string"],
        ["attribute", "add", "points", "integer"],
        ["import", "add", "big", "--source", str(source)],
    ]
    for arguments in definitions:
        subprocess.run([*program, *arguments], check=True, capture_output=True)
    again = ("xpimport run-now, empty store", "xpimport run-now, again")
    return runs + [measure(name, [*program, "run-now", "big"]) for name in again]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--skip", action="append", default=[], choices=["sqlite3", "sqlite-utils"])
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ.pop("XPIMPORT_NOW", None)
    with tempfile.TemporaryDirectory() as folder:
        runs = benchmark(Path(folder), options.rows, set(options.skip))
    print(f"{options.rows:,} rows; the ratio is to the first line\n")
    print(
        f"| {'command':<30} | seconds | ratio | rows/s | peak MiB |\n| {'-' * 30} | ------: | ----: | -----: | -------: |"
    )
    for run in runs:
        rate = options.rows / run.seconds
        print(
            f"| {run.name:<30} | {run.seconds:7.1f} | {run.seconds / runs[0].seconds:5.2f} | {rate:6.0f} | {run.memory:8.0f} |"
        )


if __name__ == "__main__":
    main()
