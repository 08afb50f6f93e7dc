"""Runs the program under strace, which counts its system calls, or makes the nth of a kind fail or kill."""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from conftest import REPOSITORY, which

CALLS = {
    "pwrite64": "pwrite64",
    "fsync": "fsync,fdatasync",
    "sendto": "sendto",
    "rename": "rename,renameat,renameat2",
    "unlink": "unlink,unlinkat",
    "write": "write",
}
"""The kinds of calls that leave something behind, and the calls of each."""

FAULTS = {
    "KILL": "signal=KILL:when={}",
    "EIO": "error=EIO:when={}",
    "ENOSPC": "error=ENOSPC:when={}",
    "disk stays full": "error=ENOSPC:when={}+",
}


@dataclass(frozen=True)
class Ended:
    """How a command under strace ended; -9 is a kill."""

    code: int
    out: str
    err: str


def run(arguments: list[str], environment: Mapping[str, str], log: Path, fault: str | None = None) -> Ended:
    """Run `xpimport ARGUMENTS`, with a fault in strace's words (`fsync:error=EIO:when=3`); the log tells every call."""
    tracing = [] if fault is None else ["-e", f"inject={fault}"]
    strace = [which("strace") or "strace", "-f", "--seccomp-bpf", "-qq", "-o", str(log), "-e", "signal=none"]
    strace += ["-e", "trace=" + ",".join(CALLS.values())]
    done = subprocess.run(
        [*strace, *tracing, sys.executable, "-m", "xpimport", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=120,
        # What Python would keep of compiled modules is not the program's.
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1", **environment},
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def counted(log: Path) -> dict[str, int]:
    """How many calls of each kind the busiest thread of a traced run made: strace counts each thread's own."""
    kinds = {call: kind for kind, calls in CALLS.items() for call in calls.split(",")}
    seen = Counter(re.findall(r"^(\d+) +(\w+)\(", log.read_text(errors="replace"), re.MULTILINE))
    most = dict.fromkeys(CALLS, 0)
    for (_, call), times in seen.items():
        if call in kinds:
            most[kinds[call]] = max(most[kinds[call]], times)
    return most
