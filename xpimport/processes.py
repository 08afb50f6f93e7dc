"""Processes that help one import or send: started with this program's own modules, and ended with it.

Messages go both ways over pipes, each as its length and then its octets, so that one cut off by a death is noticed.
"""

import marshal
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, Any, Protocol

_LENGTH = 8


class Form(Protocol):
    """How messages become octets: the module `marshal` (plain values, quick) or `pickle` (our own classes too)."""

    def dumps(self, message: Any, /) -> bytes:
        """The octets of a message."""

    def loads(self, octets: bytes, /) -> Any:
        """The message of these octets."""


class Lost(Exception):
    """The process at the other end is gone; what was on its way has not arrived."""


class Helper:
    """A process that helps this one; it ends when its input does, so it never outlives us."""

    def __init__(self, arguments: list[str], form: Form = marshal) -> None:
        """Run our interpreter with these arguments and pipes at both ends."""
        self._form = form
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter
            # -P: a file of the working directory must not stand in for a module.
            [sys.executable, "-P", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A Ctrl-C, or the end of the terminal, is for the parent alone, which then ends its helpers.
            process_group=0,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert self._process.stdin is not None  # noqa: S101 - it is a pipe
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._input, self._output = self._process.stdin, self._process.stdout
        self.pid = self._process.pid

    @classmethod
    def start(cls, module: str, form: Form = marshal) -> "Helper":
        """Run a module of ours, which talks to us by `Parent` in the same form."""
        return cls(["-m", module], form)

    def send(self, message: Any) -> None:
        """Give it a message; used by one thread at a time.

        Raises:
            Lost: it has ended.
        """
        _send(self._input, self._form.dumps(message))

    def receive(self) -> Any:
        """Wait for its next message; used by one thread at a time.

        Raises:
            Lost: it has ended.
        """
        return self._form.loads(_receive(self._output))

    def close(self) -> None:
        """Kill it, whatever it is doing, and let go of its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._input, self._output):
            # What was not flushed cannot be any more.
            with suppress(OSError):
                pipe.close()


class Parent:
    """The other end: the process that started this one, on our standard input and output."""

    def __init__(self, form: Form = marshal) -> None:
        """Talk in the form that the parent's `Helper` has."""
        self._form = form
        self._turn = threading.Lock()
        # Who stops a service signals all its processes; the parent says when this one is through.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)

    def send(self, message: Any) -> None:
        """Give it a message; any thread may.

        Raises:
            Lost: it has ended.
        """
        octets = self._form.dumps(message)
        with self._turn:
            _send(sys.stdout.buffer, octets)

    def receive(self) -> Any:
        """Wait for its next message; used by one thread at a time.

        Raises:
            Lost: it has ended.
        """
        return self._form.loads(_receive(sys.stdin.buffer))


def _send(pipe: IO[bytes], octets: bytes) -> None:
    try:
        pipe.write(len(octets).to_bytes(_LENGTH, "little"))
        pipe.write(octets)
        pipe.flush()
    except (OSError, ValueError):  # ValueError: it was closed meanwhile
        raise Lost from None


def _receive(pipe: IO[bytes]) -> bytes:
    try:
        length = int.from_bytes(_exactly(pipe, _LENGTH), "little")
        return _exactly(pipe, length)
    except (OSError, ValueError):
        raise Lost from None


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    octets: bytes = pipe.read(length)
    if len(octets) < length:
        raise Lost
    return octets
