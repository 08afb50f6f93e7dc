"""Postmark's webhooks: an object each. Only bounces and complaints have a number, `ID`; `MessageID` is its own."""

from collections.abc import Iterator
from functools import partial

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Kind, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said
from xpimport.tracking.providers.reading import mapping, text, word

_NO_EVENT = frozenset(
    {"transient", "dnserror", "subscribe", "autoresponder", "addresschange", "openrelaytest", "challengeverification",
     "inbounderror", "templaterenderingfailed"}
)  # fmt: skip
"""Bounces by record only: what passes and is tried again (Transient, DnsError), an automatic answer, a mail that came in,
a template, which no message of ours has.
"""

_PERMANENT = frozenset({"hardbounce", "bademailaddress"})
_FINAL = frozenset(
    {"softbounce", "spamnotification", "virusnotification", "unconfirmed", "blocked", "smtpapierror", "dmarcpolicy"}
)
"""Given up, but not because the mailbox is not there. A SpamNotification is a filter's word, no person's complaint."""

_TIMES = ("BouncedAt", "DeliveredAt", "ReceivedAt", "ChangedAt")


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    return reading.events_of(value, _event)


def _event(item: dict[str, object]) -> Iterator[Said]:
    record, machine = word(item.get("RecordType")), machine_of(text(item.get("UserAgent")))
    numbered = record in {"bounce", "spamcomplaint"}
    make = partial(
        Reported,
        provider="postmark",
        time=reading.time(next((item[name] for name in _TIMES if name in item), None)),
        key=reading.key_of(mapping(item.get("Metadata")).get("xp")),
        address=reading.address(item.get("Email")) or reading.address(item.get("Recipient")),
        id=reading.number(item.get("ID")) if numbered else None,
    )
    if record == "delivery":
        yield make(Kind.DELIVERED)
    elif record == "open":
        yield make(Kind.OPENED, machine=machine)
    elif record == "click":
        yield make(Kind.CLICKED, url=text(item.get("OriginalLink")), machine=machine)
    elif record == "spamcomplaint":
        yield make(Kind.COMPLAINED, detail=reading.detail(reading.spoken(item.get("Details"))))
    elif record == "bounce":
        yield from _bounce(make, item)
    elif record == "subscriptionchange":
        yield from _subscription(make, item)
    else:
        yield reading.not_known("Postmark", "RecordType", item.get("RecordType"))


def _bounce(make: "partial[Reported]", item: dict[str, object]) -> Iterator[Said]:
    kind = word(item.get("Type"))
    # The description is of the type, and names a mailbox that is not there for whatever is a HardBounce.
    said = reading.spoken(item.get("Details"))
    status, words = reading.status_of(None, said), reading.detail(said or reading.spoken(item.get("Description")))
    if kind in {"unsubscribe", "manualsuppression"}:
        yield make(Kind.UNSUBSCRIBED, detail=words)
    elif kind == "spamcomplaint":
        yield make(Kind.COMPLAINED, detail=words)
    elif kind in _PERMANENT | _FINAL | {"manuallydeactivated", "unknown"}:
        permanent = None if kind == "unknown" else kind in _PERMANENT
        gone = reading.is_gone(status, said, permanent=permanent)
        yield make(Kind.BOUNCED, gone=gone or _closed(kind, said, item), detail=words)
    elif kind not in _NO_EVENT:
        yield reading.not_known("Postmark", "Type", item.get("Type"))


def _closed(kind: str, said: str, item: dict[str, object]) -> bool:
    """Whether Postmark sends nothing more there: it has just closed the address, or would not send because it had."""
    if kind == "smtpapierror":
        return "marked as inactive" in said or "inactive recipient" in said.lower()
    return kind == "manuallydeactivated" or (kind in _PERMANENT and item.get("Inactive") is True)


def _subscription(make: "partial[Reported]", item: dict[str, object]) -> Iterator[Said]:
    """Only what closes an address counts: that it is open again takes nobody's no back."""
    if item.get("SuppressSending") is not True:
        return
    reason = word(item.get("SuppressionReason"))
    words = reading.detail(reading.spoken(item.get("SuppressionReason"), item.get("Origin")))
    if reason == "hardbounce":
        yield make(Kind.BOUNCED, gone=True, detail=words)
    else:
        yield make(Kind.COMPLAINED if reason == "spamcomplaint" else Kind.UNSUBSCRIBED, detail=words)


PROVIDER = ProviderKind("postmark", "Postmark; our key is `xp` of the metadata", parse)
