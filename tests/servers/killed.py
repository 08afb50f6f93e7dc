"""Runs the program and kills it, as `kill -9` would, at its nth step: python killed.py STEP N ARGUMENT...

With XPIMPORT_KILLED=workers every list counts as long, so that helping processes read and decide it; with `processes`
every send does, so that sender processes have its connections. XPIMPORT_MARK names a file that is made just before the kill.

STEP is `begin` or `commit` (the nth transaction that writes), `talk` (the nth byte string given to a socket),
`read` (the nth answer awaited) or `tell` (the nth message to a helping process). `sender-talk` and `sender-read` kill each
sender process at its nth, and not this one. Batches are made small, so that a short list has many steps.
"""

import os
import signal
import socket
import sys
from itertools import count
from pathlib import Path

# Of this tree, wherever it is run from.
sys.path.insert(0, str(Path(__file__).parents[2]))

from xpimport import processes
from xpimport.importing.merging import merge
from xpimport.importing.staging import worker_pool
from xpimport.sending.delivery import send_loop, sender
from xpimport.store import database


def kill_at(wanted: int) -> "object":
    """A step that kills this process the `wanted`-th time it is taken."""
    steps = count(1)

    def step() -> None:
        if next(steps) == wanted:
            if mark := os.environ.get("XPIMPORT_MARK"):
                Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def arm(kind: str, wanted: int) -> None:
    """Put the killing step before every begin, after every commit, or around the socket."""
    step = kill_at(wanted)
    if kind in {"begin", "commit"}:
        writing = database.Store.writing

        def killing(self: database.Store, patience: float = database.PATIENCE) -> "object":
            return _around(
                writing(self, patience), step if kind == "begin" else None, step if kind == "commit" else None
            )

        database.Store.writing = killing  # type: ignore[method-assign,assignment]
        return
    if kind == "tell":
        _before(processes.Helper, "send", step)
        return
    _before(socket.socket, "send" if kind == "talk" else "recv", step)


def _before(owner: type, name: str, step: "object") -> None:
    original = getattr(owner, name)

    def stepping(self: "object", *arguments: object) -> object:
        step()  # type: ignore[operator]
        return original(self, *arguments)

    setattr(owner, name, stepping)


class _around:  # noqa: N801
    def __init__(self, inner: "object", before: "object", after: "object") -> None:
        self.inner, self.before, self.after = inner, before, after

    def __enter__(self) -> None:
        if self.before:
            self.before()  # type: ignore[operator]
        self.inner.__enter__()  # type: ignore[attr-defined]

    def __exit__(self, *problem: object) -> object:
        done = self.inner.__exit__(*problem)  # type: ignore[attr-defined]
        if self.after and problem[0] is None:
            self.after()  # type: ignore[operator]
        return done


def main() -> None:
    """This program, or one of the sender processes that it has started."""
    kind, wanted, *arguments = sys.argv[1:]
    if arguments == ["sender"]:
        arm(kind, int(wanted))
        sender.main()
        return
    merge.FIRST_BATCH, merge.LARGEST_BATCH = 3, 3
    way = os.environ.get("XPIMPORT_KILLED")
    if way == "workers":
        worker_pool.LONG_LIST = merge.MANY = 0
        worker_pool.processors = lambda: 2
    if way == "processes":
        send_loop.FEW = 0
    if kind.startswith("sender-"):
        alike = [__file__, kind.removeprefix("sender-"), wanted, "sender"]
        processes.Helper.start = lambda *_: processes.Helper(alike)  # type: ignore[method-assign]
    else:
        arm(kind, int(wanted))
    from xpimport.cli import main

    sys.exit(main(arguments))


if __name__ == "__main__":
    main()
