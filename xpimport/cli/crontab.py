"""crontab: the line that runs the tick every minute."""

from pathlib import Path
from typing import Annotated

import typer

from xpimport.cli import screen
from xpimport.cli.options import group, store_of
from xpimport.defining import crontab, imports
from xpimport.flow import settings
from xpimport.store.database import Store

app = group("The crontab line that does what is due, every minute.")


def _path(ctx: typer.Context) -> Path:
    path: Path = ctx.find_root().obj
    return path


def _warn_of_env(store: Store) -> None:
    found = [(value.name, value.value) for value in settings.listed(store)]
    for one in imports.everything(store):
        secrets = {name: getattr(one.definition, name) or "" for name in ("password", "key", "token")}
        found += [(f"--{name} of the import {one.name}", value) for name, value in secrets.items()]
    for name, value in found:
        if value.startswith("env:"):
            screen.say(f"Warning: {name} is {value}, and cron does not have your environment. Use file:PATH.")


@app.command("show", epilog="Example: xpimport crontab show")
def show(
    ctx: typer.Context,
    systemd: Annotated[bool, typer.Option("--systemd", help="Print units for systemd instead.")] = False,
) -> None:
    """Print the line, and say whether it is installed."""
    with store_of(ctx):
        if systemd:
            for name, text in crontab.systemd_units(crontab.program(), _path(ctx)).items():
                screen.out(f"# {name}\n{text}")
            screen.say("Put them into ~/.config/systemd/user, then: systemctl --user enable --now xpimport.timer")
            return
        state = crontab.show(_path(ctx))
    screen.out(state.line)
    if not state.available:
        screen.say("There is no crontab command here. Add the line to whatever runs things every minute.")
    elif state.installed:
        screen.say("It is installed. Remove it: xpimport crontab remove")
    elif state.present_line is not None:
        screen.say(f"Another line for this store is installed: {state.present_line}")
        screen.say("Replace it: xpimport crontab install")
    else:
        screen.say("It is not installed. Install it: xpimport crontab install")


@app.command("install", epilog="Example: xpimport crontab install")
def install(ctx: typer.Context) -> None:
    """Put the line into your crontab; other lines stay byte for byte."""
    with store_of(ctx) as store:
        change = crontab.install(_path(ctx))
        _warn_of_env(store)
    if not change.available:
        screen.out(change.line)
        screen.say("There is no crontab command here. Add the line above to whatever runs things every minute.")
        return
    screen.say(f"{'Installed' if change.changed else 'It was installed already'}: {change.line}")
    screen.say("Undo: xpimport crontab remove")


@app.command("remove", epilog="Example: xpimport crontab remove")
def remove(ctx: typer.Context) -> None:
    """Take the line out of your crontab again."""
    change = crontab.remove(_path(ctx))
    if not change.available:
        screen.say("There is no crontab command here, so nothing was changed.")
        return
    screen.say("Removed the line." if change.changed else "There was no line for this store.")
    screen.say("Undo: xpimport crontab install")
