"""Each reason for which a row of a list is rejected, by the smallest list that has such a row."""

import pytest

from xpimport.rules.values import REJECTIONS

ATTRIBUTES = {
    "name": "string",
    "height": "number",
    "points": "integer",
    "vip": "boolean",
    "born": "date",
    "seen": "datetime",
    "tags": "json",
}

LISTS = {
    "missing_identifier": "user_id,name\n,Ann\n",
    "wrong_column_count": "user_id,name\nu1\n",
    "malformed_row": 'user_id,name\nu1,"An" n\n',
    "invalid_email": "user_id,email\nu1,nobody\n",
    "invalid_mobile": "user_id,mobile_number\nu1,0850123456\n",
    "invalid_number": 'user_id,height\nu1,"1,5"\n',
    "invalid_integer": "user_id,points\nu1,1.5\n",
    "invalid_boolean": "user_id,vip\nu1,yes\n",
    "invalid_date": "user_id,born\nu1,2026-02-29\n",
    "invalid_datetime": "user_id,seen\nu1,today\n",
    "invalid_json": "user_id,tags\nu1,1\n",
    "invalid_timezone": "user_id,timezone\nu1,Mars/Base\n",
    "invalid_language": "user_id,language\nu1,english\n",
    "too_long": f"user_id,name\nu1,{'x' * 102}\n",
    "control_character": "user_id,name\nu1,A\x07nn\n",
    "already_exists": "user_id\nknown\n",
    "unknown_profile": "user_id\nnew\n",
    "ambiguous_identifier": "email\nshared@example.com\n",
}

OPTIONS = {
    "already_exists": ("--mode", "create"),
    "unknown_profile": ("--mode", "update"),
    "ambiguous_identifier": ("--identify-by", "email"),
}

KNOWN = "user_id,email\nknown,shared@example.com\nother,shared@example.com\n"


@pytest.mark.shop(attributes=ATTRIBUTES, people=KNOWN, campaign=None)
@pytest.mark.parametrize("reason", LISTS)
def test_the_last_row_is_rejected_as(shop, tmp_path, reason):
    assert shop("run-now", "list").code == 0
    path = tmp_path / "rejected.csv"
    path.write_text(LISTS[reason], encoding="utf-8")
    assert shop("import", "add", "rejected", "--source", path, *OPTIONS.get(reason, ())).code == 0
    details = shop("run-now", "rejected", "--json").json()
    assert details["rejections"] == [{"reason": reason, "count": 1}]
    [row] = shop("report", 2, "--rejected", "--json").json()
    assert (row["xpimport_line"], row["xpimport_reason"]) == (LISTS[reason].count("\n"), reason)


def test_every_reason_has_a_list():
    assert set(LISTS) == set(REJECTIONS)
