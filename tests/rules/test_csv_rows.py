"""What is written as CSV is read back to the same cells by everybody, and is run as a formula by nobody."""

import csv
import io
import sqlite3
import subprocess
from pathlib import Path

import pyarrow.csv
import pytest
from conftest import which
from hypothesis import example, given
from hypothesis import strategies as st
from importing.lists import read

from xpimport.importing.formats.corrected import REJECTED_COLUMNS
from xpimport.rules.csv_rows import csv_row
from xpimport.rules.formulas import guarded, unguarded

ANY = st.characters(exclude_categories=["Cs"])
ODD = "'=+-@,;\"\t\r\n\0\x1a\x1b\x85\x0b\x0c\x1c \u00a0\ufeff\u200b\u2028\u2029\u202e\uff1da1"
CELL = st.text(st.sampled_from(ODD), max_size=6) | st.text(ANY, max_size=12)
ROWS = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=5))
LONE_CR = [["\r=1+1", "a\rb"], ["\r", "x\r"]]


def written(rows: list[list[str]]) -> str:
    return "".join(map(csv_row, rows))


def plain(rows: list[list[str]]) -> list[list[str]]:
    return [[unguarded(cell) for cell in row] for row in rows]


@given(ROWS)
@example(LONE_CR)
def test_pythons_csv_reads_every_cell_back(rows):
    found = list(csv.reader(io.StringIO(written(rows), newline=""), strict=True))
    assert plain(found) == rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("written")


@given(rows=ROWS)
@example(rows=LONE_CR)
def test_the_importer_reads_every_cell_of_a_corrected_list_back(folder, rows):
    path = folder / "rejected.csv"
    width = len(rows[0]) if rows else 1
    titles = [f"c{number}" for number in range(width)]
    added = ["2", "c0", "invalid_email"]
    path.write_bytes(written([[*titles, *REJECTED_COLUMNS], *([*row, *added] for row in rows)]).encode())
    header, records, _, malformed = read(path)
    assert (header, records, malformed) == (titles, rows, [])


@given(rows=ROWS)
@example(rows=LONE_CR)
def test_pyarrow_reads_every_cell_back(folder, rows):
    width = len(rows[0]) if rows else 1
    titles = [f"c{number}" for number in range(width)]
    path = folder / "arrow.csv"
    path.write_bytes(written([titles, *rows]).encode())
    table = pyarrow.csv.read_csv(
        path,
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(titles, pyarrow.string()), strings_can_be_null=False
        ),
    )
    columns = [table.column(title).to_pylist() for title in titles]
    assert plain([list(row) for row in zip(*columns, strict=True)]) == rows


def test_sqlite_reads_every_character_back(folder):
    # A string of C ends at NUL.
    cells = [
        [f"{before}{chr(code)}{after}"] for code in range(1, 0x3000) for before in ("", "a") for after in ("", "=1")
    ]
    path, db = folder / "all.csv", folder / "all.db"
    path.write_bytes(written([["id", "cell"], *([str(number), *row] for number, row in enumerate(cells))]).encode())
    shell = [which("sqlite3"), "-batch", str(db), f".import --csv {path} cells"]
    assert subprocess.run(shell, capture_output=True, check=True).stderr == b""
    with sqlite3.connect(db) as look:
        found = [row[0] for row in look.execute("SELECT cell FROM cells ORDER BY CAST(id AS INTEGER)")]
    assert [unguarded(cell) for cell in found] == [row[0] for row in cells]


@given(st.text(st.sampled_from("\r\n\t\0\x0b\x1c\x85 \u00a0\u2003\u200b\ufeff\u202e\u2028a'"), max_size=5), CELL)
def test_nothing_unseen_before_a_formula_passes_the_guard(before, after):
    cell = before.replace("a", "").replace("'", "") + "=" + after
    assert guarded(cell).startswith("'")
    assert guarded(f"a\n{cell}").startswith("'")
    assert unguarded(guarded(cell)) == cell


def test_a_long_cell_of_blanks_is_written_at_once():
    assert len(csv_row(["\n" * 100_000 + "a", " " * 100_000 + "a"])) > 200_000


def test_lists_and_maps_are_json_and_nothing_is_blank():
    assert csv_row([None, 5, -5, True, {"a": [1]}]) == ',5,-5,True,"{""a"": [1]}"\n'
    assert csv_row([None]) == '""\n'
