"""Tables as data: one form for all of them, so that one template draws them, on a desk, a phone and paper."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from xpimport.reporting.pages.words import number


@dataclass(frozen=True)
class Bar:
    """A bar in a row, in percent of its width: people, and behind them machines; `track` draws the rest too."""

    people: float
    machines: float = 0
    track: bool = False


@dataclass(frozen=True)
class Strip:
    """Places on a line, in percent: of earlier runs, of their median, and of this run."""

    was: Sequence[float]
    middle: float
    now: float


@dataclass(frozen=True)
class Line:
    """A line of an example: where it stands, and what stood there."""

    where: str
    value: str | None


@dataclass(frozen=True)
class Cell:
    """What stands in a cell; one form of content each, and `sub` under it in small."""

    text: str = ""
    sub: str = ""
    sign: str = ""
    url: str = ""
    bar: Bar | None = None
    strip: Strip | None = None
    lines: Sequence[Line] = ()

    @property
    def blank(self) -> bool:
        """Whether nothing stands in it."""
        return not (self.text or self.sub or self.url or self.bar or self.strip or self.lines)


@dataclass(frozen=True)
class Column:
    """A column: its title, how it looks (`n` numbers, `bars`, `muted` ...), and the word behind its cells on a phone.

    The word may be two: `row|rows`.
    """

    title: str
    look: str = ""
    label: str = ""
    hidden: bool = False
    """Whether its title is only read aloud."""


@dataclass(frozen=True)
class Row:
    """A row; its first cell is its head. `look`: `sum`, `also`, `this`."""

    cells: Sequence[Cell]
    look: str = ""


@dataclass(frozen=True)
class Table:
    """A table; its caption is read aloud, or shown if `titled`."""

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row] = field(default_factory=list)
    look: str = ""


def count(value: int | None, sub: str = "") -> Cell:
    """A number; what nobody could know is blank."""
    return Cell("" if value is None else number(value), sub)
