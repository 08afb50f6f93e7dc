"""What was clicked."""

from collections.abc import Sequence

from xpimport.reporting.analytics import Link
from xpimport.reporting.pages.tables import Bar, Cell, Column, Row, Table, count
from xpimport.reporting.pages.words import share_of


def links(found: Sequence[Link], clicked: int, noun: str) -> Table:
    """The links, the most clicked first; `clicked` people clicked any, and `noun` is what they are called: `person|people`."""
    most = max((link.people for link in found), default=1)
    rows = [
        Row(
            (
                Cell(url=link.url),
                count(link.people),
                Cell(share_of(link.people, clicked)),
                count(link.total),
                Cell(bar=Bar(100 * link.people / most)),
            )
        )
        for link in found
    ]
    columns = (
        Column("Link", "grow"),
        Column(noun.rsplit("|", maxsplit=1)[-1].capitalize(), "n", noun),
        Column("Of clicked", "n muted", "of clicked"),
        Column("Clicks", "n", "click|clicks"),
        Column("Bar", "bars drop", hidden=True),
    )
    return Table("Clicks by link, without machines", columns, rows, "stack")
