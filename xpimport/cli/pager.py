"""A long text on a terminal, shown by the person's pager."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress

_NO_SUCH_COMMAND = 127


def show(text: str) -> None:
    """Show a text as git does: by $PAGER, else by less, which ends by itself where one screen holds it all."""
    pager = os.environ.get("PAGER", "less" if shutil.which("less") else "")
    if pager in {"", "cat"}:
        sys.stdout.write(text)
        return
    surroundings = {"LESS": "FRX", "LV": "-c", **os.environ}
    # The person's own choice is a command line, as it is for git and man.
    process = subprocess.Popen(pager, shell=True, stdin=subprocess.PIPE, env=surroundings)  # noqa: S602
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pager
    try:
        with suppress(BrokenPipeError):
            process.communicate(text.encode())
    finally:
        signal.signal(signal.SIGINT, before)
    if process.returncode == _NO_SUCH_COMMAND:
        sys.stdout.write(text)
