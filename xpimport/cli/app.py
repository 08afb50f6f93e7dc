"""The table of commands; each is loaded when it is asked for, so that none pays for the others."""

from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main

from xpimport.cli import program
from xpimport.cli.help_format import Noun, PlainGroup

# command -> "module:attribute": a Typer for a group, a function for a single command.
COMMANDS = {
    "init": "init:init",
    "demo": "demo:demo",
    "help": "help:help_",
    "settings": "settings:app",
    "attribute": "attribute:app",
    "category": "category:app",
    "campaign": "campaign:app",
    "import": "imports:app",
    "run-now": "run:run_now",
    "tick": "run:tick",
    "stop-trigger": "triggers:stop_trigger",
    "release-trigger": "triggers:release_trigger",
    "approve-trigger": "triggers:approve_trigger",
    "resend": "triggers:resend",
    "task": "task:app",
    "report": "report:report",
    "plan": "report:plan",
    "profile": "profile:app",
    "suppression": "suppression:app",
    "event": "event:app",
    "unsubscribe": "suppression:unsubscribe",
    "crontab": "crontab:app",
    "adopt": "adopt:adopt",
}


class _Commands(PlainGroup):
    """Looks its commands up in the table."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """The names, in the order in which a newcomer needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Load one command; None where there is no such name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"xpimport.cli.{module}"), attribute)
        if not isinstance(found, typer.Typer):
            function, found = found, Noun()
            found.command(cmd_name, epilog=getattr(function, "example", None))(function)
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = Noun(
    cls=_Commands,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    epilog="Start with: xpimport demo\nExplained, topic by topic: xpimport help",
)


def _version(wanted: bool) -> None:
    if wanted:
        from xpimport import __version__
        from xpimport.cli import screen

        screen.out(f"xpimport {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    db: Annotated[
        Path | None, typer.Option("--db", readable=False, help="The store; else XPIMPORT_DB, else the data directory.")
    ] = None,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Import a list of people from a file and send one campaign to exactly those people."""
    from xpimport.store.location import default_path

    ctx.obj = (db if db is not None else Path(default_path())).expanduser().absolute()
    program.named_store.set(None if db is None else ctx.obj)
