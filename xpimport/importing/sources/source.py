"""A place of lists: what it shows, and what a kind of place says of itself, in its own file, as the one value `SOURCE`."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from xpimport.rules.definition import Definition
from xpimport.rules.locations import Location
from xpimport.rules.names import Names
from xpimport.rules.settings import Setting, Settings

Fetching = Callable[[int, int], None]
"""Told how many bytes of how many are here."""

SMALL = 64 * 1024
"""Bytes of a count file that are looked at."""


@dataclass(frozen=True)
class Listed:
    """A file as its place lists it.

    `where` is its path or key there, `location` the same as it may be shown, `modified` is in unix nanoseconds,
    `version` is what changes when the content does (an ETag). None: the place does not say.
    """

    name: str
    where: str
    location: str
    bytes: int
    modified: int | None = None
    version: str | None = None


@dataclass(frozen=True)
class SourceFile:
    """A list to read: its bare name, where it is, its size in bytes, when it was last written (unix nanoseconds).

    `expected` is how many rows its count file announces; `origin` is what it was fetched from.
    """

    name: str
    path: Path
    bytes: int
    modified: int
    location: str = ""
    expected: int | None = None
    origin: Listed | None = None


class Source(Protocol):
    """A place that was opened for one import. Every method may raise Unreachable."""

    names: Names
    wanted: str
    """What is looked for, as messages name it."""
    looks: int
    """How many equal looks prove that a file is finished: one where a place shows whole files only."""

    def list(self) -> list[Listed]:
        """Every file that is asked for; raises FileRefused where the place says no."""

    def beside(self, file: Listed, named: str) -> Listed | None:
        """The file called `named` in the folder of another, if it is there."""

    def read(self, file: Listed) -> bytes:
        """The beginning of a small file, at most SMALL bytes."""

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        """Bring a file, as it was listed, to the private file `target`; where it is local already it stays."""

    def unchanged(self, file: Listed) -> bool:
        """Whether the file is still what was listed."""

    def move(self, file: Listed, where: str) -> bool:
        """Give a file another path; False, and nothing is done, where another file has it."""

    def delete(self, file: Listed) -> None:
        """Remove a file."""

    def close(self) -> None:
        """Give connections back."""


def companion(name: str, named: str) -> str:
    """The marker or count file of a list: `.done` is added to its name, anything else stands in its folder."""
    return name + named if named.startswith(".") else named


@dataclass(frozen=True)
class SourceKind:
    """A kind of place.

    Attributes:
        schemes: how its locations begin (`Location.scheme`); `rules/locations.py` knows how they are typed.
        title: what messages call it; `{scheme}` stands for the scheme.
        credentials: which of the options password, key and token it takes.
        instead: a sentence on where its credentials come from, where no option gives them.
        package: the library that its extra installs (the extra has the scheme's name), or None.
        has_folder: it can be listed, and files be moved in it: patterns, markers, count files and `--after` work.
        has_companions: its lists may have a marker or count file.
        check: refuses (Invalid) what cannot work there, and gives the definition as it is kept.
        open: opens the place for a definition that was checked; FileRefused, Unreachable or Invalid where that fails.
        settings: its own settings.
    """

    schemes: tuple[str, ...]
    title: str
    credentials: tuple[str, ...]
    instead: str
    package: str | None
    has_folder: bool
    has_companions: bool
    check: Callable[[Definition, Location], Definition]
    open: Callable[[Location, Names, Definition, Settings], Source]
    settings: tuple[Setting[Any], ...]


def missing_extra(scheme: str, package: str) -> str:
    """What to do where the library for a kind of source is not installed."""
    return f"A source of the kind {scheme} needs the package {package}. Run: pip install 'xpimport[{scheme}]'"


def as_given(definition: Definition, _location: Location) -> Definition:
    """The check of a kind that has nothing of its own to refuse."""
    return definition
