"""Templates, the plain text made from HTML, and messages read back with the standard library's parser."""

import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from email import message_from_bytes, message_from_string
from email.headerregistry import AddressHeader
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.sending.content.mime import MessageSkeleton
from xpimport.sending.content.plaintext import to_plain_text
from xpimport.sending.content.render import NotPersonalised, Rendered, Templates, compile_templates

NAMES = frozenset({"first_name", "email", "points", "joined", "plan", "items"})
ANA: dict[str, object] = {
    "first_name": "Ana",
    "email": "ana@example.com",
    "points": 1234.0,
    "joined": "2024-05-01T16:05:09",
    "plan": "gold",
}
WHEN = datetime(2026, 11, 24, 9, 5, 7, tzinfo=timezone(timedelta(hours=-3, minutes=-30)))


def templates(
    text: str | None = "x", *, subject: str = "Hi", html: str | None = None, strict: bool = False
) -> Templates:
    return compile_templates(subject=subject, text=text, html=html, names=NAMES, strict=strict)


def text_of(source: str, *, strict: bool = False, **values: object) -> str:
    return templates(source, strict=strict).render({**ANA, **values}).text


def refusal(source: str) -> str:
    with pytest.raises(Invalid) as caught:
        templates(source)
    return caught.value.message


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ first_name }}", "Ana"),
        ("{{ user.first_name }}", "Ana"),
        ("{{ user['first_name'] }}", "Ana"),
        ("{{ points }} {{ points * 2 }} {{ points / 2 }} {{ points ~ '' }}", "1234 2468 617 1234"),
        ("{{ points / 5 }}", "246.8"),
        ("{{ joined|date('d/m/Y H:i') }}", "01/05/2024 16:05"),
        ("{{ joined|date('D, j M y g:i:s a') }}", "Wed, 1 May 24 4:05:09 pm"),
        ("{{ joined|date('l jS F') }}", "Wednesday 1st May"),
        ("{{ joined|date }}", "May 1, 2024 16:05"),
        ("{{ joined|date('\\\\o\\\\n Y t L N w z W') }}", "on 2024 31 1 3 3 121 18"),
        ("{{ '2024-05-01'|date('c') }}", "2024-05-01T00:00:00+00:00"),
        ("{{ '2024-05-01T10:00:00-03:30'|date('P O') }}", "-03:30 -0330"),
        ("{{ points|number_format }}", "1,234"),
        ("{{ '1234567.885'|number_format(2, ',', '.') }}", "1.234.567,89"),
        ("{{ -0.5|number_format }}", "-1"),
        ("{{ 'a,b,c'|split(',')|join('-') }}", "a-b-c"),
        ("{{ 'a,b,c'|split(',', 2)|join('-') }}", "a-b,c"),
        ("{{ 'abc'|split('')|join('-') }}", "a-b-c"),
        ("{{ [1]|merge([2])|join(',') }}", "1,2"),
        ("{{ ({'a': 1}|merge({'b': 2})).b }}", "2"),
        ("{{ '<b>'|raw }}", "<b>"),
        ("{{ 'x' if '' is empty and [] is empty and 0 is not empty }}", "x"),
        ("{{ ''|default('friend') }}", "friend"),
        ("{{ 'Hi %n%'|replace({'%n%': first_name}) }}", "Hi Ana"),
        ("{{ 'abc'|slice(1, 1) }}", "b"),
        ("{{ 2.5|round }} {{ 2.4|round(0, 'ceil') }} {{ 2.345|round(2) }}", "3 3 2.35"),
        ("{{ first_name.startswith('A') and first_name.upper() }}", "ANA"),
        ("{% set hi = 'Hi ' ~ plan %}{% for i in range(2) %}{{ hi }}{{ loop.index }}{% endfor %}", "Hi gold1Hi gold2"),
        ("{% for user in ['a'] %}{{ user }}{% endfor %}", "a"),
        ("{% macro hi(who) %}Hi {{ who }}{% endmacro %}{{ hi(first_name) }}", "Hi Ana"),
        ("{{ plan is null }} {{ null is null }}", "False True"),
        ("a < b & c", "a < b & c"),
        ("{% raw %}{{ x }}{% endraw %}\n", "{{ x }}\n"),
    ],
)  # fmt: skip
def test_what_a_template_prints(source: str, expected: str) -> None:
    assert text_of(source) == expected


