"""README and the pages of help say what is so: their console blocks are run and compared, their tables are held.

XPIMPORT_REWRITE_DOCS=1 writes the outputs into the pages instead of comparing them.
"""

import os
import random
import re
import shutil
import string
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xpimport import errors
from xpimport.cli import task
from xpimport.cli.app import app
from xpimport.cli.help import PAGES, TOPICS
from xpimport.cli.help import topic as help_topic
from xpimport.cli.markdown import blocks, cells
from xpimport.defining import crontab
from xpimport.rules import delivery, trigger, values
from xpimport.rules.definition import FORMATS
from xpimport.rules.events import UNMATCHED
from xpimport.tracking.providers.registry import PROVIDERS

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
HELP = {name: PAGES / f"{name}.md" for name in TOPICS}

HOME = "/home/ann"
FILE_TIME = 1_795_392_000
"""2026-11-23T00:00:00Z: when every example file was last changed, as far as the program can see."""

REWRITE = os.environ.get("XPIMPORT_REWRITE_DOCS") == "1"

NOW = re.compile(r"<!-- now: (\S+) -->")
UNSEEN = re.compile(r"<!-- run: (.+) -->")
"""A command that a page's examples need and its reader does not."""


@dataclass(frozen=True)
class Step:
    """A command with its output (None: not shown), and the line of the page it stands on (from 1)."""

    line: int
    now: str
    command: str
    output: list[str] | None


def steps(lines: list[str]) -> Iterator[Step]:
    """All commands of a page in order; each at the time of the last comment before it."""
    now = ""
    start = 0
    for number, line in enumerate(lines, 1):
        if match := NOW.fullmatch(line):
            now = match[1]
        elif match := UNSEEN.fullmatch(line):
            yield Step(number, now, match[1], None)
        elif line == "```console":
            start = number
        elif start and line == "```":
            yield from steps_of_block(lines[start : number - 1], start + 1, now)
            start = 0


def steps_of_block(lines: list[str], number: int, now: str) -> Iterator[Step]:
    """The commands of a console block, whose first line is the page's line `number`."""
    found: Step | None = None
    for at, line in enumerate(lines, number):
        if line.startswith("$ "):
            if found:
                yield found
            found = Step(at, now, line[2:], [])
        elif found and found.command.endswith("\\") and line.startswith("> "):
            found = Step(found.line, now, f"{found.command}\n{line[2:]}", [])
        elif found and found.output is not None:
            found.output.append(line)
    if found:
        yield found


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where homes are made, its path as long as the one that the pages show (tables are as wide)."""
    while True:
        name = "".join(random.choices(string.ascii_lowercase + string.digits, k=len(HOME) - len("/tmp/")))
        path = Path("/tmp") / name
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        break
    try:
        yield path
    finally:
        shutil.rmtree(path)


def furnish(place: Path) -> Path:
    """A home directory with the example files and the program, and no store."""
    shutil.rmtree(place)
    place.mkdir(mode=0o700)
    shutil.copytree(REPOSITORY / "examples", place / "lists")
    for file in (place / "lists").iterdir():
        os.utime(file, (FILE_TIME, FILE_TIME))
    (place / "bin").mkdir()
    program = place / "bin" / "xpimport"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xpimport "$@"\n')
    program.chmod(0o755)
    return place


@pytest.fixture(scope="module")
def evening(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the home that README's evening leaves behind, from which the pages of help go on."""
    home = furnish(place)
    found = list(steps(README.read_text().splitlines()))
    for step in found:
        if step.now == found[0].now:
            run(step, home)
    kept = tmp_path_factory.mktemp("evening") / "home"
    shutil.copytree(home, kept)
    return kept


@pytest.fixture
def home(page: Path, place: Path, request: pytest.FixtureRequest) -> Path:
    """The home that a page's examples begin in."""
    if page == README:
        return furnish(place)
    evening = request.getfixturevalue("evening")
    shutil.rmtree(place)
    return Path(shutil.copytree(evening, place))


def run(step: Step, home: Path) -> list[str]:
    """What the step's command writes, stdout and stderr as a terminal shows them, without the line on the clock."""
    done = subprocess.run(
        ["/bin/sh", "-c", step.command.replace(HOME, str(home))],
        cwd=home / "lists",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=60,
        env={
            "PATH": f"{home / 'bin'}:{os.defpath}",
            "PYTHONPATH": str(REPOSITORY),
            "HOME": str(home),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",  # both streams in order, as on a terminal
            "COLUMNS": "110",
            "XPIMPORT_NOW": step.now,
        },
    )
    said = done.stdout.decode().replace(str(home), HOME).replace("\r\n", "\n")
    said = said.replace(f" on {os.uname().nodename}", " on shop-1")
    lines = [line.rstrip() for line in said.splitlines()]
    assert step.output is not None or done.returncode == 0, said
    return [line for line in lines if "(XPIMPORT_NOW)" not in line]


@pytest.mark.parametrize("page", [README, *HELP.values()], ids=lambda page: page.stem)
def test_console_blocks_show_what_the_program_says(page: Path, home: Path) -> None:
    lines = page.read_text().splitlines()
    found = list(steps(lines))
    assert [step for step in found if step.output is not None], "a page without an example"
    outputs = [run(step, home) for step in found]
    if REWRITE:
        for step, output in reversed(list(zip(found, outputs, strict=True))):
            if step.output is not None:
                first = step.line + step.command.count("\n")
                lines[first : first + len(step.output)] = output
        page.write_text("\n".join(lines) + "\n")
        return
    for step, output in zip(found, outputs, strict=True):
        if step.output is not None:
            where = f"{page.name}:{step.line}: {step.command}"
            assert output == step.output, f"{where} (XPIMPORT_REWRITE_DOCS=1 rewrites it)"


