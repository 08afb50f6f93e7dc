"""help: topics and commands, on a terminal and in a pipe; no word of a page is cut at any usual width."""

import io
import re

import pytest
import terminal
from rich.console import Console

from xpimport.cli import screen
from xpimport.cli.app import COMMANDS
from xpimport.cli.help import TOPICS, topic
from xpimport.cli.markdown import blocks, cells, hanging, widths

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def on_a_terminal(*arguments: str, columns: int = 80, **environment: str) -> str:
    """What the program writes to a terminal of that width."""
    told = terminal.spawn(*arguments, columns=columns, streams=("stdin", "stdout"), **environment)
    return told.replace("\r\n", "\n")


def test_without_a_topic_it_lists_the_topics_and_the_next_command(xp):
    done = xp("help")
    assert done.code == 0
    listed = [line.split()[0] for line in done.out.splitlines() if line.strip()][2:]
    assert listed == list(TOPICS)
    assert done.err == "Read one: xpimport help time\nThe options of a command: xpimport help run-now\n"


def test_the_list_of_topics_has_one_line_for_each_at_80_columns():
    lines = [line for line in COLOUR.sub("", on_a_terminal("help")).splitlines() if line.strip()]
    assert [line.split()[0] for line in lines[2 : 2 + len(TOPICS)]] == list(TOPICS)
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("name", TOPICS)
def test_a_pipe_gets_a_page_as_plain_markdown(xp, name):
    done = xp("help", name)
    assert (done.code, done.err) == (0, "")
    assert done.out == topic(name).text
    assert "<!--" not in done.out
    assert "\x1b" not in done.out


def test_a_terminal_gets_a_page_in_colour_through_the_pager(tmp_path):
    page = on_a_terminal("help", "lists", PAGER=f"tee {tmp_path / 'paged'}; printf 'END %s' \"$LESS\"")
    assert page.endswith("END FRX")
    paged = (tmp_path / "paged").read_text(encoding="utf-8")
    assert "\x1b[" in paged
    assert "│" not in paged
    assert "Why a row is rejected" in COLOUR.sub("", paged)


@pytest.mark.parametrize("pager", ["cat", "", "no-such-pager-anywhere"])
def test_a_page_is_written_as_it_is_where_nothing_can_page_it(pager):
    assert "A trigger is in one of these states" in COLOUR.sub("", on_a_terminal("help", "time", PAGER=pager))


def test_a_pager_that_is_left_early_is_no_error():
    assert on_a_terminal("help", "lists", PAGER="head -n 1").count("\n") == 1


@pytest.mark.parametrize("columns", [80, 100, 120])
@pytest.mark.parametrize("name", TOPICS)
def test_no_word_of_a_page_is_cut_and_no_line_is_too_long(name, columns):
    text = screen.rendered(topic(name).text, Console(file=io.StringIO(), width=columns))
    assert max(map(len, text.splitlines())) <= columns
    wanted: set[str] = set()
    for block in blocks(topic(name).text):
        lines = [" ".join(cells(line)) for line in block.lines[2:]] if block.kind == "table" else block.lines
        wanted |= words_of(" ".join(lines))
    assert wanted - {"-"} <= words_of(text)


def words_of(text: str) -> set[str]:
    """The words of a text, without the marks of code and emphasis."""
    return set(re.sub("[`*]", "", text).split())


def test_a_table_too_wide_for_the_screen_becomes_a_list_with_an_entry_for_each_row():
    wide = "| state | reason | meaning |\n|---|---|---|\n| `held` | `same_content` | the list was sent |\n| `sent` | | done |\n"
    text = screen.rendered(wide, Console(file=io.StringIO(), width=25))
    assert text == "held\n    reason: same_content\n    meaning: the list was\n    sent\n\nsent\n    meaning: done\n"


def test_columns_of_a_table_are_never_narrower_than_their_longest_word():
    rows = [["`import_too_late`", "the import did not complete before the send time", "release"]]
    assert widths(["reason", "meaning", "do"], rows, 80) == [15, 48, 7]
    assert widths(["reason", "meaning", "do"], rows, 50) == [15, 22, 7]
    assert widths(["reason", "meaning", "do"], rows, 30) is None


def test_a_long_line_of_code_is_broken_between_words_only():
    assert hanging("xpimport run-now vip --source a.csv", 20) == ["xpimport run-now vip", "    --source a.csv"]
    assert hanging("  " + "x" * 30, 20) == ["  " + "x" * 30]


def test_a_command_that_is_broken_can_still_be_pasted():
    assert hanging("$ xpimport run-now vip --source a.csv", 24) == ["$ xpimport run-now vip \\", "    --source a.csv"]


@pytest.mark.parametrize("words", [("run-now",), ("import", "add"), ("settings", "set"), ("suppression",)])
def test_a_command_shows_its_options(xp, words):
    done = xp("help", *words)
    assert done.code == 0
    assert done.out == xp(*words, "--help").out
    assert f"Usage: xpimport {' '.join(words)}" in done.out


def test_every_command_can_be_asked_for(xp):
    for name in set(COMMANDS) - set(TOPICS):
        assert xp("help", name).code == 0, name


@pytest.mark.parametrize(
    ("asked", "offered"),
    [
        ("tiem", "Did you mean: xpimport help time"),
        ("exit_codes", "Did you mean: xpimport help exit-codes"),
        ("stop-triger", "Did you mean: xpimport help stop-trigger"),
        ("values", "Did you mean: xpimport help lists"),
        ("systemd", "Did you mean: xpimport help running"),
        ("frobnicate", "See: xpimport help"),
    ],
)
def test_an_unknown_topic_names_the_topics_and_the_near_one(xp, asked, offered):
    done = xp("help", asked)
    assert (done.code, done.out) == (4, "")
    first, *topics, last = done.err.splitlines()
    assert (first, last) == (f"Error: There is no topic or command {asked!r}.", offered)
    assert " ".join(topics) == f"Topics: {', '.join(TOPICS)}"
    assert max(map(len, done.err.splitlines())) <= 80


def test_an_unknown_command_of_a_group_names_the_group(xp):
    done = xp("help", "import", "frobnicate")
    assert (done.code, done.err) == (
        4,
        "Error: There is no command 'import frobnicate'. See: xpimport help import\n",
    )
    assert xp("help", "run-now", "fast").code == 4
