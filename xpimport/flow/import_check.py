"""Reading the list of an import as a run would, to say what it would do; nothing is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from xpimport.defining import attributes, imports
from xpimport.defining.imports import Import
from xpimport.errors import Refused
from xpimport.flow import source_files
from xpimport.hints import command
from xpimport.importing.sources.source import SourceFile
from xpimport.importing.staging.stage import Sample, Staged, columns_of, stage
from xpimport.rules.guess import CELLS as GUESSED_FROM
from xpimport.rules.guess import attribute_name, guess_types
from xpimport.rules.locations import STDIN
from xpimport.store.database import Store


@dataclass(frozen=True)
class Untaken:
    """A column that no attribute takes: its likely type, and what would take it: a command, and an option of
    `import edit` beside the mapping that is there. None is not needed.
    """

    column: str
    looks_like: str
    add: str | None
    map: str | None


@dataclass(frozen=True)
class CheckedList:
    """What `import check` saw of one file, without writing anything.

    `looks_like` has the likely type of every column, `untaken` says how each ignored one can be taken.
    """

    name: str
    bytes: int
    header: list[str]
    taken: dict[str, str]
    ignored: list[str]
    looks_like: dict[str, str]
    untaken: list[Untaken]
    first_rows: list[list[str]]
    read: int
    people: int
    rejected: dict[str, int]


def check_import(store: Store, name: str) -> list[CheckedList]:
    """Read the list of an import as a run would, and say what it would do; the store is not written.

    Raises:
        NotFound: no such import.
        FileRefused: the file is not there, or cannot be imported as a whole.
    """
    import tempfile

    found = imports.get(store, name)
    if found.definition.source == STDIN:
        raise Refused("Standard input can be read once only. Give it to: xpimport run-now NAME")
    with tempfile.TemporaryDirectory(prefix="xpimport-") as folder:
        return [
            _check_file(store, found, file, Path(folder)) for file in source_files.present(store, found, Path(folder))
        ]


def _check_file(store: Store, found: Import, file: SourceFile, folder: Path) -> CheckedList:
    kinds, sample = attributes.kinds(store), Sample(GUESSED_FROM)
    staged = stage(folder / "check", [file], found.definition, kinds, lambda *_: None, sample=sample)
    columns = columns_of(staged.header, found.definition, kinds, file.name)
    looks_like = dict(zip(staged.header, guess_types(staged.header, sample.rows), strict=True))
    return CheckedList(
        name=file.name,
        bytes=file.bytes,
        header=staged.header,
        taken={column.title: column.attribute for column in columns},
        ignored=staged.ignored,
        looks_like=looks_like,
        untaken=[
            _how_to_take(title, looks_like[title], found.definition.mapping, kinds) for title in staged.ignored if title
        ],
        first_rows=sample.rows[:3],
        read=staged.read,
        people=sum(part.people for part in staged.parts),
        rejected=_reasons(staged),
    )


def _reasons(staged: Staged) -> dict[str, int]:
    from collections import Counter
    from contextlib import closing

    from xpimport.store.driver import sqlite3

    found: Counter[str] = Counter()
    for part in staged.parts:
        with closing(sqlite3.connect(part.path)) as db:
            found.update(dict(db.execute("SELECT reason, count(*) FROM rejected GROUP BY reason").fetchall()))
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _how_to_take(title: str, kind: str, mapping: Mapping[str, str], kinds: Mapping[str, object]) -> Untaken:
    """An attribute for an ignored column, and a mapping where names alone do not do."""
    from shlex import quote

    name = attribute_name(title)
    return Untaken(
        column=title,
        looks_like=kind,
        add=None if name in kinds else command("attribute", "add", name, kind),
        map=f"--map {quote(f'{title}={name}')}" if mapping or name != title.casefold() else None,
    )
