"""Where the tags of a template's HTML stand, by the rules of HTML's own tokenizer: only places are said, nothing is made anew.

What the template language puts in is not read as HTML: a quote or a `>` in an expression ends nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

OUTPUT, STATEMENT = "\ufdd0", "\ufdd1"
"""What stands in a masked text for each letter of `{{ ... }}`, and of `{% ... %}` and comments; no text has them."""

_OPENING = re.compile(r"\{\{|\{%|\{#")
_RAW = re.compile(r"\{%[-+]?\s*raw\s*[-+]?%\}(.*?)\{%[-+]?\s*endraw\s*[-+]?%\}", re.DOTALL)
_WITHIN = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[({\[]|[\])]|%\}|\}\}|\}""", re.DOTALL)

_SPACE = " \t\n\f\r"
_TAG = re.compile(rf"<(/?)([A-Za-z][^{_SPACE}/>{STATEMENT}]*)")
_APART = re.compile(rf"[{_SPACE}/{STATEMENT}]*")
_ATTRIBUTE = re.compile(
    rf"([^{_SPACE}/>{STATEMENT}][^{_SPACE}/>={STATEMENT}]*)"
    rf"(?:[{_SPACE}]*=[{_SPACE}]*(?:\"([^\"]*)\"|'([^']*)'|([^{_SPACE}>\"'][^{_SPACE}>]*)|(?=>)|([\"'])))?"
)
_COMMENT_END = re.compile(r"--!?>")
_CONDITIONAL = re.compile(r"\[if\b[^\]>]*\]>", re.IGNORECASE)
_RAW_TEXT = frozenset({"script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "template"})


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute: its name in small letters, where it stands, and where its value does (without quotes)."""

    name: str
    start: int
    end: int
    value: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag. `hidden`: it is within a conditional comment of Outlook."""

    name: str
    attributes: tuple[Attribute, ...]
    closing: bool = False
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of text between tags."""

    start: int
    end: int
    hidden: bool = False


def constructs(source: str) -> Iterator[tuple[str, int, int]]:
    """What belongs to the template language, in order: OUTPUT or STATEMENT, from where, to where."""
    at = 0
    while found := _OPENING.search(source, at):
        start = found.start()
        if found[0] == "{#":
            at = source.find("#}", start + 2) + 2
        elif raw := _RAW.match(source, start):
            yield STATEMENT, start, raw.start(1)
            start, at = raw.end(1), raw.end()
        else:
            at = _end_of(source, start + 2, "}}" if found[0] == "{{" else "%}")
        if at <= start:
            at = len(source)
        yield OUTPUT if found[0] == "{{" else STATEMENT, start, at


def _end_of(source: str, at: int, closing: str) -> int:
    """Behind the end of an expression: braces in it are closed first, and texts are no code."""
    depth = 0
    while found := _WITHIN.search(source, at):
        mark, at = found[0], found.end()
        if mark in "({[":
            depth += 1
        elif depth and mark in ("}", "}}", ")", "]"):
            depth -= 1
            at = found.start() + 1
        elif mark == closing:
            return at
        else:
            # Its second letter may begin the end: `{{ a %}}`.
            at = max(found.start() + 1, at - 1) if mark in ("%}", "}}") else at
    return len(source)


def masked(source: str) -> str:
    """The template with its expressions and statements made unreadable, letter by letter, so that places stay."""
    pieces, at = [], 0
    for kind, start, end in constructs(source):
        pieces += [source[at:start], kind * (end - start)]
        at = end
    return "".join([*pieces, source[at:]])


def tags_and_words(text: str) -> Iterator[Tag | Words]:
    """What is shown or leads somewhere in HTML that may be masked; conditional comments of Outlook are looked into."""
    return _scan(text, 0, len(text), hidden=False)


def _scan(text: str, at: int, end: int, *, hidden: bool) -> Iterator[Tag | Words]:
    shown = at
    while (opening := text.find("<", at, end)) >= 0:
        found = _TAG.match(text, opening, end)
        after = None if found else _behind_comment(text, opening, end)
        if found is None and after is None:
            at = opening + 1
            continue
        if shown < opening:
            yield Words(shown, opening, hidden)
        if found is None:
            if not hidden and text.startswith("<!--", opening):
                yield from _conditional(text, opening + 4, after or end)
            shown = at = after or end
            continue
        attributes, at = attributes_of(text, found.end())
        if not 0 < at <= end:
            return  # the text ends within a tag, which is then none
        name = found[2].lower()
        yield Tag(name, attributes, bool(found[1]), hidden)
        if name in _RAW_TEXT and not found[1]:
            at = _end_of_raw_text(text, name, at, end)
        shown = at
    if shown < end:
        yield Words(shown, end, hidden)


def _behind_comment(text: str, at: int, end: int) -> int | None:
    """Where a comment, or what HTML takes for one, ends; None where `<` is just a letter."""
    if text.startswith("<!--", at):
        found = _COMMENT_END.search(text, at + 2, end)
        return found.end() if found else end
    if text.startswith(("<!", "<?", "</"), at):
        return text.find(">", at, end) + 1 or end
    return None


def _conditional(text: str, at: int, end: int) -> Iterator[Tag | Words]:
    """What Outlook reads of a comment, and others do not."""
    begun = _CONDITIONAL.match(text, at, end)
    if begun:
        yield from _scan(text, begun.end(), max(begun.end(), text.rfind("--", at, end)), hidden=True)


def _end_of_raw_text(text: str, name: str, at: int, end: int) -> int:
    found = re.compile(rf"</{name}(?=[{_SPACE}/>])", re.IGNORECASE).search(text, at, end)
    return found.start() if found else end


def attributes_of(text: str, at: int) -> tuple[tuple[Attribute, ...], int]:
    """The attributes of a tag, read from behind its name, and where the tag ends; 0: it does not."""
    attributes: list[Attribute] = []
    while (at := _APART.match(text, at).end()) < len(text):  # type: ignore[union-attr]
        if text[at] == ">":
            return tuple(attributes), at + 1
        found = _ATTRIBUTE.match(text, at)
        if found is None or found[5]:
            return (), 0
        which = next((group for group in (2, 3, 4) if found[group] is not None), 0)
        value = found.span(which) if which else (found.end(), found.end())
        attributes.append(Attribute(found[1].lower(), at, found.end(), value))
        at = found.end()
    return (), 0
