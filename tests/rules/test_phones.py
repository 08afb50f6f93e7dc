"""Mobile numbers of a country (--region): read as people there write them, checked in full, stored as E.164."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.rules.phones import check_region
from xpimport.rules.values import check_cell, check_column


@pytest.mark.parametrize(
    ("region", "cell", "value"),
    [
        ("IE", "085 123 4567", "353851234567"),
        ("IE", "(085) 123-4567", "353851234567"),
        ("ie", "851234567", "353851234567"),
        ("IE", "353851234567", "353851234567"),
        ("IE", "+353 85 123 4567", "353851234567"),
        ("IE", "+44 (0)7911 123456", "447911123456"),
        ("IE", "0044 7911 123456", "447911123456"),
        ("DE", "0171 3920012", "491713920012"),
        ("DE", "491713920012", "491713920012"),
        ("US", "(202) 555-0123", "12025550123"),
        ("US", "12025550123", "12025550123"),
        ("US", "011 353 85 123 4567", "353851234567"),
        ("IT", "347 123 4567", "393471234567"),
    ],
)
def test_a_number_without_country_code_is_one_of_the_region(region, cell, value):
    checked = check_column("mobile", [cell, "", "+"], region=region)
    assert (list(checked.values), checked.bad) == ([value, None, None], {2: "invalid_mobile"})


@pytest.mark.parametrize(
    ("region", "cell"),
    [
        ("IE", "085 123 456"),
        ("IE", "01 677 1234"),  # a fixed line
        ("IE", "447911123456"),  # of another country, without +
        ("DE", "353851234567"),
        ("US", "1234567890"),
        ("IE", "+353 85 123 4567 ext. 5"),
        ("IE", "085 123 4567, 085 123 4568"),
        ("US", "1-800-FLOWERS"),
        ("IE", "٠٨٥١٢٣٤٥٦٧"),
        ("IE", "+999851234567"),
        ("IE", "n/a"),
    ],
)
def test_what_is_no_mobile_number_of_the_region_is_refused(region, cell):
    checked = check_column("mobile", [cell], region=region)
    assert (list(checked.values), checked.bad) == ([None], {0: "invalid_mobile"})


@given(st.text("0123456789+()- ./", max_size=20), st.sampled_from(["IE", "GB", "US", "DE", "IT", "FR", "SG"]))
def test_what_is_stored_is_a_valid_number_and_read_again_from_any_region(cell, region):
    import phonenumbers

    value, reason = check_cell("mobile", cell, region=region)
    assert reason in {None, "invalid_mobile"}
    if value is not None:
        assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{value}"))
        assert check_cell("mobile", f"+{value}", region="IE") == (value, None)
        assert check_cell("mobile", str(value)) == (value, None)


def test_a_region_changes_nothing_for_other_types():
    for kind, cell in (("string", "085"), ("email", "a@example.com"), ("integer", "085")):
        assert check_column(kind, [cell], region="IE") == check_column(kind, [cell])
        assert check_cell(kind, cell, region="IE") == check_cell(kind, cell)


@pytest.mark.parametrize("region", ["UK", "XX", "", "IRL", "Ireland", "353"])
def test_an_unknown_region_is_refused_when_the_import_is_added(xp, region):
    assert xp("init").code == 0
    done = xp("import", "add", "list", "--source", "/lists/a.csv", "--region", region)
    assert done.code == 2
    assert f"--region {region!r} is not a country. Write its two letters as in ISO 3166, like IE or GB." in done.err
    assert xp("import", "list", "--json").json() == []


def test_without_the_extra_a_region_is_refused_with_the_command_that_installs_it(xp, monkeypatch):
    assert xp("init").code == 0
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    done = xp("import", "add", "list", "--source", "/lists/a.csv", "--region", "IE")
    assert done.code == 2
    assert "pip install 'xpimport[phone]'" in done.err
    with pytest.raises(Invalid, match=r"xpimport\[phone\]"):
        check_column("mobile", ["0851234567"], region="IE")
    assert check_column("mobile", ["353851234567"]).values[0] == "353851234567"
    assert xp("import", "add", "list", "--source", "/lists/a.csv").code == 0


def test_a_region_is_kept_and_shown(xp):
    check_region("ie")
    assert xp("init").code == 0
    assert xp("import", "add", "list", "--source", "/lists/a.csv", "--region", "IE").code == 0
    assert xp("import", "show", "list", "--json").json()["region"] == "IE"
    assert xp("import", "edit", "list", "--region", "UK").code == 2
    assert xp("import", "show", "list", "--json").json()["region"] == "IE"
