"""Every command that the program prints as a hint runs when it is pasted into a shell, against the same store."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from xpimport.cli.program import as_called, pasteable, split_hint
from xpimport.hints import command

NOW = "2026-11-24T08:00:00Z"

LIST = "user_id,email,mobile_number,email_subscription,First name,points\nu1,a@example.com,+353851234567,1,Ann,3\n"
LIST += "u2,nobody,,1,Bo,4\nu3,c@example.com,,0,Cy,5\n"

FILLED = {
    "ID": "u1",
    "FILE": "out.html",
    "NAME": "'vip daily'",
    "COLUMN=ATTRIBUTE": "user_id=user_id",
    "ADDR": "a@b.ie",
}
"""What stands for the words in capitals, which the reader fills in."""

USAGE = {2, 127}
"""Exit codes of what is typed wrong, or is not a command."""

SCREENS = [
    *("init", "init", "campaign list", "import list", "category list", "profile list", "task list", "report", "plan"),
    "campaign add 'hello all' --from shop@example.com --subject Hi --text hello.txt --html hello.html",
    "campaign add 'hello all' --subject Hi --text hello.txt",
    "campaign add mail --channel smtp --subject Hi --text hello.txt",
    "category add 'our offers' --per-week 2",
    "category add 'our offers' --per-week 2",
    "campaign edit 'hello all' --category 'our offers'",
    "category remove 'our offers' --yes",
    "campaign edit 'hello all' --category nothing",
    "import add 'vip daily' --source list.csv --schedule 'daily 03:00' --campaign 'hello all' --send-at 09:00",
    "import add 'vip daily' --source list.csv",
    "campaign remove 'hello all' --yes",
    "campaign pause 'hello all'",
    "import edit 'vip daily' --grace 20m",
    "campaign resume 'hello all'",
    "settings set triggers on",
    "settings set file.look 0s",
    "import check 'vip daily'",
    "import edit 'vip daily' --map user_id=user_id --map email=nothing",
    "import deactivate 'vip daily'",
    "import activate 'vip daily'",
    "run-now 'vip daily'",
    *("task show 1", "task list", "plan", "stop-trigger 1", "stop-trigger 'vip daily'", "release-trigger 1"),
    *("release-trigger 1", "campaign remove 'hello all' --yes", "resend 1 --failed", "report 1", "report 1 --excluded"),
    "run-now 'vip daily' --rest-of 99",
    "run-now 'vip daily'",
    *("task show 2", "release-trigger 2"),
    "import add 'with approval' --source list.csv --campaign 'hello all' --send-at 09:00 --require-approval",
    *("run-now 'with approval' --again", "task show 3", "approve-trigger 3", "stop-trigger 3", "task show 3"),
    "import add 'at once' --source list.csv --campaign 'hello all'",
    *("stop-trigger 'at once'", "run-now 'at once' --again", "task show 4", "report 4 --excluded", "resend 4 --failed"),
    *("run-now 'at once'", "run-now 'at once' --rest-of 1", "run-now 'at once' --rest-of 5", "stop-trigger 4"),
    "import add parted --source parted.csv",
    "import check parted",
    "run-now parted",
    "task show 6",
    "run-now parted --rest-of 6",
    "import add piped --source -",
    "import check piped",
    "campaign preview 'hello all' --profile u1",
    *("campaign show nothing", "import show nothing", "profile show nothing", "task show 99", "report 99"),
    *("settings set nothing 1", "attribute add email string", "suppression remove x@example.com"),
    *(
        "suppression add x@example.com",
        "suppression add +353851234568 --medium sms",
        "suppression remove x@example.com",
    ),
    "suppression remove +353851234568 --medium sms",
    *("profile unsubscribe u1", "profile subscribe u1", "profile subscribe u1 --medium sms"),
    *("crontab show", "crontab install", "crontab show", "crontab remove"),
    "campaign add platform --channel xtremepush --medium email --xtremepush-id 7",
    "campaign test platform --to a@example.com",
    *("help", "help tim", "help frobnicate", "help import frobnicate"),
    *("task list --nothing", "taks", "import", "task show"),
    "campaign remove 'hello all' --yes",
]


@dataclass(frozen=True)
class World:
    """A folder with a store at a path that a shell would take apart, and all that the commands need."""

    folder: Path
    environment: dict[str, str]

    @property
    def store(self) -> Path:
        return self.folder / "the shop's data" / "my store.db"

    def paste(self, text: str) -> subprocess.CompletedProcess[str]:
        """Run a text as a shell does that stands in the folder of the lists."""
        return subprocess.run(
            ["/bin/sh", "-c", text],
            cwd=self.folder / "lists",
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        return self.paste(f"{self.called} {text}")

    @property
    def called(self) -> str:
        return f"xpimport --db {shlex.quote(str(self.store))}"


@pytest.fixture
def world(tmp_path, monkeypatch):
    folder = tmp_path / "world"
    (folder / "the shop's data").mkdir(parents=True)
    lists = folder / "lists"
    lists.mkdir()
    (lists / "list.csv").write_text(LIST)
    (lists / "parted.csv").write_text(LIST.replace(",", ";"))
    (lists / "hello.txt").write_text("Hello {{ user_id }}")
    (lists / "hello.html").write_text("<p>Hello {{ user_id }}")
    # This user's crontab is a file of the test.
    crontab = folder / "bin" / "crontab"
    crontab.parent.mkdir()
    kept = shlex.quote(str(folder / "crontab"))
    crontab.write_text(
        f"#!/bin/sh\ncase $1 in\n-l) cat {kept} 2>/dev/null || {{ echo no crontab for ann >&2; exit 1; }};;\n"
        f"-r) rm {kept};;\n*) cat > {kept};;\nesac\n"
    )
    crontab.chmod(0o755)
    path = f"{crontab.parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    # The world is put back as a whole, again and again.
    at_home = {"XPIMPORT_HOME": "here", "XDG_STATE_HOME": str(folder / "state")}
    return World(folder, {**os.environ, **at_home, "XPIMPORT_NOW": NOW, "COLUMNS": "80"})


def hints_in(text: str) -> list[str]:
    """The commands of a screen: after a colon, alone on a line, or in Typer's words on a usage error."""
    found = [split[1].strip() for line in text.splitlines() if (split := split_hint_of(line))[1]]
    return found + re.findall(r"^Try '(.*)' for help\.$", text, re.MULTILINE)


