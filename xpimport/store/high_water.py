"""How far a store has got, noted beside it too, so that an older copy put back, or a copy elsewhere, is known for one.

The note lies in the folder of the store's files and, as far as it can be, in the user's state directory. It is written
after the commit that it tells of and before a message of that commit goes out: so no note is ahead of its store, and no
message is ahead of the note.
"""

import fcntl
import json
import os
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path
from typing import Self

from xpimport.clock import now, to_text
from xpimport.errors import Refused, StoreRefused
from xpimport.hints import command
from xpimport.store.database import Store

HOME = "XPIMPORT_HOME"
"""The variable that says where a store is at home, for places where its file's inode changes (some containers)."""

RESTORED, COPIED = "restored", "copied_store"

_NAME, _FOLDER = "high-water", "state"
_LONGEST = 16_384
_SYNC = 1.0
"""Seconds between two times that the note is made safe from a loss of power, during a send."""


@dataclass(frozen=True)
class HighWater:
    """How far a store has got: adoptions, messages begun, the highest numbers given out, and the epoch of its keys."""

    generation: int
    intents: int
    task: int
    trigger: int
    profile: int
    key_epoch: int

    def knows_less_than(self, other: "HighWater") -> bool:
        """Whether anything of the other has not happened here."""
        return any(own < noted for own, noted in zip(astuple(self), astuple(other), strict=True))


@dataclass(frozen=True)
class Note:
    """A high-water note: how far, whose home it is, and where and when (UTC text) it was written, which is only told."""

    mark: HighWater
    home: str
    machine: str
    path: str
    at: str


@dataclass(frozen=True)
class Doubt:
    """Why a store must not go on by itself: RESTORED or COPIED, its own mark, and the note that it was held against."""

    reason: str
    mark: HighWater
    note: Note | None


def mark(store: Store) -> HighWater:
    """How far this store has got, as it is committed, or inside the caller's transaction."""
    row = store.one(
        "SELECT generation, intents, (SELECT seq FROM sqlite_sequence WHERE name = 'tasks'),"
        " (SELECT seq FROM sqlite_sequence WHERE name = 'triggers'),"
        " (SELECT seq FROM sqlite_sequence WHERE name = 'profiles'), key_epoch FROM high_water"
    )
    return HighWater(*(number or 0 for number in row))


def home(store: Store) -> str:
    """Where a store is at home: what XPIMPORT_HOME says, else the inode of its file, which a rename keeps."""
    named = os.environ.get(HOME)
    return f"named {named}" if named else f"inode {store.path.stat().st_ino}"


def doubt(store: Store) -> Doubt | None:
    """Why this store must not send or import before somebody adopts it; None where all is well."""
    # The notes first: whoever sends meanwhile commits before it writes a note.
    notes = _notes(store)
    own = mark(store)
    if not notes:
        # Both begin with a note.
        worked = own.intents or store.scalar(
            "SELECT EXISTS (SELECT 1 FROM tasks WHERE type = 'profile_import' AND status = 'completed')"
        )
        return Doubt(COPIED, own, None) if worked else None
    newest = max(notes, key=lambda note: astuple(note.mark))
    for note in notes:
        if own.knows_less_than(note.mark):
            return Doubt(RESTORED, own, newest)
    return Doubt(COPIED, own, newest) if newest.home != home(store) else None


def beyond(store: Store) -> HighWater:
    """The highest of each number that this store, or its notes, know to be given out; one adoption and one epoch on."""
    known = [mark(store), *(note.mark for note in _notes(store))]
    most = HighWater(*map(max, zip(*map(astuple, known), strict=True)))
    return replace(most, generation=most.generation + 1, key_epoch=most.key_epoch + 1)


def go_on_from(store: Store, start: HighWater) -> None:
    """Inside a transaction: give out higher numbers than these only, and keys of this epoch."""
    for table, given in (("tasks", start.task), ("triggers", start.trigger), ("profiles", start.profile)):
        store.db.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
        store.db.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, given))
    store.db.execute(
        "UPDATE high_water SET generation = ?, intents = ?, key_epoch = ?",
        (start.generation, start.intents, start.key_epoch),
    )


def places(store: Store) -> list[Path]:
    """The folders of the notes and the journal of a store of this number: beside it, and in the user's state directory."""
    number = str(store.scalar("SELECT value FROM settings WHERE name = 'store.id'"))
    return [store.files / _FOLDER / number, state_folder(number)]


def state_folder(store_id: str) -> Path:
    """The folder of the store of that number in the user's state directory."""
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 - HOME may be unset
    return Path(state) / "xpimport" / store_id


