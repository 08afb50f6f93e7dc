"""The sorted parts of a list as further databases of the store's connection."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from xpimport.importing.staging.sort import SortedPart
from xpimport.store.database import Store

CACHE = 36_000
"""KiB of the store that are held in memory while merging."""


def schema(number: int) -> str:
    """The name under which the store's connection sees a sorted part."""
    return f"part_{number}"


@contextmanager
def attached(store: Store, parts: Sequence[SortedPart], *, immutable: bool = False) -> Iterator[None]:
    """Let the store's connection see the sorted parts for a while: to change them, or `immutable`, to merge them."""
    if immutable:
        attach_immutable(store, parts)
    else:
        _attach(store, parts)
    try:
        yield
    finally:
        for number in range(len(parts)):
            store.db.execute(f"DETACH DATABASE {schema(number)}")
        store.db.execute("PRAGMA main.cache_size = -2000")


def _attach(store: Store, parts: Sequence[SortedPart]) -> None:
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
