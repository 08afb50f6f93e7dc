"""The loop of a send: messages are granted, handed over by connections, and recorded.

Connections do nothing but make messages and hand them over; this process's main thread alone reads and writes the store.
Each of its transactions carries the outcomes that have come in and the intents of the next messages.
"""

import queue
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from xpimport import signals
from xpimport.clock import now
from xpimport.errors import Unreachable
from xpimport.rules.delivery import Verdict
from xpimport.rules.throttle import Pace
from xpimport.sending.channels import AuthRefused, Outcome
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.delivery import canary, ledger
from xpimport.sending.delivery.bulk import BulkSend
from xpimport.sending.delivery.config import Progress, SendConfig
from xpimport.sending.delivery.connections import FEW, Connections, Event, ProcessPool, ThreadPool
from xpimport.sending.delivery.ledger import Grant, Granter
from xpimport.sending.delivery.refusals import Refusals
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store
from xpimport.store.high_water import Noting

SIGN = 30.0
"""Seconds after which a send that hears nothing says that it is alive, and looks whether it has been stopped."""
LINGER = 0.002
"""Seconds for which a transaction waits for more connections than one to have something to say."""


class SendLoop:
    """The main thread's side of one send."""

    def __init__(
        self, store: Store, trigger: Trigger, config: SendConfig, progress: Progress, heed: Callable[[], None]
    ) -> None:
        self.store, self.trigger, self.config = store, trigger, config
        self.progress, self.heed = progress, heed
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        below, fresh = canary.limits(trigger)
        self.granter = Granter(store, trigger, config.campaign, below=below, fresh=fresh)
        self.connections: set[int] = set()
        self.ready: list[int] = []
        self.busy: dict[int, Grant] = {}
        self.outcomes: list[tuple[Grant, Outcome]] = []
        self.verdict = Verdict.GO
        self.pace = Pace(config.limiter, config.shared)
        self.refusals = Refusals(self.pace, config.connections)
        self.connected = False
        self.problem: Exception | None = None
        self.resume_at = now()
        self.total = self.open_count()
        self.done = 0
        self._granted: list[Grant] = []
        self._unsent: list[Grant] = []
        self._pool: Connections | None = None
        self._heard = 0.0

    def open_count(self) -> int:
        return int(
            self.store.scalar(
                "SELECT count(*) FROM deliveries WHERE trigger_id = ? AND (state = 'pending'"
                " OR (state = 'retry' AND retry_at <= ?))",
                self.trigger.id,
                int(now().timestamp()),
            )
        )

    def run(self, noting: Noting) -> None:
        """Send until nothing more may be begun; what is begun is noted before it goes.

        Raises:
            Invalid: a setting of the channel is missing or bad.
            Unreachable: the platform cannot be looked up.
        """
        if self.config.kind.people_a_call > 1:
            self._run_bulk(noting)
        else:
            self._run_connections(noting)

    def _run_connections(self, noting: Noting) -> None:
        signals.wake_by(partial(self.events.put, (-1, "wake", None)))
        self._pool = self._open()
        self.connections = set(self._pool.numbers)
        try:
            self._loop(noting)
        finally:
            try:
                self._drain()
            finally:
                self._pool.close()

    def _open(self) -> Connections:
        """Threads for a short send, processes for a long one, or a cluster where there is one for this channel."""
        config, count, emit = self.config, min(self.config.connections, self.total), self.events.put
        # Here too, so that a bad setting is said before anything is started.
        channel = open_channel(config.kind.name, config.settings, config.place, config.options)
        if config.workers:
            from xpimport.sending.delivery.cluster import CALL, Cluster

            return Cluster(config.workers, config, min(count, -(-self.total // CALL)), emit)
        if self.total <= FEW:
            return ThreadPool(channel, config.compose, range(count), emit)
        return ProcessPool(config, count, emit)

    def _run_bulk(self, noting: Noting) -> None:
        bulk = BulkSend(self.store, self.trigger, self.config, self.total, self.progress, self.heed)
        bulk.run(noting)
        self.connected = bulk.verdict is not Verdict.DISCONNECTED
        self.verdict = bulk.verdict if self.connected else Verdict.GO
        self.refusals.hold, self.resume_at = bulk.hold, bulk.resume_at
        if bulk.problem:
            self.problem = Unreachable(bulk.problem)

    def _loop(self, noting: Noting) -> None:
        while self.connections:
            if self._granted:
                noting.write()
            # Nothing is waited for while somebody could still be looked at for a connection that is free.
            wait, patience = bool(self.busy or self._granted or not self.ready), SIGN
            if not wait and (pause := self.pace.wait(time.monotonic())):
                wait, patience = True, min(SIGN, pause)
            self._collect_events(wait=wait, patience=patience)
            self.heed()
            with self.store.writing():
                self._write()
            idle = not self.busy and not self._granted
            if idle and (self.verdict is not Verdict.GO or self.granter.exhausted):
                return

    def _write(self) -> None:
        """One transaction: the outcomes that have come in, then the intents of the next messages."""
        self._record_outcomes()
        if time.monotonic() > self._heard + 1:
            self._heard = time.monotonic()
            ledger.record_heartbeat(self.store, self.trigger)
        if self.verdict is Verdict.GO:
            self.verdict = ledger.verdict(self.store, self.trigger)
        if self.verdict is Verdict.GO and not self.config.is_open():
            self.verdict = Verdict.SHUT
        if self.verdict is Verdict.GO and self.ready:
            self._granted = self.granter.next(self.pace.allowed(len(self.ready), time.monotonic()))
            self.pace.spend(len(self._granted))

    def _record_outcomes(self) -> None:
        """Inside a transaction: what has become of messages."""
        found = self.refusals.sort(self.outcomes)
        self.outcomes = []
        ledger.record(self.store, self.trigger, found.final)
        ledger.record_bounces(self.store, self.config.campaign.medium, found.final)
        if found.theirs:
            ledger.record_theirs(self.store, self.trigger, found.theirs)
        if found.refunded:
            ledger.refund(self.store, self.trigger, found.refunded)
        self.done += len(found.final) + len(found.theirs)
        if found.held_back:
            ledger.hold_back(self.store, self.trigger, found.held_back)
            self.granter.leave_out(found.held_back)
        if again := [*self._unsent, *found.back]:
            ledger.return_to_pending(self.store, self.trigger, again)
            self._unsent = []
            self.granter.offer_again()
        self._heed()

    def _heed(self) -> None:
        """Let what the refusals say of the whole send decide whether it goes on."""
        refusals = self.refusals
        if self.verdict is not Verdict.GO:
            return
        if refusals.hold:
            self.verdict = Verdict.REFUSED
        elif refusals.wait is not None:
            self.verdict, self.resume_at = Verdict.LATER, now() + timedelta(seconds=min(refusals.wait, 86_400.0))
        elif refusals.futile:
            self.verdict = Verdict.DISCONNECTED
        if self.verdict is not Verdict.GO and refusals.problem:
            self.problem = Unreachable(refusals.problem)

    def _collect_events(self, *, wait: bool, patience: float) -> None:
        """Take in what the connections have to say; the messages of the last transaction go out first."""
        jobs = []
        for grant in self._granted:
            connection = self.ready.pop()
            self.busy[connection] = grant
            jobs.append((connection, grant.job))
        self._granted = []
        if jobs and self._pool is not None:
            self._pool.give(jobs)
        self.progress(self.done, self.total)
        try:
            self._handle_event(self.events.get(block=wait, timeout=patience))
            until = time.monotonic() + LINGER
            while len(self.ready) < len(self.connections) / 2:
                self._handle_event(self.events.get(timeout=max(0.0, until - time.monotonic())))
            while True:
                self._handle_event(self.events.get_nowait())
        except queue.Empty:
            return

    def _handle_event(self, event: Event) -> None:
        connection, kind, value = event
        if kind == "ready":
            self.connected = True
            self.ready.append(connection)
            return
        grant = self.busy.pop(connection, None)
        if kind == "done" and grant is not None and isinstance(value, Outcome):
            self.outcomes.append((grant, value))
            if not value.connection_lost:
                self.ready.append(connection)
        elif kind == "unsent" and grant is not None:
            self._unsent.append(grant)
        elif kind in {"down", "shut"}:
            self._lose(connection, value)
            if grant is not None and kind == "shut":
                self._unsent.append(grant)
            elif grant is not None:
                self.outcomes.append((grant, Outcome("uncertain", "interrupted", str(value))))

    def _lose(self, connection: int, problem: object) -> None:
        """A connection takes no more messages."""
        self.connections.discard(connection)
        if connection in self.ready:
            self.ready.remove(connection)
        self.problem = problem if isinstance(problem, Exception) else None
        if isinstance(problem, AuthRefused):
            self.refusals.log_in_refused(left=len(self.connections))
            self._heed()

    def _drain(self) -> None:
        """However the loop ended, give messages on their way a moment, and record what is known of them."""
        # Intents that were never given to a connection provably did not go out.
        self._unsent += self._granted
        self._granted = []
        deadline = time.monotonic() + (self._pool.patience if self._pool else 0)
        while self.busy and self.connections and time.monotonic() < deadline:
            self._collect_events(wait=True, patience=1.0)
        if self.outcomes or self._unsent:
            with self.store.writing():
                self._record_outcomes()
