"""Time the import of a large list against tools that put the same file into a table.

    python tests/benchmarks/import_million.py [--rows 1000000] [--only xpimport --only keyed]

The reference is the `sqlite3` shell's `.import` into a keyed table, which only stores cells. `sqlite-utils` and
`csvs-to-sqlite` are measured where they are on PATH. xpimport checks and normalises every cell, keeps the fate of
every row, and merges in short transactions. Memory is that of all processes of a command together. All outputs land
on the same disk (TMPDIR).
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Run, measure, table

REPOSITORY = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "xpimport"]
CHOICES = ["keyed", "raw", "sqlite-utils insert", "sqlite-utils upsert", "csvs-to-sqlite", "xpimport"]


def make_list(path: Path, rows: int, *options: str) -> None:
    """Write a list; its time is set back, so that it counts as finished."""
    generator = [sys.executable, str(REPOSITORY / "tests" / "benchmarks" / "make_list.py"), "--rows", str(rows)]
    with path.open("wb") as out:
        subprocess.run([*generator, *options], check=True, stdout=out)
    os.utime(path, (1_700_000_000, 1_700_000_000))


def make_store(path: Path, source: Path) -> list[str]:
    """A store with one import of `source`, called big; returns the command that works on it."""
    program = [*PROGRAM, "--db", str(path)]
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
    return program


def _shell(folder: Path, source: Path, *, keyed: bool) -> Run | None:
    shell = shutil.which("sqlite3")
    if shell is None:
        return None
    header = source.open(encoding="utf-8").readline().strip().split(",")
    key = " PRIMARY KEY ON CONFLICT REPLACE" if keyed else ""
    columns = ", ".join(f'"{name}" TEXT{key if name == "user_id" else ""}' for name in header)
    script = f"PRAGMA journal_mode=WAL;\nCREATE TABLE people ({columns});\n.import --csv --skip 1 '{source}' people\n"
    name = "sqlite3 shell, keyed .import" if keyed else "sqlite3 shell, raw .import"
    return measure(name, [shell, str(folder / f"shell-{keyed}.db")], script)


def _tool(name: str, *arguments: str) -> Run | None:
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    program, *rest = name.split()
    found = shutil.which(program, path=beside)
    return measure(name, [found, *rest, *arguments]) if found else None


def benchmark(folder: Path, rows: int, only: list[str]) -> list[Run]:
    """All runs, the reference first."""
    source = folder / "list.csv"
    make_list(source, rows, "--seed", "7")
    peers = {
        "keyed": lambda: _shell(folder, source, keyed=True),
        "raw": lambda: _shell(folder, source, keyed=False),
        "sqlite-utils insert": lambda: _tool(
            "sqlite-utils insert", str(folder / "insert.db"), "people", str(source), "--csv", "--no-detect-types"
        ),
        "sqlite-utils upsert": lambda: _tool(
            "sqlite-utils upsert", str(folder / "upsert.db"), "people", str(source), "--csv", "--pk", "user_id"
        ),
        "csvs-to-sqlite": lambda: _tool("csvs-to-sqlite", str(source), str(folder / "csvs.db")),
    }
    runs = [peers[name]() for name in only if name in peers]
    if "xpimport" in only:
        command = [*make_store(folder / "store.db", source), "run-now", "big"]
        runs += [measure(f"xpimport run-now, {when}", command) for when in ("empty store", "again")]
    return [run for run in runs if run is not None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--only", action="append", choices=CHOICES, help="may be repeated; all without it")
    options = parser.parse_args()
    os.environ["PYTHONPATH"] = str(REPOSITORY)
    os.environ.pop("XPIMPORT_NOW", None)
    with tempfile.TemporaryDirectory() as folder:
        runs = benchmark(Path(folder), options.rows, options.only or CHOICES)
    print(f"{options.rows:,} rows; the ratio is to the first line\n\n{table(runs, options.rows)}")


if __name__ == "__main__":
    main()
