"""init: the store."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import example
from xpimport.flow.setup import make_store


@example("xpimport init --timezone Europe/Dublin")
def init(
    ctx: typer.Context,
    timezone: Annotated[str | None, typer.Option("--timezone", help="The zone of schedules and send times.")] = None,
) -> None:
    """Make the store. A second time changes nothing but the zone, where one is named."""
    path: Path = ctx.find_root().obj
    made = make_store(path, timezone)
    with closing(made.store):
        zone = made.timezone + (f" (from {made.origin})" if made.origin else "")
        screen.say(f"{'Made the store' if made.new else 'There is a store at'} {path}. Time zone {zone}.")
        if made.new:
            screen.say("Sending is off until: xpimport settings set triggers on")
            screen.say("Next: xpimport campaign add --help")
