"""The sorted parts of a list as further databases of the store's connection."""

from collections.abc import Sequence
from pathlib import Path

from xpimport.importing.staging.sort import SortedPart
from xpimport.store.database import Store

CACHE = 36_000
"""KiB of the store that are held in memory while merging."""


def schema(number: int) -> str:
    """The name under which the store's connection sees a sorted part."""
    return f"part_{number}"


def attach(store: Store, parts: Sequence[SortedPart]) -> None:
    """Let the store's connection see and change the sorted parts."""
    for number, part in enumerate(parts):
        store.db.execute(f"ATTACH DATABASE ? AS {schema(number)}", (part.path,))
        store.db.execute(f"PRAGMA {schema(number)}.synchronous = OFF")
        store.db.execute(f"PRAGMA {schema(number)}.journal_mode = OFF")


def attach_immutable(store: Store, parts: Sequence[SortedPart]) -> None:
    """Let a connection see parts that nobody changes any more, as does the process that decides ahead.

    Without locks: a writer's BEGIN IMMEDIATE asks for one on every attached file, and would wait for the other reader.
    """
    for number, part in enumerate(parts):
        store.db.execute(f"ATTACH DATABASE ? AS {schema(number)}", (immutable_uri(Path(part.path)),))
    store.db.execute("PRAGMA temp_store = MEMORY")
    store.db.execute(f"PRAGMA main.cache_size = -{CACHE}")


def immutable_uri(path: Path) -> str:
    """How a file is attached that nobody changes (https://sqlite.org/uri.html, immutable)."""
    return f"{path.absolute().as_uri()}?immutable=1"


def detach(store: Store, parts: Sequence[SortedPart]) -> None:
    """Let go of the sorted parts."""
    for number in range(len(parts)):
        store.db.execute(f"DETACH DATABASE {schema(number)}")
    store.db.execute("PRAGMA main.cache_size = -2000")
