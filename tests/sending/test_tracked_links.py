"""Tracked links and the pixel in a message as it is made: which links, and not a letter of anything else."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import TemplateSyntaxError

from xpimport.rules.tokens import Named, Purpose, read_key, tracking_secret
from xpimport.sending.content import links as reasons
from xpimport.sending.content.compose import composer, link_rules
from xpimport.sending.content.links import links_of
from xpimport.sending.content.markup import OUTPUT, STATEMENT, masked
from xpimport.sending.content.sandbox import Missing, environment

SECRET = b"s" * 32
BASE = "https://t.example.com"
AT = "2026-11-24T08:00:00+00:00"
KINDS = {"user_id": "string", "email": "email", "first_name": "string", "vip": "boolean", "items": "json"}
ANA = {
    "user_id": "cust-4711",
    "email": "ana@example.com",
    "first_name": "Ana <&> 'B' \"C\"",
    "vip": 1,
    "items": "[7, 8]",
}
TRACKED = re.compile(re.escape(BASE) + r"/c/([a-z2-7]{40})(?![a-z2-7])")
PIXEL = re.compile(rf'<img src="{re.escape(BASE)}/o/([a-z2-7]{{32}})\.gif" width="1" height="1" alt="">')


def content(html, *, text=None, track="opens,clicks", preheader=None):
    made = {
        "channel": "outbox", "subject": "Hi", "text": text, "html": html, "strict": False, "sender": "news@example.com",
        "kinds": KINDS, "options": {"preheader": preheader}, "files": [], "link": "https://www.example.com/bye/",
        "own": [BASE], "tracking_url": BASE,
    }  # fmt: skip
    found = [link for link in links_of(html, link_rules(made)) if not link.why_not]
    made["tracking"] = {
        "url": BASE, "opens": "opens" in track, "clicks": "clicks" in track, "epoch": 1, "trigger": 7,
        "secret": tracking_secret(SECRET, 1, 7).hex(), "numbers": list(range(1, len(found) + 1)),
    }  # fmt: skip
    return made


def both(html, **more):
    """A person's HTML as it would be without tracking, and with it; their texts are the same."""
    made = content(html, **more)
    plain, tracked = composer({**made, "tracking": None}), composer(made)
    without, rendered = plain.rendered(ANA, "TOKEN"), tracked.rendered(ANA, "TOKEN")
    assert (without.text, without.subject) == (rendered.text, rendered.subject)
    return without.html, tracked.tracking.applied(rendered.html, 9)


def undone(tracked, plain):
    """A tracked message's HTML with each address as it is in `plain`, up to the quote that ends it, and without its pixel."""
    bare, pieces, at, end = PIXEL.sub("", tracked), [], 0, 0
    for found in TRACKED.finditer(bare):
        between = bare[end : found.start()]
        pieces.append(between)
        at, end = at + len(between), found.end()
        quote = bare[found.start() - 1]
        ends = re.compile(quote if quote in "\"'" else "[\\s>]").search(plain, at).start()
        pieces.append(plain[at:ends])
        assert pieces[-1].strip().lower().startswith("http")
        at = ends
    return "".join([*pieces, bare[end:]])


def why(html):
    return [link.why_not for link in links_of(html, link_rules(content("")))]


class Read(HTMLParser):
    """The tags with their attributes, as the standard library reads them."""

    def __init__(self, html):
        super().__init__()
        self.tags = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, attrs))


quotes = st.sampled_from(['"', "'"])
blanks = st.sampled_from([" ", "\n", "\t ", "  "])
paths = st.sampled_from(["/", "", "/a?x=1&amp;y=2", "/ü", "/a%20b#c", "/{{ first_name }}", "/?u={{ user_id|url_encode }}",
                         "/{% if vip %}gold{% else %}plain{% endif %}", "/?q=a>b", "/?a=1&copy=2"])  # fmt: skip
words = st.text(
    st.characters(codec="utf-8", exclude_characters="<>&{}%#.\r\x00", exclude_categories=("C",)), max_size=12
)
others = st.sampled_from([
    "mailto:a@example.com", "#top", "", "{{ unsubscribe_url }}", "www.shop.example.net", "{{ first_name }}", "tel:1",
    "https://t.example.com/u/x", "https://www.example.com/bye/x", "https://shop.example.net{{ first_name }}",
])  # fmt: skip


@st.composite
def anchors(draw):
    quote, space = draw(quotes), draw(blanks)
    target = draw(st.one_of(paths.map("https://shop.example.net".__add__), others))
    name = draw(st.sampled_from(["href", "HREF", "Href"]))
    equals = draw(st.sampled_from(["=", " = ", "\n="]))
    before = draw(
        st.sampled_from(
            ["", ' class="b"', " title='a > b'", " data-href=https://x.example", "{% if vip %} id=a{% endif %}"]
        )
    )
    behind = draw(st.sampled_from(["", " target=_blank", ' style="color:red"', " hidden", " {# note #}"]))
    return (
        f"<{draw(st.sampled_from('aA'))}{before}{space}{name}{equals}{quote}{target}{quote}{behind}>{draw(words)}</a>"
    )


