"""Formats are told by name and first bytes, packings are taken off within limits, and garbage is refused by its name."""

import gzip
import os
import sys
import tempfile
import zipfile
from contextlib import closing

import pytest
import zstandard
from importing.lists import CSV, ROWS, gzipped, parquet, read, refusal, saved, sheet, zipped, zipped_as

from xpimport.errors import FileRefused
from xpimport.importing.formats import FormatOptions, packing, unpacking
from xpimport.importing.formats.opening import open_list

WORKBOOK = saved(sheet(["user_id", "email"], *ROWS))
PARQUET = parquet(user_id=["1", "2"], email=["a@example.com", "b@example.com"])
JSONL = b'{"user_id": "1", "email": "a@example.com"}\n{"user_id": 2, "email": "b@example.com"}\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("list.csv", CSV),
        ("LIST.TXT", CSV),
        ("list", CSV),
        ("list.tsv", CSV.replace(b",", b"\t")),
        ("list.jsonl", JSONL),
        ("list.ndjson", JSONL),
        ("list.xlsx", WORKBOOK),
        ("export", WORKBOOK),
        ("-", WORKBOOK),
        ("list.parquet", PARQUET),
        ("-", PARQUET),
        ("list.CSV.GZ", gzipped(CSV)),
        ("list.csv", gzipped(CSV)),
        ("-", gzipped(CSV)),
        ("list.csv.gz", gzipped(CSV[:20]) + gzipped(CSV[20:]) + b"\0" * 512),
        ("list.csv.zst", zstandard.compress(CSV)),
        ("list.csv.zst", zstandard.compress(CSV[:20]) + zstandard.compress(CSV[20:])),
        ("list.zip", zipped_as("people/list.csv", CSV)),
        ("list.zip", zipped_as("list.jsonl", JSONL)),
        ("list.zip", zipped_as("list.xlsx", WORKBOOK)),
        ("list.tsv.zip", zipped_as("list", CSV.replace(b",", b"\t"))),
        ("list.jsonl.gz", gzipped(JSONL)),
        ("list.xlsx.gz", gzipped(WORKBOOK)),
        ("list.parquet.zst", zstandard.compress(PARQUET)),
    ],
)
def test_a_list_is_read_by_its_name_and_its_first_bytes(tmp_path, name, content):
    path = tmp_path / "list"
    path.write_bytes(content)
    assert read(path, name)[:2] == (["user_id", "email"], ROWS)


def test_the_format_asked_for_wins_over_the_name(tmp_path):
    path = tmp_path / "list.csv"
    path.write_bytes(JSONL)
    assert read(path, format="jsonl")[1] == ROWS
    path.write_bytes(WORKBOOK)
    assert read(path, format="xlsx")[1] == ROWS


@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("list.csv", WORKBOOK, "wrong_format", "list.csv is a workbook, not a csv list"),
        ("list.csv.gz", gzipped(WORKBOOK), "wrong_format", "--format xlsx"),
        ("list.jsonl", PARQUET, "wrong_format", "list.jsonl is parquet, not a jsonl list"),
        ("list.xlsx", CSV, "wrong_format", "list.xlsx is called a workbook and is none"),
        ("list.parquet", b"", "empty_file", "list.parquet is empty"),
        ("list.xlsx", b"", "empty_file", "list.xlsx is empty"),
        ("list.csv.gz", CSV, "damaged_archive", "is called gzip and is none"),
        ("list.csv", b"<!DOCTYPE html><html>", "wrong_format", "a web page"),
        ("list.csv", b"%PDF-1.7\n", "wrong_format", "a PDF document"),
        ("list.csv", b"\xfd7zXZ\0\0", "wrong_format", "packed with xz"),
        ("list.csv.gz", gzipped(CSV)[:-9], "damaged_archive", "Fetch it again"),
        ("list.csv.gz", gzipped(CSV) + b"junk", "damaged_archive", "Fetch it again"),
        ("list.csv.gz", gzipped(gzipped(CSV)), "nested_archive", "another packed file (gzip)"),
        ("list.csv.gz", gzipped(zipped_as("a.csv", CSV)), "nested_archive", "another packed file (zip)"),
        ("list.zip", zipped_as("list.csv.gz", gzipped(CSV)), "nested_archive", "list.zip (list.csv.gz)"),
        ("list.zip", zipped(a__csv=CSV, b__csv=CSV), "not_one_list", "2 files (a.csv, b.csv)"),
        ("list.zip", zipped(), "not_one_list", "no file"),
        ("list.zip", zipped_as("list.csv", CSV)[:-30], "damaged_archive", "Fetch it again"),
        ("list.csv.zst", zstandard.compress(CSV)[:-3], "damaged_archive", "Fetch it again"),
        ("list.csv.zst", zstandard.compress(CSV)[:-3] + b"abc", "damaged_archive", "Fetch it again"),
    ],
)
def test_what_is_no_list_is_refused_by_what_it_is(tmp_path, name, content, code, said):
    path = tmp_path / "list"
    path.write_bytes(content)
    refused = refusal(path, name)
    assert (refused.code, said in refused.message) == (code, True), refused.message


