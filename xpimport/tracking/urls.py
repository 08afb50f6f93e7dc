"""What an address in a message means: whose opening or click it is, and of which link. Nothing else is in it."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from xpimport.rules.events import Kind
from xpimport.rules.tokens import Named, Purpose, read_key
from xpimport.store.database import Store

# Mail programs take the dot or the bracket behind an address for a part of it, and filters write all in one case.
_PATH = re.compile(r"/([co])/([a-z2-7]+)(?:\.gif)?[\s.,;:!?'\")>\]}]*", re.IGNORECASE)
_PURPOSES = {"o": (Kind.OPENED, Purpose.OPEN), "c": (Kind.CLICKED, Purpose.CLICK)}


@dataclass(frozen=True, slots=True)
class Meaning:
    """What happened, and whom and which link the key names."""

    kind: Kind
    named: Named


@dataclass(frozen=True, slots=True)
class FrozenLink:
    """A link as it was when its send began; `template` None: it leads everybody to `url`. `form`: of GET."""

    url: str
    template: str | None
    form: bool


def meaning_of(secret: bytes, path: str, below: str = "") -> Meaning | None:
    """What the path of a request means, with or without the path of `tracking.url` before it; None: nothing of ours.

    What follows a `?` is somebody else's: it does no harm, and says nothing.
    """
    plain = unquote(path.partition("?")[0].partition("#")[0])
    if below and plain.startswith(f"{below}/"):
        plain = plain[len(below) :]
    found = _PATH.fullmatch(plain)
    if found is None:
        return None
    kind, purpose = _PURPOSES[found[1].lower()]
    named = read_key(secret, purpose, found[2])
    return None if named is None else Meaning(kind, named)


def frozen_link(store: Store, named: Named) -> FrozenLink | None:
    """The link that a click's key names."""
    row = store.one(
        "SELECT url, template, form FROM links WHERE trigger_id = ? AND number = ?", named.trigger, named.link
    )
    return None if row is None else FrozenLink(row["url"], row["template"], bool(row["form"]))
