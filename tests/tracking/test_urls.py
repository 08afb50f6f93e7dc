"""What a tracked address means, where a click leads, and what is left in the spool for the next tick."""

import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from email import message_from_bytes, policy
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.flow.clicks import record, target_of
from xpimport.rules.events import Kind, Machine, Reported
from xpimport.rules.tokens import Named, Purpose, make_key, read_key
from xpimport.sending.content.urls import host_of, location_of, value_of
from xpimport.store.opening import open_store
from xpimport.store.secret import secret_of
from xpimport.tracking.providers import xpimport as own_form
from xpimport.tracking.urls import Meaning, meaning_of

SECRET = b"s" * 32
NAMED = Named(1, 12, 345, 6, 7)
CLICK = make_key(SECRET, Purpose.CLICK, 1, 12, 345, 6, 7)
OPEN = make_key(SECRET, Purpose.OPEN, 1, 12, 345)
AT = datetime(2026, 11, 24, 8, 0, 5, tzinfo=UTC)
BASE = "https://t.example.com"
PEOPLE = """user_id,email,email_subscription,first_name,items
u1,ana@example.com,1,"Zoë & Co","[7, 8]"
u2,ben@example.com,1,a/b c,"[]"
"""
TRACKED = re.compile(re.escape(BASE) + r"/c/[a-z2-7]+")


@pytest.mark.parametrize(
    "after", ["", ".", ",", ")", ">", ").", "?utm_source=x&u=https://evil.example", "#x", "%3E", "%20"]
)
@pytest.mark.parametrize("write", [str.lower, str.upper, str.title])
def test_an_address_is_read_in_any_case_and_with_what_others_put_behind_it(after, write):
    assert meaning_of(SECRET, write(f"/c/{CLICK}") + after) == Meaning(Kind.CLICKED, NAMED)
    assert meaning_of(SECRET, write(f"/o/{OPEN}.gif") + after) == Meaning(Kind.OPENED, Named(1, 12, 345))


def test_an_address_below_a_path_is_read_with_that_path_and_without():
    for path in (f"/c/{CLICK}", f"/t/c/{CLICK}"):
        assert meaning_of(SECRET, path, "/t") == Meaning(Kind.CLICKED, NAMED)
    assert meaning_of(SECRET, f"/t/c/{CLICK}") is None


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_of_one_purpose_is_none_of_another(purpose):
    key = make_key(SECRET, purpose, 1, 12, 345)
    meant = {route for route in "oc" if meaning_of(SECRET, f"/{route}/{key}")}
    assert meant == {Purpose.OPEN: {"o"}, Purpose.CLICK: {"c"}}.get(purpose, set())


@given(st.text("/oc.gif?%2f:;e" + OPEN[:6], max_size=60) | st.sampled_from([
    f"/c/{CLICK}/https://evil.example.org/", f"/c/{CLICK}/..//evil.example.org", f"/c/{CLICK}%2f%2fevil.example.org",
    f"/c/{CLICK};https://evil.example.org", "/c/https://evil.example.org/", "/c//evil.example.org", f"//evil/c/{CLICK}",
]))  # fmt: skip
def test_anything_else_means_nothing(path):
    assert meaning_of(SECRET, path) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("?a=1&b=2", "?a=1&b=2"), ("?a=1&amp;b=2", "?a=1&b=2"), ("?a=1&#38;b=2", "?a=1&b=2"), ("?a=1&#x26;b=2", "?a=1&b=2"),
        ("?c&#x3D;t", "?c=t"), ("?a=1&amp;amp;b=2", "?a=1&amp;b=2"), ("?a=1&copy=2", "?a=1&copy=2"), ("&copy;", "©"),
        ("&copy", "©"), ("&copyx", "&copyx"), ("&notit;", "&notit;"), ("&nothing", "&nothing"), ("&", "&"),
    ],
)  # fmt: skip
def test_references_in_an_address_are_read_once_as_in_an_attribute(written, read):
    assert value_of(written) == read


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("https://shop.example.net", "https://shop.example.net/"),
        ("HTTPS://Shop.Example.net:8443?x=1", "https://shop.example.net:8443/?x=1"),
        ("https://bücher.example/ü?q=ü#ü", "https://xn--bcher-kva.example/%C3%BC?q=%C3%BC#%C3%BC"),
        ("https://shop.example.net/a b/c?q=red shoes", "https://shop.example.net/a%20b/c?q=red%20shoes"),
        (
            "https://shop.example.net/a%2Fb?r=https%3A%2F%2Fx&f[0]=1|2",
            "https://shop.example.net/a%2Fb?r=https%3A%2F%2Fx&f[0]=1|2",
        ),
        ("https://app.example.net/#/orders/7?tab=2", "https://app.example.net/#/orders/7?tab=2"),
        ("https://shop.example.net\\@evil.example/", "https://shop.example.net/@evil.example/"),
        ("https://shop.example.net/\r\nSet-Cookie: a", "https://shop.example.net/%0D%0ASet-Cookie:%20a"),
        ("ftp://shop.example.net/", None),
        ("//shop.example.net/", None),
        ("https://", None),
        ("https://a b/", None),
        ("javascript:alert(1)", None),
    ],
)
def test_a_location_is_what_a_browser_would_ask_for(address, location):
    assert location_of(address) == location


