"""Sending what is due, with the settings and attributes as they are now."""

from xpimport.clock import now
from xpimport.defining import attributes, campaigns, settings
from xpimport.flow.progress import Progress
from xpimport.rules import trigger as rules
from xpimport.sending import claim, triggers
from xpimport.sending.channels.registry import check_may_leave
from xpimport.sending.delivery.send import Sent, send
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store


def send_due(store: Store, trigger: Trigger, progress: Progress) -> Sent | None:
    """Claim a due trigger and send it; None when it was not to be had, or was decided without sending.

    Raises:
        Refused: under a clock that was set by hand nothing may leave this machine; the trigger stays as it is.
    """
    check_may_leave(campaigns.channel_of(store, trigger.campaign_id))
    claimed = claim.claim(store, trigger)
    if claimed is None:
        return None
    return send(store, claimed, attributes.types(store), settings.load(store), progress.sending)


def send_at_once(store: Store, task: int, progress: Progress) -> Sent | None:
    """Send the trigger of a task that has just completed, where its instant has come; None where it has not."""
    trigger = triggers.of_task(store, task)
    if trigger is None or trigger.state != rules.SCHEDULED or trigger.send_at is None or trigger.send_at > now():
        return None
    return send_due(store, trigger, progress)