def test_a_format_or_dialect_that_cannot_be_is_refused_when_it_is_typed(xp, tmp_path):
    assert xp("init").code == 0
    add = ("import", "add", "people", "--source", tmp_path / "list.csv")
    assert "none of: csv, tsv, jsonl, xlsx, parquet" in xp(*add, "--format", "doc").err
    assert "only a workbook has sheets" in xp(*add, "--format", "csv", "--sheet", "One").err
    assert "latin-99" in xp(*add, "--encoding", "latin-99").err
    assert xp(*add, "--delimiter", "ab").code == 2
    assert xp(*add, "--format", "xlsx", "--sheet", "One").code == 0


@pytest.mark.parametrize(
    ("package", "name", "content", "command"),
    [
        ("pyarrow", "list.parquet", PARQUET, "pip install 'xpimport[parquet]'"),
        ("zstandard", "list.csv.zst", zstandard.compress(CSV), "pip install 'xpimport[zstd]'"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    tmp_path, monkeypatch, package, name, content, command
):
    path = tmp_path / name
    path.write_bytes(content)
    for module in [one for one in sys.modules if one.split(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    refused = refusal(path)
    assert (refused.code, command in refused.message) == ("missing_extra", True)


@pytest.fixture(scope="module")
def zeros() -> bytes:
    return b"user_id\n" + bytes(64 << 20)


@pytest.mark.parametrize("ending", ["gz", "zst", "zip"])
def test_a_bomb_is_refused_at_its_limit_and_not_unpacked_further(tmp_path, zeros, ending):
    pack = {"gz": gzip.compress, "zst": zstandard.compress, "zip": lambda data: zipped_as("list.csv", data)}[ending]
    path = tmp_path / f"list.csv.{ending}"
    path.write_bytes(pack(zeros))
    given = 0

    def unpack() -> None:
        nonlocal given
        with closing(packing.detect(path, path.name).open()) as stream:
            while data := stream.read(1 << 20):
                given += len(data)

    with pytest.raises(FileRefused, match="unpacks to more than 200 times its size") as refused:
        unpack()
    assert refused.value.code == "archive_bomb"
    assert given < 48 << 20


def test_a_packed_list_that_is_only_well_packed_is_read_whole(tmp_path):
    path = tmp_path / "list.csv.gz"
    rows = b"".join(b"%d,a%d@example.com\n" % (number, number) for number in range(700_000))
    path.write_bytes(gzip.compress(b"user_id,email\n" + rows, 1))
    with open_list(path, FormatOptions(), path.name) as reader:
        batches = [(len(batch.records), batch.offset) for batch in reader.batches()]
    assert sum(count for count, _ in batches) == 700_000
    offsets = [offset for _, offset in batches]
    assert offsets == sorted(offsets)
    assert 0 < offsets[0] < offsets[-1] == path.stat().st_size


def test_a_limit_of_size_holds(tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "SIZE", 1 << 20)
    path = tmp_path / "list.csv.gz"
    path.write_bytes(gzip.compress(os.urandom(2 << 20).hex().encode()))
    with pytest.raises(FileRefused, match="unpacks to more than"):
        packing.detect(path, path.name).spool()


def test_a_zip_of_too_many_files_is_refused(tmp_path):
    path = tmp_path / "list.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(unpacking.ENTRIES + 1):
            archive.writestr(f"__MACOSX/{number}", b"")
    assert refusal(path).code == "archive_bomb"


def test_what_macos_and_editors_leave_in_a_zip_does_not_count(tmp_path):
    path = tmp_path / "list.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("people/", b"")
        archive.writestr("people/list.csv", CSV)
        archive.writestr("__MACOSX/people/list.csv", b"x")
        archive.writestr("people/._list.csv", b"x")
        archive.writestr("people/.DS_Store", b"x")
    assert read(path)[1] == ROWS


def test_a_zip_writes_to_no_path_that_it_names(tmp_path):
    path = tmp_path / "lists" / "list.zip"
    path.parent.mkdir()
    path.write_bytes(zipped_as("../../evil.csv", CSV))
    assert read(path)[1] == ROWS
    assert sorted(found.name for found in tmp_path.rglob("*")) == ["home", "list.zip", "lists"]


def test_an_encrypted_zip_is_refused_by_that_reason(tmp_path):
    path = tmp_path / "list.zip"
    content = bytearray(zipped_as("list.csv", CSV))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused = refusal(path)
    assert (refused.code, "protected by a password" in refused.message) == ("encrypted_archive", True)


def test_a_zip_packed_by_a_method_that_is_seldom_is_refused(tmp_path):
    path = tmp_path / "list.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("list.csv", CSV)
    assert "packed by method 12" in refusal(path).message


@pytest.mark.parametrize("ending", ["gz", "zip"])
def test_a_wrong_sum_fails_the_list(tmp_path, ending):
    path = tmp_path / f"list.csv.{ending}"
    content = bytearray(gzip.compress(CSV) if ending == "gz" else zipped_as("list.csv", CSV))
    at = len(content) - 8 if ending == "gz" else content.index(b"PK\x01\x02") + 16
    content[at] ^= 1
    path.write_bytes(content)
    assert refusal(path).code == "damaged_archive"


@pytest.mark.parametrize("name", ["list.xlsx.gz", "list.parquet.gz"])
def test_what_is_unpacked_to_disk_is_private_and_leaves_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / name
    path.write_bytes(gzip.compress(WORKBOOK if "xlsx" in name else PARQUET))
    with open_list(path, FormatOptions(), name) as reader:
        assert list((tmp_path / "temporary").iterdir()) == []
        assert [record for batch in reader.batches() for record in batch.records] == ROWS
