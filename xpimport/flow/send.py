"""Sending what is due, with the settings and attributes as they are now."""

from xpimport import signals
from xpimport.clock import now
from xpimport.defining import attributes, campaigns, settings
from xpimport.errors import Cancelled, reason_of
from xpimport.flow.progress import Progress
from xpimport.hints import command
from xpimport.rules import trigger as rules
from xpimport.sending import claim, triggers
from xpimport.sending.channels.registry import check_may_leave
from xpimport.sending.delivery.send import Sent, send
from xpimport.sending.triggers import Trigger
from xpimport.store import sends
from xpimport.store.database import Store
from xpimport.tracking.spool_intake import Refusals


def send_due(store: Store, trigger: Trigger, progress: Progress) -> Sent | None:
    """Claim a due trigger and send it; None when it was not to be had, or was decided without sending.

    Whatever breaks it is kept with it, and it is tried again later.

    Raises:
        Cancelled: Ctrl-C or SIGTERM.
        Refused: under a clock that was set by hand nothing may leave this machine; the trigger stays as it is.
        XpimportError: what broke it could not be written down.
    """
    check_may_leave(campaigns.channel_of(store, trigger.campaign_id))
    with signals.held() as signal:
        sent = _claim_and_send(store, trigger, progress)
    if signal.number is not None:
        raise signals.cancelled(signal.number, _interrupted(store, trigger))
    return sent


def _claim_and_send(store: Store, trigger: Trigger, progress: Progress) -> Sent | None:
    try:
        refusals = Refusals(store)
        refusals.heed()
        claimed = claim.claim(store, trigger)
        if claimed is None:
            return None
        return send(store, claimed, attributes.types(store), settings.load(store), progress.sending, refusals.heed)
    except Cancelled:
        raise
    except Exception as problem:  # noqa: BLE001 - whatever it is, it is this send's, and the others have their turn
        triggers.set_back(store, trigger.id, reason_of(problem))
        return Sent(triggers.get(store, trigger.id), connected=True, problem=reason_of(problem), broken=True)


def _interrupted(store: Store, trigger: Trigger) -> str:
    if triggers.get(store, trigger.id).state not in {rules.SCHEDULED, rules.SENDING}:
        return "Cancelled."
    return f"Interrupted {how_far(store, trigger.id)}; the next tick goes on. Stop it: {stop_hint(trigger)}"


def how_far(store: Store, trigger: int) -> str:
    """How far a send came, in words: `after 1,403 of 20,000`."""
    begun, people = sends.how_far(store, trigger)
    return f"after {begun:,} of {people:,}" if people else "before its first message"


def stop_hint(trigger: Trigger) -> str:
    """The command that stops a send."""
    return command("stop-trigger", trigger.task)


def send_at_once(store: Store, task: int, progress: Progress) -> Sent | None:
    """Send the trigger of a task that has just completed, where its instant has come; None where it has not."""
    trigger = triggers.of_task(store, task)
    if trigger is None or trigger.state != rules.SCHEDULED or trigger.send_at is None or trigger.send_at > now():
        return None
    return send_due(store, trigger, progress)
