"""A rate that all sends to one server keep together, whichever processes they are in."""

import fcntl
import os
from pathlib import Path

from xpimport.rules.throttle import RateLimiter


class SharedRate(RateLimiter):
    """As a `RateLimiter` of its own, but what is saved up stands in a file; the clock is this machine's, since its start."""

    def __init__(self, file: Path, rate: float, now: float) -> None:
        """Keep `rate`, in messages a second, with everybody who has the same file."""
        super().__init__(rate, now)
        self._file = file

    def allowed(self, wanted: int, now: float) -> int:
        """How many of `wanted` messages may go out at `now`; they count as gone out."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            noted = os.read(handle, 100).split()
            if len(noted) == 2 and float(noted[1]) <= now:
                self._saved, self._then = float(noted[0]), float(noted[1])
            count = super().allowed(wanted, now)
            self._saved -= count
            os.pwrite(handle, f"{self._saved:<30.9f} {self._then:<30.9f}".encode(), 0)
        finally:
            os.close(handle)
        return count
