"""Pages on the command line: the option that asks for one, and where it goes."""

from pathlib import Path

import typer

from xpimport.cli import screen
from xpimport.reporting.files import written_beside

Html = typer.Option("--html", metavar="FILE", help="Write it as a page, one file that needs no network; - for stdout.")


def write_page(file: Path, page: str) -> None:
    """A page in a file that only its owner can read, or on stdout."""
    if str(file) == "-":
        screen.out(page, end="")
        return
    with written_beside(file) as made:
        made.write_text(page, encoding="utf-8")
    screen.say(f"Wrote {file}.")