pieces = st.one_of(
    anchors(),
    words,
    st.sampled_from([
        "<!-- <a href='https://shop.example.net/old'>x</a> -->", "<p>", "</p>", "<br/>", "&amp; &lt;a href=x&gt;", "{{ vip }}",
        '<!--[if mso]><v:rect href="https://shop.example.net/v"></v:rect><![endif]-->', "<![if !mso]>", "<![endif]>",
        "{% for i in items %}<a href='https://shop.example.net/{{ i }}'>{{ i }}</a>{% endfor %}", "</body>",
        "<script>var a = '<a href=\"https://shop.example.net/js\">'</script>", "{% raw %}{{ x }}{% endraw %}",
        "<form action=https://shop.example.net/find><input name=q></form>",
    ]),
)  # fmt: skip
documents = st.lists(pieces, max_size=8).map("".join)


@given(documents)
def test_everything_but_the_links_and_the_pixel_is_as_without_tracking(html):
    plain, tracked = both(html)
    assert undone(tracked, plain) == plain
    assert len(PIXEL.findall(tracked)) == 1
    assert reasons.MARK not in tracked


@given(documents)
def test_css_that_moves_into_the_elements_undoes_no_link(html):
    styled = '<style>a[href^="https://shop"] {color: red} .b {margin: 0} [title] {top: 0}</style>'
    plain, tracked = both(styled + html)
    assert undone(tracked, plain) == plain
    unstyled = both(html)[1]
    # An element that stands in the wrong place is doubled by every reader of HTML, and the link with it.
    assert {m[0] for m in TRACKED.finditer(tracked)} >= {m[0] for m in TRACKED.finditer(unstyled)} - hidden(unstyled)


def hidden(html):
    return {m[0] for comment in re.findall(r"<!--.*?-->", html, re.DOTALL) for m in TRACKED.finditer(comment)}


@given(documents)
def test_no_value_no_target_and_nothing_but_a_key_is_in_a_tracked_address(html):
    tracked = both(html)[1]
    keys = [found[1] for found in TRACKED.finditer(tracked)]
    for key in keys:
        named = read_key(SECRET, Purpose.CLICK, key)
        assert (named.epoch, named.trigger, named.profile) == (1, 7, 9)
    assert read_key(SECRET, Purpose.OPEN, PIXEL.search(tracked)[1]) == Named(1, 7, 9)
    assert all(f"{BASE}/c/{key}" == f"{BASE}/c/{key}".lower() for key in keys)


@given(st.lists(anchors(), max_size=6).map("".join))
def test_the_links_that_are_tracked_are_those_to_a_host_that_is_the_same_for_everybody(html):
    plain, tracked = both(html)
    before, after = Read(plain).tags, Read(PIXEL.sub("", tracked)).tags
    assert len(before) == len(after)
    for (tag, old), (same, new) in zip(before, after, strict=True):
        assert tag == same
        assert [name for name, _ in old] == [name for name, _ in new]
        for (name, value), (_, other) in zip(old, new, strict=True):
            goes = name == "href" and re.match(r"https://shop\.example\.net(?:[/?#]|$)", value or "")
            assert bool(TRACKED.fullmatch(other or "")) is bool(goes and "{{" not in value) or value == other


