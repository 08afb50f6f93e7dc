"""Lists in workbooks: cells as text, rows by the sheet's own number, and no workbook that ends the process."""

import io
import zipfile
from datetime import date, datetime, time, timedelta

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing.lists import read, refusal, saved, sheet

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions, workbook
from xpimport.importing.formats.opening import open_list


@pytest.fixture
def kept(tmp_path):
    """Keeps a workbook as list.xlsx."""

    def keep(book):
        path = tmp_path / "list.xlsx"
        path.write_bytes(saved(book) if isinstance(book, openpyxl.Workbook) else book)
        return path

    return keep


def changed(book: openpyxl.Workbook, change, part: str = "xl/worksheets/sheet1.xml") -> bytes:
    """The bytes of a workbook with the XML of one part changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(saved(book))) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            data = old.read(info)
            new.writestr(info.filename, change(data) if info.filename == part else data)
    return made.getvalue()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("01234", "01234"),
        (1001, "1001"),
        (-5.0, "-5"),
        (1.5, "1.5"),
        (353850123456, "353850123456"),
        (2**53, "9007199254740992"),
        (1e300, "1e+300"),
        (True, "true"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime.fromisoformat("2026-01-02T03:04:05"), "2026-01-02T03:04:05"),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=26, minutes=30), "26:30:00"),
        (" é ", " é "),
        (None, ""),
    ],
)
def test_a_value_of_a_sheet_is_the_text_of_a_cell(kept, value, text):
    assert read(kept(sheet(["a", "b"], ["x", value])))[1] == [["x", text]]


def test_rows_have_the_sheets_own_numbers_and_blank_ones_do_not_count(kept):
    book = sheet()
    for place, value in {"C3": "user_id", "D3": "email", "C5": 1, "D5": "a@x.ie", "C6": " ", "C8": 2}.items():
        book.active[place] = value
    book.active["F9"] = "stray"
    assert read(kept(book)) == (
        ["user_id", "email"],
        [["1", "a@x.ie"], ["2", ""]],
        [5, 8],
        [(9, "wrong_column_count")],
    )


def test_a_sheet_is_chosen_by_name_else_the_first_that_is_shown(kept):
    book = sheet(["a"], ["first"], title="Old")
    book.active.sheet_state = "hidden"
    book.create_sheet("People").append(["b"])
    book["People"].append(["second"])
    path = kept(book)
    assert read(path)[1] == [["second"]]
    assert read(path, sheet="old")[1] == [["first"]]
    refused = refusal(path, sheet="Persons")
    assert (refused.code, "the sheets are Old, People" in refused.message) == ("missing_sheet", True)


def test_an_error_and_a_formula_that_was_never_calculated_are_malformed_rows(kept):
    book = sheet(["a", "b"], ["1", "x"], ["2", "#N/A"], ["3", "=1+1"], ["4", "x"])
    book.create_sheet("Other").append(["#REF!"])
    path = kept(book)
    with open_list(path, FormatOptions(), "list.xlsx") as reader:
        [batch] = reader.batches()
    assert (batch.records, batch.lines) == ([["1", "x"], ["4", "x"]], [2, 5])
    assert [(one.line, one.reason, one.detail.split(";")[0]) for one in batch.malformed] == [
        (3, "malformed_row", "a cell holds an error, such as #N/A"),
        (4, "malformed_row", "a formula was never calculated"),
    ]


def test_a_formula_that_was_calculated_is_its_value(kept):
    book = sheet(["a", "b", "c"], ["1", "=1+1", '=""'])

    def calculate(xml: bytes) -> bytes:
        xml = xml.replace(b"<f>1+1</f><v />", b"<f>1+1</f><v>2</v>").replace(
            b"<f>1+1</f><v></v>", b"<f>1+1</f><v>2</v>"
        )
        return xml.replace(b'<c r="C2"><f>""</f>', b'<c r="C2" t="str"><f>""</f>')

    assert read(kept(changed(book, calculate)))[1:] == ([["1", "2", ""]], [2], [])


@pytest.mark.parametrize("place", ["XFD1048576", "A1048576", "XFD1"])
def test_a_stray_cell_far_away_does_not_end_the_process(kept, place):
    book = sheet(["a"], ["1"])
    book.active[place] = "x"
    path = kept(book)
    if place == "XFD1048576":
        refused = refusal(path)
        assert refused.code == "sheet_too_large"
        assert "span 1,048,576 rows and 16,384 columns" in refused.message
    else:
        assert read(path)[1][0][0] == "1"


@pytest.mark.parametrize("written", [b"\nr='XFD1048576'", b' t="n"\tr = "xfd1048576"'])
def test_a_far_cell_is_seen_however_its_place_is_written(kept, written):
    path = kept(changed(sheet(["a"], ["1"]), lambda xml: xml.replace(b' r="A2"', written)))
    assert refusal(path).code == "sheet_too_large"


def test_cells_that_do_not_say_where_they_are_are_measured_too(kept, monkeypatch):
    book = sheet(["a", "b"], ["1", "2"], ["3", "4"])

    def anonymous(xml: bytes) -> bytes:
        for place in (b"A1", b"B1", b"A2", b"B2", b"A3", b"B3"):
            xml = xml.replace(b' r="' + place + b'"', b"")
        return xml

    path = kept(changed(book, anonymous))
    assert read(path)[1] == [["1", "2"], ["3", "4"]]
    monkeypatch.setattr(workbook, "CELLS", 5)
    assert refusal(path).code == "sheet_too_large"


def test_a_sheet_that_is_not_read_may_be_as_large_as_it_likes(kept):
    book = sheet(["a"], ["1"])
    book.create_sheet("Far")["XFD1048576"] = "x"
    path = kept(book)
    assert read(path)[1] == [["1"]]
    assert refusal(path, sheet="Far").code == "sheet_too_large"


def test_a_bomb_in_a_workbook_is_refused(kept):
    path = kept(changed(sheet(["a"], ["1"]), lambda xml: xml + b" " * (64 << 20)))
    assert refusal(path).code == "archive_bomb"


def test_duplicate_columns_are_refused_with_the_row(kept):
    refused = refusal(kept(sheet([], ["Email", "email"], ["a", "b"])))
    assert (refused.code, "sheet People, row 2: columns 1" in refused.message) == ("duplicate_header", True)


def test_an_empty_sheet_is_refused(kept):
    assert refusal(kept(sheet())).code == "empty_file"


def test_a_workbook_with_a_password_is_refused_by_that_reason(tmp_path):
    path = tmp_path / "list.xlsx"
    directory = "EncryptedPackage".encode("utf-16-le")
    path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000) + directory + bytes(1000))
    refused = refusal(path)
    assert (refused.code, "protected by a password" in refused.message) == ("encrypted_workbook", True)


def test_an_open_document_is_read_too(tmp_path):
    path = tmp_path / "list.ods"
    names = {part: f"urn:oasis:names:tc:opendocument:xmlns:{part}:1.0" for part in ("office", "table", "text")}
    spaces = " ".join(f'xmlns:{short}="{name}"' for short, name in names.items())

    def cell(text: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    rows = "".join(
        f"<table:table-row>{''.join(map(cell, row))}</table:table-row>"
        for row in (["user_id", "city"], ["u1", "Malmö"])
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry'
        ' manifest:full-path="/" manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
        "</manifest:manifest>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", manifest)
        archive.writestr(
            "content.xml",
            f"<office:document-content {spaces}><office:body><office:spreadsheet><table:table table:name='One'>{rows}"
            "</table:table></office:spreadsheet></office:body></office:document-content>",
        )
    assert read(path)[:3] == (["user_id", "city"], [["u1", "Malmö"]], [2])


def test_a_word_document_is_refused(tmp_path):
    path = tmp_path / "list.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", "<document/>")
    assert refusal(path).code == "damaged_workbook"


SAVED = saved(sheet(["user_id", "email"], [1, "a@example.com"], ["2", "=1/0"]))


@given(
    at=st.integers(0, len(SAVED) - 1),
    junk=st.binary(min_size=1, max_size=8),
    cut=st.none() | st.integers(0, len(SAVED)),
)
def test_a_damaged_workbook_is_rows_or_a_refusal(tmp_path_factory, at, junk, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.xlsx"
    path.write_bytes((SAVED[:at] + junk + SAVED[at + len(junk) :])[:cut])
    try:
        with open_list(path, FormatOptions(format="xlsx"), path.name) as reader:
            for batch in reader.batches():
                assert len(batch.records) == len(batch.lines)
    except FileRefused:
        return


@given(st.binary(max_size=300))
def test_a_damaged_sheet_is_rows_or_a_refusal(tmp_path_factory, junk):
    path = tmp_path_factory.getbasetemp() / "sheet.xlsx"
    book = sheet(["user_id", "email"], [1, "a@example.com"])
    path.write_bytes(changed(book, lambda xml: xml.replace(b"<sheetData>", b"<sheetData>" + junk)))
    try:
        with open_list(path, FormatOptions(), path.name) as reader:
            for batch in reader.batches():
                assert len(batch.records) == len(batch.lines)
    except FileRefused:
        return
