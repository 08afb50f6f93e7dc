"""The tracked links of a send, numbered and kept at its first claim: one in somebody's mailbox leads there for ever.

A send that somebody releases or sends again with another content adds to them; what is the same keeps its number.
"""

from typing import Any

from xpimport.errors import Invalid
from xpimport.hints import command
from xpimport.rules.tokens import tracking_secret
from xpimport.sending.content.compose import MessageContent, link_rules
from xpimport.sending.content.links import Link, links_of
from xpimport.sending.content.tracked import CLICKS, OPENS
from xpimport.store.database import Store

NOWHERE = (
    "No address is set at which opens and clicks arrive. First: "
    + command("settings", "set", "web.public_url", "https://mail.example.com")
    + ", or, for a domain of their own: "
    + command("settings", "set", "tracking.url", "https://t.example.com")
)


def frozen_tracking(
    store: Store, trigger: int, content: MessageContent, secret: bytes, epoch: int
) -> dict[str, Any] | None:
    """How a claimed send is tracked, as plain values, with its links kept; None: it is not.

    Raises:
        Invalid: no address is set at which opens and clicks arrive.
    """
    kinds = (content["options"].get("track") or "").split(",")
    if kinds == [""] or content["html"] is None:
        return None
    if not content["tracking_url"]:
        raise Invalid(f"The campaign is to be tracked. {NOWHERE}")
    links = links_of(content["html"], link_rules(content)) if CLICKS in kinds else []
    return {
        "url": content["tracking_url"],
        "opens": OPENS in kinds,
        "clicks": CLICKS in kinds,
        "epoch": epoch,
        "trigger": trigger,
        "secret": tracking_secret(secret, epoch, trigger).hex(),
        "numbers": _numbered(store, trigger, [link for link in links if not link.why_not]),
    }


def _numbered(store: Store, trigger: int, links: list[Link]) -> list[int]:
    """The number of each link in this send; those that are new to it are added."""
    with store.writing():
        free: dict[tuple[str, str | None, bool], list[int]] = {}
        rows = store.all("SELECT number, url, template, form FROM links WHERE trigger_id = ? ORDER BY number", trigger)
        for number, url, template, form in rows:
            free.setdefault((url, template, bool(form)), []).append(number)
        numbers, last = [], max((row["number"] for row in rows), default=0)
        for link in links:
            known = free.get((link.url, link.template, link.form))
            if known:
                numbers.append(known.pop(0))
                continue
            last += 1
            numbers.append(last)
            store.db.execute(
                "INSERT INTO links (trigger_id, number, url, template, form) VALUES (?, ?, ?, ?, ?)",
                (trigger, last, link.url, link.template, int(link.form)),
            )
        return numbers