@contextmanager
def needed(store: Store, place: Path) -> Iterator[None]:
    """Give what goes wrong beside the store as an error of ours; in the state directory it is passed over.

    Raises:
        StoreRefused: a file beside the store cannot be written.
    """
    try:
        yield
    except OSError as problem:
        if place.is_relative_to(store.files):
            raise StoreRefused(
                f"What happens in the store cannot be noted beside it, in {place}: {problem.strerror}. Nothing was done."
            ) from problem


def make_folder(store: Store, place: Path) -> None:
    """One of `places`, for its owner alone; inside `needed`."""
    if place.is_relative_to(store.files):
        store.folder(_FOLDER)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)


class Noting:
    """Writes the notes of a store while something goes on in it; a context."""

    def __init__(self, store: Store, *, adopted: bool = False) -> None:
        """Open the notes, and write the first; one that another copy has written meanwhile only where this is `adopted`.

        Raises:
            Refused: another copy of the store has written one.
            StoreRefused: there is no writing beside the store.
        """
        self._store = store
        self._home = home(store)
        self._synced = 0.0
        self._around = [b"", b""]
        self._files: list[tuple[Path, int]] = []
        self._left = ExitStack()
        self._open(store)
        try:
            self.write(sync=True, first=not adopted)
        except BaseException:
            self.close()
            raise
        for place, _ in self._files:
            sync_folder(place)

    def _open(self, store: Store) -> None:
        for place in places(store):
            with needed(store, place):
                make_folder(store, place)
                file = os.open(place / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
                self._left.callback(os.close, file)
                self._files.append((place, file))

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Note how far it came in the end, and close the notes."""
        with self._left:
            self.write(sync=True)

    def close(self) -> None:
        """Close the notes as they are."""
        self._left.close()

    def write(self, *, sync: bool = False, first: bool = False) -> None:
        """Note how far the store has got, after a commit.

        Beside the store each time; in the state directory too, and safe from a loss of power, each second or if asked.

        Raises:
            Refused: it is the `first`, and another copy of the store has been quicker.
            StoreRefused: there is no writing beside the store.
        """
        if not sync and time.monotonic() < self._synced + _SYNC:
            self._write_intents()
            return
        for place, file in self._files:
            with needed(self._store, place), _locked(file):
                # Under the lock: of two copies that begin at once one finds the other's note, and of two senders the one
                # that writes later knows more.
                if first and self._is_of_another(place):
                    raise Refused(f"Another copy of this store is at work. Look at it: {command('plan')}")
                note = Note(
                    mark(self._store), self._home, os.uname().nodename, str(self._store.path.absolute()), to_text(now())
                )
                os.pwrite(file, _with_sum(_text_of(note)), 0)
                os.fdatasync(file)
        self._around = _text_of(note).split(b'"intents":%d' % note.mark.intents, 1)
        self._synced = time.monotonic()

    def _write_intents(self) -> None:
        """Between two whole notes the number of messages alone has grown, thousands of times a second."""
        place, file = self._files[0]
        with needed(self._store, place), _locked(file):
            (intents,) = self._store.db.execute("SELECT intents FROM high_water").fetchone()
            os.pwrite(file, _with_sum(b'%s"intents":%d%s' % (self._around[0], intents, self._around[1])), 0)

    def _is_of_another(self, place: Path) -> bool:
        found = _read(place / _NAME)
        return found is not None and (found.home != self._home or mark(self._store).knows_less_than(found.mark))


def write_note(store: Store, *, adopted: bool = False) -> None:
    """Note once how far the store has got.

    Raises:
        Refused: another copy of the store has written a note meanwhile, and this one is not `adopted`.
        StoreRefused: there is no writing beside the store.
    """
    Noting(store, adopted=adopted).close()


@contextmanager
def _locked(file: int) -> Iterator[None]:
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def sync_folder(folder: Path) -> None:
    """Make a new file's name safe from a loss of power, where the file system can."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _text_of(note: Note) -> bytes:
    return json.dumps(asdict(note), separators=(",", ":")).encode()


def _with_sum(text: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _notes(store: Store) -> list[Note]:
    return [note for place in places(store) if (note := _read(place / _NAME)) is not None]


def _read(file: Path) -> Note | None:
    """The note in a file; None where there is none, or none that is whole."""
    for _ in range(3):  # it may be under way
        try:
            with file.open("rb") as opened:
                octets = opened.read(_LONGEST)
        except OSError:
            return None
        if not octets:
            return None
        sum_, _, text = octets.partition(b"\n")[0].partition(b" ")
        if sum_ == b"%08x" % zlib.crc32(text):
            found = json.loads(text)
            return Note(**{**found, "mark": HighWater(**found["mark"])})
        time.sleep(0.01)
    return None
