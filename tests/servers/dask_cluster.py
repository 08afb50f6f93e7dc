"""A real Dask cluster on the loopback: a scheduler and workers, each a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from servers.ports import wait_until_listening

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Cluster:
    """A running cluster."""

    port: int
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"dask://127.0.0.1:{self.port}"


def run(folder: Path, module: str, *arguments: str) -> "subprocess.Popen[bytes]":
    log = (folder / f"{module.rpartition('.')[2]}-{len(list(folder.iterdir()))}.log").open("wb")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DASK_TEMPORARY_DIRECTORY": str(folder)}
    with log:
        return subprocess.Popen(
            [sys.executable, "-m", module, *arguments], stdout=log, stderr=subprocess.STDOUT, env=environment
        )


@contextmanager
def dask_cluster(folder: Path, port: int, workers: int = 2) -> Iterator[Cluster]:
    """A scheduler on `port` of 127.0.0.1 with this many workers, which have joined it."""
    folder.mkdir()
    local = ("--host", "127.0.0.1", "--no-dashboard")
    scheduler = run(folder, "distributed.cli.dask_scheduler", "--port", str(port), *local)
    cluster = Cluster(port)
    try:
        wait_until_listening(port)
        for _ in range(workers):
            cluster.workers.append(
                run(folder, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--no-nanny", *local)
            )
        logs = list(folder.glob("dask_worker*.log"))
        assert len(logs) == workers
        wait_for(lambda: all("Registered to" in log.read_text() for log in logs))
        yield cluster
    finally:
        for process in (*cluster.workers, scheduler):
            process.kill()
            process.wait()


def wait_for(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
