"""Which sends recorded opens or clicks by themselves, so that none of them means that nobody did."""

from collections.abc import Sequence

from xpimport.rules.events import Kind
from xpimport.store.database import Store

_WORDS = {"opens": Kind.OPENED, "clicks": Kind.CLICKED}


def tracked_kinds(store: Store, triggers: Sequence[int]) -> dict[int, frozenset[int]]:
    """What each of these sends tracked; those that tracked nothing are left out."""
    # What was sent is kept once however many runs sent it, and is read once.
    rows = store.all(
        "SELECT g.id, c.track FROM json_each(?) t JOIN triggers g ON g.id = t.value JOIN (SELECT id,"
        " json_extract(CAST(content AS TEXT), '$.options.track') AS track FROM contents WHERE id IN (SELECT content_id FROM"
        " triggers WHERE id IN (SELECT value FROM json_each(?)))) c ON c.id = g.content_id WHERE c.track IS NOT NULL",
        str(list(triggers)),
        str(list(triggers)),
    )
    return {
        row["id"]: frozenset(int(_WORDS[word]) for word in row["track"].split(",") if word in _WORDS) for row in rows
    }
