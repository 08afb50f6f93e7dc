"""What a message is made of beyond its text: attachments, Reply-To, own headers, preheader, inlined CSS."""

import email
import re
from email import policy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from xpimport.errors import Invalid
from xpimport.sending.content.css import inlined, with_preheader
from xpimport.sending.content.mime import MessageSkeleton
from xpimport.sending.content.render import Rendered

AT = "2026-11-24T08:00:00+00:00"


def built(skeleton, text="Hello", html=None):
    from datetime import datetime

    made = skeleton.outgoing(
        Rendered("Hi", text, html),
        key="k",
        to="ann@example.com",
        message_id="k@example.com",
        date=datetime.fromisoformat(AT),
    )
    return email.message_from_bytes(made.body, policy=policy.default)


names = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=40)


@example([("<>", b"")])
@example([('"a"', b"")])
@given(st.lists(st.tuples(names, st.binary(max_size=300)), min_size=1, max_size=3, unique_by=lambda file: file[0]))
def test_attached_files_arrive_as_they_are_beside_both_parts(files):
    skeleton = MessageSkeleton("a@example.com", attachments=[(name, "application/pdf", data) for name, data in files])
    message = built(skeleton, "Hello\n", "<p>Hello</p>\n")
    assert not message.defects
    assert message.get_content_type() == "multipart/mixed"
    assert message.get_body(("html",)).get_content().split() == ["<p>Hello</p>"]
    assert message.get_body(("plain",)).get_content().split() == ["Hello"]
    # get_filename() would take a second pair of quotes or angle brackets off: "<>" is a name.
    found = [
        (part["Content-Disposition"].params["filename"], part.get_content()) for part in message.iter_attachments()
    ]
    assert found == files


@pytest.mark.parametrize("name", ["a\r\nBcc: b@example.com", "a\x00b", "a\u202eb"])
def test_a_file_name_with_a_control_character_is_refused(name):
    with pytest.raises(Invalid, match="control character"):
        MessageSkeleton("a@example.com", attachments=[(name, "text/plain", b"")])


def test_answers_and_own_headers_go_where_the_campaign_says():
    message = built(MessageSkeleton("a@example.com", reply_to="b@example.com",
                                    headers=("X-Campaign: spring",)))  # fmt: skip
    assert message["Reply-To"] == "b@example.com"
    assert message["X-Campaign"] == "spring"
    assert message["To"] == "ann@example.com"


@pytest.mark.parametrize(
    "line",
    ["Bcc: b@example.com", "To: b@example.com", "X-A: b\r\nBcc: c@example.com", "X A: b", "nothing", "Reply-To: x@y.z",
     "Content-Type: text/html", "List-Unsubscribe: <mailto:a@b.c>"],
)  # fmt: skip
def test_no_own_header_can_add_a_recipient_or_take_the_place_of_ours(line):
    with pytest.raises(Invalid):
        MessageSkeleton("a@example.com", headers=(line,))


def test_css_moves_into_the_elements_and_media_rules_stay():
    html = "<html><head><style>p{color:red} @media (max-width:9px){p{color:blue}}</style></head><body><p>A</p></body></html>"
    found = inlined(html)
    assert '<p style="color: red' in found
    assert "@media" in found
    assert inlined("<p>as it is") == "<p>as it is"


def test_no_style_sheet_is_fetched(tmp_path):
    (tmp_path / "a.css").write_text("p{color:red}")
    html = f'<html><head><style>b{{color:blue}}</style><link rel="stylesheet" href="file://{tmp_path}/a.css"></head><body><p>A'
    assert "red" not in inlined(html)


def test_a_preheader_stands_first_in_the_body_and_is_escaped():
    found = with_preheader("<html><body class='a'><p>A", "<b>50 % off & more")
    assert found.startswith("<html><body class='a'><div style=\"display:none")
    assert "&lt;b&gt;50 % off &amp; more" in found


