"""One send, from a claimed trigger to every recipient's fate.

Connections live in threads that do nothing but hand over; this process's main thread alone reads and writes the
store. Each of its transactions carries the outcomes that have come in and the intents of the next messages.
"""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from xpimport.clock import now
from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.rules import trigger as rules
from xpimport.sending import ledger, triggers
from xpimport.sending.channels import AuthRefused, Channel, Outcome, Session, open_channel
from xpimport.sending.exclusion import decide
from xpimport.sending.ledger import Campaign, Grant, Granter
from xpimport.sending.mime import MessageSkeleton
from xpimport.sending.render import compile_templates
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store

DEFAULT_SENDER = "xpimport@localhost"
AGAIN = timedelta(minutes=1)
"""How long a send waits when no connection can be made."""
RECONNECTS = (0.2, 1.0, 3.0)
"""Seconds before each new try of a connection that was lost."""

Progress = Callable[[int, int], None]
"""Called with people done and people in all."""


@dataclass(frozen=True)
class Sent:
    """How far a send came in this process: the trigger as it stands, and why it stopped short, if it did."""

    trigger: Trigger
    connected: bool
    problem: str | None = None


def compiled(store: Store, campaign_id: int, kinds: Mapping[str, str], settings: Mapping[str, str]) -> Campaign:
    """A campaign as it stands at this moment, ready to render.

    Raises:
        Invalid: a template or the From address is broken.
    """
    row = store.one("SELECT * FROM campaigns WHERE id = ?", campaign_id)
    templates = compile_templates(
        subject=row["subject"], text=row["text"], html=row["html"], names=list(kinds), strict=bool(row["strict"])
    )
    return Campaign(
        medium=row["medium"],
        ignore_subscription=bool(row["ignore_subscription"]),
        templates=templates,
        skeleton=MessageSkeleton(row["sender"] or settings.get("from") or DEFAULT_SENDER),
        kinds=kinds,
        store_id=str(store.scalar("SELECT value FROM settings WHERE name = 'store.id'")),
    )


def channel_directory(store: Store, kind: str) -> Path:
    """Where a kind of channel keeps its files, beside the store."""
    return store.folder(kind)


class _Line(threading.Thread):
    """One connection: takes a message, hands it over, says what became of it, and stays connected."""

    def __init__(self, channel: Channel, events: "queue.SimpleQueue[tuple[_Line, str, object]]") -> None:
        super().__init__(daemon=True)
        self._channel, self._events = channel, events
        self.work: queue.SimpleQueue[Grant | None] = queue.SimpleQueue()
        self.grant: Grant | None = None

    def run(self) -> None:
        session: Session | None = None
        try:
            session = self._connected(())
            while session is not None:
                self._events.put((self, "ready", None))
                grant = self.work.get()
                if grant is None:
                    break
                outcome = session.send(grant.message)
                self._events.put((self, "done", outcome))
                if outcome.connection_lost:
                    session.close()
                    session = self._connected(RECONNECTS)
        except Exception as problem:  # noqa: BLE001 - a thread must not die without a word
            self._events.put((self, "down", problem))
        finally:
            if session is not None:
                session.close()

    def _connected(self, waits: tuple[float, ...]) -> Session | None:
        problem: Exception | None = None
        for wait in waits or (0.0,):
            time.sleep(wait)
            try:
                return self._channel.connect()
            except XpimportError as error:
                problem = error
                if isinstance(error, AuthRefused):
                    break
        self._events.put((self, "down", problem))
        return None


class _Send:
    """The main thread's side of one send."""

    def __init__(self, store: Store, trigger: Trigger, campaign: Campaign, progress: Progress) -> None:
        self.store, self.trigger, self.campaign = store, trigger, campaign
        self.progress = progress
        self.events: queue.SimpleQueue[tuple[_Line, str, object]] = queue.SimpleQueue()
        self.granter = Granter(store, trigger, campaign)
        self.lines: set[_Line] = set()
        self.ready: list[_Line] = []
        self.outcomes: list[tuple[Grant, Outcome]] = []
        self.flying = 0
        self.verdict = "go"
        self.connected = False
        self.problem: Exception | None = None
        self.total = self.open_count()
        self.done = 0
        self._granted: list[Grant] = []

    def open_count(self) -> int:
        return int(
            self.store.scalar(
                "SELECT count(*) FROM deliveries WHERE trigger_id = ? AND (state = 'pending'"
                " OR (state = 'retry' AND retry_at <= ?))",
                self.trigger.id,
                int(now().timestamp()),
            )
        )

    def run(self, channel: Channel, connections: int) -> None:
        for _ in range(min(connections, self.total)):
            line = _Line(channel, self.events)
            self.lines.add(line)
            line.start()
        try:
            self._loop()
        finally:
            self._land()
            for line in self.lines:
                line.work.put(None)
            for line in self.lines:
                line.join(timeout=5)

    def _loop(self) -> None:
        while self.lines:
            # Nothing is waited for while somebody could still be looked at for a connection that is free.
            self._gather(wait=bool(self.flying or self._granted or not self.ready))
            with self.store.writing():
                self._write()
            idle = not self.flying and not self._granted
            if idle and (self.verdict != "go" or self.granter.exhausted):
                return

    def _write(self) -> None:
        """One transaction: the outcomes that have come in, then the intents of the next messages."""
        if self.outcomes:
            ledger.record(self.store, self.trigger, self.outcomes)
            self.done += len(self.outcomes)
            self.outcomes = []
        if self.verdict == "go":
            self.verdict = ledger.still_mine(self.store, self.trigger)
        grants = self.granter.next(len(self.ready)) if self.verdict == "go" and self.ready else []
        self._granted = grants

    def _gather(self, *, wait: bool, patience: float | None = None) -> None:
        """Take in what the connections have to say; the messages of the last transaction go out first."""
        for grant in self._granted:
            line = self.ready.pop()
            line.grant = grant
            self.flying += 1
            line.work.put(grant)
        self._granted = []
        self.progress(self.done, self.total)
        try:
            self._take(self.events.get(block=wait, timeout=patience))
            while True:
                self._take(self.events.get_nowait())
        except queue.Empty:
            return

    def _take(self, event: tuple[_Line, str, object]) -> None:
        line, kind, value = event
        if kind == "ready":
            self.connected = True
            self.ready.append(line)
        elif kind == "done" and line.grant is not None and isinstance(value, Outcome):
            self.outcomes.append((line.grant, value))
            line.grant = None
            self.flying -= 1
        elif kind == "down":
            self.lines.discard(line)
            self.problem = value if isinstance(value, Exception) else None
            if line.grant is not None:
                self.outcomes.append((line.grant, Outcome("uncertain", "interrupted", str(value))))
                line.grant = None
                self.flying -= 1
            if isinstance(value, AuthRefused):
                self.verdict = "auth"

    def _land(self) -> None:
        """However the loop ended, give messages on their way a moment, and record what is known of them."""
        self._granted_unsent_back()
        deadline = time.monotonic() + 10
        while self.flying and self.lines and time.monotonic() < deadline:
            self._gather(wait=True, patience=1.0)
        if self.outcomes:
            with self.store.writing():
                ledger.record(self.store, self.trigger, self.outcomes)
            self.outcomes = []

    def _granted_unsent_back(self) -> None:
        """Intents that were never given to a connection provably did not go out."""
        unsent = self._granted
        self._granted = []
        if unsent:
            with self.store.writing():
                self.store.db.executemany(
                    "UPDATE deliveries SET state = 'pending', attempts = attempts - 1 WHERE trigger_id = ? AND"
                    " profile_id = ? AND state = 'attempting'",
                    [(self.trigger.id, grant.profile) for grant in unsent],
                )


