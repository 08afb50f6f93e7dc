"""Running a command to its end, with the time it took and the most memory that it and its helpers held."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Run:
    """How long a command took (seconds) and the most memory it held, all processes together (MiB)."""

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
        watch = _Watch(process.pid)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        watch.ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            said.seek(0)
            raise SystemExit(f"{name} ended with {process.returncode}:\n{said.read().decode(errors='replace')[-2000:]}")
    alone = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return Run(name, seconds, max(alone, watch.most / (1 << 20)))


class _Watch(threading.Thread):
    """Adds up the resident sets of a process and its children, twenty times a second (Linux)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self.ended = threading.Event()
        self.most = 0

    def run(self) -> None:
        while not self.ended.wait(0.05):
            self.most = max(self.most, sum(map(_resident, [self._pid, *_children(self._pid)])))


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except OSError:
        return []
    own = [int(child) for child in text.split()]
    return own + [further for child in own for further in _children(child)]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


def table(runs: list[Run], rows: int, width: int = 34) -> str:
    """A Markdown table, each run's time held against the first one's."""
    lines = [f"| {'command':<{width}} | seconds | ratio |  rows/s | peak MiB |"]
    lines.append(f"| {'-' * width} | ------: | ----: | ------: | -------: |")
    for run in runs:
        ratio, rate = run.seconds / runs[0].seconds, rows / run.seconds
        lines.append(f"| {run.name:<{width}} | {run.seconds:7.1f} | {ratio:5.2f} | {rate:7.0f} | {run.memory:8.0f} |")
    return "\n".join(lines)
