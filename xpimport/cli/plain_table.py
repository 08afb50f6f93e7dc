"""A table as it is drawn elsewhere without colours, in a tenth of the time: a pipe may get hundreds of rows."""

from collections.abc import Callable, Sequence

_GAP = "   "


def plain_lines(
    rows: Sequence[Sequence[str]],
    titles: Sequence[str],
    widths: Sequence[int],
    right: Sequence[bool],
    measure: Callable[[str], int],
) -> list[str]:
    """The lines of a table whose cells fit; `right`: which columns are numbers, `measure`: how wide a text is."""
    lines = []
    for row in (titles, *rows):
        cells = [
            f"{' ' * (width - measure(cell))}{cell}" if numeric else f"{cell}{' ' * (width - measure(cell))}"
            for cell, width, numeric in zip(row, widths, right, strict=True)
        ]
        lines.append(f" {_GAP.join(cells)}".rstrip())
    lines.insert(1, f" {'─' * (sum(widths) + len(_GAP) * (len(widths) - 1))}")
    return ["", *lines]