@given(st.text(max_size=30))
def test_no_text_behind_a_host_leads_to_another(text):
    for mark in "/?#\\":
        location = location_of(f"https://shop.example.net{mark}{text}")
        assert location is None or (urlsplit(location).hostname == host_of(location) == "shop.example.net")
        assert location is None or (location.isascii() and location.isprintable() and " " not in location)


HTML = """<p><a href="https://shop.example.net/c/{{ user_id }}?n={{ first_name|url_encode }}&amp;z=1">1</a>
<a href="https://shop.example.net/{{ first_name }}">2</a>
{% for i in items %}<a href="https://shop.example.net/item/{{ i }}?of={{ loop.length }}">{{ i }}</a>{% endfor %}
{% macro to(where) %}<a href="https://shop.example.net/m/{{ where }}">m</a>{% endmacro %}{{ to('here') }}{{ to(user_id) }}
<form action="https://shop.example.net/find?lost=1"><input name="q"></form>
<a href="https://shop.example.net/fixed">f</a></p>"""

pytestmark = pytest.mark.shop(
    people=PEOPLE,
    attributes={"first_name": "string", "items": "json"},
    settings={"web.public_url": BASE},
    campaign=("--channel", "outbox", "--from", "news@example.com"),
)


@pytest.fixture
def sent(shop, tmp_path):
    """Sends HTML with `--track opens,clicks`; each person's HTML, and the store."""

    def run(html=HTML):
        (tmp_path / "hello.html").write_text(html)
        done = shop("campaign", "edit", "hello", "--html", tmp_path / "hello.html", "--track", "opens,clicks")
        assert done.code == 0, done.err
        assert shop("run-now", "list").code == 0
        box = tmp_path / "xpimport.db.files" / "outbox" / "new"
        read = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in box.iterdir()]
        return {message["To"]: message.get_body(("html",)).get_content() for message in read}

    return run


def led(store, html, query=""):
    """Where each tracked address of a message leads, in order."""
    secret = secret_of(store)
    return [target_of(store, meaning_of(secret, urlsplit(url).path).named, query) for url in TRACKED.findall(html)]


@pytest.fixture
def store(tmp_path):
    opened = []

    def run():
        opened.append(open_store(tmp_path / "xpimport.db"))
        return opened[-1]

    yield run
    for one in opened:
        one.close()


def test_each_person_is_led_to_their_own(sent, store):
    html = sent()
    found = led(store(), html["ana@example.com"], "q=shoes&x=%2F")
    assert found == [
        "https://shop.example.net/c/u1?n=Zo%C3%AB%20%26%20Co&z=1",
        "https://shop.example.net/Zo%C3%AB%20&%20Co",
        "https://shop.example.net/item/7?of=2",
        "https://shop.example.net/item/8?of=2",
        "https://shop.example.net/m/here",
        "https://shop.example.net/m/u1",
        "https://shop.example.net/find?q=shoes&x=%2F",
        "https://shop.example.net/fixed",
    ]
    assert led(store(), html["ben@example.com"])[1] == "https://shop.example.net/a/b%20c"


def test_what_statements_say_is_in_the_address_as_it_is_in_the_message(sent, store):
    plain = (
        "{% set part = 'a' %}{% for i in items %}{% if i > 7 %}<a href='https://x.example/{{ part }}/{{ i }}'>1</a>{% endif %}"
        "{% endfor %}{{ first_name }}<a href='https://x.example/{{ part }}'>2</a>"
    )
    opened = store()
    assert led(opened, sent(plain)["ana@example.com"]) == ["https://x.example/a/8", "https://x.example/a"]
    (template,) = opened.one("SELECT template FROM links WHERE number = 2")
    assert "first_name" not in template


def test_a_text_that_statements_take_in_is_in_the_address(sent, store):
    html = "{% set part %}spring-{{ user_id }}{% endset %}<a href='https://x.example/{{ part }}?a=1&amp;b=2'>1</a>"
    assert led(store(), sent(html)["ana@example.com"]) == ["https://x.example/spring-u1?a=1&b=2"]


