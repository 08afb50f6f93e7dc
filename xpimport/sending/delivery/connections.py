"""The connections of a send: a thread each, in this process for a short send, in sender processes for a long one.

A connection makes a message, hands it over, says what became of it, and stays connected. It never sees the store.
"""

import os
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.processes import Helper, Lost
from xpimport.sending.channels import AuthRefused, Channel, Outcome, Session
from xpimport.sending.content.compose import Composer, Job
from xpimport.sending.content.render import NotPersonalised

if TYPE_CHECKING:
    # A sender process has no use for what it imports.
    from xpimport.sending.delivery.config import SendConfig

FEW = 200
"""People up to which starting processes (0.3 s each) does not pay."""

MOST_PROCESSES = 4
RECONNECTS = (0.2, 1.0, 3.0)
"""Seconds before each new try of a connection that was lost."""

Event = tuple[int, str, Any]
"""What a connection has to say, with its number first:

- (number, `ready`, None): it can take a message;
- (number, `done`, Outcome): what became of its message; it can take the next, unless it was lost: then it says `ready`
  when it is connected again;
- (number, `unsent`, None): its message provably was not begun;
- (number, `down`, the problem or None): it takes no more messages, and what became of the one it has is not known;
- (number, `shut`, the problem): it takes no more messages, and one it was given meanwhile was provably not begun.
"""

Emit = Callable[[Event], None]
"""Takes an event in; may be called by any thread."""


class Connections(Protocol):
    """The connections of a send, wherever they are.

    Attributes:
        numbers: a number for each.
        patience: seconds that messages on their way are given when a send ends early.
    """

    numbers: range
    patience: float

    def give(self, jobs: list[tuple[int, Job]]) -> None:
        """Hand each message to the connection that is ready for it."""

    def close(self) -> None:
        """No more messages; returns when the connections are closed."""


class Connection(threading.Thread):
    """One connection to the receiver of a channel: sends the messages that are put into `work`, None at the end."""

    def __init__(self, number: int, channel: Channel, compose: Composer, emit: Emit) -> None:
        """Prepare the connection `number`; it connects when the thread is started."""
        super().__init__(daemon=True)
        self._number, self._channel, self._compose, self._emit = number, channel, compose, emit
        self.work: queue.SimpleQueue[Job | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Send until there are no more messages, or the receiver cannot be reached."""
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
    """A new connection, tried for after each of these waits (seconds).

    Raises:
        AuthRefused: the receiver does not accept who we are; that is not tried again.
        Unreachable, Invalid: what the last try said.
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
    """Connections that are threads of this process."""

    patience = 10.0

    def __init__(self, channel: Channel, compose: Composer, numbers: range, emit: Emit) -> None:
        """Open connections with these numbers."""
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
    """Connections shared out over sender processes, which end when this one does; those of one that dies are `down`."""

    patience = 10.0

    def __init__(self, config: "SendConfig", connections: int, emit: Emit) -> None:
        """Start the processes; each opens its share of the connections."""
        self.numbers = range(connections)
        count = min(MOST_PROCESSES, connections, len(os.sched_getaffinity(0)))
        self._senders: list[Helper] = []
        self._owner: dict[int, int] = {}
        self._readers: list[threading.Thread] = []
        self._emit = emit
        for index in range(count):
            numbers = range(index, connections, count)
            sender = Helper.start("xpimport.sending.delivery.sender")
            self._senders.append(sender)
            self._owner.update(dict.fromkeys(numbers, index))
            self._tell(index, (*config.portable(), config.content, list(numbers)))
            reader = threading.Thread(target=self._read, args=(sender, set(numbers)), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _tell(self, index: int, message: Any) -> None:
        # The reader of a sender that has ended says so of each of its connections.
        with suppress(Lost):
            self._senders[index].send(message)

    def _read(self, sender: Helper, open_connections: set[int]) -> None:
        try:
            while True:
                event = event_from_plain(sender.receive())
                if event[1] in {"down", "shut"}:
                    open_connections.discard(event[0])
                self._emit(event)
        except Lost:
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
            sender.close()


def event_to_plain(event: Event) -> Event:
    """An event in plain values, which go from one process to another."""
    number, kind, value = event
    if kind == "done":
        return number, kind, value.to_plain()
    return number, kind, problem_to_plain(value) if kind in {"down", "shut"} else None


def event_from_plain(plain: Event) -> Event:
    """The event that `event_to_plain` had."""
    number, kind, value = plain
    if kind == "done":
        return number, kind, Outcome.from_plain(value)
    return number, kind, problem_from_plain(value) if kind in {"down", "shut"} else None


def problem_to_plain(problem: Exception | None) -> tuple[str, str, bool]:
    """A problem in plain values: its code, its message, and whether it is an `AuthRefused`."""
    message = getattr(problem, "message", None) or str(problem)
    return getattr(problem, "code", None) or type(problem).__name__, message, isinstance(problem, AuthRefused)


def problem_from_plain(plain: tuple[str, str, bool]) -> Unreachable:
    """The problem that `problem_to_plain` had."""
    code, message, refused = plain
    return AuthRefused(message) if refused else Unreachable(message, code=code)
