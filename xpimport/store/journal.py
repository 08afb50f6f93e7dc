"""The journal: what people said about being written to, and what was begun, beside the store, for an older copy of it.

Lines are appended and safe on the disk before the transaction that they tell of commits. They lie in a file a month,
in the places of the high-water note; a month is dropped when all of it is older than `journal.keep`.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from xpimport.clock import now
from xpimport.rules.setting_kinds import DAYS
from xpimport.rules.settings import Setting
from xpimport.store.database import Store
from xpimport.store.high_water import make_folder, needed, places
from xpimport.store.lines import append_lines

KEEP = Setting("journal.keep", "400d", DAYS, "how long opt-outs are kept beside the store, for an older copy of it")

OPT_OUT, SUBSCRIBE, UNSUBSCRIBE = "opt_out", "subscribe", "unsubscribe"
SUPPRESS, UNSUPPRESS, BEGIN = "suppress", "unsuppress", "begin"
_FOLDER = "journal"
_TAIL = 64

Entry = tuple[Any, ...]
"""Of addresses as they are compared, instants in UTC text:

(OPT_OUT, medium, at, source, [address or [address, at]]); (SUBSCRIBE, medium, at, user_id or None, [address]);
(UNSUBSCRIBE, medium, at, user_id, []) of a profile without an address; (SUPPRESS, medium, at, reason, [address]);
(UNSUPPRESS, medium, at, None, [address]); (BEGIN, at, trigger, task, import number, the list's content hash).
In the file each is followed by its number.
"""


class Json(str):
    """The last part of an entry as JSON text, where that was made elsewhere."""

    __slots__ = ()


_NUMBER = re.compile(rb",(\d+)\]\n\Z")


def append(store: Store, entries: Sequence[Entry]) -> None:
    """Inside a transaction, before it commits: keep what it does.

    Raises:
        StoreRefused: there is no writing beside the store.
    """
    if not entries:
        return
    last = store.db.execute(
        "UPDATE high_water SET journalled = journalled + ? RETURNING journalled", (len(entries),)
    ).fetchone()[0]
    numbered = zip(entries, count(last - len(entries) + 1), strict=False)
    text = "".join(_line(entry, number) for entry, number in numbered)
    for place in places(store):
        with needed(store, place):
            make_folder(store, place)
            if append_lines(place / _FOLDER / f"{now():%Y-%m}.jsonl", text.encode()):
                _drop_old(store, place / _FOLDER)


def _line(entry: Entry, number: int) -> str:
    *parts, last_part = (json.dumps(part, ensure_ascii=False, separators=(",", ":")) for part in entry)
    return f"[{','.join([*parts, entry[-1] if isinstance(entry[-1], Json) else last_part])},{number}]\n"


def read(store: Store, after: int = 0) -> Iterator[Entry]:
    """A store's entries of higher numbers than `after`; those of two places come twice, and in no order that matters."""
    for place in places(store):
        for file in sorted((place / _FOLDER).glob("*.jsonl")):
            with file.open("rb") as lines:
                for line in lines:
                    # A line that was cut off told of a transaction that did not commit.
                    with suppress(ValueError):
                        *entry, number = json.loads(line)
                        if number > after:
                            yield tuple(entry)


def last(store: Store) -> int:
    """The number of the newest entry; 0 where there is none."""
    return max((_last_of(place / _FOLDER) for place in places(store)), default=0)


def known(store: Store) -> int:
    """How many entries the store knows of: its transactions wrote them, or it has taken them in."""
    return int(store.scalar("SELECT journalled FROM high_water"))


def know(store: Store, number: int) -> None:
    """Inside a transaction: the entries up to this number are in the store."""
    store.db.execute("UPDATE high_water SET journalled = max(journalled, ?)", (number,))


def _last_of(folder: Path) -> int:
    for file in sorted(folder.glob("*.jsonl"), reverse=True):
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _TAIL))
            found = _NUMBER.search(opened.read())
        if found:
            return int(found[1])
    return 0


def _drop_old(store: Store, folder: Path) -> None:
    """When a month begins: those that are over for longer than `journal.keep` go."""
    text = store.scalar("SELECT value FROM settings WHERE name = ?", KEEP.name)
    month = f"{now() - KEEP.kind.parse(text or KEEP.default):%Y-%m}"
    for file in folder.glob("????-??.jsonl"):
        if file.stem < month:
            file.unlink(missing_ok=True)
