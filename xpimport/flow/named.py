"""Tasks by name: an import's name stands for its newest task, never for one behind it."""

from collections.abc import Callable
from typing import TypeVar

from xpimport.defining import imports
from xpimport.errors import NotFound, Refused
from xpimport.hints import command
from xpimport.importing import tasks
from xpimport.store.database import Store

Result = TypeVar("Result")


def task_of(store: Store, which: str) -> int:
    """The task of that number, or the newest task of the import of that name.

    Raises:
        NotFound: no such task or import.
        Refused: the import has not run yet.
    """
    if which.isdecimal():
        return tasks.known(store, int(which))
    found = imports.get(store, which)
    newest = tasks.newest_of(store, found.id)
    if newest is None:
        raise Refused(f"Import {found.name!r} has not run yet. Run it: {command('run-now', found.name)}")
    return newest


def act_on(
    store: Store,
    which: str,
    verb: str,
    fitting: Callable[[Store, int], int | None],
    act: Callable[[int], Result],
) -> Result:
    """Do something to the task that `which` names.

    Where an import's newest task is in no state for it, another of its tasks is not taken in its place, but named:
    `fitting` finds the newest one that `verb` would apply to.

    Raises:
        NotFound: no such task or import, or the task of that number has no trigger.
        Refused: the state of the task does not allow it.
    """
    task = task_of(store, which)
    if which.isdecimal():
        return act(task)
    try:
        return act(task)
    except (NotFound, Refused) as problem:
        other = fitting(store, imports.get(store, which).id)
        text = f"The newest task of import {which!r} is {task}. {problem.message}"
        if other is not None and other != task:
            text += f"\nPerhaps you mean task {other}: {command(verb, other)}"
        raise Refused(text) from None
