"""Cells that a spreadsheet would run as a formula: how they are made inert, and how that is undone.

The two are each other's reverse for every cell, also for one that begins with the guard by itself.
"""

import re

from xpimport.rules.characters import EDGES, HAZARDS

GUARD = "'"
# With the letters of full width that Excel takes in Japanese and Chinese.
_FORMULA = re.compile(
    r"[\s{}]*[=+\-@\uff1d\uff0b\uff0d\uff20]".format(EDGES + "".join(hazard.characters for hazard in HAZARDS.values()))
)


def guarded(cell: str) -> str:
    """The cell as no spreadsheet runs it (OWASP, CSV injection)."""
    return GUARD + cell if _needs_guard(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given."""
    return cell[1:] if cell.startswith(GUARD) and _needs_guard(cell[1:]) else cell


def _needs_guard(cell: str) -> bool:
    # A cell that only looks guarded gets one more guard, so that taking one off gives it back.
    return _runs(cell) or (cell.startswith(GUARD) and _runs(cell.lstrip(GUARD)))


def _runs(cell: str) -> bool:
    """Whether a spreadsheet may take it for a formula: it looks past what is not seen, and at each line."""
    return cell[:1] in {"\t", "\r", "\n"} or any(_FORMULA.match(line) for line in cell.splitlines())