@given(st.lists(st.sampled_from([
    "a", "<p>", "{{ a }}", "{% if a %}", "{% endif %}", "{# x }} #}", "{{ {'a': {'b': 1}}.a }}", "{{ '}}' }}", '{{ "%}" }}',
    "{% set a = '%}' %}", "{% raw %}", "{% endraw %}", "{{ a['}'] }}", "{", "}", "%}", "}}", "'", '"', "{{ 'a\\'}}' }}", "\n",
]), max_size=8).map("".join))  # fmt: skip
@example("{{% if a %}}}")
def test_what_belongs_to_the_template_language_is_what_its_own_lexer_says(source):
    lexer = environment(autoescape=True, missing=Missing).lexer
    try:
        data = "".join(text for _, kind, text in lexer.tokeniter(source, None) if kind == "data")
    except TemplateSyntaxError:
        return
    read = masked(source)
    assert len(read) == len(source)
    assert read.replace(OUTPUT, "").replace(STATEMENT, "") == data


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ('<a href="{{ unsubscribe_url }}">out</a>', reasons.OPT_OUT),
        ('<a href="https://x.example/?next={{ unsubscribe_url }}">out</a>', reasons.OPT_OUT),
        ('<a href="https://www.example.com/bye/x">out</a>', reasons.OPT_OUT),
        ('<a href="https://T.example.com/u/x">out</a>', reasons.OWN),
        ('<a href="https://t.example.com/news">x</a>', ""),
        ('<a href="MAILTO:a@example.com">x</a>', reasons.OTHER_SCHEME),
        ('<a href="javascript:x">x</a>', reasons.OTHER_SCHEME),
        ('<a href=" #top">x</a>', reasons.ANCHOR),
        ('<a href="">x</a>', reasons.ANCHOR),
        ('<a href="www.shop.example.net/x">x</a>', reasons.NO_SCHEME),
        ('<a href="//shop.example.net/x">x</a>', reasons.NO_SCHEME),
        ('<a href="https:/x">x</a>', reasons.NO_SCHEME),
        ('<a href="https://">x</a>', reasons.NO_SCHEME),
        ('<a href="https://{{ first_name }}.example/x">x</a>', reasons.ANY_HOST),
        ('<a href="https://shop.example.net{{ first_name }}">x</a>', reasons.ANY_HOST),
        ('<a href="{{ first_name }}">x</a>', reasons.ANY_HOST),
        ('<a href="{{ first_name }}://x.example/">x</a>', reasons.ANY_HOST),
        ('<a href="https&#58;//shop.example.net/{{ first_name }}">x</a>', ""),
        ('<a data-no-track href="https://x.example/">x</a>', reasons.ASKED),
        ('<a href="https://x.example/{% if vip %}a">1</a>{% else %}b">2</a>{% endif %}', reasons.ACROSS),
        ('<a {% if vip %}href="https://a.a/{{ vip }}"{% else %}href="https://b.b/{{ vip }}"{% endif %}>x</a>', reasons.ACROSS),
        ('<form method=post action="https://x.example/"></form>', reasons.POSTED),
        ('<form action="https://x.example/"></form>', ""),
        ('<area href="https://x.example/">', ""),
        ('<v:roundrect href="https://x.example/">', ""),
    ],
)  # fmt: skip
def test_each_link_that_is_left_alone_says_why(html, expected):
    assert why(html) == [expected]


@pytest.mark.parametrize(
    "shown",
    ["https://x.example/a", "www.x.example", " x.example<b>/a</b> ", "<span>x.example</span>", "» x.example «",
     "(x.example:8080)", "https://x.example/{{ first_name }}", "&#8203;x.example&nbsp;", "info@x.example", "HTTP://X.EXAMPLE"],
)  # fmt: skip
def test_words_that_are_an_address_keep_it(shown):
    assert why(f'<a href="https://x.example/a">{shown}</a>') == [reasons.ADDRESS]


@pytest.mark.parametrize(
    "shown", ["To the sale", "", "<img src=x.example alt=x.example>", "Only 3.50 today", "{{ first_name }}", "e.g."]
)
def test_other_words_do_not(shown):
    assert why(f'<a href="https://x.example/a">{shown}</a>') == [""]


@pytest.mark.parametrize(
    ("html", "without"),
    [
        ('<a data-no-track href="https://x.example/">x</a>', '<a href="https://x.example/">x</a>'),
        ('<a href="https://x.example/"\n DATA-NO-TRACK="yes">x</a>', '<a href="https://x.example/">x</a>'),
        ('<a data-no-track=""href="https://x.example/">x</a>', '<a href="https://x.example/">x</a>'),
    ],
)
def test_the_wish_not_to_be_tracked_does_not_go_out(html, without):
    assert both(html, track="clicks")[1] == without


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<html><body><p>x</p></BODY ></html>", "<p>x</p>PIXEL</BODY >"),
        ("<html><p>x</p></html>", "<p>x</p>PIXEL</html>"),
        ("<p>x</p>", "<p>x</p>PIXEL"),
        ("<body>x<!-- </body> -->y</body>", "yPIXEL</body>"),
        ("<body>x</body><!-- </body> -->", "xPIXEL</body><!--"),
    ],
)
def test_the_pixel_is_the_last_thing_in_the_body(html, expected):
    assert expected in PIXEL.sub("PIXEL", both(html)[1])


def test_opens_and_clicks_are_tracked_each_for_itself():
    html = '<a href="https://x.example/">x</a>'
    opens, clicks = both(html, track="opens")[1], both(html, track="clicks")[1]
    assert PIXEL.sub("", opens) == html
    assert (len(TRACKED.findall(clicks)), len(PIXEL.findall(clicks))) == (1, 0)


def test_a_loop_makes_a_link_an_item_and_each_says_which():
    html = "{% for i in items %}<a href='https://x.example/{{ i }}'>{{ i }}</a>{% endfor %}<a href='https://x.example/'>x</a>"
    named = [read_key(SECRET, Purpose.CLICK, key) for key in TRACKED.findall(both(html)[1])]
    assert [(one.link, one.nth) for one in named] == [(1, 0), (1, 1), (2, 0)]


def test_a_preheader_is_before_the_pixel_and_neither_is_in_the_text():
    html = both("<body><p>Hello</p></body>", preheader="Only today")[1]
    assert html.index("Only today") < html.index("Hello") < html.index("<img")
