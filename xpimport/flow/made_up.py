"""Events that nobody reported, for the demo: what might come back in the two days after a send."""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

from xpimport.clock import now
from xpimport.rules.events import Kind, Machine, Reported
from xpimport.rules.tokens import Purpose, make_key
from xpimport.sending import triggers
from xpimport.store import epochs
from xpimport.store.database import Store
from xpimport.store.secret import secret_of
from xpimport.tracking.intake import Taken, take_in

PROVIDER = "made up"

LINKS = ("https://www.example.com/spring", "https://www.example.com/gift")

_DAYS = timedelta(days=2)


def take_in_made_up_events(store: Store, task: int) -> Taken:
    """Take in made-up events of a task's send, always the same for the same people."""
    trigger = triggers.of_task(store, task)
    return Taken() if trigger is None else take_in(store, _events(store, trigger.id), arrived=now() + _DAYS)


def _events(store: Store, trigger: int) -> Iterator[Reported]:
    secret, epoch, at = secret_of(store), epochs.current(store), now().timestamp()
    rows = store.all(
        "SELECT profile_id, address FROM deliveries WHERE trigger_id = ? AND state = 'accepted' ORDER BY profile_id",
        trigger,
    )
    for profile, address in rows:
        key = make_key(secret, Purpose.MESSAGE, epoch, trigger, profile)
        yield from _of_one(key, at, hashlib.sha256(str(address).encode()).digest())


def _of_one(key: str, at: float, dice: bytes) -> Iterator[Reported]:
    """One person's, as their dice fell: bytes from 0 to 255."""
    if dice[0] < 2:
        yield Reported(Kind.BOUNCED, PROVIDER, at + 30, key, gone=True, detail="5.1.1 no such user")
        return
    yield Reported(Kind.DELIVERED, PROVIDER, at + 20, key)
    if dice[1] < 30:
        yield Reported(Kind.OPENED, PROVIDER, at + 40, key, machine=Machine.APPLE)
    # Most read it soon, some the next day.
    read = at + 60 + dice[2] ** 2 * 2
    if dice[3] < 90:
        yield Reported(Kind.OPENED, PROVIDER, read, key)
        if dice[4] < 50:
            yield Reported(Kind.CLICKED, PROVIDER, read + 30, key, url=LINKS[dice[5] % 3 == 0])
        if dice[6] < 3:
            yield Reported(Kind.UNSUBSCRIBED, PROVIDER, read + 60, key)
    if dice[7] < 1:
        yield Reported(Kind.COMPLAINED, PROVIDER, read + 90, key)
