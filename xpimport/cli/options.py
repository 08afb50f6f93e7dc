"""Options that many commands share, and opening the store that they name."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from xpimport.cli.help_format import Noun
from xpimport.errors import Invalid
from xpimport.store.database import Store, explained
from xpimport.store.opening import open_store

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Nl = Annotated[bool, typer.Option("--nl", help="Print one JSON value a line.")]
Limit = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]
TaskOrImport = Annotated[str, typer.Argument(metavar="TASK|IMPORT", help="A task's number, or an import's name.")]
Medium = Annotated[str, typer.Option("--medium", help="email or sms.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]

Function = TypeVar("Function", bound=Callable[..., None])


def group(help: str) -> typer.Typer:
    """A noun with its verbs."""
    return Noun(help=help, no_args_is_help=True)


def example(text: str) -> Callable[[Function], Function]:
    """Give a single command the example that ends its help."""

    def mark(function: Function) -> Function:
        function.example = f"Example: {text}"  # type: ignore[attr-defined]
        return function

    return mark


@contextmanager
def store_of(ctx: typer.Context) -> Iterator[Store]:
    """The store that --db names, open for the time of a command."""
    path: Path = ctx.find_root().obj
    store = open_store(path)
    try:
        # Rows that are read one by one, and sqlite-utils, bring SQLite's errors as they are.
        with explained(path):
            yield store
    finally:
        store.close()


def form(*, json: bool, csv: bool, nl: bool) -> str:
    """The one output form that was asked for.

    Raises:
        Invalid: more than one was.
    """
    asked = [name for name, on in (("json", json), ("csv", csv), ("nl", nl)) if on]
    if len(asked) > 1:
        raise Invalid(f"--{asked[0]} and --{asked[1]} exclude each other.")
    return asked[0] if asked else "table"


def with_options(function: Callable[..., None], options: Mapping[str, Any]) -> Callable[..., None]:
    """Give a command a table of options; it gets them as one mapping, `options` (name -> what was typed)."""
    own = inspect.signature(function)
    kept = [parameter for name, parameter in own.parameters.items() if name != "options"]
    shared = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=kind)
        for name, kind in options.items()
    ]

    @wraps(function)
    def command(**given: Any) -> None:
        function(options={name: given.pop(name) for name in options}, **given)

    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in [*kept, *shared]]
    command.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": None}
    return command
