"""Decides stretches of people in a process of its own: `python -m xpimport.importing.decider`.

Threads would share SQLite's allocator and wait for each other. It speaks pickle over its standard input and output,
which only the process that started it holds, and ends when its input does.
"""

import pickle
import signal
import sys
from pathlib import Path

from xpimport.importing.deciding import adopts, attach_who, decide
from xpimport.importing.settling import attach
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3


def main() -> None:
    """Decide until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        path, run, attributes, parts, files = pickle.load(given)  # noqa: S301 - from the parent's pipe only
        store = Store(Path(path), sqlite3.connect(path, isolation_level=None))
        store.db.row_factory = sqlite3.Row
        attach(store, parts)
        attach_who(store, files)
        while True:
            batch, who = pickle.load(given)  # noqa: S301
            decided = not adopts(store, run, attributes)
            if decided:
                store.db.execute("BEGIN")
                decide(store, run, attributes, batch, who)
                store.db.execute("COMMIT")
            pickle.dump(decided, answers)
            answers.flush()
    except EOFError:
        return


if __name__ == "__main__":
    main()
