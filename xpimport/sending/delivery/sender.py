"""A sender process of a long send: `python -m xpimport.sending.delivery.sender`.

It has some of the send's connections as threads. Its parent (`connections.ProcessPool`) says first what is sent and by
which connections, then gives messages, each for one of them, and last an empty list; it is told every event of theirs.
"""

import os
import threading
from pathlib import Path
from typing import NoReturn

from xpimport.processes import Lost, Parent
from xpimport.rules.settings import Settings
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.content.compose import composer
from xpimport.sending.delivery.connections import Connection, Event, event_to_plain


def main() -> None:
    """Send what the parent gives until it has no more."""
    parent = Parent()

    def emit(event: Event) -> None:
        try:
            parent.send(event_to_plain(event))
        except Lost:
            _abandon()

    try:
        kind, settings, place, options, content, numbers = parent.receive()
    except Lost:
        return
    channel = open_channel(kind, Settings(settings), Path(place), options)
    compose = composer(content)
    connections = {number: Connection(number, channel, compose, emit) for number in numbers}
    for connection in connections.values():
        connection.start()
    threading.Thread(target=_share_out, args=(parent, connections), daemon=True).start()
    for connection in connections.values():
        connection.join()


def _share_out(parent: Parent, connections: dict[int, Connection]) -> None:
    """Put each message to its connection, until the parent says that there are no more."""
    try:
        while jobs := parent.receive():
            for number, job in jobs:
                connections[number].work.put(tuple(job))
    except Lost:
        _abandon()
    for connection in connections.values():
        connection.work.put(None)


def _abandon() -> NoReturn:
    """The parent is gone: nothing more is begun, and what is half said is not finished."""
    os._exit(1)


if __name__ == "__main__":
    main()
