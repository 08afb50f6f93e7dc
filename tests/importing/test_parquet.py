"""Lists in parquet: each type as text, batches within bounds, damage refused."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing.lists import parquet, read, refusal

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions
from xpimport.importing.formats.opening import open_list


def kept(folder: Path, **columns) -> Path:
    path = folder / "list.parquet"
    path.write_bytes(parquet(**columns))
    return path


MOMENT = datetime.fromisoformat("2026-01-02T03:04:05.678900")


@pytest.mark.parametrize(
    ("values", "kind", "texts"),
    [
        (["é", None, " a "], pa.string(), ["é", "", " a "]),
        (["a", "b", "a"], pa.dictionary(pa.int8(), pa.string()), ["a", "b", "a"]),
        ([2**64 - 1, None], pa.uint64(), ["18446744073709551615", ""]),
        ([-(2**63)], pa.int64(), ["-9223372036854775808"]),
        ([1001.0, 0.1, 1e300, float("nan")], pa.float64(), ["1001", "0.1", "1e+300", "nan"]),
        ([Decimal("1.50"), Decimal("-0.01")], pa.decimal128(10, 2), ["1.50", "-0.01"]),
        ([True, False, None], pa.bool_(), ["true", "false", ""]),
        ([date(2026, 1, 2)], pa.date32(), ["2026-01-02"]),
        ([MOMENT], pa.timestamp("us"), ["2026-01-02T03:04:05.678900"]),
        ([MOMENT.replace(tzinfo=UTC)], pa.timestamp("ms", "UTC"), ["2026-01-02T03:04:05.678000+00:00"]),
        (
            [MOMENT.replace(tzinfo=ZoneInfo("Europe/Paris"), microsecond=0)],
            pa.timestamp("s", "Europe/Paris"),
            ["2026-01-02T03:04:05+01:00"],
        ),
        ([1_767_323_045_123_456_789], pa.timestamp("ns"), ["2026-01-02T03:04:05.123456"]),
        ([time(9, 30)], pa.time32("s"), ["09:30:00"]),
        ([timedelta(hours=26, seconds=-1)], pa.duration("s"), ["25:59:59"]),
        ([b"caf\xc3\xa9"], pa.binary(), ["café"]),
        ([[1, None]], pa.list_(pa.int64()), ["[1,null]"]),
        ([{"b": "é", "a": 1.5}], pa.struct({"b": pa.string(), "a": pa.float64()}), ['{"b":"é","a":1.5}']),
        ([[("k", 1)]], pa.map_(pa.string(), pa.int64()), ['{"k":1}']),
        ([None], pa.null(), [""]),
    ],
)
def test_a_typed_value_is_the_text_of_a_cell(tmp_path, values, kind, texts):
    path = kept(tmp_path, a=["x"] * len(values), b=pa.array(values, kind))
    assert read(path)[1] == [["x", text] for text in texts]


def test_times_kept_in_a_dictionary_are_times(tmp_path):
    times = pa.array([1_767_323_045_123_456_789, None], pa.timestamp("ns")).dictionary_encode()
    assert read(kept(tmp_path, a=["1", "2"], b=times))[1] == [["1", "2026-01-02T03:04:05.123456"], ["2", ""]]


def test_a_record_has_the_line_that_it_would_have_in_csv(tmp_path):
    path = tmp_path / "list.parquet"
    pyarrow.parquet.write_table(pa.table({"a": list(range(10))}), path, row_group_size=4)
    header, records, lines, malformed = read(path)
    assert (header, malformed) == (["a"], [])
    assert ([int(record[0]) for record in records], lines) == (list(range(10)), list(range(2, 12)))


def test_batches_are_as_long_as_asked_and_tell_how_far_they_are(tmp_path):
    path = kept(tmp_path, a=list(range(1000)))
    with open_list(path, FormatOptions(), path.name) as reader:
        batches = [(len(batch.records), batch.offset) for batch in reader.batches(size=300)]
    assert [count for count, _ in batches] == [300, 300, 300, 100]
    offsets = [offset for _, offset in batches]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] == path.stat().st_size


def test_a_time_that_no_calendar_has_is_a_malformed_row(tmp_path):
    path = kept(tmp_path, a=["1", "2", "3"], b=pa.array([0, 2**62, None], pa.int64()).cast(pa.timestamp("us")))
    assert read(path) == (["a", "b"], [["1", "1970-01-01T00:00:00"], ["3", ""]], [2, 4], [(3, "malformed_row")])


def test_bytes_that_are_no_text_are_refused_by_column_and_line(tmp_path):
    refused = refusal(kept(tmp_path, a=["1", "2"], photo=[b"ok", b"\xff\xd8"]))
    assert refused.code == "undecodable"
    assert "list.parquet, line 3: the column 'photo'" in refused.message


def test_columns_that_differ_in_case_only_are_refused(tmp_path):
    assert refusal(kept(tmp_path, Email=["a"], email=["b"])).code == "duplicate_header"


def test_a_uuid_is_its_usual_text(tmp_path):
    one = uuid.UUID("12345678-1234-5678-1234-567812345678")
    path = kept(tmp_path, a=pa.array([one.bytes], pa.uuid()))
    assert read(path)[1] == [[str(one)]]


WRITTEN = parquet(
    user_id=["1", "2"],
    score=[1.5, None],
    at=pa.array([MOMENT, None], pa.timestamp("ns", "UTC")),
    tags=[["a"], []],
)


@given(
    at=st.integers(0, len(WRITTEN) - 1),
    junk=st.binary(min_size=1, max_size=8),
    cut=st.none() | st.integers(0, len(WRITTEN)),
)
def test_a_damaged_list_is_rows_or_a_refusal(tmp_path_factory, at, junk, cut):
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes((WRITTEN[:at] + junk + WRITTEN[at + len(junk) :])[:cut])
    try:
        with open_list(path, FormatOptions(format="parquet"), path.name) as reader:
            for batch in reader.batches():
                assert len(batch.records) == len(batch.lines)
                assert all(len(record) == len(reader.header) for record in batch.records)
    except FileRefused:
        return
