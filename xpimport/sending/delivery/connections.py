"""The connections of a send: a thread each, in this process for a short send, in processes of their own for a long one.

A connection makes a message, hands it over, says what became of it, and stays connected. It never sees the store.
"""

import marshal
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, Protocol

from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.processes import Helper, end, start
from xpimport.sending.channels import AuthRefused, Channel, Outcome, Session, open_channel
from xpimport.sending.content.compose import Composer, Job, MessageContent, composer
from xpimport.sending.content.render import NotPersonalised

FEW = 200
"""People up to which starting processes (0.3 s each) does not pay."""

MOST_PROCESSES = 4
RECONNECTS = (0.2, 1.0, 3.0)
"""Seconds before each new try of a connection that was lost."""

Event = tuple[int, str, Any]
"""(number of the connection, `ready`, None),
(connection, `done`, Outcome), (connection, `unsent`, None) or (connection, `down`, the problem).

After an outcome a connection is ready again, unless it was lost: then it says so when there is a new one.
"""

Emit = Callable[[Event], None]


class Connections(Protocol):
    """Open connections, by number."""

    numbers: range
    patience: float
    """Seconds that messages on their way are given when a send ends early."""

    def give(self, jobs: list[tuple[int, Job]]) -> None:
        """Hand each message to the connection that is ready for it."""

    def close(self) -> None:
        """No more messages; returns when the connections are closed."""


