"""Resolves stretches of people in a process of its own: `python -m xpimport.importing.merging.resolver`.

Its stretches come from the process that started it, and it ends when they do.
"""

import pickle
import signal
from contextlib import suppress
from pathlib import Path

from xpimport.importing.merging.parts import attach_immutable
from xpimport.importing.merging.resolve import adopts, resolve
from xpimport.processes import Lost, Parent
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3


def main() -> None:
    """Resolve until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = Parent(pickle)
    with suppress(Lost):
        path, run, attributes, parts, files = parent.receive()
        store = Store(Path(path), sqlite3.connect(Path(path).as_uri(), uri=True, isolation_level=None))
        store.db.row_factory = sqlite3.Row
        attach_immutable(store, parts)
        for number, file in enumerate(files):
            store.db.execute(f"ATTACH DATABASE ? AS resolved_{number}", (str(file),))
            store.db.execute(f"PRAGMA resolved_{number}.journal_mode = OFF")
            store.db.execute(f"PRAGMA resolved_{number}.synchronous = OFF")
        while True:
            batch, turn = parent.receive()
            done = not adopts(store, run, attributes)
            if done:
                store.db.execute("BEGIN")
                resolve(store, run, attributes, batch, f"resolved_{turn}.resolved")
                store.db.execute("COMMIT")
            parent.send(done)


if __name__ == "__main__":
    main()
