"""No screen of 80 columns cuts a word, a date, a state, a name or an option in its middle."""

import re
from pathlib import Path

import pytest
import terminal
from cli.test_refusals import CALLS

EVENING, NIGHT, LATE = "2026-11-23T16:00:00Z", "2026-11-24T03:00:00Z", "2026-11-24T12:00:00Z"

CAMPAIGN, IMPORT = "spring-offers-for-dublin-north", "weekly-list-from-the-dublin-it"
ADDRESS = "bartholomew.fitzgerald-o.sullivan@marketing.example.com"
LISTED = (
    "https://lists.example.com/exports/of/the/shop/in/dublin/weekly-list-for-the-campaigns.csv?format=excel&lang=en"
)

TOO_WIDE: dict[tuple[str, ...], str] = {}
"""Screens that cut something today, and what. It may only shrink: one that fits fails here until it is taken out."""

BLANK = {"plan": {"note"}, "profile": {"mobile", "sms"}}
"""Titles of columns in which no row has anything: they go where rows stand below each other."""

SHOWN = [
    *(("task", "list"), ("task", "show", "1"), ("task", "show", "2"), ("task", "show", "3"), ("task", "show", "4")),
    *(("report", "1"), ("report", "4"), ("plan",), ("plan", "--days", "30")),
    *(("import", "list"), ("import", "show", IMPORT), ("import", "show", "from-the-web"), ("import", "check", IMPORT)),
    *(("campaign", "list"), ("campaign", "show", CAMPAIGN), ("campaign", "preview", CAMPAIGN, "--profile", "u-1001")),
    *(("category", "list"), ("attribute", "list"), ("settings", "list"), ("suppression", "list")),
    *(("profile", "list"), ("profile", "show", "u-1001")),
    *(("crontab", "show"), ("crontab", "show", "--systemd"), ("help",), ("help", "nothing-of-the-kind")),
    *(("import", "edit", IMPORT), ("campaign", "remove", CAMPAIGN, "--yes"), ("task", "show", "99")),
    *(("import", "edit", "nothing"), ("suppression", "add", ADDRESS), ("profile", "subscribe", ADDRESS)),
    (),
    *((noun,) for noun in dict.fromkeys(call[0] for call in CALLS if len(call) > 1)),
    *((*call, "--help") for call in CALLS),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with long names, and with tasks that are held, failed and missed."""
    folder = tmp_path_factory.mktemp("screens")
    (folder / "hello.txt").write_text("Hello {{ first_name }}, " + "there is a lot to say about the spring. " * 6)
    (folder / "hello.html").write_text("<p>Hello {{ first_name }}")
    lines = [f"u-{n},customer-{n}@example.com,1,Ann,A column that nobody takes" for n in range(1002, 1020)]
    lines += ["u-1,nobody,1,Bo,x", ",x@example.com,1,Cy,x", f"u-1001,{ADDRESS},1,Bartholomew-Maximilian,x"]
    source = folder / "a folder with a long name for the lists of the shop" / "weekly-list-for-the-campaigns.csv"
    source.parent.mkdir()
    source.write_text("user_id,email,email_subscription,first_name,A long title of a column\n" + "\n".join(lines))
    content = ("--subject", "Spring offers for you, {{ first_name }}", "--text", folder / "hello.txt")
    about = (
        "--from",
        f"The Shop in Dublin <{ADDRESS}>",
        "--html",
        folder / "hello.html",
        "--category",
        "offers-weekly",
    )
    sends = ("--campaign", CAMPAIGN, "--send-at", "09:00")
    for now, *command in (
        (EVENING, "init", "--timezone", "Europe/Dublin"),
        (EVENING, "settings", "set", "triggers", "on"),
        (EVENING, "settings", "set", "file.look", "0s"),
        (EVENING, "attribute", "add", "first_name", "string"),
        (EVENING, "category", "add", "offers-weekly", "--per-day", "1", "--per-week", "2", "--cool-down", "1d"),
        (EVENING, "campaign", "add", CAMPAIGN, *content, *about),
        (EVENING, "suppression", "add", ADDRESS, "--reason", "complaint"),
        (EVENING, "import", "add", IMPORT, "--source", source, *sends, "--schedule", "monthly 28 03:00"),
        (EVENING, "import", "add", "from-the-web", "--source", LISTED, *sends, "--canary", "1%", "--max-change", "30%"),
        (EVENING, "import", "add", "not-there", "--source", folder / "nothing.csv"),
        (EVENING, "run-now", IMPORT),
        (EVENING, "run-now", IMPORT),
        (EVENING, "run-now", "not-there"),
        (LATE, "tick"),
        (LATE, "import", "edit", IMPORT, "--no-send-at"),
        (LATE, "run-now", IMPORT, "--again"),
        (LATE, "import", "edit", IMPORT, "--send-at", "09:00"),
        (LATE, "profile", "subscribe", ADDRESS),
    ):
        code, text = on_terminal(folder / "xpimport.db", 100, now, *map(str, command))
        assert code == 0 or "not-there" in command, text
    return folder / "xpimport.db"


def on_terminal(store: Path, columns: int, now: str, *arguments: str) -> tuple[int, str]:
    """What a command writes to a terminal of so many columns, without its colours, and its exit code."""
    code, text = terminal.run(store, columns, now, *arguments)
    return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def words_on(text: str, columns: int) -> set[str]:
    """The words that stand whole on a terminal, which goes on in the next line wherever a line is too long."""
    found: set[str] = set()
    for line in text.splitlines():
        if is_pasted(line):
            found.update(line.split())
            continue
        for match in re.finditer(r"\S+", line):
            first, last = match.start() // columns, (match.end() - 1) // columns
            own_line = not line[: match.start()].strip()
            if first == last or (own_line and len(match[0]) > columns // 2):
                found.add(match[0])
    return found


def is_pasted(line: str) -> bool:
    """A command or crontab line alone on its line: it stays in one piece, wherever the terminal goes on."""
    return bool(re.match(r" *(\S*python\S* -m |\S*/)?xpimport |(\* ){5}|ExecStart=", line))


def cut(store: Path, call: tuple[str, ...]) -> set[str]:
    """The words of a screen that are not whole at 80 columns."""
    _, wide = on_terminal(store, 400, LATE, *call)
    _, narrow = on_terminal(store, 80, LATE, *call)
    meant = {word for word in words_on(wide, 400) if re.search(r"\w", word)}
    return meant - words_on(narrow, 80) - BLANK.get(" ".join(call[:1]), set())


@pytest.mark.parametrize("call", SHOWN, ids=" ".join)
def test_a_screen_of_80_columns_has_every_word_whole(store, call):
    missing = cut(store, call)
    if call in TOO_WIDE:
        assert missing, f"{' '.join(call)} fits now: take it out of TOO_WIDE"
    else:
        assert missing == set()


def test_the_screens_are_of_long_names_and_states(store):
    shown = "".join(on_terminal(store, 80, LATE, *call)[1] for call in (("task", "list"), ("import", "list")))
    for word in (CAMPAIGN, IMPORT, "(same_content)", "(no_tick)", "completed", "failed", "2026-11-23"):
        assert word in shown, shown


def test_a_word_that_the_terminal_cuts_is_noticed():
    assert words_on("a" * 78 + " word", 80) == {"a" * 78}
    assert words_on("word " + "a" * 90, 80) == {"word"}
    assert words_on("  " + "a" * 90, 80) == {"a" * 90}
