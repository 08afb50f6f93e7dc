"""How a row of a task's files is numbered, so that many files keep one order, and what is said of a rejected one."""

REJECTED_COLUMNS = ("xpimport_line", "xpimport_column", "xpimport_reason")
"""The columns that the list of rejected rows has beside its own: a list that has all three is one that was corrected."""

FILE_COLUMN = "xpimport_file"
"""A fourth, where the task read several files."""

FILE_STEP = 1 << 40
"""A row is known by the physical line where it starts, plus this for each file before it."""


def line_of(row: int) -> int:
    """The physical line (the first of a file is 1) of a row number."""
    return row % FILE_STEP


def file_of(row: int) -> int:
    """Which file of the task, counted from 0, a row number stands in."""
    return row // FILE_STEP
