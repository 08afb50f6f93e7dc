"""Reading lists: any dialect gives the same rows, and any bytes give rows or a refusal, never a traceback."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions
from xpimport.importing.formats.csv import open_csv

ENCODINGS = {"utf-8": None, "utf-8-sig": None, "utf-16": None, "cp1252": "cp1252", "latin-1": "latin-1"}
CELL = st.text(st.sampled_from("ab ,;\"'éß€\n0"), max_size=8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists") / "list.csv"


@given(
    rows=st.lists(st.tuples(CELL.map("x".__add__), CELL), min_size=1, max_size=8),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_rows_written_in_any_dialect_are_read_back_with_their_lines(place, rows, encoding, newline, quoting):
    if encoding == "latin-1":
        rows = [(a.replace("€", "e"), b.replace("€", "e")) for a, b in rows]
    rows = [(a.replace("\n", newline), b.replace("\n", newline)) for a, b in rows]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=newline, quoting=quoting).writerows([("key", "value"), *rows])
    place.write_bytes(text.getvalue().encode(encoding))
    with open_csv(place.open("rb"), FormatOptions(encoding=ENCODINGS[encoding]), "list.csv") as reader:
        batches = list(reader.batches(size=3))
    read = [tuple(record) for batch in batches for record in batch.records]
    lines = [line for batch in batches for line in batch.lines]
    starts = [2 + sum(a.count(newline) + b.count(newline) + 1 for a, b in rows[:n]) for n in range(len(rows))]
    assert (read, lines) == (rows, starts)
    assert not any(batch.malformed for batch in batches)


@given(st.binary(max_size=200) | st.text('a,"\n\r;\x00é', max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_a_refusal(place, content):
    place.write_bytes(b"key,value\n" + content)
    try:
        with open_csv(place.open("rb"), FormatOptions(), "list.csv") as reader:
            for batch in reader.batches():
                assert len(batch.records) == len(batch.lines)
                assert all(len(record) == 2 for record in batch.records)
    except FileRefused:
        return
