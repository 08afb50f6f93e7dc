"""Cells that a spreadsheet would run as a formula: how they are made inert, and how that is undone.

The two are each other's reverse for every cell, also for one that begins with the guard by itself.
"""

GUARD = "'"
_STARTS = frozenset("=+-@\t\r")
_UNSEEN_START = " \u00a0\ufeff\u200b"


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
    """Whether a spreadsheet may take it for a formula: it looks past leading white space, and at each line."""
    if cell[:1] in {"\t", "\r", "\n"}:
        return True
    return any(line.lstrip(_UNSEEN_START)[:1] in _STARTS for line in cell.splitlines() if line)
