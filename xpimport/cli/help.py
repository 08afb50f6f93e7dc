"""help: the pages on one topic each, and the --help of every command."""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from xpimport import hints
from xpimport.cli import program, screen
from xpimport.cli.options import example
from xpimport.errors import NotFound

TOPICS = (
    "time",
    "lists",
    "consent",
    "sending",
    "reports",
    "tracking",
    "running",
    "settings",
    "exit-codes",
    "reliability",
)
"""In the order in which a newcomer meets them; each is a file of this name."""

PAGES = Path(__file__).parents[1] / "help"

_COMMENT = re.compile(r"<!--.*?-->\n*", re.DOTALL)


@dataclass(frozen=True)
class Topic:
    """A page: its name, its title, the sentence that says what it answers, and its Markdown."""

    name: str
    title: str
    answers: str
    text: str


def topic(name: str) -> Topic:
    """The page of this name; what is in it for the tests alone, as comments, is left out."""
    text = _COMMENT.sub("", (PAGES / f"{name}.md").read_text(encoding="utf-8"))
    title, answers, _ = text.split("\n\n", 2)
    return Topic(name, title.removeprefix("# "), answers.replace("\n", " "), text)


@example("xpimport help time")
def help_(
    ctx: typer.Context,
    about: Annotated[list[str] | None, typer.Argument(metavar="[TOPIC|COMMAND]", help="What to explain.")] = None,
) -> None:
    """Explain a topic, or a command; without either, list the topics."""
    if not about:
        screen.table([[name, topic(name).answers] for name in TOPICS], ["topic", "what its page answers"])
        screen.say(f"Read one: xpimport help {TOPICS[0]}")
        screen.say("The options of a command: xpimport help run-now")
    elif len(about) == 1 and about[0].lower() in TOPICS:
        screen.page(topic(about[0].lower()).text)
    else:
        _help_of_command(ctx, about)


def _help_of_command(ctx: typer.Context, words: list[str]) -> None:
    root: Any = ctx.find_root().command
    command = root
    for place, word in enumerate(words):
        found = command.get_command(ctx, word) if hasattr(command, "get_command") else None
        if found is None:
            raise _unknown(words[: place + 1], command if place else None, list(root.list_commands(ctx)))
        command = found
    root.main(args=[*words, "--help"], prog_name=program.as_called())


def _unknown(words: list[str], group: Any, commands: list[str]) -> NotFound:
    """What to say of words that name nothing; `group` is the command that the words before the last one name."""
    name = " ".join(words)
    if group is not None:
        return NotFound(f"There is no command {name!r}. See: {hints.command('help', *words[:-1])}")
    near = _near(name.lower(), commands)
    offer = f"Did you mean: xpimport help {near}" if near else "See: xpimport help"
    topics = fill(f"Topics: {', '.join(TOPICS)}", 80)
    return NotFound(f"There is no topic or command {name!r}.\n{topics}\n{offer}")


def _near(name: str, commands: list[str]) -> str | None:
    """The topic or command that is spelled most like `name`, else the page with a heading that has the word."""
    alike = get_close_matches(name, [*TOPICS, *commands], n=1, cutoff=0.7)
    if alike:
        return alike[0]
    heading = re.compile(rf"^#.*\b{re.escape(name)}", re.MULTILINE | re.IGNORECASE)
    return next((one for one in TOPICS if heading.search(topic(one).text)), None)
