"""One send, from a claimed trigger to every recipient's fate.

Connections do nothing but make messages and hand them over; this process's main thread alone reads and writes the store.
Each of its transactions carries the outcomes that have come in and the intents of the next messages.
"""

import queue
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from xpimport import signals
from xpimport.clock import now
from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.hints import command
from xpimport.rules import trigger as rules
from xpimport.rules.delivery import Verdict
from xpimport.rules.settings import Settings
from xpimport.rules.throttle import Pace
from xpimport.sending import triggers
from xpimport.sending.audience.exclusion import decide_exclusions
from xpimport.sending.channels import AuthRefused, Outcome
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.delivery import canary, ledger
from xpimport.sending.delivery.bulk import BulkSend
from xpimport.sending.delivery.config import Progress, SendConfig, load_config
from xpimport.sending.delivery.connections import FEW, Connections, Event, ProcessPool, ThreadPool
from xpimport.sending.delivery.ledger import Grant, Granter
from xpimport.sending.delivery.refusals import Refusals
from xpimport.sending.triggers import ClaimLost, Trigger
from xpimport.store.database import Store

AGAIN = timedelta(minutes=1)
"""How long a send waits when no connection can be made."""
SIGN = 30.0
"""Seconds after which a send that hears nothing says that it is alive, and looks whether it has been stopped."""
LINGER = 0.002
"""Seconds for which a transaction waits for more connections than one to have something to say."""


@dataclass(frozen=True)
class Sent:
    """How far a send came in this process: the trigger as it stands, and why it stopped short, if it did."""

    trigger: Trigger
    connected: bool
    problem: str | None = None
    broken: bool = False
    """Something went wrong that is neither the receiver's word nor the campaign's: it is tried again later."""


class _SendLoop:
    """The main thread's side of one send."""

    def __init__(self, store: Store, trigger: Trigger, config: SendConfig, progress: Progress) -> None:
        self.store, self.trigger, self.config = store, trigger, config
        self.progress = progress
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

    def run(self) -> None:
        """Send until nothing more may be begun.

        Raises:
            Invalid: a setting of the channel is missing or bad.
            Unreachable: the platform cannot be looked up.
        """
        if self.config.kind.people_a_call > 1:
            self._run_bulk()
        else:
            self._run_connections()

    def _run_connections(self) -> None:
        signals.wake_by(partial(self.events.put, (-1, "wake", None)))
        self._pool = self._open()
        self.connections = set(self._pool.numbers)
        try:
            self._loop()
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

    def _run_bulk(self) -> None:
        bulk = BulkSend(self.store, self.trigger, self.config, self.total, self.progress)
        bulk.run()
        self.connected = bulk.verdict is not Verdict.DISCONNECTED
        self.verdict = bulk.verdict if self.connected else Verdict.GO
        self.refusals.hold, self.resume_at = bulk.hold, bulk.resume_at
        if bulk.problem:
            self.problem = Unreachable(bulk.problem)

    def _loop(self) -> None:
        while self.connections:
            # Nothing is waited for while somebody could still be looked at for a connection that is free.
            wait, patience = bool(self.busy or self._granted or not self.ready), SIGN
            if not wait and (pause := self.pace.wait(time.monotonic())):
                wait, patience = True, min(SIGN, pause)
            self._collect_events(wait=wait, patience=patience)
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
        ledger.record_theirs(self.store, self.trigger, found.theirs)
        ledger.refund(self.store, self.trigger, found.refunded)
        self.done += len(found.final) + len(found.theirs)
        if found.held_back:
            ledger.hold_back(self.store, self.trigger, found.held_back)
            self.granter.leave_out(found.held_back)
        if again := [*self._unsent, *found.back]:
            ledger.return_to_pending(self.store, self.trigger, again)
            self._unsent = []
            self.granter.offer_again(again)
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


def send(store: Store, trigger: Trigger, kinds: Mapping[str, str], settings: Settings, progress: Progress) -> Sent:
    """Send a claimed trigger as far as it goes now; every state of it is in the store, whatever happens."""
    try:
        return _send(store, trigger, kinds, settings, progress)
    except ClaimLost:
        return Sent(triggers.get(store, trigger.id), connected=True)


def _send(store: Store, trigger: Trigger, kinds: Mapping[str, str], settings: Settings, progress: Progress) -> Sent:
    ledger.mark_interrupted(store, trigger)
    try:
        config = load_config(store, trigger.campaign_id, kinds, settings, trigger)
    except Invalid as problem:
        _move(store, trigger, rules.FAILED, "template_error")
        return Sent(triggers.get(store, trigger.id), connected=False, problem=problem.message)
    if not trigger.decided:
        decide_exclusions(store, trigger, kinds, config.zone)
    elif now() > trigger.retries_end and _any_pending(store, trigger):
        _expire_retries(store, trigger)
        _move(store, trigger, rules.HELD, "resume_too_late")
        return Sent(triggers.get(store, trigger.id), connected=False)
    if now() > trigger.retries_end:
        _expire_retries(store, trigger)
    held = canary.evaluate(store, trigger)
    if held:
        _move(store, trigger, rules.HELD, "canary")
        return Sent(triggers.get(store, trigger.id), connected=True)
    work = _SendLoop(store, triggers.get(store, trigger.id), config, progress)
    if work.total and not config.is_open():
        work.verdict, work.connected = Verdict.SHUT, True
    elif work.total:
        try:
            work.run()
        except (Invalid, Unreachable) as problem:
            work.problem = problem
        except BaseException:
            triggers.give_back(store, trigger, now())
            raise
    return _finish(store, trigger, work)


