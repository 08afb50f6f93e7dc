"""What a column looks like is told from its cells, and from its name only where cells cannot tell."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.rules.guess import attribute_name, guess_types
from xpimport.rules.values import ATTRIBUTE_TYPES, check_column, valid_name


@pytest.mark.parametrize(
    ("title", "cells", "kind"),
    [
        ("email", ["a@example.com", "b@example.org"], "email"),
        ("contact", ["a@example.com"] * 8 + ["no address"] * 2, "email"),
        ("contact", ["a@example.com"] * 7 + ["no address"] * 3, "string"),
        ("phone", ["353850123456"], "mobile"),
        ("who", ["+353850123456"], "mobile"),
        ("visits", ["353850123456"], "integer"),
        ("age", ["31", "", "42"], "integer"),
        ("user_id", ["1001"], "string"),
        ("zip", ["10115"], "string"),
        ("branch", ["0012", "7"], "string"),
        ("score", ["1.5", "2", "-3e2"], "number"),
        ("rating", ["0", "0.5"], "number"),
        ("active", ["TRUE", "false", "1"], "boolean"),
        ("vip", ["0", "1"], "boolean"),
        ("born", ["1980-02-29"], "date"),
        ("joined", ["2026-01-02T03:04:05Z", "2026-01-02"], "datetime"),
        ("extra", ['{"a": 1}', "[]"], "json"),
        ("zone", ["Europe/Dublin"], "timezone"),
        ("language", ["en", "pt-BR"], "language"),
        ("country", ["en", "de"], "string"),
        ("first_name", ["Ann"], "string"),
        ("blank", ["", " "], "string"),
    ],
)
def test_a_column_looks_like_what_its_cells_are(title, cells, kind):
    assert guess_types([title], [[cell] for cell in cells]) == [kind]


def test_a_list_without_rows_looks_like_text():
    assert guess_types(["a", "b"], []) == ["string", "string"]


@given(st.lists(st.tuples(st.text(max_size=12), st.text("0123456789.-+@ab/", max_size=8)), max_size=30), st.text())
def test_four_in_five_cells_fit_the_type_that_is_guessed(rows, title):
    for kind, column in zip(guess_types([title, "b"], rows), zip(*rows, strict=True), strict=False):
        assert kind in ATTRIBUTE_TYPES
        cells = [cell for cell in column if cell.strip()]
        if kind != "string":
            assert len(check_column(kind, cells).bad) <= len(cells) / 5


@given(st.text(max_size=20))
def test_an_attributes_name_can_be_made_from_any_title(title):
    assert valid_name(attribute_name(title))


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("First name", "first_name"),
        ("PLZ/Ort", "plz_ort"),
        ("2nd", "column_2nd"),
        ("Größe", "grosse"),
        ("名", "column"),
    ],
)
def test_an_attributes_name_is_close_to_the_columns(title, name):
    assert attribute_name(title) == name
