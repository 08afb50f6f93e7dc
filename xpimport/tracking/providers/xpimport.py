"""Our own form, for whoever has another provider: a JSON object an event.

`event` (delivered, opened, clicked, bounced, unsubscribed, complained), `time`, and `key` or `address`; `url` of a click,
`machine` (true, or apple, prefetch, scanner, provider), `status` and `detail` of a bounce, `id`.
"""

from collections.abc import Iterator

from xpimport.rules.bounces import Bounce, bounce_of
from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported
from xpimport.tracking.providers import reading
from xpimport.tracking.providers.declaration import ProviderKind, Said

_KINDS = {kind.word: kind for kind in Kind}
_MACHINES = {kind.word: kind for kind in Machine if kind is not Machine.HASTE} | {"": Machine.NONE}


def parse(value: object) -> Iterator[Said]:
    """See the module."""
    for item in reading.each(value):
        yield _event(item)


def _event(item: object) -> Said:
    if not isinstance(item, dict):
        return NotUnderstood("an event is a JSON object")
    kind = _KINDS.get(str(item.get("event")))
    if kind is None:
        return NotUnderstood(f"event is none of {', '.join(_KINDS)}")
    words = {name: item.get(name) for name in ("key", "address", "url", "detail", "id", "status")}
    if wrong := [name for name, word in words.items() if word is not None and not reading.is_text(word)]:
        return NotUnderstood(f"{wrong[0]} is no text")
    time, machine = reading.time(item.get("time")), item.get("machine")
    if not isinstance(item.get("time"), str | int | float | None):
        return NotUnderstood("time is neither a number nor a text")
    which = Machine.PROVIDER if machine is True else _MACHINES.get(str(machine or ""))
    if which is None:
        return NotUnderstood(f"machine is neither true nor one of {', '.join(filter(None, _MACHINES))}")
    detail = reading.detail(words["detail"] or "", words["status"] or "")
    gone = False
    if kind is Kind.BOUNCED:
        bounce = bounce_of(words["status"] or "", words["detail"] or "")
        if bounce is None:
            return NotUnderstood("a bounce of a status 4.x.x is no bounce yet")
        gone = bounce is Bounce.GONE
    return Reported(
        kind,
        "xpimport",
        time,
        words["key"],
        words["address"],
        words["id"],
        words["url"],
        which,
        gone=gone,
        detail=detail,
    )


PROVIDER = ProviderKind("xpimport", "our own form, a JSON object a line", parse)