@pytest.mark.shop(people="user_id,email,email_subscription\nu1,a@example.com,1\n", campaign=None, imports=None)
def test_a_campaign_with_everything_arrives_with_everything(shop, tmp_path):
    (tmp_path / "hello.html").write_text(
        "<html><head><style>p{color:red}</style></head><body><p>Hello {{ user_id }}</p></body></html>", encoding="utf-8"
    )
    (tmp_path / "terms.txt").write_bytes(b"terms\r\n")
    hello = ("campaign", "add", "hello", "--subject", "Hi", "--html", tmp_path / "hello.html", "--from", "Shop <s@example.com>",
             "--reply-to", "Help <h@example.com>", "--header", "X-Campaign: spring", "--attach", tmp_path / "terms.txt",
             "--preheader", "For {{ user_id }} only")  # fmt: skip
    for command in (
        hello,
        ("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hello"),
        ("run-now", "list"),
    ):
        done = shop(*command)
        assert done.code == 0, done.err
    message = email.message_from_bytes(next(iter(tmp_path.rglob("new/*"))).read_bytes(), policy=policy.default)
    assert (message["From"], message["Reply-To"]) == ("Shop <s@example.com>", "Help <h@example.com>")
    assert message["X-Campaign"] == "spring"
    html = message.get_body(("html",)).get_content()
    assert '<p style="color: red' in html
    assert "For u1 only" in html
    assert "For u1 only" not in message.get_body(("plain",)).get_content()
    (terms,) = message.iter_attachments()
    assert (terms.get_filename(), terms.get_payload(decode=True)) == ("terms.txt", b"terms\r\n")
    shown = shop("campaign", "show", "hello").out
    assert "terms.txt" in shown
    assert shop("campaign", "edit", "hello", "--attach", "none", "--preheader", "none").code == 0
    assert shop("campaign", "edit", "hello", "--header", "Bcc: x@example.com").code == 2


def test_what_outlook_alone_leaves_out_stays_so_when_css_is_inlined():
    style, shown = "<style>p{top:0}</style>", '<![if !mso]><p style="top: 0;">x</p><![endif]>'
    assert shown in inlined(f"{style}<div><![if !mso]><p>x</p><![endif]></div>")
    # What was a comment stays one.
    assert "<!--[if !mso]-->" in inlined(f"{style}<div><!--[if !mso]--><![if !mso]><p>x</p><![endif]></div>")


@pytest.mark.shop(
    people="user_id,email,mobile_number,email_subscription\nu1,a@example.com,447700900123,1\n",
    campaign=None,
    imports=None,
)
def test_a_preview_shows_the_message_as_it_is_sent(shop, tmp_path):
    (tmp_path / "hello.html").write_text("<p>Hello {{ user_id }}</p>")
    (tmp_path / "sms.json").write_text('{"to": "+{{ mobile_number }}"}')
    (tmp_path / "terms.txt").write_bytes(b"terms")
    for command in (
        ("campaign", "add", "hello", "--subject", "Grüße {{ user_id }}", "--html", tmp_path / "hello.html",
         "--from", "s@example.com", "--attach", tmp_path / "terms.txt", "--header", "X-Campaign: spring"),
        ("campaign", "add", "sms", "--channel", "webhook", "--medium", "sms", "--url", "https://gateway.example.com/",
         "--text", tmp_path / "sms.json"),
        ("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "hello"),
        ("run-now", "list"),
    ):  # fmt: skip
        assert shop(*command).code == 0
    shown = shop("campaign", "preview", "hello", "--profile", "u1")
    assert "Attached: terms.txt (text/plain, 5 bytes)." in shown.err
    sent = email.message_from_bytes(next(iter(tmp_path.rglob("new/*"))).read_bytes(), policy=policy.default)
    differ = {"Date", "Message-ID"}
    headers, _, text = shown.out.partition("\n\n")
    assert text == "Hello u1\n"
    assert [line for line in headers.splitlines() if line.split(":")[0] not in differ] == [
        # Nobody can opt out by a preview.
        re.sub("(?<=unsubscribe%20)[a-z2-7]{40}", "TOKEN", f"{name}: {value}")
        for name, value in sent.items()
        if name not in differ
    ]
    whole = shop("campaign", "preview", "hello", "--profile", "u1", "--html", "-").out
    assert whole.strip() == sent.get_body(("html",)).get_content().strip()
    posted = shop("campaign", "preview", "sms", "--profile", "u1").out
    assert posted.startswith("Posted to: https://gateway.example.com/\n")
    assert posted.endswith('{"to": "+447700900123"}\n')