def send(
    store: Store, trigger: Trigger, kinds: Mapping[str, str], settings: Mapping[str, str], progress: Progress
) -> Sent:
    """Send a claimed trigger as far as it goes now; every state of it is in the store, whatever happens."""
    ledger.in_doubt(store, trigger)
    try:
        campaign = compiled(store, trigger.campaign_id, kinds, settings)
    except Invalid as problem:
        _move(store, trigger, rules.FAILED, "template_error")
        return Sent(triggers.get(store, trigger.id), connected=False, problem=problem.message)
    if not trigger.decided:
        decide(store, trigger)
    elif now() > trigger.retries_end and _any_pending(store, trigger):
        _expire_retries(store, trigger)
        _move(store, trigger, rules.HELD, "resume_too_late")
        return Sent(triggers.get(store, trigger.id), connected=False)
    if now() > trigger.retries_end:
        _expire_retries(store, trigger)
    work = _Send(store, trigger, campaign, progress)
    if work.total:
        kind = store.scalar("SELECT channel FROM campaigns WHERE id = ?", trigger.campaign_id)
        try:
            channel = open_channel(kind, settings, channel_directory(store, kind))
            work.run(channel, 1 if kind == "outbox" else int(settings.get("smtp.connections", "8")))
        except (Invalid, Unreachable) as problem:
            work.problem = problem
        except BaseException:
            triggers.give_back(store, trigger, now())
            raise
    return _finish(store, trigger, work)


def _finish(store: Store, trigger: Trigger, work: _Send) -> Sent:
    problem = work.problem.message if isinstance(work.problem, XpimportError) else None
    if work.verdict == "off":
        _move(store, trigger, rules.HELD, "triggers_off")
    elif work.verdict == "auth":
        _move(store, trigger, rules.HELD, "auth_failed")
    elif work.verdict == "go":
        _settle(store, trigger, problem or (str(work.problem) if work.problem else None))
    return Sent(triggers.get(store, trigger.id), work.connected or work.total == 0, problem)


def _settle(store: Store, trigger: Trigger, problem: str | None) -> None:
    """Sent when every fate is final; else give the send back until something can be done about the rest."""
    if _any_pending(store, trigger):
        triggers.give_back(store, trigger, now() + AGAIN, problem)
        return
    soonest = store.scalar("SELECT min(retry_at) FROM deliveries WHERE trigger_id = ? AND state = 'retry'", trigger.id)
    if soonest is None:
        _move(store, trigger, rules.SENT, "done")
        return
    wake = min(datetime.fromtimestamp(soonest, UTC), trigger.retries_end + timedelta(seconds=1))
    triggers.give_back(store, trigger, max(wake, now() + timedelta(seconds=1)))


def _any_pending(store: Store, trigger: Trigger) -> bool:
    return bool(
        store.scalar("SELECT EXISTS (SELECT 1 FROM deliveries WHERE trigger_id = ? AND state = 'pending')", trigger.id)
    )


def _expire_retries(store: Store, trigger: Trigger) -> None:
    with store.writing():
        store.db.execute(
            "UPDATE deliveries SET state = 'failed', reason = 'retry_expired', changed_at = ?, retry_at = NULL"
            " WHERE trigger_id = ? AND state = 'retry'",
            (int(now().timestamp()), trigger.id),
        )


def _move(store: Store, trigger: Trigger, state: str, reason: str) -> None:
    with store.writing():
        triggers.move(store, trigger.id, rules.SENDING, state, reason, generation=trigger.generation)
