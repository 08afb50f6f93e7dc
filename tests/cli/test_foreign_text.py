"""Text of others (cells, servers' answers, file names) steers no terminal, and stays as it is in a pipe or a file."""

import csv
import io
import json
import re

import pytest
import terminal
from servers.api_peer import api_peer
from shop import HEADER

NOW = "2026-11-24T08:00:00Z"
ODD = "\x1b]0;owned\x07\u202eevil\x9b31m\u200b\u2028"
NAME = "li\x1b[31m\u202est.csv"
RAW = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069]")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LIST = f'{HEADER},city\nu1,bad{ODD},1,"a\rb\nc\t=1"\nu2,b@example.com,1,ok\nu3,c@example.com,0,ok\n'

pytestmark = pytest.mark.shop(attributes={"city": "string"}, people=LIST, campaign=None, imports=None)


@pytest.fixture
def sent(shop, tmp_path):
    """A run whose list has an odd name and odd cells, whose messages a webhook refuses in odd words."""
    (tmp_path / "list.csv").rename(tmp_path / NAME)
    (tmp_path / "body.json").write_text('{"to": {{ user_id | tojson }}}')
    with api_peer(lambda _: (422, {}, f"no{ODD}\r\nX: y" + "z" * 2000)) as api:
        content = ("--text", tmp_path / "body.json", "--url", api.url, "--allow-private")
        for command in (
            ("campaign", "add", "hook", "--channel", "webhook", "--medium", "email", *content),
            ("import", "add", "odd", "--source", tmp_path / NAME, "--campaign", "hook"),
            ("run-now", "odd"),
        ):
            done = shop(*command, now=NOW)
            assert done.code == 0, done.err
    return shop


CALLS = [
    *(("report", "1", f"--{which}") for which in ("rejected", "failed", "uncertain", "excluded")),
    *(("report", "1", f"--{which}", form) for which in ("rejected", "failed") for form in ("--json", "--nl")),
    ("report", "1"),
    ("task", "show", "1"),
    ("task", "show", "1", "--json"),
    *(("task", "list", form) for form in ("--json", "--csv", "--nl")),
    ("task", "list"),
    ("import", "list"),
    ("import", "list", "--csv"),
    ("import", "show", "odd"),
    ("import", "check", "odd"),
    ("profile", "list"),
    ("profile", "list", "--csv"),
]


@pytest.mark.parametrize("call", CALLS, ids=" ".join)
def test_nothing_of_others_steers_a_terminal(sent, tmp_path, call):
    code, text = terminal.run(tmp_path / "xpimport.db", 200, NOW, *call)
    assert code == 0, text
    found = RAW.search(COLOURS.sub("", text.replace("\r\n", "\n")))
    assert found is None, ascii(text)


def test_what_is_not_seen_stands_there_as_a_picture_or_an_escape(sent, tmp_path):
    store = tmp_path / "xpimport.db"
    text = terminal.run(store, 200, NOW, "report", "1", "--rejected")[1]
    assert "bad␛]0;owned␇\\u202eevil\\x9b31m\\u200b\\u2028" in text
    assert '"a␍b␊c␉=1"' in text
    assert "li␛[31m\\u202est.csv" in terminal.run(store, 200, NOW, "task", "show", "1")[1]


def test_json_on_a_terminal_means_the_same(sent, tmp_path):
    text = terminal.run(tmp_path / "xpimport.db", 200, NOW, "report", "1", "--rejected", "--nl")[1]
    line = next(line for line in text.splitlines() if line.startswith("{"))
    assert json.loads(line) == json.loads(sent("report", "1", "--rejected", "--nl").out)


def test_in_a_pipe_and_in_a_file_every_cell_is_as_it_was(sent, tmp_path):
    piped = sent("report", "1", "--rejected").out
    (line,) = csv.DictReader(io.StringIO(piped, newline=""))
    assert (line["email"], line["city"]) == ("bad" + ODD, "a\rb\nc\t=1")
    assert sent("report", "1", "--rejected", "--output", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_bytes().decode() == piped


def test_an_answer_of_a_webhook_is_kept_as_one_printable_line_of_bounded_length(sent):
    (line,) = sent("report", "1", "--failed", "--json").json()
    assert line["detail"].startswith("422 no ]0;owned evil 31m X: yzzz")
    assert len(line["detail"]) <= 300
    assert line["detail"].isprintable()


def test_a_corrected_list_with_a_carriage_return_in_a_cell_is_one_row_again(shop, tmp_path):
    (tmp_path / "list.csv").write_text(f'{HEADER},city\nu1,nonsense,1,"\r=1+1"\n', newline="")
    for command in (
        ("import", "add", "list", "--source", tmp_path / "list.csv", "--subscribe", "email"),
        ("run-now", "list"),
    ):
        assert shop(*command).code == 0
    text = shop("report", "1", "--rejected").out
    assert text.splitlines(keepends=True)[1].startswith("u1,nonsense,1,\"'\r")
    (tmp_path / "again.csv").write_text(text.replace("nonsense", "a@example.com"), newline="")
    done = shop("run-now", "list", "--source", tmp_path / "again.csv", "--rest-of", "1", "--json").json()
    assert (done["rows"]["read"], done["rows"]["rejected"]) == (1, 0)
    assert [one["city"] for one in shop("profile", "list", "--json").json()] == ["=1+1"]