def test_values_are_escaped_in_html_only_and_never_rendered_again() -> None:
    made = templates("{{ first_name }}", html="<p>{{ first_name }}</p>", subject="{{ first_name }}")
    nasty = "<b>{{ email }}</b> & {% x"
    rendered = made.render({"first_name": nasty})
    assert rendered.subject == rendered.text == nasty
    assert rendered.html == "<p>&lt;b&gt;{{ email }}&lt;/b&gt; &amp; {% x</p>"


def test_an_attribute_may_have_the_name_of_a_method() -> None:
    assert text_of("{{ user.items }}", items="shoes") == "shoes"
    assert text_of("{{ user.items }}") == ""


@given(st.text())
def test_no_value_can_make_a_second_line_of_the_subject(value: str) -> None:
    if "\0" in value:
        return
    subject = templates(subject="Hi {{ first_name }}!").render({"first_name": value}).subject
    assert len(subject.splitlines()) == 1
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", subject)


# --- missing values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", [{}, {"first_name": None, "points": None, "joined": None}])
def test_a_missing_value_prints_nothing(profile: dict[str, object]) -> None:
    source = (
        "[{{ first_name }}{{ user.first_name }}{{ first_name|upper }}{{ joined|date('Y') }}{{ points|number_format }}"
        "{% if points > 5 or points < 5 %}x{% endif %}{% if first_name == 'A' %}x{% endif %}{{ first_name.strip() }}]"
        "{{ first_name|default('friend') }}"
    )
    assert templates(source).render(profile).text == "[]friend"


@pytest.mark.parametrize("source", ["{{ first_name }}", "{{ user.first_name }}", "{{ first_name|upper }}"])
def test_strict_refuses_to_print_nothing(source: str) -> None:
    with pytest.raises(NotPersonalised) as caught:
        templates(source, strict=True).render({"first_name": None})
    assert caught.value.detail == "text, line 1: first_name has no value"


def test_strict_lets_a_template_ask() -> None:
    source = "{% if first_name %}{{ first_name }}{% endif %}{{ first_name|default('friend') }}"
    assert templates(source, strict=True).render({}).text == "friend"


@pytest.mark.parametrize(
    "source",
    [
        "{{ points + 1 }}",
        "{{ first_name|date('Y') }}",
        "{{ first_name|number_format }}",
        "{{ 1 / (plan|length - 4) }}",
        "{{ joined|date('Q') }}",
        "{{ [first_name] }}",
        "{{ first_name * 600000 }}",
        "{% macro f(x) %}{{ f(x) }}{% endmacro %}{% if first_name %}{{ f(1) }}{% endif %}",
        "{% for i in range(9000) %}{% if first_name %}{{ 'x' * 1000 }}{% endif %}{% endfor %}",
        "{{ 'x' if not first_name else ('a' * 10**9) }}",
        "{{ first_name[points].foo.bar + 1 }}",
    ],
)
def test_what_fails_for_one_person_is_that_persons_failure(source: str) -> None:
    made = templates(source)
    with pytest.raises(NotPersonalised) as caught:
        made.render({"first_name": "Anabel", "plan": "gold", "joined": "2024-01-01"})
    assert caught.value.detail.startswith(("text: ", "text, line 1: "))
    assert "Anabel" not in caught.value.detail


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in range(points) %}{% for b in range(points) %}{% endfor %}{% endfor %}",
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(points // 100) }}",
        "{% for a in range(points) recursive %}{% if loop.depth < 9 %}{{ loop(range(points)) }}{% endif %}{% endfor %}",
        "{% for a in range(points) %}{% set b = range(points)|map('string')|list %}{% endfor %}",
        "{% for a in range(points) %}{% set b = range(points)|select('odd')|list|length %}{% endfor %}",
    ],
)
def test_a_template_that_would_compute_for_ever_fails_for_that_person(source: str, monkeypatch) -> None:
    monkeypatch.setattr("xpimport.sending.content.sandbox.MAX_SECONDS", 0.2)
    made = templates(source)
    assert made.render({**ANA, "points": 2}).text.strip() == ""
    with pytest.raises(NotPersonalised, match=r"text, line 1: more than 0\.2 seconds of computing"):
        made.render({**ANA, "points": 9000})


