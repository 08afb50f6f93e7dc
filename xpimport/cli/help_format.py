"""How `--help` looks: plain lines in which no option's name is cut, and the example as it can be pasted."""

from collections.abc import Callable
from typing import Any, TypeVar

import typer
import typer.core

from xpimport.cli.program import pasteable

HELP = {"help_option_names": ["-h", "--help"]}

Function = TypeVar("Function", bound=Callable[..., Any])


class PlainCommand(typer.core.TyperCommand):
    """A command whose help ends with its example."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the example in one piece, however wide the terminal is."""
        _write_epilog(self.epilog, formatter)


class PlainGroup(typer.core.TyperGroup):
    """A noun, or the program itself."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command with all that its help says first, where Typer's own would end it with dots."""
        rows = []
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            rows.append((name, " ".join(command.help.split()) if command and command.help else ""))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the hint in one piece."""
        _write_epilog(self.epilog, formatter)


def _write_epilog(epilog: str | None, formatter: Any) -> None:
    if epilog:
        formatter.write_paragraph()
        for line in epilog.splitlines():
            label, _, command = line.partition(": ")
            formatter.write(f"{label}:\n  {pasteable(command)}\n")


class Noun(typer.Typer):
    """Typer's application with help as we write it."""

    def __init__(self, **settings: Any) -> None:
        """Take what Typer takes."""
        plain: dict[str, Any] = {"cls": PlainGroup, "add_completion": False, "context_settings": HELP}
        super().__init__(**{**plain, "rich_markup_mode": None, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Function], Function]:
        """Declare a verb."""
        return super().command(name, **{"cls": PlainCommand, **settings})
