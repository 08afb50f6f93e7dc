"""How a path names files: globs, expressions that match the whole name, date parts; and what is shown of an address."""

import re
import time
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.rules.afterwards import check_afterwards, parse_afterwards
from xpimport.rules.locations import parse_location, shown_source
from xpimport.rules.names import EXPRESSION, FIXED, GLOB, check_path, names_at

MOMENT = datetime(2026, 11, 24, 3, 5, tzinfo=ZoneInfo("Europe/Dublin"))


@pytest.mark.parametrize(
    ("path", "kind", "folder", "yes", "no"),
    [
        ("/in/vip.csv", FIXED, "/in/", ["vip.csv"], ["vip.csv.bak"]),
        ("/in/vip-*.csv", GLOB, "/in/", ["vip-.csv", "vip-2.csv"], ["VIP-2.csv", "vip-2.csv.done"]),
        ("/in/*", GLOB, "/in/", ["a"], [".hidden"]),
        ("/in/.*", GLOB, "/in/", [".hidden"], ["a"]),
        ("/in/[ab]?.csv", GLOB, "/in/", ["a1.csv"], ["c1.csv", "a.csv"]),
        (
            r"/in/re:vip-[0-9]{2}\.csv",
            EXPRESSION,
            "/in/",
            ["vip-24.csv"],
            ["vip-24.csv.done", "xvip-24.csv", "vip-1.csv"],
        ),
        ("/in/re:a|b", EXPRESSION, "/in/", ["a", "b"], ["ax", "xb"]),
        ("/in/re:(?i)ä+", EXPRESSION, "/in/", ["ÄÄ"], ["a"]),
        ("re:a.*", EXPRESSION, "", ["abc"], ["b"]),
        ("/in/vip-{%Y-%m-%d}.csv", FIXED, "/in/", ["vip-2026-11-24.csv"], ["vip-2026-11-23.csv"]),
        ("/in/{%Y/%m}/vip.csv", FIXED, "/in/2026/11/", ["vip.csv"], []),
        ("/in/{%Y}-{%H%M}-*.csv", GLOB, "/in/", ["2026-0305-x.csv"], ["2026-0306-x.csv"]),
        (r"/in/{%Y}/re:vip-{%d.%m}\.(csv|tsv)", EXPRESSION, "/in/2026/", ["vip-24.11.csv"], ["vip-24x11.csv"]),
        ("/in/vip{2}.csv", FIXED, "/in/", ["vip{2}.csv"], []),
    ],
)
def test_a_path_names_just_these_files(path, kind, folder, yes, no):
    check_path(path)
    names = names_at(path, MOMENT)
    assert (names.kind, names.folder) == (kind, folder)
    assert [name for name in [*yes, *no] if names.matches(name)] == yes
    assert names.varies == (kind != FIXED or "%" in path)


def test_a_date_part_is_of_the_zone_that_the_moment_is_in():
    moment = datetime(2026, 11, 23, 23, 30, tzinfo=ZoneInfo("UTC"))
    assert names_at("{%d}", moment).text == "23"
    assert names_at("{%d}", moment.astimezone(ZoneInfo("Asia/Tokyo"))).text == "24"


def test_no_expression_takes_long():
    began = time.process_time()
    names = names_at("re:(a+)+", MOMENT)
    assert not names.matches("a" * 200 + "!")
    assert time.process_time() - began < 1


@given(st.text(st.characters(exclude_characters="/", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_expression_compiles_or_is_refused_with_a_place_in_it(expression):
    try:
        check_path(f"/in/re:{expression}")
        message = None
    except Invalid as problem:
        message = problem.message
    if message is not None and "date part" not in message:
        place = re.search(r"at character (\d+): .", message)
        assert place
        assert 1 <= int(place[1]) <= len(expression) + 1


@given(st.text("ab.*?[]!-", min_size=1, max_size=8), st.text("ab.", min_size=1, max_size=3))
def test_a_rename_that_is_allowed_is_not_found_again_by_a_short_name(glob, suffix):
    names = names_at(f"/in/{glob}", MOMENT)
    try:
        check_afterwards(parse_afterwards(f"rename:{suffix}"), names, None)
    except Invalid:
        return
    if glob.endswith("*") and names.kind == GLOB and "[" not in glob:
        pytest.fail(f"{glob} finds every name, with {suffix} too")


@pytest.mark.parametrize(
    ("after", "path", "number", "target"),
    [
        ("rename:.done", "/in/vip.csv", 1, "/in/vip.csv.done"),
        ("rename:.done", "/in/vip.csv", 3, "/in/vip.csv.3.done"),
        ("move:old", "/in/vip.csv.gz", 1, "/in/old/vip.csv.gz"),
        ("move:old", "/in/vip.csv.gz", 2, "/in/old/vip.2.csv.gz"),
        ("move:../old", "in/vip.csv", 1, "old/vip.csv"),
        ("move:/old", "/in/.vip", 2, "/old/.vip.2"),
    ],
)
def test_where_a_file_goes_afterwards(after, path, number, target):
    assert parse_afterwards(after).target(path, number) == target


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("/in/a@b.csv", "/in/a@b.csv"),
        ("sftp://ann@host:2222/in/*.csv", "sftp://host:2222/in/*.csv"),
        ("https://ann@host/a?sig=x", "https://host/a?..."),
        ("s3://bucket/a?.csv", "s3://bucket/a?.csv"),
    ],
)
def test_what_is_shown_of_a_source_holds_no_user_and_no_query(source, shown):
    assert shown_source(source) == shown


def test_an_address_is_taken_apart():
    found = parse_location("sftp://ann%40x@[::1]:2222/~/in/re:a?b#c")
    assert (found.user, found.host, found.port, found.path) == ("ann@x", "::1", 2222, "/~/in/re:a?b#c")
    assert found.root == "sftp://[::1]:2222"
    assert parse_location("HTTPS://Host/a?b=c").place == ("https", "host", 443)
    assert parse_location("file:///in/a").path == "/in/a"
    assert parse_location("re:a").scheme == "file"


@given(st.sampled_from(["http", "https", "sftp", "s3", "file"]), st.text(max_size=30))
def test_any_text_is_an_address_or_is_refused(kind, text):
    for source in (f"{kind}:{text}", f"{kind}://{text}"):
        shown_source(source)
        try:
            parse_location(source)
        except Invalid:
            continue