def test_loops_know_their_length_and_their_else() -> None:
    source = "{% for a in items %}{{ loop.index }}/{{ loop.length }}{% else %}none{% endfor %}"
    assert text_of(source, items=[7, 8]) == "1/22/2"
    assert text_of(source) == "none"


def test_a_nul_is_refused() -> None:
    with pytest.raises(NotPersonalised, match="NUL"):
        text_of("{{ first_name }}", first_name="a\0b")


# --- what is refused for everybody --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "construct", "instead"),
    [
        ("{% if plan %}\n{% elseif plan %}{% endif %}", "elseif", "elif"),
        ("\n{{ plan ?: 'x' }}", "?:", "a or b"),
        ("\n{{ plan ?? 'x' }}", "??", "default"),
        ("\n{{ plan ? 'a' : 'b' }}", "a ? b : c", "b if a else c"),
        ("\n{% for i in 1..3 %}{% endfor %}", "1..3", "range(1, 4)"),
        ("\n{% if plan starts with 'a' %}{% endif %}", "starts with", "startswith"),
        ("\n{% if plan ends with 'a' %}{% endif %}", "ends with", "endswith"),
        ("\n{% if plan matches '/a/' %}{% endif %}", "matches", "no regular expressions"),
        ("\n{% verbatim %}{{ x }}{% endverbatim %}", "{% verbatim %}", "{% raw %}"),
    ],
)
def test_twig_that_jinja_lacks_is_named_with_what_to_write(source: str, construct: str, instead: str) -> None:
    told = refusal(source)
    assert told.startswith(f"text, line 2: `{construct}`")
    assert instead in told


def test_a_question_mark_in_a_text_is_no_twig() -> None:
    assert "Twig" not in refusal("{{ 'why ?' plan }}")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("\n\n{{ fist_name }}", "line 3: no attribute is called 'fist_name'. Did you mean first_name"),
        ("{{ user.fist_name }}", "line 1: no attribute is called 'fist_name'. Did you mean first_name"),
        ("{{ user['fist_name'] }}", "Did you mean first_name"),
        ("{% if zzz is defined %}{% endif %}", "no attribute is called 'zzz'. Known are: email,"),
        ("{% for x in [1] %}{% endfor %}{{ x }}", "'x'"),
        ("{{ plan|uper }}", "there is no filter 'uper'. Did you mean upper"),
        ("{% if plan %}{{ plan|uper }}{% endif %}", "there is no filter 'uper'"),
        ("{{ '%s'|format(plan) }}", "Write number_format"),
        ("{{ plan is emty }}", "there is no test 'emty'. Did you mean empty"),
        ("{{ plan is same as('a') }}", "there is no test 'same'. Did you mean sameas"),
        ("{% include 'other' %}", "another file"),
        ("{% extends 'other' %}", "another file"),
        ("\n{{ plan", "line 2: unexpected end"),
        ("{% if plan %}", "line 1: Unexpected end of template"),
        ("{{ ''.__class__ }}", "not for templates"),
        ("{{ ''['__class__'] }}", "not for templates"),
        ("{{ points + 1 }}{{ 'a' * 10**9 }}", "is refused"),
        ("{{ [0] * 10**9 }}", "is refused"),
        ("{{ range(10**9)|join }}", "range() of more than"),
        ("{{ range(99**99) }}", "too large"),
        ("{{ 9**9**9 }}", "too large"),
        ("{{ '%1000000000d' % 1 }}", "numbers only"),
        ("{{ 'a'.ljust(10**9) }}", "not for templates"),
        ("{{ '{:>1000000000}'.format(1) }}", "not for templates"),
        ("{% set a = 'x' * 1000000 %}{{ a ~ a }}", "is refused"),
        ("{% set a = 'x' * 1000000 %}{{ a + a }}", "is refused"),
        ("{% set a = 'x' * 1000000 %}{{ a|replace('x', 'yy') }}", "is refused"),
        ("{% set a = 'x' * 1000000 %}{{ range(9999)|join(a) }}", "is refused"),
        ("{% set n = namespace(a=2) %}{% for i in range(99) %}{% set n.a = n.a * n.a %}{% endfor %}", "too large"),
        ("(" * 10 + "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "nested too deeply"),
    ],
)
def test_a_broken_template_sends_nothing(source: str, told: str) -> None:
    message = refusal(source)
    assert message.startswith("text")
    assert told.replace("another file", "needs another file") in message


