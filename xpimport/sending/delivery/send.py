"""One send, from a claimed trigger to every recipient's fate, and what becomes of the trigger."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from xpimport.clock import now, to_text
from xpimport.errors import Invalid, Unreachable, XpimportError
from xpimport.hints import command
from xpimport.rules import trigger as rules
from xpimport.rules.delivery import Verdict
from xpimport.rules.settings import Settings
from xpimport.sending import triggers
from xpimport.sending.audience.exclusion import decide_exclusions
from xpimport.sending.delivery import canary, counts, ledger
from xpimport.sending.delivery.config import Progress, SendConfig, load_config
from xpimport.sending.delivery.send_loop import SendLoop
from xpimport.sending.triggers import ClaimLost, Trigger
from xpimport.store import journal
from xpimport.store.database import Store
from xpimport.store.high_water import Noting

AGAIN = timedelta(minutes=1)
"""How long a send waits when no connection can be made."""


@dataclass(frozen=True)
class Sent:
    """How far a send came in this process: the trigger as it stands, and why it stopped short, if it did."""

    trigger: Trigger
    connected: bool
    problem: str | None = None
    broken: bool = False
    """Something went wrong that is neither the receiver's word nor the campaign's: it is tried again later."""


def send(
    store: Store,
    trigger: Trigger,
    kinds: Mapping[str, str],
    settings: Settings,
    progress: Progress,
    heed: Callable[[], None],
) -> Sent:
    """Send a claimed trigger as far as it goes now; every state of it is in the store, whatever happens.

    `heed` is asked before each batch of messages, to let the store know who has just said no.
    """
    try:
        sent = _send(store, trigger, kinds, settings, progress, heed)
    except ClaimLost:
        sent = Sent(triggers.get(store, trigger.id), connected=True)
    if triggers.get(store, trigger.id).state not in {rules.SCHEDULED, rules.SENDING}:
        with store.writing():
            # Looked at again: somebody may just have released it.
            if triggers.get(store, trigger.id).state not in {rules.SCHEDULED, rules.SENDING}:
                counts.keep(store, trigger.id)
    return sent


def _send(
    store: Store,
    trigger: Trigger,
    kinds: Mapping[str, str],
    settings: Settings,
    progress: Progress,
    heed: Callable[[], None],
) -> Sent:
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
    work = SendLoop(store, triggers.get(store, trigger.id), config, progress, heed)
    if work.total and not config.is_open():
        work.verdict, work.connected = Verdict.SHUT, True
    elif work.total:
        try:
            with Noting(store) as noting:
                _journal_begin(store, trigger)
                work.run(noting)
        except (Invalid, Unreachable) as problem:
            work.problem = problem
        except BaseException:
            triggers.give_back(store, trigger, now())
            raise
    return _finish(store, trigger, work)


def _journal_begin(store: Store, trigger: Trigger) -> None:
    """Before the first message of a claim: an older copy of this store would take its list for one that nobody got."""
    content = store.scalar("SELECT content_hash FROM tasks WHERE id = ?", trigger.task)
    with store.writing():
        journal.append(store, [(journal.BEGIN, to_text(now()), trigger.id, trigger.task, trigger.import_id, content)])


def _finish(store: Store, trigger: Trigger, work: SendLoop) -> Sent:
    with store.writing():
        ledger.heed_events(store, trigger)
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


def _refused_for(store: Store, trigger: Trigger, work: SendLoop) -> str | None:
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
