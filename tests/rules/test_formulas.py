"""Making cells inert for spreadsheets, and undoing it."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xpimport.rules.formulas import guarded, unguarded

CELLS = st.text(alphabet="'=+-@\t\r\n \u00a0\ufeffa1é|", max_size=12) | st.text(max_size=40)


@given(CELLS)
@example("'=1+1")
@example("''=1+1")
@example("' '=1")
@example("'a\n=b")
@example("'")
@example("\t'=")
def test_taking_the_guard_off_gives_every_cell_back(cell):
    assert unguarded(guarded(cell)) == cell


@given(CELLS)
def test_a_guarded_cell_begins_no_formula(cell):
    assert guarded(cell)[:1] not in set("=+-@\t\r\n")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\u00a0+", "\ufeff@"])
def test_what_a_spreadsheet_would_run_is_guarded(start):
    assert guarded(start + "1") == "'" + start + "1"


def test_a_later_line_is_looked_at_too():
    assert guarded("a\n =1") == "'a\n =1"


@pytest.mark.parametrize("cell", ["", "a", "1", "O'Neill", "'tis", "'", "a=b", "+".join("ab")])
def test_other_cells_stay_as_they_are(cell):
    assert guarded(cell) == cell
    assert unguarded(cell) == cell
