"""demo: the whole job on the example list, in a store of its own."""

import contextlib
import shlex
import shutil
from pathlib import Path
from typing import Any

from xpimport.cli import engagement, program, screen
from xpimport.cli.options import example
from xpimport.cli.task import summary
from xpimport.defining import attributes, campaigns, settings
from xpimport.defining.campaigns import Campaign
from xpimport.defining.imports import Import
from xpimport.errors import Failed
from xpimport.flow.campaigns import keep_campaign, preview
from xpimport.flow.import_run import run_now
from xpimport.flow.imports import keep_import
from xpimport.flow.made_up import take_in_made_up_events
from xpimport.flow.progress import Progress
from xpimport.flow.setup import make_store
from xpimport.hints import command
from xpimport.importing.sources import selection
from xpimport.reporting import history, rows
from xpimport.reporting.profiles import first_reached
from xpimport.rules.definition import Definition
from xpimport.rules.settings import TIMEZONE, TRIGGERS
from xpimport.store.database import Store
from xpimport.store.high_water import state_folder
from xpimport.store.location import default_path, files_directory

NUMBER = "demo"
"""Always the same, so that the demo's messages are, too."""


def examples() -> Path:
    """The folder with the example list and campaign: installed beside the program, or in the repository."""
    package = Path(__file__).parents[1]
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / "profiles.csv").is_file():
            return folder
    raise Failed("The example list is not installed. Get it from the project's repository.")


@example("xpimport demo")
def demo() -> None:
    """Show the whole job on an example list, in a store of its own; nothing leaves this machine."""
    folder = examples()
    program.named_store.set(None)  # the commands that it shows are for the demo's store
    path = Path(default_path()).parent / "demo.db"
    _clear(path)
    store = make_store(path, None, store_id=NUMBER).store
    with contextlib.closing(store.db):
        _title("1. A campaign, and an import that sends it to the people of a list")
        _define(store, folder)
        _title("2. The import, and the campaign at once to exactly those people")
        with screen.progress() as bars:
            steps = Progress(bars.reading, bars.merging, bars.sending)
            task = run_now(store, "spring-list", source=None, again=False, progress=steps).task
        details = history.task_details(store, task)
        if details["status"] != "completed":
            raise Failed(f"The demo's import failed: {details['error']['message']}")
        summary(details, settings.get(store, TIMEZONE).key)
        _title("3. Who did not get it, and why (the excluded users report)")
        _excluded(store, task)
        _title("4. One message, as it lies in the outbox")
        _message(store, task)
        _title("5. In the two days after: who read it (these events are made up)")
        take_in_made_up_events(store, task)
        engagement.table(history.task_details(store, task)["engagement"])
        _next(path, task, details)


def _title(text: str) -> None:
    screen.out(f"\n{text}\n")


def _clear(path: Path) -> None:
    for file in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), Path(f"{path}-journal")):
        file.unlink(missing_ok=True)
    for folder in (Path(files_directory(str(path))), state_folder(NUMBER)):
        shutil.rmtree(folder, ignore_errors=True)


def _define(store: Store, folder: Path) -> None:
    settings.put(store, TRIGGERS, "on")
    settings.put(store, selection.LOOK, "0s")
    for name, kind in (("first_name", "string"), ("city", "string"), ("points", "integer")):
        attributes.add(store, name, kind)
    subject = "{{ first_name | default('Hello', true) }}, spring is here"
    keep_campaign(
        store,
        Campaign(
            name="welcome",
            channel="outbox",
            medium="email",
            subject=subject,
            text=campaigns.read_content(folder / "welcome.txt"),
            html=campaigns.read_content(folder / "welcome.html"),
            sender="Demo <demo@example.com>",
        ),
    )
    source = str(folder / "profiles.csv")
    zone = settings.get(store, TIMEZONE).key
    keep_import(store, Import("spring-list", Definition(source), zone, campaign="welcome"))
    screen.pairs(
        [
            ("Campaign", "welcome: text and HTML, channel outbox (a folder of messages)"),
            ("Import", f"spring-list, from {source}"),
            ("Sends", "welcome, as soon as it completes"),
        ]
    )


def _excluded(store: Store, task: int) -> None:
    kept = rows.keep_excluded_report(store, task)
    first = [line for _, line in zip(range(5), rows.people(store, task, "excluded"), strict=False)]
    columns = ("user_id", "address", "outcome", "reason", "row")
    screen.table([[line[column] for column in columns] for line in first], columns)
    screen.tell(f"... {screen.counted(kept.lines, 'person', 'people')} in all, kept as task {kept.task}: {kept.path}")


def _message(store: Store, task: int) -> None:
    made = preview(store, "welcome", first_reached(store, task, "first_name"))
    headers = [f"{name}: {value}" for name, value in made.headers if name in {"To", "Subject"}]
    for line in (*headers, "", *made.text.splitlines()):
        screen.paragraph(line, "  ")


def _next(path: Path, task: int, details: dict[str, Any]) -> None:
    db = shlex.quote(str(path))
    _title("What to try next")
    screen.out(f"  export XPIMPORT_DB={db}")
    screen.tell("  " + command("task", "show", task))
    screen.tell("  xpimport report --excluded > out.csv")
    screen.tell("  xpimport report --rejected > rejected.csv")
    screen.tell("  xpimport report --clicked > clicked.csv")
    screen.tell("  xpimport campaign analytics welcome")
    screen.out(
        f"  ls {shlex.quote(files_directory(str(path)))}/outbox/new   # {details['delivery']['accepted']:,} messages"
    )
    screen.tell("  xpimport run-now spring-list            # the same list again: held, not sent twice")
    screen.tell("  xpimport import edit spring-list --schedule 'daily 03:00' --send-at 09:00")
    screen.tell("  xpimport plan")
    screen.out(f"\n  For a store of your own: unset XPIMPORT_DB; {program.as_called()} init")
