"""Mailgun's webhooks (an object with `signature` and `event-data`), and its events as they are exported (bare).

Its `id` is unique within a day only: the time belongs to it.
"""

import re
from collections.abc import Iterator
from functools import partial

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Kind, Machine, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said
from xpimport.tracking.providers.reading import mapping, text, word

_PLAIN = {"delivered": Kind.DELIVERED, "unsubscribed": Kind.UNSUBSCRIBED, "complained": Kind.COMPLAINED}
_NO_EVENT = frozenset({"accepted", "stored"})

_UNSUBSCRIBED = frozenset({"606", "suppress-unsubscribe"})
_ON_THEIR_LIST = frozenset({"605", "607", "suppress-bounce", "suppress-complaint"})
"""Of a code or a reason: why it did not even try."""

_PASSING = frozenset({"old", "espblock"})
_PASSING_CODE = re.compile(r"[46]\d\d")
"""Permanent by name, because it gave up after hours of trying (602, 499) or the receiver does not like us."""

_BOTS = {"apple": Machine.APPLE, "gmail": Machine.PREFETCH, "": Machine.NONE}


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    return reading.events_of(value, _item)


def _item(item: dict[str, object]) -> Iterator[Said]:
    if "event-data" in item:
        yield from _event(mapping(item["event-data"]))
    elif "id" in item and "recipient" in item:
        yield from _event(item)
    else:
        yield reading.not_known("Mailgun", "event-data", None)


def _event(data: dict[str, object]) -> Iterator[Said]:
    name, headers = word(data.get("event")), mapping(mapping(data.get("message")).get("headers"))
    number, at = reading.number(data.get("id")), reading.number(data.get("timestamp"))
    make = partial(
        Reported,
        provider="mailgun",
        time=reading.time(data.get("timestamp")),
        key=reading.key_of(mapping(data.get("user-variables")).get("xp"), headers.get("message-id")),
        address=reading.address(data.get("recipient")),
        id=f"{number} {at}" if number and at else None,
    )
    if name in _PLAIN:
        yield make(_PLAIN[name])
    elif name == "opened":
        yield make(Kind.OPENED, machine=_machine(data))
    elif name == "clicked":
        yield make(Kind.CLICKED, url=text(data.get("url")), machine=_machine(data))
    elif name == "failed":
        yield from _failed(make, data)
    elif name == "rejected":
        # It took the message and did not send it: final, but about the message.
        why = reading.spoken("rejected:", mapping(data.get("reject")).get("reason"))
        yield make(Kind.BOUNCED, detail=reading.detail(why))
    elif name not in _NO_EVENT:
        yield reading.not_known("Mailgun", "event", data.get("event"))


def _failed(make: "partial[Reported]", data: dict[str, object]) -> Iterator[Reported]:
    answer = mapping(data.get("delivery-status"))
    code, reason = reading.number(answer.get("code")) or "", word(data.get("reason"))
    said = reading.spoken(code, answer.get("message"), answer.get("description"))
    status = reading.status_of(answer.get("enhanced-code"), said)
    words = reading.detail(reading.spoken(said, reason if reason.startswith("suppress") else None), status)
    if {code, reason} & _UNSUBSCRIBED:
        yield make(Kind.UNSUBSCRIBED, detail=words)
    elif {code, reason} & _ON_THEIR_LIST:
        yield make(Kind.BOUNCED, gone=True, detail=words)
    elif word(data.get("severity")) != "temporary":
        passing = reason in _PASSING or _PASSING_CODE.fullmatch(code) or word(answer.get("bounce-type")) == "soft"
        permanent = False if passing else word(data.get("severity")) == "permanent" or None
        yield make(Kind.BOUNCED, gone=reading.is_gone(status, said, permanent=permanent), detail=words)


def _machine(data: dict[str, object]) -> Machine:
    """Its own flag, else the agent. Gmail's image proxy fetches for a reader, also where it is flagged."""
    client = mapping(data.get("client-info"))
    agent, bot = text(client.get("user-agent")), word(client.get("bot"))
    if bot == "gmail" and "GoogleImageProxy" in (agent or ""):
        return Machine.NONE
    return _BOTS.get(bot, Machine.PROVIDER) or machine_of(agent)


PROVIDER = ProviderKind("mailgun", "Mailgun; our key is the user variable `xp`, else in the Message-ID", parse)