def split_hint_of(line: str) -> tuple[str, str]:
    match = None if line.startswith("Usage: ") else re.search(r"(?:^ *|: )(xpimport .*)$", line)
    return (line, match[1]) if match else (line, "")


def filled(hint: str) -> str:
    for name, value in FILLED.items():
        hint = re.sub(rf"(?<![\w/]){name}(?![\w/])", value, hint)
    return hint


def restored(world: World, kept: Path) -> None:
    shutil.rmtree(world.folder)
    shutil.copytree(kept, world.folder)


@pytest.mark.timeout(900)
def test_every_hint_of_a_broad_run_can_be_pasted(world, tmp_path):
    seen: set[str] = set()
    wrong = []
    for screen in SCREENS:
        shown = world.run(screen)
        assert "Traceback" not in shown.stderr, shown.stderr
        hints = hints_in(shown.stdout + shown.stderr)
        wrong += [f"{screen}: without the store: {hint}" for hint in hints if needs_store(hint, world)]
        if set(hints) <= seen:
            continue
        kept = tmp_path / "kept"
        shutil.copytree(world.folder, kept)
        for hint in hints:
            done = world.paste(filled(hint))
            if done.returncode in USAGE:
                wrong.append(f"{screen}: {hint}: {done.stderr}")
        seen.update(hints)
        restored(world, kept)
        shutil.rmtree(kept)
    assert not wrong, "\n".join(wrong)
    assert len(seen) > 60


def needs_store(hint: str, world: World) -> bool:
    return not hint.startswith(world.called) and not hint.endswith((" -h", " --help"))


def test_the_hint_where_there_is_no_store_makes_it_there(world):
    [hint] = hints_in(world.run("task list").stderr)
    assert hint == f"{world.called} init"
    assert world.paste(hint).returncode == 0
    assert world.store.exists()


def test_the_examples_of_all_help_pages_can_be_pasted(world):
    from cli.test_refusals import CALLS

    assert world.run("init").returncode == 0
    for call in CALLS:
        [example] = hints_in(world.run(f"{shlex.join(call)} --help").stdout)
        if call == ("demo",):
            continue
        done = world.paste(filled(example))
        assert done.returncode not in USAGE, (example, done.stderr)


def test_what_the_demo_offers_can_be_pasted_line_by_line(world):
    shown = world.run("demo").stdout
    offered = shown[shown.index("What to try next") :].splitlines()[1:]
    script = [line.strip().removeprefix("For a store of your own: ") for line in offered if line.strip()]
    assert len(script) > 7
    done = world.paste("set -e\n" + "\n".join(f"{line}\necho" for line in script))
    assert done.returncode == 0, done.stderr
    assert not world.store.exists()


def test_a_store_named_by_the_environment_is_left_out_of_hints(world):
    world.environment["XPIMPORT_DB"] = str(world.store)
    assert "Sending is off until: xpimport settings set triggers on\n" in world.paste("xpimport init").stderr


def test_the_program_is_named_by_its_path_where_path_does_not_lead_to_it(monkeypatch, tmp_path):
    assert as_called() == "xpimport"
    other = tmp_path / "other"
    other.mkdir()
    (other / "xpimport").write_text("#!/opt/elsewhere/bin/python\n")
    (other / "xpimport").chmod(0o755)
    monkeypatch.setenv("PATH", f"{other}:{os.defpath}")
    python = Path(sys.executable)
    own = python.parent / "xpimport"
    assert as_called() in {shlex.quote(str(own)), f"{shlex.quote(str(python))} -m xpimport"}
    assert pasteable("See: xpimport task list") == f"See: {as_called()} task list"


def test_names_are_quoted_and_prose_is_left_alone():
    assert command("import", "edit", "vip daily", "--no-campaign") == "xpimport import edit 'vip daily' --no-campaign"
    assert split_hint("Undo: xpimport stop-trigger 1") == ("Undo: ", "xpimport stop-trigger 1")
    assert split_hint("It is not a store of xpimport; it was left alone.")[1] == ""
