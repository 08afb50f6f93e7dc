"""Long lists are read by several processes: the rows, their fates and their order are those of one process."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from xpimport.errors import Failed
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.staging import stage, worker_pool
from xpimport.processes import Helper
from xpimport.rules.definition import Definition
from xpimport.rules.emails import email_key

KINDS = {
    "user_id": ("user_id", None),
    "email": ("email", None),
    "email_subscription": ("subscription", None),
    "note": ("string", 101),
}


def messy(path: Path, rows: int, seed: int) -> Path:
    """A list with quoted and multi-line cells, repeated people, bad cells, ragged and blank lines."""
    chance = random.Random(seed)
    lines = ["user_id,email,email_subscription,note"]
    for number in range(rows):
        who = chance.randrange(rows)
        note = chance.choice(["plain", '"with, comma"', '"two\nlines"', '"a ""quote"""', '5" pipe', "", "ünïcode"])
        lines.append(f"u{who},p{who}@example.com,{number % 2},{note}")
        lines += chance.choices(
            [[], ["u1,no-address,1,x"], ["u2,too,few"], [""], [f"u3,p3@example.com,maybe,{number}"]], [95, 2, 1, 1, 1]
        )[0]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def staged(place: Path, path: Path) -> tuple[dict[str, tuple[object, ...]], list[tuple[object, ...]], set[int]]:
    """What one staging came to: people by key, rejections by row, rows that were replaced."""
    state = path.stat()
    file = SourceFile(path.name, path, state.st_size, state.st_mtime_ns)
    found = stage.stage(place, [file], Definition(source=str(path)), KINDS, lambda *_: None)
    people: dict[str, tuple[object, ...]] = {}
    rejected, replaced, keys = [], set(), []
    for part in found.parts:
        with closing(sqlite3.connect(part.path)) as db:
            rows = db.execute("SELECT * FROM people ORDER BY rank").fetchall()
            keys += [row[2] for row in rows]
            people |= {row[2]: row[1:] for row in rows}
            rejected += db.execute("SELECT * FROM rejected").fetchall()
            replaced |= {row[0] for row in db.execute("SELECT row FROM replaced")}
        assert part.people == len(rows)
    assert keys == sorted(set(keys)), "people stand in the order of their keys, each once, across all parts"
    assert found.read == len(people) + len(rejected) + len(replaced)
    return people, sorted(rejected), replaced


@pytest.mark.parametrize("seed", [1, 2])
def test_several_processes_come_to_what_one_comes_to(tmp_path, monkeypatch, seed):
    path = messy(tmp_path / "list.csv", 60_000, seed)
    monkeypatch.setattr(worker_pool, "LONG_LIST", 1 << 40)
    alone = staged(tmp_path / "alone", path)
    monkeypatch.setattr(worker_pool, "LONG_LIST", 0)
    monkeypatch.setattr(worker_pool, "processors", lambda: 3)
    together = staged(tmp_path / "together", path)
    assert together == alone
    assert len(alone[0]) > 30_000
    assert alone[1]
    assert alone[2]


def test_every_row_has_the_key_of_its_address_however_that_is_written(tmp_path):
    addresses = ["ann@b.example", "Ann@b.example", "Weiß@b.example", "weiß@b.example", ""]
    for name, some in (("all", addresses), ("own", addresses[:1])):
        path = tmp_path / f"{name}.csv"
        lines = ["user_id,email", *(f"u{number},{address}" for number, address in enumerate(some))]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        people, rejected, _ = staged(tmp_path / name, path)
        assert not rejected
        assert [people[f"u{number}"][-1] for number in range(len(some))] == [
            email_key(address) if address else None for address in some
        ]


def test_a_worker_that_is_killed_fails_the_list_and_says_so(tmp_path, monkeypatch):
    path = messy(tmp_path / "list.csv", 40_000, 4)
    monkeypatch.setattr(worker_pool, "LONG_LIST", 0)
    monkeypatch.setattr(worker_pool, "processors", lambda: 2)
    begun = Helper.start

    def killing(module: str) -> Helper:
        worker = begun(module)
        os.kill(worker.pid, signal.SIGKILL)
        return worker

    monkeypatch.setattr(Helper, "start", killing)
    with pytest.raises(Failed) as failed:
        staged(tmp_path / "killed", path)
    assert failed.value.code == "worker_lost"


@pytest.mark.parametrize("rows", [20_000, 120_000], ids=["one process", "several processes"])
@pytest.mark.shop(attributes={"note": "string"}, campaign=None)
def test_a_list_for_which_there_is_no_room_fails_and_leaves_nothing_behind(shop, tmp_path, rows):
    messy(tmp_path / "list.csv", rows, 5)
    program = f"{sys.executable} -m xpimport --db {tmp_path / 'xpimport.db'} run-now list"
    run = subprocess.run(
        # No file may grow beyond 1,000 blocks of 512 bytes.
        ["sh", "-c", f"ulimit -f 1000; exec {program}"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert "cannot be laid out in" in run.stderr
    assert "Make room there" in run.stderr
    details = shop("task", "show", 1, "--json").json()
    assert (details["status"], details["error"]["code"]) == ("failed", "disk")
    assert details["rows"]["created"] == 0
    assert not list((tmp_path / "xpimport.db.files" / "staging").iterdir())


def test_a_worker_ends_when_its_parent_does():
    code = (
        "import os, signal, time; from xpimport.processes import Helper;"
        "print(Helper.start('xpimport.importing.staging.worker').pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, check=False)
    worker = int(said.stdout)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        if "(zombie)" in Path(f"/proc/{worker}/status").read_text(encoding="ascii"):
            return
        time.sleep(0.05)
    pytest.fail("the worker is still there")
