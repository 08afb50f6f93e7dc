"""Lists as spreadsheets: the cells of the CSV, none of them a formula or a link, and no row left out."""

import csv
import io
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
import terminal
from reporting.runs import DAY, LATER, history_of_runs
from shop import HEADER, open_shop

from xpimport.errors import Failed
from xpimport.reporting.spreadsheet import CHARACTERS, COLUMNS, write_xlsx

LISTS = ("excluded", "failed", "uncertain", "who", "opened", "clicked", "bounced", "unsubscribed", "rejected")


def cells(file: Path | io.BytesIO) -> list[list[list[str]]]:
    """The sheets of a spreadsheet, its cells as text."""
    book = openpyxl.load_workbook(file)
    found = []
    for sheet in book:
        assert all(
            cell.hyperlink is None and cell.data_type in {"s", "n", "inlineStr"} for row in sheet for cell in row
        )
        found.append([["" if cell.value is None else str(cell.value) for cell in row] for row in sheet])
    return found


def test_every_list_has_the_cells_of_its_csv(xp, tmp_path):
    history_of_runs(xp, tmp_path, runs=2)
    for name in LISTS:
        file = tmp_path / f"{name}.xlsx"
        done = xp("report", "2", f"--{name}", "--format", "xlsx", "--output", file, now=LATER)
        assert done.code == 0, done.err
        text = xp("report", "2", f"--{name}", "--format", "csv", now=LATER).out
        assert cells(file) == [list(csv.reader(io.StringIO(text)))], name
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_numbers_are_numbers_and_user_ids_stay_as_they_are(xp, tmp_path):
    open_shop(xp, tmp_path, people=f"{HEADER}\n007,a@example.com,1\n1e5,b@example.com,1\n", now=DAY.format(1))
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    assert xp("report", "1", "--who", "--format", "xlsx", "-o", tmp_path / "who.xlsx", now=LATER).code == 0
    sheet = openpyxl.load_workbook(tmp_path / "who.xlsx").active
    columns = [cell.value for cell in sheet[1]]
    assert [row[columns.index("user_id")].value for row in sheet.iter_rows(min_row=2)] == ["007", "1e5"]
    assert [row[columns.index("row")].value for row in sheet.iter_rows(min_row=2)] == [2, 3]


HOSTILE = {
    "=1+1": "'=1+1",
    "@SUM(A1)": "'@SUM(A1)",
    "-1": "'-1",
    "{=1}": "{=1}",
    "https://a.example/": "https://a.example/",
    "mailto:a@b.c": "mailto:a@b.c",
    "internal:Sheet1!A1": "internal:Sheet1!A1",
    "a\x01b": "a\x01b",
    "_x0041_": "_x0041_",
    "\ufffe": "\ufffe",
}
"""What is in a cell, and what is found there."""


def test_no_cell_is_a_formula_or_a_link_whatever_is_in_it(tmp_path):
    write_xlsx(tmp_path / "a.xlsx", "who", ["=title"], [{"=title": text} for text in HOSTILE])
    read = [openpyxl.utils.escape.unescape(row[0]) for row in cells(tmp_path / "a.xlsx")[0]]
    assert read == ["'=title", *HOSTILE.values()]
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        text = book.read("xl/worksheets/sheet1.xml").decode()
        assert ("<f>" in text, "hyperlink" in text) == (False, False)


def test_a_list_that_is_longer_than_a_sheet_goes_on_in_the_next(tmp_path):
    lines = [{"user_id": f"u{number}"} for number in range(7)]
    for many, sheets in ((7, [3, 3, 1]), (6, [3, 3]), (3, [3]), (0, [0])):
        found = write_xlsx(tmp_path / "a.xlsx", "who", ["user_id"], lines[:many], rows=3)
        assert found.sheets == sheets
        read = cells(tmp_path / "a.xlsx")
        assert [sheet[0] for sheet in read] == [["user_id"]] * len(sheets)
        assert [row for sheet in read for row in sheet[1:]] == [[line["user_id"]] for line in lines[:many]]
    assert openpyxl.load_workbook(tmp_path / "a.xlsx").sheetnames == ["who"]


