"""Who is at work on something, and whether they still are.

An owner is written as `host-boot/pid-namespace:pid:start`: a pid alone is reused, a start time alone repeats
after a reboot, and two containers on one machine share the boot id.
"""

import os
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

SILENCE = timedelta(minutes=2)
"""A claim whose owner cannot be looked up from here lapses after this long without a heartbeat."""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


@cache
def _here() -> str:
    """This machine since its last boot, as far as processes can be looked up; empty where that is unknown."""
    boot = _read("/proc/sys/kernel/random/boot_id")
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - it is no file that the link names
    except OSError:
        namespace = ""
    return f"{boot}/{namespace}" if boot and namespace else ""


def _started(pid: int) -> str | None:
    """When process `pid` started, in clock ticks since boot; None when there is no such process."""
    stat = _read(f"/proc/{pid}/stat")
    # The second field is the program's name in brackets, which may itself hold spaces and brackets.
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 20 or fields[0] == "Z":
        return None
    return fields[19]


def me() -> str:
    """The owner string of this process."""
    pid = os.getpid()
    return f"{_here()}:{pid}:{_started(pid)}"


def heartbeat() -> str:
    """The instant to store as a sign of life, in UTC by the real clock, which a rehearsal does not replace."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def lapsed(owner: str | None, last_sign: str | None) -> bool:
    """Whether the claim of `owner`, last heard of at `last_sign` (UTC text), holds no longer."""
    if not owner:
        return True
    where, pid, started = owner.rsplit(":", 2)
    if where and where == _here():
        return _started(int(pid)) != started
    if last_sign is None:
        return True
    return datetime.now(UTC) - datetime.fromisoformat(last_sign) > SILENCE
