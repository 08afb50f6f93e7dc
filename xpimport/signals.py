"""Ctrl-C, SIGTERM and a closed terminal: they cancel what runs at once, or end a send at its next step."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from xpimport.errors import Cancelled

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass
class Held:
    """A signal that came while signals were held back (its number, None before), and who is woken by it."""

    number: int | None = None
    wake: Callable[[], object] | None = None


_held: Held | None = None


def cancelled(number: int, message: str = "Cancelled.") -> Cancelled:
    """The error that ends a command because of that signal."""
    problem = Cancelled(message)
    problem.exit_code = 128 + number
    return problem


def _arrived(number: int, _: FrameType | None) -> None:
    if _held is not None and _held.number is None:
        _held.number = number
        if _held.wake is not None:
            _held.wake()
        return
    raise cancelled(number)


@contextmanager
def handled() -> Iterator[None]:
    """Signals that end a command raise Cancelled, so that work in hand is ended in good order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # What a caller had ignored (nohup) stays so.
    wanted = [number for number in ENDING if number is signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, _arrived) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[Held]:
    """Keep the first signal until whoever is at work looks for it; the second one cancels at once."""
    global _held  # noqa: PLW0603 - a signal comes to the process, not to anything in it
    if threading.current_thread() is not threading.main_thread():
        yield Held()
        return
    _held = Held()
    try:
        yield _held
    finally:
        _held = None


def pending() -> bool:
    """Whether a signal is held that asks this thread's work to end."""
    mine = threading.current_thread() is threading.main_thread()
    return mine and _held is not None and _held.number is not None


def wake_by(wake: Callable[[], object]) -> None:
    """Call this when a signal comes while signals are held back, so that nobody waits on."""
    if _held is not None and threading.current_thread() is threading.main_thread():
        _held.wake = wake
