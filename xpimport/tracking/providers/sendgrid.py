"""Twilio SendGrid's Event Webhook: a list of flat objects.

Its `sg_event_id` can change when an event is told again, and lacks in some: it is not taken.
"""

import re
from collections.abc import Iterator
from functools import partial

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Kind, Machine, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said
from xpimport.tracking.providers.reading import text, word

_PLAIN = {
    "delivered": Kind.DELIVERED,
    "spamreport": Kind.COMPLAINED,
    "unsubscribe": Kind.UNSUBSCRIBED,
    "group_unsubscribe": Kind.UNSUBSCRIBED,
}
_NO_EVENT = frozenset({"processed", "deferred", "group_resubscribe", "account_status_change"})

_ABOUT_US = frozenset({"technical", "content", "reputation", "frequency or volume too high"})
"""Classes of a bounce that say nothing of the mailbox."""

_OWN_ID = re.compile(r"ismtpd|(?:^|\.)sendgrid\.(?:net|com|info)$")
_OWN_LIST = re.compile(r"bounced address|spam report|invalid(?: (?:e-?mail|address|recipient).*)?$", re.IGNORECASE)
"""Reasons of a drop: the address is on a list of theirs. `Invalid SMTPAPI header` is about us."""


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    return reading.events_of(value, _event)


def _event(item: dict[str, object]) -> Iterator[Said]:
    name, agent = word(item.get("event")), text(item.get("useragent"))
    make = partial(
        Reported,
        provider="sendgrid",
        time=reading.time(item.get("timestamp")),
        key=reading.key_of(item.get("xp"), item.get("smtp-id"), own=_OWN_ID),
        address=reading.address(item.get("email")),
    )
    if name in _PLAIN:
        yield make(_PLAIN[name])
    elif name == "open":
        apple = item.get("sg_machine_open") is True
        yield make(Kind.OPENED, machine=Machine.APPLE if apple else machine_of(agent))
    elif name == "click":
        yield make(Kind.CLICKED, url=text(item.get("url")), machine=machine_of(agent))
    elif name == "bounce":
        said = reading.spoken(item.get("reason"))
        status = reading.status_of(item.get("status"), said)
        gone = reading.is_gone(status, said, permanent=_permanent(item))
        yield make(Kind.BOUNCED, gone=gone, detail=reading.detail(said, status))
    elif name == "dropped":
        yield _dropped(make, item)
    elif name not in _NO_EVENT:
        yield reading.not_known("SendGrid", "event", item.get("event"))


def _permanent(item: dict[str, object]) -> bool | None:
    """`blocked` is also what a message becomes that was deferred for three days: final, but not about the mailbox."""
    kind, classed = word(item.get("type")), word(item.get("bounce_classification"))
    if kind in {"blocked", "expired"} or classed in _ABOUT_US:
        return False
    return True if kind == "bounce" and classed != "mailbox unavailable" else None


def _dropped(make: "partial[Reported]", item: dict[str, object]) -> Reported:
    """What it did not even try, because of a list of its own (which then holds here too) or because of the message."""
    why, words = text(item.get("reason")) or "", reading.detail(reading.spoken("dropped:", item.get("reason")))
    if "unsubscribed" in why.lower():
        return make(Kind.UNSUBSCRIBED, detail=words)
    return make(Kind.BOUNCED, gone=_OWN_LIST.match(why) is not None, detail=words)


PROVIDER = ProviderKind("sendgrid", "Twilio SendGrid; our key is the unique argument `xp`, else in `smtp-id`", parse)
