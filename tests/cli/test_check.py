"""`import check` says what a list looks like and how to take the rest of it, and writes nothing."""

import pytest

LIST = "user_id,email,First name,vip\n1,a@example.com,Ann,1\n2,b@example.com,Bo,0\n3,nobody,Cy,0\n"


pytestmark = pytest.mark.shop(people=LIST, campaign=None)


def test_check_shows_what_each_column_looks_like(shop):
    [found] = shop("import", "check", "list", "--json").json()
    assert found["looks_like"] == {"user_id": "string", "email": "string", "First name": "string", "vip": "boolean"}
    assert (found["read"], found["rejected"]) == (3, {"invalid_email": 1})
    shown = shop("import", "check", "list").out
    assert "column    attribute   looks like   row 1" in shown


def test_check_names_the_commands_that_take_the_other_columns(shop):
    [found] = shop("import", "check", "list", "--json").json()
    assert found["untaken"] == [
        {
            "column": "First name",
            "looks_like": "string",
            "add": "xpimport attribute add first_name string",
            "map": "--map 'First name=first_name'",
        },
        {"column": "vip", "looks_like": "boolean", "add": "xpimport attribute add vip boolean", "map": None},
    ]
    shown = shop("import", "check", "list").out
    assert "Take First name: xpimport attribute add first_name string\n" in shown
    mapping = "--map user_id=user_id --map email=email --map 'First name=first_name' --map vip=vip"
    assert f"Take them by a mapping: xpimport import edit list {mapping}\n" in shown


def test_the_commands_that_check_names_work(shop):
    [found] = shop("import", "check", "list", "--json").json()
    for column in found["untaken"]:
        assert shop(*column["add"].split()[1:]).code == 0
    assert shop("import", "edit", "list", "--map", "user_id=user_id", "--map", "First name=first_name").code == 0
    [found] = shop("import", "check", "list", "--json").json()
    assert found["taken"] == {"user_id": "user_id", "First name": "first_name"}
    assert [(column["column"], column["add"], column["map"]) for column in found["untaken"]] == [
        ("email", None, "--map email=email"),
        ("vip", None, "--map vip=vip"),
    ]


def test_check_writes_nothing(shop, tmp_path):
    before = (tmp_path / "xpimport.db").read_bytes()
    assert shop("import", "check", "list").code == 0
    assert (tmp_path / "xpimport.db").read_bytes() == before
    assert shop("task", "list", "--json").json() == []