def _finish(store: Store, trigger: Trigger, work: _SendLoop) -> Sent:
    problem = work.problem.message if isinstance(work.problem, XpimportError) else None
    if work.verdict is Verdict.OFF:
        _move(store, trigger, rules.HELD, "triggers_off")
    elif work.verdict is Verdict.INTERRUPTED:
        triggers.give_back(store, trigger, now())
    elif work.verdict is Verdict.PAUSED:
        _move(store, trigger, rules.HELD, "campaign_paused")
    elif reason := _refused_for(store, trigger, work):
        problem = (
            f"{(problem or 'It was refused').rstrip('.')}. The send is held; once that is fixed: {_release(trigger)}"
        )
        _move(store, trigger, rules.HELD, reason)
    elif work.verdict is Verdict.LATER:
        _reschedule(store, trigger, work.resume_at, problem)
    elif work.verdict is Verdict.SHUT:
        _wait_for_window(store, trigger, work.config)
    elif work.verdict in {Verdict.GO, Verdict.DISCONNECTED}:
        _finish_or_reschedule(store, trigger, problem or (str(work.problem) if work.problem else None))
    return Sent(triggers.get(store, trigger.id), work.connected or work.total == 0, problem)


def _refused_for(store: Store, trigger: Trigger, work: _SendLoop) -> str | None:
    """The reason to hold a send because of refusals of ours: so many in a row, or all who are left; else None."""
    if work.verdict is Verdict.REFUSED:
        return work.refusals.hold
    if work.verdict is not Verdict.GO or work.refusals.unsettled is None:
        return None
    others = store.scalar(
        "SELECT EXISTS (SELECT 1 FROM deliveries WHERE trigger_id = ? AND (state = 'retry'"
        " OR (state = 'pending' AND refused_claims = 0)))",
        trigger.id,
    )
    any_left = _any_pending(store, trigger)
    if others or not any_left:
        return None
    work.problem = Unreachable(work.refusals.problem or "")
    return work.refusals.unsettled


def _release(trigger: Trigger) -> str:
    return command("release-trigger", trigger.task)


def _wait_for_window(store: Store, trigger: Trigger, config: SendConfig) -> None:
    """What is left when the window shuts goes out when it opens again, if that is before retries end; else it is held."""
    if config.window is None:
        return
    opening = config.window.next_opening(now(), config.zone)
    if opening > trigger.retries_end:
        _expire_retries(store, trigger)
        _move(store, trigger, rules.HELD, "window_closed")
        return
    there = opening.astimezone(config.zone)
    triggers.give_back(
        store, trigger, opening, f"The send window is shut; it opens at {there:%H:%M} ({config.zone.key})"
    )


def _finish_or_reschedule(store: Store, trigger: Trigger, problem: str | None) -> None:
    """Sent when every fate is final; else give the send back until something can be done about the rest."""
    if not _any_pending(store, trigger):
        soonest = _soonest_retry(store, trigger)
        if soonest is None:
            _move(store, trigger, rules.SENT, "done")
        else:
            _reschedule(store, trigger, soonest)
        return
    follow = canary.rest_follows_at(store, trigger)
    if follow is None:
        triggers.give_back(store, trigger, now() + AGAIN, problem)
        return
    _reschedule(store, trigger, min(follow, _soonest_retry(store, trigger) or follow))


def _reschedule(store: Store, trigger: Trigger, at: datetime, problem: str | None = None) -> None:
    wake = min(at, trigger.retries_end + timedelta(seconds=1))
    triggers.give_back(store, trigger, max(wake, now() + timedelta(seconds=1)), problem)


def _soonest_retry(store: Store, trigger: Trigger) -> datetime | None:
    soonest = store.scalar("SELECT min(retry_at) FROM deliveries WHERE trigger_id = ? AND state = 'retry'", trigger.id)
    return None if soonest is None else datetime.fromtimestamp(soonest, UTC)


def _any_pending(store: Store, trigger: Trigger) -> bool:
    return bool(
        store.scalar("SELECT EXISTS (SELECT 1 FROM deliveries WHERE trigger_id = ? AND state = 'pending')", trigger.id)
    )


def _expire_retries(store: Store, trigger: Trigger) -> None:
    with store.writing():
        triggers.check_mine(store, trigger)
        store.db.execute(
            "UPDATE deliveries SET state = 'failed', reason = 'retry_expired', changed_at = ?, retry_at = NULL"
            " WHERE trigger_id = ? AND state = 'retry'",
            (int(now().timestamp()), trigger.id),
        )


def _move(store: Store, trigger: Trigger, state: str, reason: str) -> None:
    with store.writing():
        triggers.move(store, trigger.id, rules.SENDING, state, reason, generation=trigger.generation)
