import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def make(*arguments: str) -> bytes:
    script = REPOSITORY / "tests" / "benchmarks" / "make_list.py"
    return subprocess.run([sys.executable, script, *arguments], capture_output=True, check=True).stdout


def test_the_example_list_is_what_the_generator_writes():
    assert (REPOSITORY / "examples" / "profiles.csv").read_bytes() == make("--dirty")


def test_another_seed_writes_another_list_and_the_same_one_the_same():
    assert make("--rows", "50", "--seed", "1") == make("--rows", "50", "--seed", "1") != make("--rows", "50")


def test_the_list_for_benchmarks_has_ten_columns_and_the_shares_that_were_asked_for():
    rows = list(csv.reader(io.StringIO(make("--rows", "20000").decode(), newline="")))
    assert {len(row) for row in rows} == {10}
    assert len(rows) == 20_001
    expect = json.loads(make("--rows", "20000", "--expect"))
    assert expect["read"] == 20_000
    assert expect["read"] == expect["created"] + expect["merged"] + expect["rejected"]
    assert expect["rejected"] == pytest.approx(400, rel=0.2)
    assert expect["merged"] == pytest.approx(100, rel=0.4)
    keys = [row[0] for row in rows[1:] if row[0].strip()]
    assert keys != sorted(keys)


def test_the_addresses_that_the_generator_calls_bad_are_bad_and_no_others():
    from email_validator import EmailNotValidError, validate_email

    rows = list(csv.DictReader(io.StringIO(make("--dirty").decode("utf-8-sig"), newline="")))

    def refused(address: str) -> bool:
        try:
            validate_email(address, check_deliverability=False)
        except EmailNotValidError:
            return True
        return False

    whole = [row for row in rows if None not in row and None not in row.values()]
    bad = sum(refused(row["email"].strip()) for row in whole if row["email"])
    assert bad == json.loads(make("--dirty", "--expect"))["rejections"]["invalid_email"]
