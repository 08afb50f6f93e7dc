"""Connections on other machines: chunks of a send go to the workers of a Dask cluster, which never see the store.

Dask runs a task again when its worker is lost, and a message must not go out again. So nothing is submitted as a
task: each chunk is a direct call of one worker (`Client.run`), which is never repeated. A lost worker leaves its
chunk uncertain.
"""

import asyncio
import logging
import marshal
import queue
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xpimport import __version__
from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.rules.refusals import About
from xpimport.rules.settings import Settings
from xpimport.sending.channels import Outcome, Session
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.content.compose import Composer, Job, composer
from xpimport.sending.delivery.connections import (
    RECONNECTS,
    Emit,
    connect_with_retries,
    deliver,
    problem_from_plain,
    problem_to_plain,
)

if TYPE_CHECKING:
    from distributed import Client

    from xpimport.sending.delivery.config import SendConfig

CALL = 50
"""People of one call; a stop and a rate act between calls."""

PLAN = tuple[str, dict[str, str], str, dict[str, Any], bytes]
"""Channel, settings, directory, the campaign's options, and the content as bytes, by which a worker knows that it has
compiled it."""


class Cluster:
    """Calls of the workers of one cluster; each takes a chunk at a time, so that it counts as that many connections."""

    patience = 60.0

    def __init__(self, address: str, config: "SendConfig", connections: int, emit: Emit) -> None:
        """Call the roll; each worker gets its share of the connections.

        Raises:
            Unreachable: no scheduler answers at `address`, or it has no worker.
            Invalid: the extra is not installed.
        """
        self._client = _client(address)
        workers = sorted(self._client.nthreads())
        if not workers:
            self._client.close()
            raise Unreachable(f"The Dask cluster at {address} has no worker. Start one: dask worker ADDRESS")
        self.numbers = range(connections * CALL)
        portable = (*config.portable(), marshal.dumps(config.content))
        self._workers = [
            _Caller(self._client, workers[index % len(workers)], self.numbers[index * CALL :][:CALL], portable, emit)
            for index in range(connections)
        ]
        for worker in self._workers:
            worker.start()

    def give(self, jobs: list[tuple[int, Job]]) -> None:
        """Give each message to the thread that calls its worker with all that it was given."""
        for number, job in jobs:
            self._workers[number // CALL].work.put((number, job))

    def close(self) -> None:
        """Let the calls that are on their way come to their end."""
        for worker in self._workers:
            worker.work.put(None)
        for worker in self._workers:
            worker.join(timeout=5)
        self._client.close()


class _Caller(threading.Thread):
    """One call of one worker at a time."""

    def __init__(self, client: "Client", worker: str, numbers: range, config: PLAN, emit: Emit) -> None:
        super().__init__(daemon=True)
        self._client, self._worker, self._numbers, self._config, self._emit = client, worker, numbers, config, emit
        self.work: queue.SimpleQueue[tuple[int, Job] | None] = queue.SimpleQueue()
        self._in_doubt: set[int] = set()

    def run(self) -> None:
        problem: Exception | None = None
        try:
            self._roll_call()
            for number in self._numbers:
                self._emit((number, "ready", None))
            while problem is None and (chunk := self._chunk()):
                problem = self._call(chunk)
        except Exception as error:  # noqa: BLE001 - a thread must not die without a word
            problem = error
        # What was queued while the last call was on its way never reached the worker.
        for number in self._numbers:
            self._emit((number, "down" if number in self._in_doubt else "shut", problem))

    def _roll_call(self) -> None:
        there = self._run(_version)
        if there != __version__:
            raise Unreachable(f"Worker {self._worker} has xpimport {there}, and this is {__version__}.")

    def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return self._client.run(function, *arguments, workers=[self._worker])[self._worker]

    def _chunk(self) -> list[tuple[int, Job]]:
        """Everything that was handed over meanwhile; nothing at the end."""
        first = self.work.get()
        chunk = [first]
        while chunk[-1] is not None and not self.work.empty():
            chunk.append(self.work.get())
        return [one for one in chunk if one is not None]

    def _call(self, chunk: list[tuple[int, Job]]) -> Exception | None:
        """Have the chunk sent; the problem that ends this thread, if there is one."""
        if self._worker not in self._client.nthreads():
            self._unsent([number for number, _ in chunk])
            return Unreachable(f"Worker {self._worker} has left the cluster.", code="sender_lost")
        try:
            outcomes, problem = self._run(send_chunk, self._config, [job for _, job in chunk])
        except Exception:  # noqa: BLE001 - whatever it is, nobody knows how far the worker came
            self._in_doubt = {number for number, _ in chunk}
            return Unreachable(f"Worker {self._worker} was lost in mid-send.", code="sender_lost")
        self._unsent([number for number, _ in chunk[len(outcomes) :]])
        for (number, _), outcome in zip(chunk, outcomes, strict=False):
            self._emit((number, "done", Outcome.from_plain(outcome)))
        return problem_from_plain(problem) if problem else None

    def _unsent(self, numbers: list[int]) -> None:
        for number in numbers:
            self._emit((number, "unsent", None))


def _client(address: str) -> "Client":
    if find_spec("distributed") is None:
        raise Invalid("workers: a Dask cluster needs an extra. Install it: pip install 'xpimport[dask]'")
    from distributed import Client

    for name in list(logging.root.manager.loggerDict):
        if name.startswith("distributed"):
            # What goes wrong is said by us, once.
            logging.getLogger(name).setLevel(logging.CRITICAL)
    where = address.replace("dask+tls://", "tls://").replace("dask://", "tcp://")
    try:
        return Client(where, timeout=10, set_as_default=False)
    except (OSError, TimeoutError) as problem:
        raise Unreachable(f"No Dask scheduler answers at {address} ({type(problem).__name__}).") from None


def _version() -> str:
    return __version__


async def send_chunk(config: PLAN, jobs: list[Job]) -> tuple[list[tuple[Any, ...]], Any]:
    """On a worker: hand the messages over one after another.

    Returns the outcomes of those that were begun, in order, and the problem that kept the others, if there was one.
    """
    return await asyncio.to_thread(_send_chunk, config, jobs)


def _send_chunk(config: PLAN, jobs: list[Job]) -> tuple[list[tuple[Any, ...]], Any]:
    kind, settings, place, options, content = config
    outcomes: list[tuple[Any, ...]] = []
    session: Session | None = None
    try:
        channel, compose = open_channel(kind, Settings(settings), Path(place), options), _composer(content)
        session = connect_with_retries(channel, (0.0,))
        lost = False
        for job in jobs:
            if lost:
                session.close()
                session = connect_with_retries(channel, RECONNECTS)
            outcome = deliver(session, compose, job)
            outcomes.append(outcome.to_plain())
            lost = outcome.connection_lost
            if outcome.about in {About.OURS, About.RATE}:
                # Whether more may be begun is for the send to decide.
                return outcomes, None
    except XpimportError as problem:
        return outcomes, problem_to_plain(problem)
    finally:
        if session is not None:
            session.close()
    return outcomes, None


@lru_cache(maxsize=2)
def _composer(content: bytes) -> Composer:
    return composer(marshal.loads(content))  # noqa: S302 - from the sender that calls this worker
