"""The program on a terminal: what a person sees who has no pipe or file behind it."""

import contextlib
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import threading
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def spawn(*arguments: object, columns: int = 80, streams: tuple[str, ...], **environment: str) -> str:
    """What a process of its own writes to a terminal that has these of its streams, colours and all; it must succeed."""
    ours, theirs = pty.openpty()
    surroundings = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "TERM": "xterm",
        "COLUMNS": str(columns),
        **environment,
    }
    surroundings.pop("NO_COLOR", None)
    held = {"stdout": subprocess.DEVNULL, **dict.fromkeys(streams, theirs)}
    argv = [sys.executable, "-m", "xpimport", *map(str, arguments)]
    with subprocess.Popen(argv, env=surroundings, **held) as process:  # type: ignore[call-overload]
        os.close(theirs)
        told = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                told += os.read(ours, 4096)
            except OSError:  # nobody holds the other end any more
                break
        assert process.wait(60) == 0
    os.close(ours)
    return told.decode()


def run(store: Path, columns: int, now: str, *arguments: str) -> tuple[int, str]:
    """What a command writes to a terminal of so many columns, both streams, and its exit code."""
    from xpimport.cli import main

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    written: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                written.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPIMPORT_DB", str(store))
        patch.setenv("XPIMPORT_NOW", now)
        patch.setenv("COLUMNS", str(columns))
        patch.setenv("NO_COLOR", "1")
        patch.setenv("PATH", "/nowhere")  # no crontab of this machine, and hints with the longest program
        with Path(os.ttyname(theirs)).open("w", encoding="utf-8") as terminal:
            patch.setattr(sys, "stdout", terminal)
            patch.setattr(sys, "stderr", terminal)
            code = main(list(arguments))
    os.close(theirs)
    reader.join()
    os.close(ours)
    return code, b"".join(written).decode()
