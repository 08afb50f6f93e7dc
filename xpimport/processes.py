"""Processes that help one import or send: started with this program's own modules, and ended with it."""

import os
import subprocess
import sys
from contextlib import suppress

Helper = subprocess.Popen[bytes]


def start(module: str) -> Helper:
    """Run a module of ours with pipes at both ends; it ends when its input does, so it never outlives this process."""
    return run(["-m", module])


def run(arguments: list[str]) -> Helper:
    """Run our interpreter with these arguments and pipes at both ends."""
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        # -P: a file of the working directory must not stand in for a module.
        [sys.executable, "-P", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def end(helper: Helper) -> None:
    """Kill a helper, whatever it is doing."""
    helper.kill()
    helper.wait()
    for pipe in (helper.stdin, helper.stdout):
        # What was not flushed cannot be any more.
        with suppress(OSError):
            if pipe is not None:
                pipe.close()
