"""Postfix's smtp-sink: a real server that takes mail, with switches for its faults."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from servers.ports import wait_until_listening


@dataclass
class Sink:
    """A running sink, and where it puts the messages that it took."""

    port: int
    folder: Path

    def ids(self) -> Counter[str]:
        """How often each Message-ID came."""
        found: Counter[str] = Counter()
        for path in self.folder.iterdir():
            found.update(re.findall(r"^Message-ID: <([^>]+)>", path.read_text(errors="replace"), re.MULTILINE))
        return found


@contextmanager
def smtp_sink(folder: Path, port: int, *switches: str) -> Iterator[Sink]:
    """Run smtp-sink on a port of 127.0.0.1, keeping messages in `folder`."""
    program = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    assert program
    folder.mkdir(exist_ok=True)
    folder.chmod(0o777)
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    place = ["-R", str(folder)] if user else []
    template = "m." if user else str(folder / "m.")
    running = subprocess.Popen([program, *user, *place, "-d", template, *switches, f"127.0.0.1:{port}", "1000"])
    try:
        wait_until_listening(port)
        yield Sink(port, folder)
    finally:
        running.kill()
        running.wait()
