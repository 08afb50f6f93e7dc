"""Lists of JSON objects, one a line: every key a column, every value a cell, every odd line a reason."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from importing.lists import read, refusal

from xpimport.importing.formats import FormatOptions
from xpimport.importing.formats.opening import open_list


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lists")


def jsonl(tmp_path, *lines: str, end: str = "\n", **options):
    path = tmp_path / "list.jsonl"
    path.write_bytes(("\n".join(lines) + end).encode(options.get("encoding") or "utf-8"))
    return path


def test_keys_first_seen_later_are_columns_like_the_others(tmp_path):
    path = jsonl(tmp_path, '{"user_id": "1"}', '{"email": "b@x.ie", "user_id": "2"}', "", '{"sms_subscription": 0}')
    assert read(path) == (
        ["user_id", "email", "sms_subscription"],
        [["1", "", ""], ["2", "b@x.ie", ""], ["", "", "0"]],
        [1, 2, 4],
        [],
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ('" a "', " a "),
        ("12345678901234567890123", "12345678901234567890123"),
        ("1.10", "1.10"),
        ("-1e400", "-1e400"),
        ("true", "true"),
        ("false", "false"),
        ("null", ""),
        ('{"b": [1.10, "é", null, true], "a": {}}', '{"b":[1.10,"é",null,true],"a":{}}'),
        ("[]", "[]"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\\\ud800"', "\\ud800"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_a_json_value_is_the_text_of_a_cell(tmp_path, value, text):
    assert read(jsonl(tmp_path, f'{{"a": {value}}}'))[1] == [[text]]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('["a"]', "no JSON object"),
        ('"a"', "no JSON object"),
        ('{"a": 1', "no JSON: Expecting ',' delimiter, at character 8"),
        ('{"a": 1} {"a": 2}', "more than one value, at character 9"),
        ("a", "no JSON"),
        ('{"a": 1, "b": 2, "a": 3}', 'the key "a" twice'),
        ('{"b": {"a": 1, "a": 1}}', 'the key "a" twice'),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": [-Infinity]}', "-Infinity is no JSON number"),
        ('{"a": "\\ud800"}', "lone surrogate"),
        ('{"a": "\t"}', "Invalid control character"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_a_line_that_is_no_object_is_a_malformed_row(tmp_path, line, why):
    path = jsonl(tmp_path, '{"a": 1}', line, '{"a": 2}')
    with open_list(path, FormatOptions(), path.name) as reader:
        [batch] = reader.batches()
    assert (batch.records[0][0], batch.records[-1][0], batch.lines) == ("1", "2", [1, 3])
    [found] = batch.malformed
    assert (found.line, found.reason, found.cells, why in found.detail) == (2, "malformed_row", [line], True)


def test_lines_are_counted_through_a_long_file(tmp_path):
    path = jsonl(tmp_path, *[f'{{"a": "{number:080}"}}' for number in range(40_000)], "odd", '{"a": "last"}')
    with open_list(path, FormatOptions(), path.name) as reader:
        batches = list(reader.batches())
    assert len(batches) > 3
    lines = [line for batch in batches for line in batch.lines]
    assert lines == [*range(1, 40_001), 40_002]
    assert [one.line for batch in batches for one in batch.malformed] == [40_001]
    assert batches[-1].offset == path.stat().st_size


def test_a_last_object_that_is_cut_off_fails_the_file(tmp_path):
    assert read(jsonl(tmp_path, '{"a": 1}', '{"a": 2}', end=""))[1] == [["1"], ["2"]]
    refused = refusal(jsonl(tmp_path, '{"a": 1}', '{"a": 2', end=""))
    assert (refused.code, "line 2" in refused.message) == ("truncated", True)
    assert read(jsonl(tmp_path, '{"a": 1}', '{"a": 2'))[3] == [(2, "malformed_row")]


def test_a_json_array_is_refused_with_how_to_write_it(tmp_path):
    refused = refusal(jsonl(tmp_path, "[", '  "a",', "]"))
    assert (refused.code, "jq -c '.[]'" in refused.message) == ("malformed_header", True)


def test_keys_that_differ_in_case_only_are_refused(tmp_path):
    assert refusal(jsonl(tmp_path, '{"Email": 1}', '{"email": 1}')).code == "duplicate_header"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_jsonl_is_read_in_the_encodings_that_csv_is(tmp_path, encoding):
    path = jsonl(tmp_path, '{"a": "é"}', encoding=encoding)
    assert read(path, encoding="cp1252" if encoding == "cp1252" else None)[1] == [["é"]]


def test_undecodable_bytes_fail_a_jsonl_list_with_line_and_byte(tmp_path):
    path = tmp_path / "list.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": "\xe9"}\n')
    refused = refusal(path)
    assert (refused.code, "line 2, byte offset 16" in refused.message) == ("undecodable", True)


KEY = st.text(st.sampled_from('abcé_ ,"\\'), min_size=1, max_size=4).map(lambda text: f"k{text}k")
VALUE = st.none() | st.booleans() | st.integers() | st.text(max_size=8).filter(lambda text: text == text.strip())


@given(
    rows=st.lists(st.dictionaries(KEY.map(str.lower), VALUE, min_size=1, max_size=4), min_size=1, max_size=8),
    newline=st.sampled_from(["\n", "\r\n", "\r"]),
    ascii_only=st.booleans(),
)
def test_objects_written_as_jsonl_are_read_back(folder, rows, newline, ascii_only):
    path = folder / "list.jsonl"
    lines = [json.dumps(row, ensure_ascii=ascii_only) for row in rows]
    path.write_bytes((newline.join(lines) + newline).encode())
    header, records, numbers, malformed = read(path)
    keys = list(dict.fromkeys(key for row in rows for key in row))
    words = {None: "", True: "true", False: "false"}

    def text(value):
        return words[value] if value is None or isinstance(value, bool) else str(value)

    assert (header, numbers, malformed) == (keys, list(range(1, len(rows) + 1)), [])
    assert records == [[text(row.get(key)) for key in keys] for row in rows]