class Connection(threading.Thread):
    """One connection."""

    def __init__(self, number: int, channel: Channel, compose: Composer, emit: Emit) -> None:
        """Prepare the connection `number`."""
        super().__init__(daemon=True)
        self._number, self._channel, self._compose, self._emit = number, channel, compose, emit
        self.work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Work until there is nothing more to do, or no connection to be had."""
        session: Session | None = None
        try:
            session = connect_with_retries(self._channel, (0.0,))
            self._emit((self._number, "ready", None))
            while (job := self.work.get()) is not None:
                outcome = deliver(session, self._compose, job)
                self._emit((self._number, "done", outcome))
                if outcome.connection_lost:
                    session.close()
                    session = connect_with_retries(self._channel, RECONNECTS)
                    self._emit((self._number, "ready", None))
        except Exception as problem:  # noqa: BLE001 - a thread must not die without a word
            self._emit((self._number, "down", problem))
        finally:
            if session is not None:
                session.close()


def connect_with_retries(channel: Channel, waits: tuple[float, ...]) -> Session:
    """A connection, tried for after each of these waits (seconds).

    Raises:
        AuthRefused, Unreachable, Invalid: what the last try, or the first that was refused, said.
    """
    *earlier, last = waits
    for wait in earlier:
        time.sleep(wait)
        try:
            return channel.connect()
        except AuthRefused:
            raise
        except XpimportError:
            continue
    time.sleep(last)
    return channel.connect()


def deliver(session: Session, compose: Composer, job: Job) -> Outcome:
    """Make one message and send it."""
    try:
        message = compose.message(job)
    except NotPersonalised as problem:
        return Outcome("failed", "not_personalised", problem.detail)
    except Invalid as problem:
        return Outcome("failed", "invalid_address", problem.message)
    return session.send(message)


class ThreadPool:
    """Connections of this process."""

    patience = 10.0

    def __init__(self, channel: Channel, compose: Composer, numbers: range, emit: Emit) -> None:
        """Open the connections with these numbers."""
        self.numbers = numbers
        self._pool = {number: Connection(number, channel, compose, emit) for number in numbers}
        for connection in self._pool.values():
            connection.start()

    def give(self, jobs: list[tuple[int, Job]]) -> None:
        """Hand each message to its connection."""
        for number, job in jobs:
            self._pool[number].work.put(job)

    def close(self) -> None:
        """Let the connections come to their end."""
        for connection in self._pool.values():
            connection.work.put(None)
        for connection in self._pool.values():
            connection.join(timeout=5)


class ProcessPool:
    """Connections shared out over processes, which end when this one does; what one had in hand when it died is `down`."""

    patience = 10.0

    def __init__(
        self, kind: str, settings: Mapping[str, str], place: Path, content: MessageContent, connections: int, emit: Emit
    ):
        """Start the processes; each opens its share of the connections."""
        self.numbers = range(connections)
        count = min(MOST_PROCESSES, connections, len(os.sched_getaffinity(0)))
        self._senders: list[Helper] = []
        self._owner: dict[int, int] = {}
        self._readers: list[threading.Thread] = []
        self._emit = emit
        for index in range(count):
            numbers = range(index, connections, count)
            sender = start("xpimport.sending.delivery.connections")
            self._senders.append(sender)
            self._owner.update(dict.fromkeys(numbers, index))
            self._tell(index, (kind, dict(settings), str(place), content, list(numbers)))
            reader = threading.Thread(target=self._read, args=(sender, set(numbers)), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _tell(self, index: int, message: Any) -> None:
        pipe = self._senders[index].stdin
        assert pipe is not None  # noqa: S101 - it is a pipe
        try:
            marshal.dump(message, pipe)
            pipe.flush()
        except OSError:
            return  # the reader sees its end, and says so of each of its connections

    def _read(self, sender: Helper, open_connections: set[int]) -> None:
        pipe = sender.stdout
        assert pipe is not None  # noqa: S101 - it is a pipe
        try:
            while True:
                number, kind, value = marshal.load(pipe)  # noqa: S302 - from our own process
                if kind == "down":
                    open_connections.discard(number)
                self._emit((number, kind, _value(kind, value)))
        except (EOFError, ValueError, TypeError, OSError):
            for number in open_connections:
                self._emit((number, "down", Unreachable("The process that sent it ended.", code="sender_lost")))

    def give(self, jobs: list[tuple[int, Job]]) -> None:
        """Hand each message to the process that has its connection."""
        for index in range(len(self._senders)):
            own = [(number, job) for number, job in jobs if self._owner[number] == index]
            if own:
                self._tell(index, own)

    def close(self) -> None:
        """Let the connections come to their end, and then the processes."""
        for index in range(len(self._senders)):
            self._tell(index, [])
        for reader in self._readers:
            reader.join(timeout=5)
        for sender in self._senders:
            end(sender)


def _value(kind: str, value: Any) -> Any:
    if kind == "done":
        return Outcome(*value)
    return problem_from(value) if kind == "down" else None


def _plain(kind: str, value: Any) -> Any:
    if kind == "done":
        return astuple(value)
    return problem_to(value) if kind == "down" else None


def problem_to(problem: Exception | None) -> tuple[str, str, bool]:
    """A problem as plain values, which go from one process to another."""
    message = getattr(problem, "message", None) or str(problem)
    return getattr(problem, "code", None) or type(problem).__name__, message, isinstance(problem, AuthRefused)


def problem_from(plain: tuple[str, str, bool]) -> Unreachable:
    """The problem that `problem_to` had."""
    code, message, refused = plain
    return AuthRefused(message) if refused else Unreachable(message, code=code)


def main() -> None:
    """A sender: connections as threads, told what to do on standard input, telling what became of it on standard output."""
    told, telling = sys.stdin.buffer, sys.stdout.buffer
    kind, settings, place, content, numbers = marshal.load(told)  # noqa: S302 - from our own parent
    lock = threading.Lock()

    def emit(event: Event) -> None:
        number, kind, value = event
        told_of = marshal.dumps((number, kind, _plain(kind, value)))
        with lock:
            telling.write(told_of)
            telling.flush()

    channel = open_channel(kind, settings, Path(place))
    compose = composer(content)
    connections = {number: Connection(number, channel, compose, emit) for number in numbers}
    for connection in connections.values():
        connection.start()
    threading.Thread(target=_listen, args=(told, connections), daemon=True).start()
    for connection in connections.values():
        connection.join()


def _listen(told: Any, connections: dict[int, Connection]) -> None:
    try:
        while jobs := marshal.load(told):  # noqa: S302 - from our own parent
            for number, job in jobs:
                connections[number].work.put(tuple(job))
    except (EOFError, ValueError, TypeError):
        # The parent is gone: nothing more is begun, and what is half said is not finished.
        os._exit(1)
    for connection in connections.values():
        connection.work.put(None)


if __name__ == "__main__":
    main()
