"""Xtremepush's webhooks: `event`, `time` and `properties` for a person's message. Experimental.

The names of its events and properties are not public: these are read off what is, and matched by our key alone, which
is the `external_message_id` of the campaign's execution.
"""

from collections.abc import Iterator

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Kind, Machine, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said
from xpimport.tracking.providers.reading import mapping, text, word

_KINDS = {
    Kind.DELIVERED: ("delivered", "delivery"),
    Kind.OPENED: ("open", "opened"),
    Kind.CLICKED: ("click", "clicked"),
    Kind.BOUNCED: ("bounce", "bounced", "hard_bounce", "soft_bounce"),
    Kind.UNSUBSCRIBED: ("unsubscribe", "unsubscribed", "opt_out"),
    Kind.COMPLAINED: ("complaint", "complained", "spam", "spam_report"),
}
_NAMES = {name: kind for kind, names in _KINDS.items() for name in names}
_NO_EVENT = frozenset({"send", "sent", "queued"})
_BEFORE = ("message_", "email_", "campaign_")


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    return reading.events_of(value, _event)


def _event(item: dict[str, object]) -> Iterator[Said]:
    name, said = word(item.get("event")), mapping(item.get("properties"))
    for before in _BEFORE:
        name = name.removeprefix(before)
    kind = _NAMES.get(name)
    if kind is None:
        if name not in _NO_EVENT:
            yield reading.not_known("Xtremepush", "event", item.get("event"))
        return
    words = reading.spoken(*(said.get(field) for field in ("status", "code", "reason", "error", "message")))
    status = reading.status_of(said.get("status"), words)
    permanent = {"hard_bounce": True, "soft_bounce": False}.get(name)
    yield Reported(
        kind,
        "xtremepush",
        reading.time(item.get("time")),
        reading.key_of(item.get("external_message_id"), said.get("external_message_id")),
        url=text(said.get("url")) or text(said.get("link")) if kind is Kind.CLICKED else None,
        machine=machine_of(text(said.get("user_agent"))) if kind in {Kind.OPENED, Kind.CLICKED} else Machine.NONE,
        gone=kind is Kind.BOUNCED and reading.is_gone(status, words, permanent=permanent),
        detail=reading.detail(words) if kind in {Kind.BOUNCED, Kind.COMPLAINED} else None,
    )


PROVIDER = ProviderKind("xtremepush", "Xtremepush (experimental); our key is its `external_message_id`", parse)
