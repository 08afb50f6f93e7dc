"""Which links of a campaign's HTML are tracked and why the others are not, read in the template, before any value is in it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import unescape

from xpimport.sending.content.markup import OUTPUT, STATEMENT, Attribute, Tag, Words, constructs, masked, tags_and_words
from xpimport.sending.content.urls import as_browsers_read, host_of, value_of

MARK = "data-xp-link"
"""The attribute by which a tracked link is found again in a person's HTML; it never leaves the house."""
NO_TRACK = "data-no-track"
"""What an author writes into a link that is to stay as it is."""

BEGIN, END = "\x02", "\x03"
"""What stands around the address in a template that makes one again with what the message's own statements say."""

OPT_OUT = "a link to opt out by is never tracked"
OWN = "it leads to this program already"
OTHER_SCHEME = "it is not a web address"
ANCHOR = "it leads to a place in the message"
ADDRESS = "its words are an address: mail filters warn where that is not where it leads"
ASKED = f"{NO_TRACK} says so"
NO_SCHEME = "it is no whole address, so nobody knows where it leads: write https:// before it"
ANY_HOST = "its host is filled in for each person"
ACROSS = "the template's statements begin or end in the middle of it"
POSTED = "what the form holds is posted"

_SPACE = " \t\n\f\r"
_FILLED = re.compile(f"[{OUTPUT}{STATEMENT}]")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_WEB_HOST = re.compile(r"https?://[^/?#\\]+([/?#\\]|\Z)", re.IGNORECASE)
_BLANK = re.compile("[\\s\u00ad\u200b-\u200f\u2060\ufeff]+")
_SHOWN_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S.*|(?:\S+@)?(?:[\w-]+\.)+[^\W\d_]{2,}(?::\d+)?(?:[/?#]\S*)?", re.IGNORECASE | re.DOTALL
)
_PUNCTUATION = re.compile(r"^[^\w]+|[^\w/]+$")


@dataclass(frozen=True)
class Link:
    """One link of a template.

    Attributes:
        url: where it leads, as text; what is filled in for a person stands in it as the template has it.
        why_not: why it is not tracked; empty: it is.
        template: what makes the address for a person, as HTML; None: it is `url` for everybody. One that needs what the
            message's own statements say has the address between `BEGIN` and `END`, once for each time that it comes up.
        form: it is a form of GET, whose fields the browser puts behind the address.
        start: where the attribute begins that leads there.
        untrack: the place of `data-no-track`, to be taken out.
    """

    url: str
    why_not: str = ""
    template: str | None = None
    form: bool = False
    start: int = 0
    untrack: tuple[int, int] | None = None

    @property
    def repeated(self) -> bool:
        """Whether the template may make several addresses of it."""
        return self.template is not None and BEGIN in self.template


@dataclass(frozen=True)
class Rules:
    """What a store says about links: opt-out addresses, and where this program answers itself."""

    opt_out_names: frozenset[str]
    opt_out: str = ""
    own: Sequence[str] = ()

    def of(self, address: str) -> str:
        """Why an address is never tracked, or nothing."""
        lowered = address.lower()
        if self.opt_out and lowered.startswith(self.opt_out.lower()):
            return OPT_OUT
        own = any(lowered.startswith(f"{base.lower()}/{route}/") for base in self.own for route in "ocup")
        return OWN if own else ""


def links_of(html: str, rules: Rules) -> list[Link]:
    """Every link of a template in its order, forms of GET and what Outlook alone reads among them."""
    reader = _Reader(html, rules)
    return [link for place, (tag, attribute) in reader.places() if (link := reader.link(tag, attribute, place))]


def marked(html: str, links: Sequence[Link], numbers: Sequence[int]) -> str:
    """The template with a mark in each tracked link, which has these numbers, and without `data-no-track`."""
    edits: list[tuple[int, int, str]] = []
    left = iter(numbers)
    for link in links:
        if link.untrack:
            edits.append((*link.untrack, ""))
        if not link.why_not:
            edits.append((link.start, link.start, f'{MARK}="{next(left)}{"+" if link.repeated else ""}" '))
    pieces, at = [], 0
    for start, end, text in sorted(edits):
        pieces += [html[at:start], text]
        at = end
    return "".join([*pieces, html[at:]])


class _Reader:
    """A template with what is read of it but once."""

    def __init__(self, html: str, rules: Rules) -> None:
        self.html, self.rules, self.masked = html, rules, masked(html)
        self.read = list(tags_and_words(self.masked))
        self._said: tuple[frozenset[str], bool] | None = None

    def places(self) -> Iterator[tuple[int, tuple[Tag, Attribute]]]:
        """Each attribute that leads somewhere: its tag, and the tag's place in what was read."""
        for place, tag in enumerate(self.read):
            if isinstance(tag, Tag) and not tag.closing:
                name = _leading(tag)
                found = [one for one in tag.attributes if one.name == name] if name else []
                if found:
                    yield place, (tag, found[0])

    def link(self, tag: Tag, attribute: Attribute, place: int) -> Link | None:
        start, end = attribute.value
        shown = self._shown(start, end)
        link = Link(shown, form=tag.name == "form", start=attribute.start)
        untrack = next((one for one in tag.attributes if one.name == NO_TRACK), None)
        if untrack:
            link = replace(link, untrack=self._taken_out(untrack))
        why = self._why_not(tag, attribute, place) or (ASKED if untrack else "")
        if why or not _FILLED.search(self.masked, start, end):
            return replace(link, why_not=why, url=_without_query(shown) if link.form and not why else shown)
        return replace(link, template=self._template(start, end))

    def _shown(self, start: int, end: int) -> str:
        """The address as text: of what HTML writes the meaning, of the template's own the code."""
        pieces, at = [], start
        for _, begin, stop in constructs(self.html[start:end]):
            pieces += [value_of(self.html[at : start + begin]), self.html[start + begin : start + stop]]
            at = start + stop
        return as_browsers_read("".join([*pieces, value_of(self.html[at:end])]))

    def _why_not(self, tag: Tag, attribute: Attribute, place: int) -> str:
        start, end = attribute.value
        before = _FILLED.search(self.masked, start, end)
        fixed = as_browsers_read(value_of(self.html[start : before.start() if before else end]))
        if before and (why := self._why_not_filled(tag, attribute)):
            return why
        if tag.name == "form" and (why := self._why_not_sent(tag)):
            return why
        why = _why_not_there(fixed, whole=before is None) or self.rules.of(fixed)
        return why or (ADDRESS if tag.name == "a" and self._words_are_address(tag, place) else "")

    def _why_not_filled(self, tag: Tag, attribute: Attribute) -> str:
        start, end = attribute.value
        value = self.html[start:end]
        several = sum(one.name == attribute.name for one in tag.attributes) > 1
        # A link that begins or ends within a statement cannot be made by itself.
        if several or masked(value) != self.masked[start:end] or (names := _names(value)) is None:
            return ACROSS
        return OPT_OUT if names & self.rules.opt_out_names else ""

    def _why_not_sent(self, tag: Tag) -> str:
        method = next((self.masked[slice(*one.value)] for one in tag.attributes if one.name == "method"), "get")
        return "" if method.strip().lower() not in ("post", "dialog") and not _FILLED.search(method) else POSTED

    def _words_are_address(self, tag: Tag, place: int) -> bool:
        words = []
        for one in self.read[place + 1 :]:
            if isinstance(one, Words) and one.hidden == tag.hidden:
                words.append(self.masked[one.start : one.end])
            elif isinstance(one, Tag) and one.hidden == tag.hidden and one.name == "a":
                break
        text = _PUNCTUATION.sub("", _BLANK.sub(" ", unescape("".join(words))).strip())
        return bool(_SHOWN_ADDRESS.fullmatch(text))

    def _taken_out(self, attribute: Attribute) -> tuple[int, int]:
        """An attribute with the white space before it, as far as what follows does not need that."""
        start, end = attribute.start, attribute.end
        while self.html[start - 1] in _SPACE:
            start -= 1
        return (start, end) if self.html[end : end + 1] in ("", ">", "/", *_SPACE) else (attribute.start, end)

    def _template(self, start: int, end: int) -> str:
        """What makes a templated address: itself, or, where it uses what statements say, the address among those."""
        if self._said is None:
            self._said = _said_by_statements(self.html)
        assigned, captures = self._said
        value = self.html[start:end]
        if not (_names(value) or frozenset()) & assigned:
            return value
        address = BEGIN + value + END
        if captures:
            return self.html[:start] + address + self.html[end:]
        statements = [place for kind, *place in constructs(self.html) if kind is STATEMENT]
        before = "".join(self.html[slice(*place)] for place in statements if place[0] < start)
        return before + address + "".join(self.html[slice(*place)] for place in statements if place[0] >= end)


def _leading(tag: Tag) -> str:
    """The attribute by which a tag leads somewhere."""
    if tag.name in ("a", "area") or tag.name.startswith("v:"):
        return "href"
    return "action" if tag.name == "form" else ""


def _why_not_there(address: str, *, whole: bool) -> str:
    """Why the beginning of an address that is the same for everybody does not say where it leads, or nothing."""
    if address.startswith("#") or (whole and not address):
        return ANCHOR
    scheme = _SCHEME.match(address)
    if scheme is None:
        return NO_SCHEME if whole or address.startswith(("/", "?", ".")) else ANY_HOST
    if scheme[0].lower() not in ("http:", "https:"):
        return OTHER_SCHEME
    host = _WEB_HOST.match(address)
    if not whole and (host is None or not host[1]):
        return ANY_HOST
    return "" if host and host_of(address) else NO_SCHEME


def _without_query(address: str) -> str:
    """Where a form of GET leads: its own fields take the place of a query."""
    return address.partition("#")[0].partition("?")[0]


def _names(value: str) -> frozenset[str] | None:
    """What a piece of a template asks for; None where it is none by itself."""
    from jinja2 import TemplateSyntaxError
    from jinja2.meta import find_undeclared_variables

    from xpimport.sending.content.sandbox import Missing, environment

    try:
        tree = environment(autoescape=True, missing=Missing).parse(value)
        return frozenset(find_undeclared_variables(tree))
    except TemplateSyntaxError:
        return None


def _said_by_statements(html: str) -> tuple[frozenset[str], bool]:
    """What a template's own statements give a value (loops, `set`, macros and their arguments); whether they take text in."""
    from jinja2 import TemplateSyntaxError, nodes

    from xpimport.sending.content.sandbox import Missing, environment

    try:
        tree = environment(autoescape=True, missing=Missing).parse(html)
    except TemplateSyntaxError:
        return frozenset(), False
    stored = {name.name for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    called = {macro.name for macro in tree.find_all(nodes.Macro)}
    takers = (nodes.AssignBlock, nodes.Macro, nodes.CallBlock, nodes.FilterBlock)
    captures = next(tree.find_all(takers), None) is not None
    return frozenset(stored | called | {"loop", "caller", "varargs", "kwargs", "self"}), captures
