"""A page as data: what stands at its head, its sections in order, and its foot."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xpimport.reporting.pages.charts import Chart
from xpimport.reporting.pages.sums import Sum
from xpimport.reporting.pages.tables import Table


@dataclass
class Section:
    """A part of a page: its heading, what it says, and what it shows; blank parts are left out."""

    id: str
    title: str
    note: str = ""
    table: Table | None = None
    key: bool = False
    """Whether it needs to be said which tone of its bars is whose."""
    after: str = ""
    command: str = ""
    charts: Sequence[Chart] = ()
    numbers: Table | None = None
    numbers_title: str = ""
    facts: Sequence[tuple[str, str, str]] = ()
    sums: Sequence[Sum] = ()
    half: bool = False
    """Whether it may stand beside another one."""


@dataclass
class Page:
    """What every page has."""

    title: str
    over: str
    heading: str
    lead: str
    command: str
    sections: list[Section] = field(default_factory=list)
    foot: list[str] = field(default_factory=list)
    heading_time: str = ""
