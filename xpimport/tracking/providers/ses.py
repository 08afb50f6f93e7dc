"""Amazon SES: SNS envelopes whose `Message` is JSON text, or what is in them; event publishing and identity feedback.

Both may tell of the same event, each in an envelope of its own: so SNS' `MessageId` is not taken for its number, but
`feedbackId` is, and for the others time and kind say which one it is.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Kind, NotUnderstood, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said
from xpimport.tracking.providers.reading import listed, mapping, text, word

_NO_EVENT = frozenset({"send", "deliverydelay", "renderingfailure", "amazonsnssubscriptionsucceeded"})
"""A rendering failure is of a template kept at SES: that is never a message of ours, which come to it whole."""

_OWN_ID = re.compile(r"(?:^|\.)amazonses\.com$")
_NOT_FAILED = frozenset({"delayed", "delivered", "relayed", "expanded"})
_NO_COMPLAINT = frozenset({"not-spam", "auth-failure", "virus"})
_PERMANENT = {"permanent": True, "transient": False, "undetermined": False}
_ON_LIST = re.compile(r"suppressed$|suppressionlist$")
"""Subtypes: it would not send, because the address is on a list of the account or of SES."""

Make = Callable[..., Reported]


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    return reading.events_of(value, _message)


def _message(item: dict[str, object]) -> Iterator[Said]:
    if item.get("Type") in ("SubscriptionConfirmation", "UnsubscribeConfirmation"):
        return
    message = item.get("Message")
    if not isinstance(message, str):
        yield from _event(message if isinstance(message, dict) else item)
        return
    try:
        event = json.loads(message)
    except (ValueError, RecursionError):
        if not message.startswith("Successfully validated SNS topic"):
            yield NotUnderstood("Message is no JSON text: this is not what SES writes")
        return
    yield from _event(event)


def _event(event: object) -> Iterator[Said]:
    if not isinstance(event, dict):
        yield reading.not_an_object()
        return
    written = event.get("eventType") or event.get("notificationType")
    name, mail = word(written).replace(" ", ""), mapping(event.get("mail"))
    if name in _READ:
        about = mapping(event.get(name))
        make = partial(Reported, provider="ses", time=reading.time(about.get("timestamp")), key=_key(mail))
        yield from _READ[name](make, about, mail)
    elif name not in _NO_EVENT:
        yield reading.not_known("SES", "eventType", written)


def _key(mail: dict[str, object]) -> str | None:
    sent = [header.get("value") for header in map(mapping, listed(mail.get("headers")))
            if word(header.get("name")) == "message-id"]  # fmt: skip
    common = mapping(mail.get("commonHeaders")).get("messageId")
    if common == mail.get("messageId"):
        common = None  # SES' own, where ours is not told
    tag = next(reading.each(mapping(mail.get("tags")).get("xp")), None)
    return reading.key_of(tag, *sent, common, own=_OWN_ID)


def _only(mail: dict[str, object]) -> str | None:
    """The recipient of the message; None where it has several, since it is not said which of them it was."""
    destination = listed(mail.get("destination"))
    return reading.address(destination[0]) if len(destination) == 1 else None


def _recipients(written: object, mail: dict[str, object]) -> list[tuple[str | None, dict[str, object]]]:
    """Each recipient that an event names, and what it says of that one."""
    said = [(reading.address(mapping(item).get("emailAddress")), mapping(item)) for item in listed(written)]
    named = [one for one in said if one[0]]
    return named or [(_only(mail), said[0][1] if len(said) == 1 else {})]


def _delivery(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    named = list(filter(None, map(reading.address, listed(about.get("recipients")))))
    for address in named or (_only(mail),):
        yield make(Kind.DELIVERED, address=address)


def _bounce(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    """SES tells of a bounce when it has given up, so a Transient one is final too; but the mailbox may be there."""
    permanent, subtype = _PERMANENT.get(word(about.get("bounceType"))), word(about.get("bounceSubType"))
    on_list = _ON_LIST.search(subtype) is not None
    for address, recipient in _recipients(about.get("bouncedRecipients"), mail):
        if word(recipient.get("action")) in _NOT_FAILED:
            continue
        said = reading.spoken(recipient.get("diagnosticCode"))
        status = reading.status_of(recipient.get("status"), said)
        words = (
            said if said and not on_list else reading.spoken(said, about.get("bounceType"), about.get("bounceSubType"))
        )
        here = partial(make, address=address, id=text(about.get("feedbackId")), detail=reading.detail(words, status))
        if "unsubscribed" in subtype:
            yield here(Kind.UNSUBSCRIBED)
        else:
            yield here(Kind.BOUNCED, gone=on_list or reading.is_gone(status, said, permanent=permanent))


def _complaint(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    """A complaint by its subtype is none of a person now: SES did not send, because of one from earlier."""
    kind, subtype = word(about.get("complaintFeedbackType")), word(about.get("complaintSubType"))
    if kind in _NO_COMPLAINT:
        return
    for address, _ in _recipients(about.get("complainedRecipients"), mail):
        here = partial(make, address=address, id=text(about.get("feedbackId")))
        if _ON_LIST.search(subtype):
            yield here(Kind.BOUNCED, gone=True, detail=reading.detail(subtype))
        else:
            yield here(Kind.COMPLAINED, detail=reading.detail(kind))


def _reject(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    """SES took the message and did not send it (a virus): final, but about the message. It has no time of its own."""
    words = reading.detail(reading.spoken("rejected:", about.get("reason")))
    for address in listed(mail.get("destination")) or [None]:
        yield make(
            Kind.BOUNCED, time=reading.time(mail.get("timestamp")), address=reading.address(address), detail=words
        )


def _open(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    yield make(Kind.OPENED, address=_only(mail), machine=machine_of(text(about.get("userAgent"))))


def _click(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    machine = machine_of(text(about.get("userAgent")))
    yield make(Kind.CLICKED, address=_only(mail), url=text(about.get("link")), machine=machine)


def _subscription(make: Make, about: dict[str, object], mail: dict[str, object]) -> Iterator[Said]:
    """SES' own unsubscribe page: off everything, or off a topic that was on before. Nobody is opted in again by it."""
    new, old = mapping(about.get("newTopicPreferences")), mapping(about.get("oldTopicPreferences"))
    if new.get("unsubscribeAll") is True or _topics_off(new) - _topics_off(old):
        yield make(Kind.UNSUBSCRIBED, address=_only(mail))


def _topics_off(preferences: dict[str, object]) -> set[str]:
    topics = map(mapping, listed(preferences.get("topicSubscriptionStatus")))
    return {word(topic.get("topicName")) for topic in topics if word(topic.get("subscriptionStatus")) == "optout"}


_READ = {
    "delivery": _delivery,
    "bounce": _bounce,
    "complaint": _complaint,
    "reject": _reject,
    "open": _open,
    "click": _click,
    "subscription": _subscription,
}

PROVIDER = ProviderKind("ses", "Amazon SES by SNS; our key is the message tag `xp`, else in the Message-ID", parse)
