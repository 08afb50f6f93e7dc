"""Attributes: types, limits, and preferences as booleans, from the outside."""

import pytest

from xpimport.rules.values import ATTRIBUTE_TYPES

pytestmark = pytest.mark.shop(campaign=None, imports=None)


def imported(xp, path, text):
    """The counts of rows of an import of `text`, and the reasons of the rejected ones."""
    path.write_text(text, encoding="utf-8")
    assert xp("import", "add", "list", "--source", path).code == 0
    details = xp("run-now", "list", "--json").json()
    return details["rows"], {one["reason"]: one["count"] for one in details["rejections"]}


def test_an_attribute_of_each_type_can_be_added_and_is_listed(shop):
    for kind in ATTRIBUTE_TYPES:
        assert shop("attribute", "add", f"my_{kind}", kind).code == 0
    listed = {one["name"]: one for one in shop("attribute", "list", "--json").json()}
    assert {kind: listed[f"my_{kind}"]["type"] for kind in ATTRIBUTE_TYPES} == {kind: kind for kind in ATTRIBUTE_TYPES}
    assert listed["my_string"]["max_length"] == 101
    assert listed["email"]["built_in"] is True


def test_a_string_has_a_limit_of_its_own_that_the_list_shows_and_an_import_keeps(shop, tmp_path):
    assert shop("attribute", "add", "code", "string", "--max-length", "3").code == 0
    assert shop("attribute", "add", "note", "string", "--max-length", "100000").code == 0
    assert " 3 " in next(line for line in shop("attribute", "list").out.splitlines() if " code " in line + " ")
    text = f"user_id,code,note\nu1,abc,{'x' * 100_000}\nu2,abcd,\nu3,,{'x' * 100_001}\nu4, é€日 ,\n"
    rows, reasons = imported(shop, tmp_path / "list.csv", text)
    assert (rows["created"], rows["rejected"], reasons) == (2, 2, {"too_long": 2})


@pytest.mark.parametrize(("kind", "limit"), [("string", "0"), ("string", "100001"), ("string", "-1"), ("integer", "5")])
def test_a_limit_out_of_bounds_or_of_another_type_is_refused(shop, kind, limit):
    done = shop("attribute", "add", "code", kind, "--max-length", limit)
    assert done.code == 2
    assert "--max-length is for strings, from 1 to 100000 characters." in done.err


def test_preferences_are_booleans(shop, tmp_path):
    for name in ("pref_news", "pref_offers"):
        assert shop("attribute", "add", name, "boolean").code == 0
    text = "user_id,pref_news,pref_offers\nu1,1,FALSE\nu2,true,\nu3,yes,0\n"
    rows, reasons = imported(shop, tmp_path / "list.csv", text)
    assert (rows["created"], reasons) == (2, {"invalid_boolean": 1})
    found = [shop("profile", "show", name, "--json").json() for name in ("u1", "u2")]
    assert [(one["pref_news"], one["pref_offers"]) for one in found] == [(1, 0), (1, None)]
    # A later list takes a preference back; a blank leaves it.
    (tmp_path / "list.csv").write_text("user_id,pref_news,pref_offers\nu1,,1\nu2,0,\n", encoding="utf-8")
    assert shop("run-now", "list").code == 0
    found = [shop("profile", "show", name, "--json").json() for name in ("u1", "u2")]
    assert [(one["pref_news"], one["pref_offers"]) for one in found] == [(1, 1), (0, None)]
