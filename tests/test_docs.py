"""The README says what is so: its console blocks are run and compared, and the tests it names exist.

XPIMPORT_REWRITE_DOCS=1 writes the outputs into README.md instead of comparing them.
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

import pytest

from xpimport.defining import crontab, settings
from xpimport.rules import trigger, values
from xpimport.sending.audience import exclusion

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"

HOME = "/home/ann"
FILE_TIME = 1_795_392_000
"""2026-11-23T00:00:00Z: when every example file was last changed, as far as the program can see."""

REWRITE = os.environ.get("XPIMPORT_REWRITE_DOCS") == "1"

NOW = re.compile(r"<!-- now: (\S+) -->")


@dataclass(frozen=True)
class Step:
    """A command of a console block with its output, and the line of the README it stands on (from 1)."""

    line: int
    now: str
    command: str
    output: list[str]


def steps(lines: list[str]) -> Iterator[Step]:
    """All commands of the console blocks in `lines`, in order; each at the time of the last comment before it."""
    now = ""
    inside = False
    found: Step | None = None
    for number, line in enumerate(lines, 1):
        if match := NOW.fullmatch(line):
            now = match[1]
        elif line == "```console":
            inside = True
        elif inside and line == "```":
            inside = False
            if found:
                yield found
            found = None
        elif inside and line.startswith("$ "):
            if found:
                yield found
            found = Step(number, now, line[2:], [])
        elif inside and found and found.command.endswith("\\") and line.startswith("> "):
            found = Step(found.line, found.now, f"{found.command}\n{line[2:]}", [])
        elif inside and found:
            found.output.append(line)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home directory with the example files, its path as long as the one the README shows (tables are as wide)."""
    while True:
        name = "".join(random.choices(string.ascii_lowercase + string.digits, k=len(HOME) - len("/tmp/")))
        path = Path("/tmp") / name
        try:
            path.mkdir(mode=0o700)
        except FileExistsError:
            continue
        break
    try:
        shutil.copytree(REPOSITORY / "examples", path / "lists")
        for file in (path / "lists").iterdir():
            os.utime(file, (FILE_TIME, FILE_TIME))
        (path / "bin").mkdir()
        program = path / "bin" / "xpimport"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m xpimport "$@"\n')
        program.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path)


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
    lines = [line.rstrip() for line in said.splitlines()]
    return [line for line in lines if "(XPIMPORT_NOW)" not in line]


def test_readme_outputs(home: Path) -> None:
    lines = README.read_text().splitlines()
    found = list(steps(lines))
    assert found
    outputs = [run(step, home) for step in found]
    if REWRITE:
        for step, output in reversed(list(zip(found, outputs, strict=True))):
            first = step.line + step.command.count("\n")
            lines[first : first + len(step.output)] = output
        README.write_text("\n".join(lines) + "\n")
        return
    for step, output in zip(found, outputs, strict=True):
        assert output == step.output, f"README.md:{step.line}: {step.command} (XPIMPORT_REWRITE_DOCS=1 rewrites it)"


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
    named = set(re.findall(r"(?<![\w/])(?:examples|tests)/[\w./-]+\.\w+", README.read_text()))
    assert not [name for name in named if not (REPOSITORY / name).exists()]


def test_readme_explains_every_reason_and_setting() -> None:
    text = README.read_text()
    reasons = {**trigger.REASONS, **exclusion.REASONS, **values.REJECTIONS}
    rows = [f"`{reason}` | {meaning} |" for reason, meaning in reasons.items()]
    rows += [
        f"| `{setting.name}` | {f'`{setting.default}`' if setting.default else ''} | {setting.help} |"
        for setting in settings.SETTINGS.values()
    ]
    assert not [row for row in rows if row not in text]


def test_readme_tells_each_type_its_reason_and_examples_that_hold() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| `(\w+)` \|$", README.read_text(), re.MULTILINE)
    assert [kind for kind, *_ in rows] == list(values.ATTRIBUTE_TYPES)
    no_values = {"--max-length", "--region", ".local", "+"}
    for kind, taken, stored, reason in rows:
        assert [reason, "control_character"] == values.reasons_of(kind)
        found = {one: values.check_cell(kind, one) for one in re.findall("`([^`]+)`", taken) if one not in no_values}
        assert [one for one, (_, problem) in found.items() if problem] == []
        results = {str(value) for value, _ in found.values()}
        shown = [one for one in re.findall("`([^`]+)`", stored) if one not in no_values]
        assert [one for one in shown if one not in results and kind != "string"] == []


def test_readme_shows_the_systemd_units() -> None:
    text = README.read_text()
    store = Path(f"{HOME}/.local/share/xpimport/xpimport.db")
    for name, unit in crontab.systemd_units([f"{HOME}/xpimport/.venv/bin/xpimport"], store).items():
        assert f"```ini\n# {name}\n{unit}```\n" in text
