"""Decides stretches of people in a process of its own: `python -m xpimport.importing.decider`.

It speaks pickle over its standard input and output, which only the process that started it holds, and ends when its
input does.
"""

import pickle
import signal
import sys
from pathlib import Path

from xpimport.importing.deciding import adopts, decide
from xpimport.importing.settling import attach_for_good
from xpimport.store.database import Store
from xpimport.store.driver import sqlite3


def main() -> None:
    """Decide until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    given, answers = sys.stdin.buffer, sys.stdout.buffer
    try:
        path, run, attributes, parts, files = pickle.load(given)  # noqa: S301 - from the parent's pipe only
        store = Store(Path(path), sqlite3.connect(Path(path).as_uri(), uri=True, isolation_level=None))
        store.db.row_factory = sqlite3.Row
        attach_for_good(store, parts)
        for number, file in enumerate(files):
            store.db.execute(f"ATTACH DATABASE ? AS ahead_{number}", (str(file),))
            store.db.execute(f"PRAGMA ahead_{number}.journal_mode = OFF")
            store.db.execute(f"PRAGMA ahead_{number}.synchronous = OFF")
        while True:
            batch, turn = pickle.load(given)  # noqa: S301
            decided = not adopts(store, run, attributes)
            if decided:
                store.db.execute("BEGIN")
                decide(store, run, attributes, batch, f"ahead_{turn}.who")
                store.db.execute("COMMIT")
            pickle.dump(decided, answers)
            answers.flush()
    except EOFError:
        return


if __name__ == "__main__":
    main()