def test_a_command_says_that_a_list_goes_on_in_another_sheet(xp, tmp_path, monkeypatch):
    history_of_runs(xp, tmp_path, runs=1)
    monkeypatch.setattr("xpimport.reporting.spreadsheet.write_xlsx.__defaults__", (8,))
    done = xp("report", "1", "--who", "--format", "xlsx", "-o", tmp_path / "a.xlsx", now=LATER)
    assert "A sheet holds no more, so the list goes on in further ones: 8, 8, 4 rows." in done.err


def test_a_cell_that_is_too_long_is_cut_and_counted(tmp_path):
    found = write_xlsx(tmp_path / "a.xlsx", "rejected", ["a"], [{"a": "x" * (CHARACTERS + 1)}, {"a": "😀" * 20_000}])
    assert found.cut == 2
    assert [len(row[0].encode("utf-16-le")) // 2 for row in cells(tmp_path / "a.xlsx")[0][1:]] == [
        CHARACTERS,
        CHARACTERS - 1,
    ]


def test_a_list_that_is_too_wide_is_refused_with_another_form(tmp_path):
    with pytest.raises(Failed, match="Take CSV: --format csv"):
        write_xlsx(tmp_path / "a.xlsx", "rejected", [str(number) for number in range(COLUMNS + 1)], [])


def test_rejected_rows_come_back_from_a_spreadsheet_as_they_were(xp, tmp_path):
    rows = f"{HEADER}\nu1,=bad,1\nu2,'=bad,1\n"
    open_shop(xp, tmp_path, people=rows, campaign=None, now=DAY.format(1))
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    first = xp("report", "1", "--rejected", "--json", now=LATER).json()
    assert xp("report", "1", "--rejected", "--format", "xlsx", "-o", tmp_path / "r.xlsx", now=LATER).code == 0
    assert xp("run-now", "list", "--source", tmp_path / "r.xlsx", now=LATER).code == 0
    again = xp("report", "2", "--rejected", "--json", now=LATER).json()
    assert [row["email"] for row in again] == [row["email"] for row in first] == ["=bad", "'=bad"]


def test_a_spreadsheet_goes_into_a_pipe_and_not_onto_a_terminal(xp, tmp_path):
    history_of_runs(xp, tmp_path, runs=1)
    wanted = ("report", "1", "--who", "--format", "xlsx")
    code, said = terminal.run(tmp_path / "xpimport.db", 100, LATER, *wanted)
    assert (code, "A spreadsheet is nothing for a terminal." in said) == (2, True)
    argv = [sys.executable, "-m", "xpimport", *wanted]
    env = {**os.environ, "XPIMPORT_DB": str(tmp_path / "xpimport.db"), "XPIMPORT_NOW": LATER}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    made = subprocess.run(argv, env=env, check=True, capture_output=True).stdout
    assert len(cells(io.BytesIO(made))[0]) == 21


def test_a_spreadsheet_for_which_there_is_no_room_is_an_error_and_no_half_of_one(xp, tmp_path):
    history_of_runs(xp, tmp_path, runs=1)
    for place in ("/dev/full", tmp_path / "nowhere" / "a.xlsx"):
        refused = xp("report", "1", "--who", "--format", "xlsx", "-o", place, now=LATER)
        assert (refused.code, "Error: " in refused.err, "Traceback" in refused.err) == (1, True, False), place


def test_a_form_needs_a_list(xp, tmp_path):
    open_shop(xp, tmp_path)
    assert xp("run-now", "list").code == 0
    assert "is for a list" in xp("report", "1", "--format", "xlsx").err
    assert "neither csv nor xlsx" in xp("report", "1", "--who", "--format", "ods").err
    assert "exclude each other" in xp("report", "1", "--who", "--format", "csv", "--json").err


def test_without_its_extra_the_command_for_it_is_named(xp, tmp_path, monkeypatch):
    open_shop(xp, tmp_path)
    assert xp("run-now", "list").code == 0
    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    refused = xp("report", "1", "--who", "--format", "xlsx", "-o", tmp_path / "a.xlsx")
    assert (refused.code, "pip install 'xpimport[xlsx]'" in refused.err) == (2, True)
    assert not (tmp_path / "a.xlsx").exists()
