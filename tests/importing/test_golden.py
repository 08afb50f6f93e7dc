"""One small list for each hazard, read by the real program; expected.json says how each ends.

An outcome is the counts with every rejection (line, column, reason) and what the store then holds of some people, or
the code of the failure with what its message has to say.
"""

import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest
import zstandard
from importing.lists import saved, sheet, zipped_as

GOLDEN = Path(__file__).parent / "golden"
EXPECTED = json.loads((GOLDEN / "expected.json").read_text(encoding="utf-8"))

SENT = ("created", "updated", "unchanged", "merged", "rejected", "not_imported")


def same_row_again() -> bytes:
    return b"user_id,email\n" + b"u1,ana@example.com\n" * 7_000_000


def bomb_in_a_workbook() -> bytes:
    made = io.BytesIO(saved(sheet(["user_id"], ["u1"])))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet2.xml", b" " * (64 << 20))
    return made.getvalue()


# Too large to be kept.
MADE = {
    "bomb.csv.gz": lambda: gzip.compress(same_row_again()),
    "bomb.csv.zst": lambda: zstandard.compress(same_row_again()),
    "bomb.zip": lambda: zipped_as("people.csv", same_row_again()),
    "bomb.xlsx": bomb_in_a_workbook,
    "long-cell.csv": lambda: b"user_id,first_name\nu1,Ana\nu2," + b"x" * 131_073 + b"\n",
    "long-line.csv": lambda: b"user_id,first_name\nu1," + b"x" * 2_000_000 + b"\n",
    "many-columns.csv": lambda: b"user_id" + b",x" * 16_384 + b"\nu1" + b"," * 16_384 + b"\n",
}


pytestmark = pytest.mark.shop(
    attributes={"first_name": "string", "branch": "string", "score": "integer", "joined": "datetime"},
    people=None,
    campaign=None,
    imports=None,
)


@pytest.fixture
def imported(shop, tmp_path):
    """Imports a hazard with the options of its outcome; gives exit code and task."""

    def run(name: str, options: list[str]):
        lists = tmp_path / "lists"
        lists.mkdir()
        if name in MADE:
            (lists / name).write_bytes(MADE[name]())
        else:
            shutil.copy(GOLDEN / name, lists / name)
        added = shop("import", "add", "people", "--source", lists / name, *options)
        assert added.code == 0, added.err
        ran = shop("run-now", "people", "--json")
        assert [left.name for left in tmp_path.rglob("*evil*")] == []
        return ran.code, ran.json()

    return run


@pytest.mark.parametrize("name", EXPECTED)
def test_a_hazard_ends_as_it_is_written_down(shop, imported, name):
    expected = EXPECTED[name]
    code, task = imported(name, expected.get("options", []))
    rows = task["rows"]
    assert rows["read"] == sum(rows[fate] for fate in SENT)
    people = {one["user_id"] or one["email"]: one for one in shop("profile", "list", "--json").json()}
    assert len(people) == rows["created"]
    if "error" in expected:
        assert (code, task["status"], task["error"]["code"]) == (1, "failed", expected["error"]), task["error"]
        assert [said for said in [name, *expected["said"]] if said not in task["error"]["message"]] == []
        assert rows["read"] == 0
        return
    assert (code, task["status"], task["error"]) == (0, "completed", None)
    assert {count: rows[count] for count in expected["rows"]} == expected["rows"]
    rejected = shop("report", "--rejected", "--json").json()
    places = [[row["xpimport_line"], row["xpimport_column"], row["xpimport_reason"]] for row in rejected]
    assert places == expected["rejections"]
    assert sum(reason["count"] for reason in task["rejections"]) == len(places)
    for who, values in expected.get("people", {}).items():
        assert {attribute: people[who][attribute] for attribute in values} == values


def test_every_hazard_has_an_outcome_and_every_outcome_its_hazard():
    kept = {path.name for path in GOLDEN.iterdir()} - {"expected.json"}
    assert kept.isdisjoint(MADE)
    assert kept | set(MADE) == set(EXPECTED)
    assert max((GOLDEN / name).stat().st_size for name in kept) < 20_000


def test_every_outcome_says_what_is_hazardous():
    described = [outcome["what"] for outcome in EXPECTED.values()]
    assert all(described)
    assert len(set(described)) == len(described)
