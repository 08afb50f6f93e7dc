"""What makes opens and clicks come back: the marked links of a person's HTML lead to us, and a pixel ends it.

Both are done to the finished HTML, where all else is as it would be without: no rule of CSS sees another address.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from xpimport.rules.tokens import Purpose, TriggerKeys
from xpimport.sending.content.links import MARK
from xpimport.sending.content.markup import attributes_of

OPENS, CLICKS = "opens", "clicks"

TrackingPlan = Mapping[str, Any]
"""How one send is tracked, as plain values that go through a pipe: `url`, `opens`, `clicks`, and of the keys `epoch`,
`trigger` and `secret` (of this send alone, in hex); `numbers` of the tracked links in the order of the template."""

_REPEATED = re.compile(rf'({MARK}="([0-9]+))\+"', re.IGNORECASE)
_MARKED = re.compile(
    rf"""({MARK}="([0-9]+)(?:\.([0-9]+))?"[ ]?)"""
    r"""(?:(?:href|action)[ \t\n\f\r]*=[ \t\n\f\r]*(?:"([^"]*)"|'([^']*)'|([^ \t\n\f\r>"'][^ \t\n\f\r>]*)))?""",
    re.IGNORECASE,
)
"""A mark, with the address behind it where the two stand together: the inliner sorts attributes."""
_NAME = re.compile(r"<[A-Za-z][^ \t\n\f\r/>]*")
_OF_MARK = 3
"""How many groups of a match belong to the mark itself."""
_TRIES = 20
"""How many `<` before a mark are looked at for the one that begins its tag."""
_LEADING = ("href", "action")
_END = re.compile(r"</(body|html)[ \t\n\f\r/>]", re.IGNORECASE)


def count_repeated(html: str) -> str:
    """A person's HTML in which each link that a loop made says which of those it is, before CSS may double an element."""
    seen: Counter[str] = Counter()

    def numbered(found: re.Match[str]) -> str:
        seen[found[2]] += 1
        return f'{found[1]}.{seen[found[2]] - 1}"'

    return _REPEATED.sub(numbered, html)


class Tracking:
    """Puts the links and the pixel of one person into their HTML. May be used by several threads."""

    def __init__(self, plan: TrackingPlan) -> None:
        """Take how the send is tracked."""
        self._url, self._opens = plan["url"], plan["opens"]
        self._keys = TriggerKeys(bytes.fromhex(plan["secret"]), plan["epoch"], plan["trigger"])

    def applied(self, html: str, profile: int) -> str:
        """The HTML as it goes out to one person."""
        html = self._with_links(html, profile)
        return self._with_pixel(html, profile) if self._opens else html

    def _with_links(self, html: str, profile: int) -> str:
        edits: list[tuple[int, int, str]] = []
        for found in _MARKED.finditer(html):
            start, end = found.span(1)
            # The space that came with the mark goes with it, on whichever side it is now.
            edits.append((start, end, "") if html[end - 1] == " " else (start - 1, end, ""))
            place = found.span(found.lastindex) if found.lastindex and found.lastindex > _OF_MARK else None
            place = place or _address_around(html, start)
            if place is not None:
                key = self._keys.key(Purpose.CLICK, profile, int(found[2]), int(found[3] or 0))
                edits.append((*place, f"{self._url}/c/{key}"))
        if not edits:
            return html
        pieces, at = [], 0
        for start, end, text in sorted(edits):
            pieces += [html[at:start], text]
            at = end
        return "".join([*pieces, html[at:]])

    def _with_pixel(self, html: str, profile: int) -> str:
        key = self._keys.key(Purpose.OPEN, profile)
        at = _place_of_pixel(html)
        return f'{html[:at]}<img src="{self._url}/o/{key}.gif" width="1" height="1" alt="">{html[at:]}'


def _address_around(html: str, mark: int) -> tuple[int, int] | None:
    """The place of the address in the tag that has its mark there; a value before the mark may hold a `<`."""
    start = mark
    for _ in range(_TRIES):
        if (start := html.rfind("<", 0, start)) < 0:
            break
        if named := _NAME.match(html, start):
            attributes, _ = attributes_of(html, named.end())
            if any(one.start == mark for one in attributes):
                return next((one.value for one in attributes if one.name in _LEADING), None)
    return None


def _place_of_pixel(html: str) -> int:
    """Before the end of the body, or of the document, or behind everything; an end within a comment is none."""
    place = len(html)
    for found in reversed(list(_END.finditer(html))):
        if html.rfind("<!--", 0, found.start()) > html.rfind("-->", 0, found.start()):
            continue
        place = found.start()
        if found[1].lower() == "body":
            break
    return place
