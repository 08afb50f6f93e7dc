"""Events that come in between two ticks: lines of our own form beside the store, safe on the disk, and read by a tick.

A segment a day, to which every process appends; `spool_read` says how far each is taken in.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from xpimport.rules.events import Kind, Machine
from xpimport.rules.tokens import Named, Purpose, make_key
from xpimport.store.database import Store
from xpimport.store.lines import append_lines
from xpimport.store.location import spool_marker

FOLDER = "spool"


def event_line(
    secret: bytes, kind: Kind, named: Named, at: datetime, *, url: str | None = None, machine: Machine = Machine.NONE
) -> str:
    """One event as a line: under the message's own key, with the link of a click as it was frozen, without a person's values."""
    event: dict[str, object] = {
        "event": kind.word,
        "time": round(at.timestamp(), 3),
        "key": make_key(secret, Purpose.MESSAGE, named.epoch or 0, named.trigger, named.profile),
    }
    if url is not None:
        event |= {"url": url, "link": named.link}
    if machine is not Machine.NONE:
        event["machine"] = machine.word
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def append(store: Store, lines: Iterable[str], at: datetime) -> None:
    """Put events into the spool; they are on the disk when this returns.

    Raises:
        OSError: they could not be written.
    """
    octets = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    if octets:
        append_lines(store.folder(FOLDER) / f"{at:%Y-%m-%d}.jsonl", octets)
        # After them: a tick takes the mark away before it reads.
        Path(spool_marker(str(store.path))).touch(0o600)
