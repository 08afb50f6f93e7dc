"""HTML to plain text, for the people whose mail programs show no HTML."""

import re
from html.parser import HTMLParser

_SKIPPED = frozenset({"title", "style", "script", "template", "noscript"})
_PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre", "dl"})
_LINES = frozenset(
    {"div", "tr", "section", "article", "header", "footer", "main", "center", "address", "dt", "dd", "body", "form"}
)
_SPACE = re.compile(r"[ \t\r\n\f]+")
_LINK = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.breaks = 2  # line ends already standing at the end of `out`; the beginning needs none
        self.space = False
        self.skipped = 0
        self.preformatted = 0
        self.lists: list[int | None] = []
        self.links: list[tuple[str, int]] = []

    def parse_marked_section(self, i: int, report: int = 1) -> int:  # noqa: ARG002 - the parser's own signature
        """`<![if !mso]>` and the like: a comment that ends with the next `>`, as browsers have it; never an error."""
        end = self.rawdata.find(">", i)
        return end + 1 if end >= 0 else -1

    def parse_html_declaration(self, i: int) -> int:
        """`<!...>`: as the parser does, but what it does not understand is a comment."""
        try:
            return super().parse_html_declaration(i)
        except AssertionError:
            return self.parse_marked_section(i)

    def write(self, text: str) -> None:
        if self.space and not self.breaks:
            self.out.append(" ")
        self.space = False
        self.out.append(text)
        self.breaks = 0

    def end_lines(self, wanted: int) -> None:
        self.space = False
        while self.breaks < wanted:
            self.out.append("\n")
            self.breaks += 1

    def handle_data(self, data: str) -> None:
        if self.skipped or not data:
            return
        if self.preformatted:
            self.write(data)
            return
        text = _SPACE.sub(" ", data)
        self.space = self.space or text.startswith(" ")
        bare = text.strip(" ")
        if bare:
            self.write(bare)
            self.space = text.endswith(" ")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SKIPPED:
            self.skipped += 1
        elif self.skipped:
            return
        elif tag in _PARAGRAPHS:
            self.open_block(tag)
        elif tag in _LINES:
            self.end_lines(1)
        else:
            self.inline(tag, dict(attrs))

    def open_block(self, tag: str) -> None:
        self.end_lines(1 if self.lists else 2)
        if tag in ("ul", "ol"):
            self.lists.append(0 if tag == "ol" else None)
        self.preformatted += tag == "pre"

    def inline(self, tag: str, attributes: dict[str, str | None]) -> None:
        if tag == "br":
            self.end_lines(self.breaks + 1 if self.breaks < 2 else self.breaks)
        elif tag == "li":
            self.item()
        elif tag == "a":
            self.links.append(((attributes.get("href") or "").strip(), len(self.out)))
        elif tag in ("td", "th"):
            self.space = True
        elif tag == "hr":
            self.end_lines(2)
            self.write("-" * 20)
            self.end_lines(2)
        elif tag == "img" and attributes.get("alt"):
            self.handle_data(str(attributes["alt"]))

    def item(self) -> None:
        self.end_lines(1)
        mark = "- "
        if self.lists and self.lists[-1] is not None:
            self.lists[-1] += 1
            mark = f"{self.lists[-1]}. "
        self.write("  " * max(0, len(self.lists) - 1) + mark)

    def handle_endtag(self, tag: str) -> None:
        if tag in _SKIPPED:
            self.skipped = max(0, self.skipped - 1)
        elif self.skipped:
            return
        elif tag in _PARAGRAPHS:
            self.close_block(tag)
        elif tag in _LINES or tag == "li":
            self.end_lines(1)
        elif tag == "a" and self.links:
            self.close_link()

    def close_block(self, tag: str) -> None:
        if tag in ("ul", "ol") and self.lists:
            self.lists.pop()
        self.preformatted = max(0, self.preformatted - (tag == "pre"))
        self.end_lines(1 if self.lists else 2)

    def close_link(self) -> None:
        target, start = self.links.pop()
        if not _LINK.match(target):
            return
        text = "".join(self.out[start:]).strip()
        address = target.split(":", 1)[1] if target[:7].lower() == "mailto:" else target
        if not text:
            self.write(target)
        elif text not in (target, address):
            after, self.space = self.space, True
            self.write(f"({target})")
            self.space = after


def to_plain_text(html: str) -> str:
    """The words of `html` as text of lines ending in LF: links as `text (address)`, lists, paragraphs.

    Styles, scripts and the title are left out. Never raises: HTML that is broken gives what can be read of it.
    """
    writer = _Writer()
    writer.feed(html)
    writer.close()
    lines = (line.rstrip() for line in "".join(writer.out).split("\n"))
    return "\n".join(lines).strip("\n") + "\n"
