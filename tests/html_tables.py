"""The tables of a page, read back as a reader finds them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "wbr", "img"}


@dataclass
class HtmlTable:
    """A table: its titles, and its rows as cells of (text, small text under it)."""

    titles: list[str] = field(default_factory=list)
    rows: list[list[tuple[str, str]]] = field(default_factory=list)

    def column(self, title: str) -> dict[str, str]:
        """The texts of a column by the head of their row."""
        place = self.titles.index(title)
        return {row[0][0]: row[place][0] for row in self.rows}

    def numbers(self, title: str) -> dict[str, int]:
        """The numbers of a column by the head of their row; blank is nothing."""
        return {head: int(text.replace(",", "") or 0) for head, text in self.column(title).items()}


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, HtmlTable] = {}
        self.open: list[tuple[str, str]] = []
        self.text = self.sub = self.caption = ""
        self.table = HtmlTable()
        self.row: list[tuple[str, str]] = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("class") or ""))
        if tag == "table":
            self.table = HtmlTable()
        if tag == "tr":
            self.row = []
        if tag in {"th", "td", "caption"}:
            self.text = self.sub = ""

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open[-1][0] == tag, (tag, self.open)
        self.open.pop()
        if tag in {"th", "td"}:
            self.row.append((self.text.strip(), self.sub.strip()))
        if tag == "caption":
            self.caption = self.text.strip()
        if tag == "tr" and not self.table.titles:
            self.table.titles = [text for text, _ in self.row]
        elif tag == "tr":
            self.table.rows.append(self.row)
        if tag == "table":
            self.tables[self.caption] = self.table

    def handle_data(self, data):
        within = {name for _, name in self.open}
        if "sub" in within:
            self.sub += data
        elif "label" not in within:
            self.text += data


def tables_of(page: str) -> dict[str, HtmlTable]:
    """The tables of a page by caption; every element that is opened must be closed."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader.tables