def test_the_attributes_are_those_of_the_click_and_a_link_outlives_its_reader(sent, shop, store, tmp_path):
    html = sent()["ana@example.com"]
    (tmp_path / "list.csv").write_text(PEOPLE.replace("Zoë & Co", "Zoé").replace("[7, 8]", "[9]"))
    assert shop("run-now", "list", "--again").code == 0
    assert led(store(), html)[1:4] == [
        "https://shop.example.net/Zo%C3%A9", "https://shop.example.net/item/9?of=1", "https://shop.example.net/item/?of=",
    ]  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute("DELETE FROM profiles")
        db.commit()
    assert led(store(), html) == [
        "https://shop.example.net/c/?n=&z=1", "https://shop.example.net/", "https://shop.example.net/item/?of=",
        "https://shop.example.net/item/?of=", "https://shop.example.net/m/here", "https://shop.example.net/m/",
        "https://shop.example.net/find", "https://shop.example.net/fixed",
    ]  # fmt: skip


def test_links_are_frozen_by_their_place_and_a_resend_of_another_content_only_adds(sent, shop, store, tmp_path):
    first = '<a href="https://a.example/">1</a><a href="https://b.example/">2</a><a href="https://a.example/">3</a>'
    html = sent(first)["ana@example.com"]
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        kept = "SELECT number, url FROM links WHERE trigger_id = 1 ORDER BY number"
        assert db.execute(kept).fetchall() == [
            (1, "https://a.example/"),
            (2, "https://b.example/"),
            (3, "https://a.example/"),
        ]
        db.execute("UPDATE deliveries SET state = 'failed'")
        db.commit()
        (tmp_path / "hello.html").write_text(
            '<a href="https://c.example/">0</a>' + first.replace("b.example", "d.example")
        )
        assert shop("campaign", "edit", "hello", "--html", tmp_path / "hello.html").code == 0
        assert shop("resend", 1, "--failed").code == 0
        assert shop("tick").code == 0
        assert db.execute(kept).fetchall()[3:] == [(4, "https://c.example/"), (5, "https://d.example/")]
        assert db.execute("SELECT count(*) FROM deliveries WHERE state = 'accepted'").fetchone() == (2,)
    assert led(store(), html) == ["https://a.example/", "https://b.example/", "https://a.example/"]


def test_no_value_leads_to_another_host(sent, store):
    opened = store()
    sent('<a href="https://shop.example.net/x">1</a>')
    for template in (
        "{{ first_name }}",
        "https://evil.example/{{ user_id }}",
        "https://shop.example.net{{ user_id }}.evil/",
    ):
        with opened.writing():
            opened.db.execute("UPDATE links SET template = ?", (template,))
        assert target_of(opened, Named(1, 1, 1, 1)) is None
    assert target_of(opened, Named(1, 1, 1, 99)) is None


def test_what_came_in_lies_in_the_spool_in_our_own_form(sent, store, tmp_path):
    sent()
    opened = store()
    for kind, machine in ((Kind.OPENED, Machine.APPLE), (Kind.CLICKED, Machine.NONE)):
        record(opened, Meaning(kind, Named(1, 1, 2, 1)), AT, machine)
    (segment,) = (tmp_path / "xpimport.db.files" / "spool").iterdir()
    assert segment.name == "2026-11-24.jsonl"
    assert segment.stat().st_mode & 0o777 == 0o600
    lines = [json.loads(line) for line in segment.read_text().splitlines()]
    reported = [one for line in lines for one in own_form.parse(line)]
    assert all(isinstance(one, Reported) for one in reported)
    assert [(one.kind, one.machine, one.time) for one in reported] == [
        (Kind.OPENED, Machine.APPLE, AT.timestamp()), (Kind.CLICKED, Machine.NONE, AT.timestamp()),
    ]  # fmt: skip
    assert {read_key(secret_of(opened), Purpose.MESSAGE, one.key) for one in reported} == {Named(1, 1, 2)}
    assert "Zo" not in segment.read_text()
    assert lines[1]["url"].startswith("https://shop.example.net/c/{{ user_id }}")


def test_the_spool_is_taken_in_as_events_of_those_links(sent, shop, store, tmp_path):
    html = sent()["ana@example.com"]
    opened = store()
    secret = secret_of(opened)
    at = datetime.now(UTC)
    for url in re.findall(re.escape(BASE) + r"(/[oc]/[a-z2-7]+(?:\.gif)?)", html):
        record(opened, meaning_of(secret, url), at)
    (segment,) = (tmp_path / "xpimport.db.files" / "spool").iterdir()
    assert shop("event", "ingest", segment, "--provider", "xpimport").code == 0
    rows = opened.all(
        "SELECT DISTINCT l.number FROM events e JOIN links l ON l.trigger_id = e.trigger_id AND l.number = e.link"
    )
    assert sorted(row[0] for row in rows) == list(range(1, 7))
    assert opened.scalar("SELECT count(DISTINCT kind) FROM events WHERE profile_id = 1") == 2
    assert opened.scalar("SELECT count(*) FROM rejected_events") == 0