def test_the_part_is_named() -> None:
    for part in ("subject", "html"):
        with pytest.raises(Invalid, match=f"^{part}, line 1: "):
            templates(**{part: "{{ nobody }}"})  # type: ignore[arg-type]


def test_a_campaign_without_content_is_refused() -> None:
    with pytest.raises(Invalid, match="--text FILE"):
        templates(None)


def test_huge_templates_are_refused_in_little_memory() -> None:
    script = f"""
import resource
resource.setrlimit(resource.RLIMIT_AS, ({300 << 20}, {300 << 20}))
from xpimport.errors import Invalid
from xpimport.sending.content.render import compile_templates
for source in ("{{{{ 'a' * 10**9 }}}}", "{{{{ range(10**9)|list }}}}", "{{{{ [1] * 10**9 }}}}"):
    try:
        compile_templates(subject=source, text="", html=None, names=(), strict=False)
    except Invalid:
        print("refused")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["refused"] * 3


# --- plain text from HTML -----------------------------------------------------------------------------------


def test_plain_text_keeps_links_lists_and_paragraphs() -> None:
    html = """<!doctype html><html><head><title>T</title><style>p { color: red }</style></head><body>
      <h1>Caf&eacute; &amp; more</h1><script>alert(1)</script>
      <p>Dear <b>Ana</b>,<br>see <a href="https://x.example/a?b=1&amp;c=2">our shop</a>.</p>
      <ul><li>one</li><li>two<ol><li>deep</ol></ul>
      <table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table><hr>
      <p><a href="https://x.example">https://x.example</a> <a href="mailto:a@b.c">a@b.c</a>
      <a href="javascript:x()">no</a> <a href="https://i.example"><img src="i.png" alt="Logo"></a></p>
      <pre>  kept
   so</pre></body></html>"""
    assert to_plain_text(html) == (
        "Café & more\n\nDear Ana,\nsee our shop (https://x.example/a?b=1&c=2).\n\n"
        "- one\n- two\n  1. deep\n\na b\nc\n\n--------------------\n\n"
        "https://x.example a@b.c no Logo (https://i.example)\n\n  kept\n   so\n"
    )


def test_a_message_of_html_alone_gets_a_text() -> None:
    rendered = templates(None, html="<p>Hi {{ first_name }}</p>").render({"first_name": "A <b>"})
    assert rendered.text == "Hi A <b>\n"


@given(st.text(st.sampled_from("<>/ab pli'\"=&;!-?\n \u00e9"), max_size=80))
def test_broken_html_is_no_error(html: str) -> None:
    assert to_plain_text(html).endswith("\n")


# --- messages -----------------------------------------------------------------------------------------------

_line = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=300)
_body = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=400)
_atom = st.text(st.sampled_from("abzAZ019!#$%&'*+-/=?^_`{|}~"), min_size=1, max_size=20)
_local = st.lists(_atom, min_size=1, max_size=3).map(".".join).filter(lambda text: "=?" not in text)
_domain = st.lists(st.from_regex(r"[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True), min_size=1, max_size=4)
_address = st.builds(lambda local, domain: f"{local}@{'.'.join(domain)}", _local, _domain)
_id = st.from_regex(r"[a-z0-9]{1,64}@[a-z0-9]{1,20}\.example", fullmatch=True)


def built(rendered: Rendered | None = None, **changes: object) -> bytes:
    known: dict[str, object] = {
        "key": "-",
        "to": "ana@example.com",
        "message_id": "id@example.com",
        "date": WHEN,
    }
    skeleton = MessageSkeleton(str(changes.pop("sender", '"Shop" <news@example.com>')))
    message = skeleton.outgoing(rendered or Rendered("Hi", "text\n", None), **{**known, **changes})  # type: ignore[arg-type]
    return message.body


def addresses(header: object) -> list[str]:
    assert isinstance(header, AddressHeader)
    return [address.addr_spec for address in header.addresses]


def parsed(octets: bytes) -> EmailMessage:
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets)
    assert all(len(line) <= 998 for line in octets.split(b"\r\n"))
    message = message_from_bytes(octets, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def normal(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


def content(part: object) -> str:
    assert isinstance(part, EmailMessage)
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode().replace("\r\n", "\n")


@given(_line, _body, st.none() | _body, _address, _id)
@example("=?utf-8?q?x?= y", "", None, "a@b", "a@b.example")
@example("x" * 2000, ".\n..\n", "\r\n.\r\n--=_xpimport_part--\r\n", "a@b", "a@b.example")
@example("é" * 300, "\u65e5\u672c" * 100, "y" * 5000, "a@b", "a@b.example")
@example("word " * 60 + "end", "x \n\t\n = \n", None, "a@b", "a@b.example")
def test_a_message_read_back_is_what_was_rendered(
    subject: str, text: str, html: str | None, to: str, message_id: str
) -> None:
    message = parsed(built(Rendered(subject, text, html), to=to, message_id=message_id))
    assert message["Subject"].strip() == subject.strip()
    assert addresses(message["To"]) == [to]
    assert [message.get_all(name, [])[1:] for name in ("To", "From", "Subject", "Date", "Message-ID")] == [[]] * 5
    assert not any(message.get_all(name) for name in ("Cc", "Bcc", "Sender"))
    assert message["Message-ID"] == f"<{message_id}>"
    assert message["Date"].datetime == WHEN
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"][: len(parts)]
    assert [content(part) for part in parts] == [normal(body) for body in (text, html) if body is not None]
    assert message.is_multipart() == (html is not None)
    assert not any(part.defects for part in message.walk())


@given(_line.map(str.strip).filter(bool), _address)
@example('Acme, Inc. "the" (best)\\', "a@b")
@example("Zoë", "a@b")
@example("a" * 400, "a@b")
def test_the_name_of_the_sender_survives(name: str, address: str) -> None:
    from email.headerregistry import Address

    try:
        sender = str(Address(name, addr_spec=address))
    except Exception:  # noqa: BLE001 - the standard library refuses or breaks on some texts
        return
    try:
        octets = built(sender=sender)
    except Invalid:
        return
    header = parsed(octets)["From"]
    assert addresses(header) == [address]
    assert "".join(header.addresses[0].display_name.split()) == "".join(name.split())


def test_the_sender_may_have_any_usual_form() -> None:
    for sender, shown in {
        "news@example.com": ("", "news@example.com"),
        "Shop <news@example.com>": ("Shop", "news@example.com"),
        '"Shop, Ltd." <news@example.com>': ("Shop, Ltd.", "news@example.com"),
        "Zoë & Söhne <news@bücher.example>": ("Zoë & Söhne", "news@xn--bcher-kva.example"),
    }.items():
        [address] = parsed(built(sender=sender))["From"].addresses
        assert (address.display_name, address.addr_spec) == shown


@pytest.mark.parametrize(
    "sender",
    ["", "Shop", "a@b.c, d@e.f", "g: a@b.c, d@e.f;", "Shop <a@b.c>\r\nBcc: x@y.z", "josé@example.com", "a@b.c\0", "<>"],
)
def test_a_sender_that_is_not_one_address_is_refused(sender: str) -> None:
    with pytest.raises(Invalid, match=r"^From"):
        MessageSkeleton(sender)


@pytest.mark.parametrize(
    "to",
    [
        "a@x.com, b@y.com",
        "g: a@x.com, b@y.com;",
        "a@x.com\r\nBcc: b@y.com",
        "a@x.com\n",
        "Ana <a@x.com>",
        "<a@x.com>",
        "a b@x.com",
        "a@x.com\0",
        '"a b"@x.com',
        "a..b@x.com",
        "=?utf-8?q?x?=@x.com",
        "a@x.com (comment)",
        "a@@x.com",
        "a@x..com",
        "é\u202e@x.com",
        "é\u3000b@x.com",
        "é,b@x.com",
        "a@-é-.com",
        "",
        "a@" + "b" * 300,
    ],
)
def test_a_recipient_that_is_not_one_plain_address_is_refused(to: str) -> None:
    with pytest.raises(Invalid, match=r"^To"):
        built(to=to)


@given(st.text(max_size=30), st.text(max_size=10))
def test_no_text_at_all_makes_a_second_recipient_or_header(to: str, value: str) -> None:
    try:
        octets = built(to=to, extra_headers={"X-Note": value})
    except Invalid:
        return
    head = octets.split(b"\r\n\r\n")[0]
    names = [line.split(b":")[0].decode() for line in head.split(b"\r\n") if not line.startswith(b" ")]
    known = ["From", "To", "Subject", "Date", "Message-ID", "X-Note", "MIME-Version", "Content-Type"]
    assert names == [*known, "Content-Transfer-Encoding"]
    assert octets.count(b"\r\nTo: ") == 1


def test_international_addresses() -> None:
    skeleton = MessageSkeleton("news@example.com")
    rendered = Rendered("Hi", "x", None)

    def to(address: str) -> tuple[str, bool, bytes]:
        made = skeleton.outgoing(rendered, key="k", to=address, message_id="a@b", date=WHEN)
        return made.to, made.smtputf8, made.body

    assert to("ana@example.com")[:2] == ("ana@example.com", False)
    assert to("ana@faß.de")[:2] == ("ana@xn--fa-hia.de", False)
    address, wide, octets = to("josé@bücher.example")
    assert (address, wide) == ("josé@xn--bcher-kva.example", True)
    message = message_from_string(octets.decode(), policy=default)
    assert addresses(message["To"]) == ["josé@xn--bcher-kva.example"]


def test_extra_headers_arrive_as_they_are() -> None:
    extra = {
        "List-Unsubscribe": f"<https://x.example/u/{'t' * 120}>, <mailto:news@example.com?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Reply-To": "help@example.com",
        "X-Campaign": "Frühling",
    }
    message = parsed(built(extra_headers=extra))
    assert {name: message[name] for name in extra} == extra


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nBcc: x@y.z"),
        ("X-A", "a\nb"),
        ("X-A", "a\0b"),
        ("X-A", "a\u2028b"),
        ("X-A: b\r\nBcc", "x"),
        ("Bcc", "x@y.z"),
        ("cc", "x@y.z"),
        ("To", "x@y.z"),
        ("Resent-To", "x@y.z"),
        ("Content-Type", "text/html"),
        ("Reply-To", "josé@example.com"),
        ("List-Unsubscribe", f"<https://x.example/{'t' * 1000}>"),
        ("", "x"),
    ],
)
def test_a_header_that_could_do_harm_is_refused(name: str, value: str) -> None:
    with pytest.raises(Invalid):
        built(extra_headers={name: value})


@pytest.mark.parametrize(
    "changes",
    [
        {"rendered": Rendered("a\r\nBcc: b@c.d", "x", None)},
        {"rendered": Rendered("a\0", "x", None)},
        {"rendered": Rendered("a", "x\0", None)},
        {"rendered": Rendered("a", "x", "\0")},
        {"rendered": Rendered("a\ud800", "x", None)},
        {"rendered": Rendered("a", "x\ud800", None)},
        {"message_id": "<a b@x>"},
        {"message_id": "a@b>\r\nBcc: c@d.e"},
        {"message_id": "none"},
        {"date": datetime(2026, 1, 1)},  # noqa: DTZ001
    ],
)
def test_what_cannot_be_a_message_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        built(**changes)  # type: ignore[arg-type]


def test_bodies_are_kept_short_by_the_better_encoding() -> None:
    assert b"quoted-printable" in built(Rendered("s", "plain text, é\n", None))
    assert b"base64" in built(Rendered("s", "日本語のお知らせ\n", None))


def test_the_same_person_gets_the_same_bytes_at_every_attempt() -> None:
    made = templates("Hi {{ first_name }}", html="<p>{{ first_name }}</p>")
    first, second = (built(made.render(ANA), date=datetime(2026, 1, 1, tzinfo=UTC)) for _ in range(2))
    assert first == second
