"""Making a message and handing it over are two steps: nothing is in doubt before the first byte."""

import queue

import pytest
from servers.smtp_peer import smtp_peer

from xpimport.errors import Unreachable
from xpimport.sending.content.css import inlined
from xpimport.sending.content.plaintext import to_plain_text
from xpimport.sending.delivery.cluster import _Caller

SMTP = ("--channel", "smtp", "--from", "news@example.com")
DEEP = "<style>div{color:red}</style>" + "<div>" * 30_000 + "x"


@pytest.mark.parametrize(
    "html",
    [
        "<p>a</p><![FOR]><p>b</p>",
        "<p>a</p><![if !mso]><p>b</p><![endif]>",
        "<p>a</p><![endif",
        "<p>a</p><!DOCTYPE x [<!ENTITY y 'z'>]><p>b</p>",
        "<p>a</p><![CDATA[ x ]]><p>b</p>",
    ],
)
def test_declarations_of_word_are_no_error_in_a_plain_text(html):
    text = to_plain_text(html)
    assert text.startswith("a")
    assert "<p>b" not in html or "b" in text.splitlines()


def test_a_head_that_is_never_closed_ends_with_the_first_words():
    assert to_plain_text("<html><head><title>Sale</title>\n<body><p>Hello</p></body></html>") == "Hello\n"


def test_html_that_would_kill_the_inliner_is_refused_before_it():
    with pytest.raises(ValueError, match="nested"):
        inlined(DEEP)


def test_a_thousand_paragraphs_and_rows_that_nobody_closed_are_not_deep():
    html = "<style>p{color:red}</style>" + "<p>a<table><tr><td>b</table>" * 1000
    assert 'style="color' in inlined(html)


@pytest.mark.shop(people=5, text="{{ user_id }}", campaign=None, imports=None)
def test_whatever_is_raised_while_a_message_is_made_is_that_persons_and_the_others_get_theirs(shop, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<style>div{color:red}</style>{% for x in range(600 if user_id == 'u2' else 1) %}<div>{% endfor %}hi"
    )
    with smtp_peer() as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert shop("campaign", "add", "c", "--subject", "Hi", "--html", page, *SMTP).code == 0
        assert shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "c").code == 0
        assert shop("run-now", "list").code == 0
    delivery = shop("task", "show", 1, "--json").json()["delivery"]
    assert (delivery["accepted"], delivery["failed"], delivery["uncertain"]) == (4, 1, 0)
    (line,) = shop("report", 1, "--failed", "--json").json()
    assert (line["user_id"], line["reason"]) == ("u2", "not_personalised")
    assert "nested" in line["detail"]
    preview = shop("campaign", "preview", "c", "--profile", "u2")
    assert preview.code == 5
    assert "nested" in preview.err


@pytest.mark.shop(campaign=None, imports=None, people=1)
def test_a_page_of_word_without_a_text_part_is_sent(shop, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<p>Hello</p><![FOR]><p>there</p>")
    assert shop("campaign", "add", "c", "--subject", "Hi", "--html", page).code == 0
    assert shop("import", "add", "list", "--source", tmp_path / "list.csv", "--campaign", "c").code == 0
    assert shop("run-now", "list").code == 0
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 1


@pytest.mark.shop(attributes={"birthday": "date", "first_name": "string"}, campaign=None, imports=None)
@pytest.mark.parametrize("expression", ["{{ 'xyz'|date('Y') }}", "{{ birthday|date('r') }}", "{{ 1 // 0 }}"])
def test_what_fails_for_everybody_is_refused_when_the_campaign_is_added_with_part_and_line(shop, tmp_path, expression):
    page = tmp_path / "hello.txt"
    page.write_text(f"Hello\n{expression}\n")
    refused = shop("campaign", "add", "c", "--subject", "Hi", "--text", page)
    assert refused.code == 2
    assert "text, line 2: " in refused.err
    page.write_text("Hello")
    assert shop("campaign", "add", "c", "--subject", "Hi", "--text", page).code == 0
    page.write_text(f"Hello\n{expression}\n")
    assert shop("campaign", "edit", "c", "--text", page).code == 2


@pytest.mark.shop(attributes={"code": "string", "cart": "json"}, campaign=None, imports=None)
@pytest.mark.parametrize("expression", ["{{ code|int + 1 }}", "{{ code|date('Y') }}", "{{ cart.total + 1 }}"])
def test_what_fails_for_some_values_alone_is_left_to_the_send(shop, tmp_path, expression):
    page = tmp_path / "hello.txt"
    page.write_text(expression)
    done = shop("campaign", "add", "c", "--subject", "Hi", "--text", page)
    assert done.code == 0, done.err


@pytest.mark.shop(attributes={"first_name": "string"}, campaign=None, imports=None)
@pytest.mark.parametrize(
    "body", ["To={{ mobile_number }}", '{"to": "{{ mobile_number }}",}', '{"text": {{ first_name }}}', DEEP]
)
def test_a_webhooks_body_that_is_no_json_is_refused_when_it_is_added(shop, tmp_path, body):
    page = tmp_path / "body.json"
    page.write_text(body)
    hook = ("--channel", "webhook", "--medium", "sms", "--url", "https://gateway.example.com/")
    refused = shop("campaign", "add", "c", "--text", page, *hook)
    assert refused.code == 2
    assert "no JSON" in refused.err
    page.write_text('{"text": {{ first_name|tojson }}}')
    assert shop("campaign", "add", "c", "--text", page, *hook).code == 0


class _Client:
    """A cluster whose only worker is lost in its first call; meanwhile more is queued."""

    def __init__(self):
        self.meanwhile = lambda: None

    def nthreads(self):
        return {"worker": 1}

    def run(self, function, *_arguments, workers):
        if function.__name__ == "_version":
            return {"worker": function()}
        self.meanwhile()
        raise OSError("lost")


def test_what_was_queued_for_a_lost_worker_was_not_begun_and_only_its_call_is_in_doubt():
    events, client = queue.SimpleQueue(), _Client()
    caller = _Caller(client, "worker", range(2), (), events.put)
    job = ("key", {}, "a@example.com", "2026-11-24T09:00:00Z", "")
    client.meanwhile = lambda: caller.work.put((1, job))
    caller.work.put((0, job))
    caller.start()
    caller.join(10)
    said = [events.get_nowait() for _ in range(events.qsize())]
    said = {number: kind for number, kind, value in said if isinstance(value, Unreachable)}
    assert said == {0: "down", 1: "shut"}
