"""Columns from zero as SVG has them: x in percent, so that a chart fills any width; y in pixels, so that text keeps its size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import ceil, floor, log10

_TOP, _LABELS, _LEAST = 16, 22, 0.6
"""Pixels over the plot, under it, and of a column that is not nothing."""
_EXACT = 1e-9


@dataclass(frozen=True)
class Bars:
    """What a chart shows at one place: people and, on top, machines; None: nothing could be there, drawn as a dash."""

    name: str
    people: float | None
    machines: float = 0
    told: str = ""
    """What is said when one points at it."""


@dataclass(frozen=True)
class Rect:
    """A rectangle: x and width in percent, y and height in pixels."""

    look: str
    x: float
    width: float
    y: float
    height: float


@dataclass(frozen=True)
class Mark:
    """A word under the plot, or over a dotted line in it; `minor` words are left out on a phone."""

    x: float
    text: str
    anchor: str = "middle"
    minor: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart, ready to be drawn."""

    id: str
    name: str
    note: str
    told: str
    height: int
    ticks: Sequence[tuple[float, str]]
    columns: Sequence[tuple[str, Sequence[Rect]]]
    marks: Sequence[Mark] = ()
    days: Sequence[Mark] = ()
    dashes: Sequence[float] = field(default_factory=list)

    @property
    def base(self) -> int:
        """The y of zero."""
        return self.height - _LABELS

    @property
    def axis(self) -> int:
        """Pixels that the labels of the scale need."""
        return 8 * max(len(label) for _, label in self.ticks) + 4


def scale(highest: float, *, whole: bool = False) -> tuple[float, int]:
    """The step of a scale from zero that takes in `highest` (more than 0), and how many steps: at most five."""
    least = highest / 5
    power = 10.0 ** floor(log10(least) + _EXACT)
    factors = (1, 2, 5, 10) if whole and power < 10 else (1, 2, 2.5, 5, 10)
    step = next(power * factor for factor in factors if power * factor >= least * (1 - _EXACT))
    return step, max(1, ceil(highest / step - _EXACT))


def chart(
    key: str,
    name: str,
    note: str,
    told: str,
    bars: Sequence[Bars],
    *,
    label: Callable[[float], str],
    height: int,
    whole: bool = False,
    places: int = 1,
    marks: Sequence[Mark] = (),
    days: Sequence[Mark] = (),
) -> Chart:
    """Draw bars of one scale in at least so many places; `whole`: their unit cannot be halved."""
    highest = max((bar.people + bar.machines for bar in bars if bar.people is not None), default=0)
    step, steps = scale(max(highest, 5), whole=True) if whole else scale(highest or 0.05)
    base = height - _LABELS
    pixel = (base - _TOP) / (step * steps)
    place = 100 / max(len(bars), places)
    columns, dashes = [], []
    for at, bar in enumerate(bars):
        if bar.people is None:
            dashes.append((at + 0.5) * place)
            continue
        columns.append((bar.told, _rects(bar, at * place, place, base, pixel)))
    ticks = [(base - step * at * pixel, label(step * at)) for at in range(steps + 1)]
    return Chart(key, name, note, told, height, ticks, columns, marks, days, dashes)


def _rects(bar: Bars, left: float, place: float, base: float, pixel: float) -> list[Rect]:
    x, width = left + place * 0.09, place * 0.82
    found: list[Rect] = []
    top = base
    # A pixel of ground between the two tones.
    for look, value in (("people", bar.people or 0), ("machines", bar.machines)):
        if value:
            gap = 1 if found else 0
            high = max(value * pixel - gap, _LEAST)
            top -= high + gap
            found.append(Rect(look, x, width, top, high))
    return found
