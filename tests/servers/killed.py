"""Runs the program and kills it, as `kill -9` would, at its nth step: python killed.py STEP N ARGUMENT...

With XPIMPORT_KILLED=crew every list counts as long, so that helping processes read and decide it.

STEP is `begin` or `commit` (the nth transaction that writes), `talk` (the nth byte string given to a socket) or
`read` (the nth answer awaited). Batches are made small, so that a short list has many steps.
"""

import os
import signal
import sys
from itertools import count

from xpimport.importing import crew, merge
from xpimport.sending.channels import smtp_wire
from xpimport.store import database


def kill_at(wanted: int) -> "object":
    """A step that kills this process the `wanted`-th time it is taken."""
    steps = count(1)

    def step() -> None:
        if next(steps) == wanted:
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
    name = "send" if kind == "talk" else "recv"
    import socket

    original = getattr(socket.socket, name)

    def talking(self: socket.socket, *arguments: object) -> object:
        step()  # type: ignore[operator]
        return original(self, *arguments)

    setattr(socket.socket, name, talking)


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


if __name__ == "__main__":
    assert smtp_wire
    merge.FIRST_BATCH, merge.LARGEST_BATCH = 3, 3
    if os.environ.get("XPIMPORT_KILLED") == "crew":
        crew.LONG_LIST = merge.MANY = 0
        crew.processors = lambda: 2
    arm(sys.argv[1], int(sys.argv[2]))
    from xpimport.cli import main

    sys.exit(main(sys.argv[3:]))
