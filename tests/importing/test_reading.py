"""Reading lists: any dialect gives the same rows, and any bytes give rows or a refusal, never a traceback."""

import csv
import gzip
import io
import zipfile
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions, RecordBatch
from xpimport.importing.formats.blocks import LineBlock
from xpimport.importing.formats.csv import open_csv
from xpimport.importing.formats.opening import open_list
from xpimport.importing.staging.stage import Sample
from xpimport.rules.definition import FORMATS

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


def as_zip(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("list.csv", content)
    return made.getvalue()


PACKINGS = {"gz": gzip.compress, "zst": zstandard.compress, "zip": as_zip}


@given(
    rows=st.lists(st.tuples(CELL.map("x".__add__), CELL), max_size=8),
    packing=st.sampled_from(sorted(PACKINGS)),
    end=st.sampled_from(["", "\n", "x,y,z\n"]),
    pieces=st.booleans(),
)
def test_a_packed_list_gives_the_batches_of_the_plain_one(place, rows, packing, end, pieces):
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("key", "value"), *rows])
    content = (text.getvalue() + end).encode()
    place.write_bytes(content)
    pack = PACKINGS[packing]
    # Members of gzip and frames of zstd follow each other in one file.
    cut = len(content) // 2 if pieces and packing != "zip" else 0
    packed = place.with_name(f"list.csv.{packing}")
    packed.write_bytes(pack(content[:cut]) + pack(content[cut:]) if cut else pack(content))

    def read(path):
        with open_list(path, FormatOptions(), path.name) as reader:
            return reader.header, [(b.records, list(b.lines), b.malformed) for b in reader.batches(size=3)]

    assert read(packed) == read(place)


@pytest.mark.parametrize("kind", FORMATS)
@given(
    content=st.binary(max_size=200)
    | st.text('{}[]",:\\ua1\t\n\r\x00é', max_size=80).map(str.encode)
    | st.sampled_from([b"PK\x03\x04", b"PK\x05\x06", b"PAR1\x15", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]).flatmap(
        lambda head: st.binary(max_size=60).map(head.__add__)
    )
)
def test_any_bytes_in_any_format_are_rows_that_add_up_or_a_refusal(place, kind, content):
    place.write_bytes(content)
    try:
        with open_list(place, FormatOptions(format=kind), "list") as reader:
            batches = list(reader.batches(size=2))
    except FileRefused:
        return
    lines = []
    for batch in batches:
        assert len(batch.records) == len(batch.lines)
        assert all(len(record) == len(reader.header) for record in batch.records)
        lines.append(sorted([*batch.lines, *(one.line for one in batch.malformed)]))
    together = [line for batch in lines for line in batch]
    assert together == sorted(set(together))
    if kind == "jsonl":
        assert len(together) == sum(1 for line in content.splitlines() if line.strip(b" \t\r\n"))


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


def test_a_sample_has_the_first_records_in_the_order_of_the_file_whichever_way_they_are_read():
    sample = Sample(4)
    sample.take(LineBlock('a,1\n"b, c",2\nd,3', 2, 3, 20), (",", '"', 2))
    sample.take(RecordBatch([["e", "4"], ["f", "5"]], [5, 6], [], 30), (",", '"', 2))
    sample.take(LineBlock("g,6", 7, 1, 40), (",", '"', 2))
    assert sample.rows == [["a", "1"], ["b, c", "2"], ["d", "3"], ["e", "4"]]