def test_readme_names_tests_that_exist() -> None:
    named = re.findall(r"(tests/[\w/]+\.py)::(\w+)", README.read_text())
    assert len(named) > 10
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (REPOSITORY / file).is_file()
        or not re.search(rf"^\s*(?:async )?def {name}\(", (REPOSITORY / file).read_text(), re.MULTILINE)
    ]
    assert not missing


def test_readme_paths_exist() -> None:
    named = set(re.findall(r"(?<![\w/])(?:examples|tests|xpimport)/[\w./-]+\.\w+", README.read_text()))
    assert not [name for name in named if not (REPOSITORY / name).exists()]


def table(name: str, title: str) -> list[list[str]]:
    """The rows of the one table on the page of a topic whose first column has this title, without the marks of code."""
    tables = [
        [[cell.strip("`") for cell in cells(line)] for line in block.lines]
        for block in blocks(HELP[name].read_text())
        if block.kind == "table"
    ]
    (found,) = (rows for rows in tables if rows[0][0] == title)
    return found[2:]


def test_every_topic_has_its_page_and_is_linked_from_readme_with_what_it_answers() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(TOPICS)
    text = README.read_text()
    rows = [f"| [{name}](xpimport/help/{name}.md) | {help_topic(name).answers} |" for name in TOPICS]
    assert [row for row in rows if row not in text] == []


def test_links_of_the_pages_lead_somewhere() -> None:
    for page in (README, *HELP.values()):
        targets = re.findall(r"\]\(([^)#]+)\)", page.read_text())
        assert [target for target in targets if not (page.parent / target).exists()] == [], page.name
    headings = {name: re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) for name, page in HELP.items()}
    named = re.findall(r'\(xpimport/help/([\w-]+)\.md\): "(.+)"', README.read_text())
    assert named
    assert [(name, heading) for name, heading in named if heading not in headings[name]] == []


def test_the_pages_explain_every_reason() -> None:
    assert dict(row[:2] for row in table("lists", "reason")) == values.REJECTIONS
    assert dict(row[:2] for row in table("consent", "reason")) == delivery.EXCLUSIONS
    assert {reason: meaning for _, reason, meaning, _ in table("time", "state") if reason} == trigger.REASONS


def test_the_page_on_sending_explains_why_a_message_failed() -> None:
    assert dict(table("sending", "reason")) == delivery.FAILURES


def test_the_page_on_what_came_back_explains_what_is_kept_apart_and_names_every_provider() -> None:
    assert dict(table("tracking", "reason")) == UNMATCHED
    assert tuple(row[0] for row in table("tracking", "provider")) == PROVIDERS


def test_the_page_on_time_says_in_which_states_a_trigger_can_be_stopped_and_released() -> None:
    rows = table("time", "state")
    assert {state for state, *_ in rows} == {state for move in trigger.MOVES for state in move}
    for state, reason, _, can in rows:
        assert ("stop" in can) == (state in trigger.STOPPABLE), state
        assert ("release" in can) == (state in trigger.RELEASABLE and reason not in trigger.FINAL_IGNORED), reason


def test_the_pages_name_every_format_and_status() -> None:
    assert [kind for names, *_ in table("lists", "format") for kind in names.split(", ")] == list(FORMATS)
    assert {status for status, _ in table("reports", "status")} == set(task.STATUSES)


def test_the_page_on_exit_codes_names_those_of_every_error() -> None:
    family = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    codes = {int(code) for cell, _ in table("exit-codes", "code") for code in cell.split(", ")}
    assert {kind.exit_code for kind in family} <= codes


def test_the_pages_name_only_commands_and_options_that_exist() -> None:
    import typer.main

    root: Any = typer.main.get_command(app)
    known: set[str] = set()

    def walk(command: Any) -> None:
        known.update(option for parameter in command.params for option in parameter.opts + parameter.secondary_opts)
        for name in getattr(command, "list_commands", lambda _: [])(None):
            walk(command.get_command(None, name))

    walk(root)
    for page in (README, *HELP.values()):
        prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        code = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
        foreign = ("systemctl", "loginctl", "python ", "sh ", "--null", "--ledger")
        own = [span for span in code if not span.startswith(foreign)]
        options = {option for span in own for option in re.findall(r"(?<![\w-])--[a-z][\w-]*", span)}
        assert options - known - {"--help"} == set(), page.name
        for span in own:
            command = root
            for word in span.split()[1:] if span.startswith("xpimport ") else []:
                if not hasattr(command, "get_command") or not word.islower():
                    break
                command = command.get_command(None, word)
                assert command is not None, f"{page.name}: {span}"


def test_each_type_has_its_reason_and_examples_that_hold() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| `(\w+)` \|$", HELP["lists"].read_text(), re.MULTILINE)
    assert [kind for kind, *_ in rows] == list(values.ATTRIBUTE_TYPES)
    no_values = {"--max-length", "--region", ".local", "+"}
    for kind, taken, stored, reason in rows:
        assert [reason, "control_character"] == values.reasons_of(kind)
        found = {one: values.check_cell(kind, one) for one in re.findall("`([^`]+)`", taken) if one not in no_values}
        assert [one for one, (_, problem) in found.items() if problem] == []
        results = {str(value) for value, _ in found.values()}
        shown = [one for one in re.findall("`([^`]+)`", stored) if one not in no_values]
        assert [one for one in shown if one not in results and kind != "string"] == []


def test_the_page_on_running_shows_the_systemd_units() -> None:
    text = HELP["running"].read_text()
    store = Path(f"{HOME}/.local/share/xpimport/xpimport.db")
    for name, unit in crontab.systemd_units([f"{HOME}/xpimport/.venv/bin/xpimport"], store).items():
        assert f"```ini\n# {name}\n{unit}```\n" in text
