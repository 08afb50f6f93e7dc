"""Reading the spool: every line once, with how far it was read in the transaction that counts it.

One process at a time takes it in; a send that begins or goes on looks for those who said no, and leaves the rest.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xpimport.clock import now
from xpimport.rules.events import Kind, NotUnderstood, Reported, heard_at
from xpimport.store.database import Store
from xpimport.store.location import spool_marker
from xpimport.tracking import consequences
from xpimport.tracking.intake import BATCH, Said, Taken, take_in_batch
from xpimport.tracking.json_values import SHOWN, value_of
from xpimport.tracking.matching import Matcher
from xpimport.tracking.providers import xpimport as own_form
from xpimport.tracking.spool import FOLDER

_NO = (b'"unsubscribed"', b'"complained"')


def take_in_spool(store: Store) -> Taken:
    """Take in what was spooled since; nothing where another process is at it, or nothing was.

    Raises:
        XpimportError: the store cannot be written; what was taken in before stays.
    """
    taken, folder = Taken(), store.files / FOLDER
    if not folder.is_dir():
        return taken
    with _lease(folder) as mine:
        if mine:
            # Before it is read: whatever is spooled from now on is noticed by the next tick.
            Path(spool_marker(str(store.path))).unlink(missing_ok=True)
            matcher = Matcher(store)
            for segment in sorted(folder.glob("*.jsonl")):
                _take_in_segment(store, matcher, segment, taken)
    return taken


@contextmanager
def _lease(folder: Path) -> Iterator[bool]:
    """Whether this process alone reads the spool; it ends with the process, however that ends."""
    file = os.open(folder / "lease", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
    finally:
        os.close(file)


def _take_in_segment(store: Store, matcher: Matcher, segment: Path, taken: Taken) -> None:
    place = int(store.scalar('SELECT "offset" FROM spool_read WHERE segment = ?', segment.name) or 0)
    for lines, end in _chunks(segment, place):
        said = [one for line in lines for one in _said(line)]
        with store.writing():
            take_in_batch(store, matcher, taken, said, int(now().timestamp()))
            store.db.execute(
                'INSERT INTO spool_read (segment, "offset") VALUES (?, ?) ON CONFLICT DO UPDATE SET "offset" = excluded."offset"',
                (segment.name, end),
            )
        place = end
    if segment.stem < f"{now():%Y-%m-%d}" and segment.stat().st_size == place:
        # Nobody appends to a day that is over. Its row goes only after it: else it would be read again.
        segment.unlink()
        with store.writing():
            store.db.execute("DELETE FROM spool_read WHERE segment = ?", (segment.name,))


def _chunks(segment: Path, start: int) -> Iterator[tuple[list[bytes], int]]:
    """Whole lines from a place on, so many at once, with the place behind them; half a line waits for its end."""
    lines: list[bytes] = []
    with segment.open("rb") as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                break
            lines.append(line)
            start += len(line)
            if len(lines) >= BATCH:
                yield lines, start
                lines = []
    if lines:
        yield lines, start


def _said(line: bytes) -> Iterator[Said]:
    text = line.decode("utf-8", "replace").strip()
    if not text:
        return
    value = value_of(text)
    for said in [value] if isinstance(value, NotUnderstood) else own_form.parse(value):
        if isinstance(said, NotUnderstood):
            yield NotUnderstood(said.why, "web", text[:SHOWN])
        else:
            yield said


class Refusals:
    """Who said no in the spool since it was last taken in; for a send, which must not wait for a tick."""

    def __init__(self, store: Store) -> None:
        """Begin where the store has read to."""
        self._store, self._folder = store, store.files / FOLDER
        self._places: dict[str, int] = {}

    def heed(self) -> None:
        """Outside a transaction: opt out whoever said so since the last look. Costs a look at a file where nobody did."""
        for segment in self._folder.glob("*.jsonl") if self._folder.is_dir() else ():
            if segment.name not in self._places:
                known = self._store.scalar('SELECT "offset" FROM spool_read WHERE segment = ?', segment.name)
                self._places[segment.name] = int(known or 0)
            if segment.stat().st_size > self._places[segment.name]:
                self._heed_segment(segment)

    def _heed_segment(self, segment: Path) -> None:
        noes: list[Reported] = []
        for lines, end in _chunks(segment, self._places[segment.name]):
            for line in lines:
                # Most are opens and clicks, which are not worth reading here.
                if any(word in line for word in _NO):
                    noes += [one for one in _said(line) if isinstance(one, Reported)]
            self._places[segment.name] = end
        if noes:
            self._act([one for one in noes if one.kind in {Kind.UNSUBSCRIBED, Kind.COMPLAINED}])

    def _act(self, noes: list[Reported]) -> None:
        arrived = now().timestamp()
        with self._store.writing():
            for said, found in zip(noes, Matcher(self._store).match(noes), strict=True):
                at = heard_at(said.time, arrived)
                if not isinstance(found, str):
                    consequences.act(self._store, found, said.kind, at, said.provider, gone=False)
