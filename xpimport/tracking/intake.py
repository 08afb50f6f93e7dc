"""Taking events in: matched, counted once, and heeded, each batch in one transaction."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from xpimport.clock import now
from xpimport.rules.engagement import BOUNCED_LATER, Event, settled, state_after, tallies
from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported, heard_at, read_time
from xpimport.store.database import Store
from xpimport.tracking import consequences, kept_apart
from xpimport.tracking.counting import Counters
from xpimport.tracking.matching import Delivery, Matcher

BATCH = 2_000
"""Events of one transaction."""

CLOCKS = 3600
"""Seconds by which the clock of whoever reports an event may be behind ours."""

Said = Reported | NotUnderstood


@dataclass
class Taken:
    """What came of a file: events by kind that are new, how many were known, and why others are kept apart."""

    new: Counter[Kind] = field(default_factory=Counter)
    known: int = 0
    apart: Counter[str] = field(default_factory=Counter)
    heeded: int = 0
    """Of those kept apart, or accepted by a person: whose no is kept all the same."""


def take_in(store: Store, said: Iterable[Said], arrived: datetime | None = None) -> Taken:
    """Take in whatever was reported, in batches; the same twice, or in another order, changes nothing.

    Nothing counts as later than it `arrived`: now, if nothing else is said.

    Raises:
        XpimportError: the store cannot be written; what was taken in before stays.
    """
    taken, matcher, rest = Taken(), Matcher(store), iter(said)
    while batch := list(islice(rest, BATCH)):
        with store.writing():
            take_in_batch(store, matcher, taken, batch, int((arrived or now()).timestamp()))
    return taken


def take_in_batch(store: Store, matcher: Matcher, taken: Taken, batch: Sequence[Said], arrived: int) -> None:
    """Inside a transaction: take in what arrived at an instant (unix seconds), and count it in `taken`."""
    _Batch(store, matcher, taken, arrived).take_in(batch)


def take_again(store: Store, *, accept: bool) -> Taken:
    """Try once more whatever is kept apart and was understood.

    With `accept` what names an address and no message of ours is heeded by a person's word: an opt-out, a complaint, a
    mailbox that is gone.
    """
    taken, matcher = Taken(), Matcher(store)
    rest = iter([one for one in kept_apart.listed(store) if one.said is not None])
    while batch := list(islice(rest, BATCH)):
        arrived = int(now().timestamp())
        with store.writing():
            kept_apart.forget(store, [one.id for one in batch])
            left = []
            for one in batch:
                said = one.said
                if said is None:
                    continue
                at = heard_at(said.time, arrived)
                if accept and one.reason == "no_key" and consequences.accept(store, said, at):
                    taken.heeded += 1
                else:
                    left.append(said)
            _Batch(store, matcher, taken, arrived).take_in(left)
    return taken


class _Batch:
    """One transaction."""

    def __init__(self, store: Store, matcher: Matcher, taken: Taken, arrived: int) -> None:
        self._store, self._matcher, self._taken, self._arrived = store, matcher, taken, arrived
        self._counters = Counters()
        self._gone: list[tuple[object, ...]] = []
        self._kept: list[tuple[object, ...]] = []

    def take_in(self, batch: Sequence[Said]) -> None:
        events = [one for one in batch if isinstance(one, Reported)]
        for one in batch:
            if isinstance(one, NotUnderstood):
                self._keep_apart(one, "not_understood", None)
        whose: dict[tuple[int, int], tuple[Delivery, list[tuple[Reported, Event]]]] = {}
        for event, found in zip(events, self._matcher.match(events), strict=True):
            at = None if isinstance(found, str) else self._time(event, found)
            if isinstance(found, str) or at is None or found.apart:
                why = found if isinstance(found, str) else found.apart or "impossible_time"
                self._keep_apart(event, why, None if isinstance(found, str) else found)
                continue
            _, told = whose.setdefault((found.trigger, found.profile), (found, []))
            told.append((event, _event(event, at)))
        links = self._links({trigger for trigger, _ in whose})
        known = self._known(list(whose))
        for place, (delivery, told) in whose.items():
            urls = links.get(place[0], {})
            self._count(delivery, known.get(place, []), [(r, _linked(e, urls)) for r, e in told], urls)
        self._write()

    def _time(self, event: Reported, delivery: Delivery) -> int | None:
        """When it was, in unix seconds; None where it cannot have been then."""
        read = read_time(event.time)
        if read is None or read < min(delivery.began, delivery.handed_over) - CLOCKS:
            return None
        if read < delivery.handed_over - CLOCKS:
            return None
        return max(min(int(read), self._arrived), delivery.handed_over)

    def _known(self, whose: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[Event]]:
        found: dict[tuple[int, int], list[Event]] = {}
        self._store.db.execute("CREATE TEMP TABLE IF NOT EXISTS told (trigger_id INTEGER, profile_id INTEGER)")
        self._store.db.execute("DELETE FROM temp.told")
        self._store.db.executemany("INSERT INTO temp.told VALUES (?, ?)", whose)
        rows = self._store.db.execute(
            "SELECT e.trigger_id, e.profile_id, e.kind, e.event_key, e.at, e.machine, e.link, e.detail, e.gone FROM temp.told t"
            " CROSS JOIN events e ON e.trigger_id = t.trigger_id AND e.profile_id = t.profile_id"
        )
        for trigger, profile, kind, key, at, machine, link, detail, gone in rows:
            event = Event(Kind(kind), key, at, Machine(machine), link, detail, bool(gone))
            found.setdefault((trigger, profile), []).append(event)
        return found

    def _links(self, triggers: Iterable[int]) -> dict[int, dict[str, int]]:
        return {
            trigger: {
                row["url"]: row["number"]
                for row in self._store.all("SELECT number, url FROM links WHERE trigger_id = ?", trigger)
            }
            for trigger in triggers
        }

    def _count(
        self, delivery: Delivery, before: list[Event], told: list[tuple[Reported, Event]], links: dict[str, int]
    ) -> None:
        after = settled([*before, *(event for _, event in told)], delivery.handed_over)
        self._keep(delivery, before, after)
        if any(event.kind is Kind.CLICKED for event in after):
            urls = {number: url for url, number in links.items()}
            self._counters.add_links(delivery.trigger, _clicks(before, urls), _clicks(after, urls))
        known = {(event.kind, event.key) for event in before}
        for reported, event in told:
            if (event.kind, event.key) in known:
                self._taken.known += 1
                continue
            known.add((event.kind, event.key))
            self._taken.new[event.kind] += 1
            consequences.act(self._store, delivery, event.kind, event.at, reported.provider, gone=event.gone)
        state = state_after(delivery.state, delivery.reason, after)
        self._counters.add(delivery.trigger, tallies(before, delivery.state), tallies(after, state[0]))
        if state != (delivery.state, delivery.reason):
            consequences.move(self._store, delivery, *state, _words(after) if state[1] == BOUNCED_LATER else None)

    def _keep(self, delivery: Delivery, before: list[Event], after: list[Event]) -> None:
        place = (delivery.trigger, delivery.profile)
        old, new = set(before), set(after)
        kept = {(event.kind, event.key) for event in after}
        self._gone += [(*place, *one) for one in {(event.kind, event.key) for event in before} - kept]
        self._kept += [(*place, *event) for event in new - old]

    def _write(self) -> None:
        self._store.db.executemany(
            "DELETE FROM events WHERE trigger_id = ? AND profile_id = ? AND kind = ? AND event_key = ?", self._gone
        )
        self._store.db.executemany(
            "INSERT OR REPLACE INTO events (trigger_id, profile_id, kind, event_key, at, machine, link, detail, gone)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self._kept,
        )
        self._counters.write(self._store)

    def _keep_apart(self, said: Said, why: str, delivery: Delivery | None) -> None:
        """What counts nowhere is kept with its reason; a no that is in it is heeded all the same."""
        if not kept_apart.keep(self._store, said, why, self._arrived):
            self._taken.known += 1
            return
        self._taken.apart[why] += 1
        if isinstance(said, Reported):
            at = self._arrived if why == "impossible_time" else heard_at(said.time, self._arrived)
            self._taken.heeded += consequences.act_apart(self._store, said, why, delivery, at)


def _event(reported: Reported, at: int) -> Event:
    detail = reported.url if reported.kind is Kind.CLICKED else reported.detail
    machine = reported.machine if reported.kind in {Kind.OPENED, Kind.CLICKED} else Machine.NONE
    return Event(reported.kind, event_key(reported), at, machine, None, detail, reported.gone)


def _linked(event: Event, numbers: dict[str, int]) -> Event:
    number = numbers.get(event.detail or "") if event.kind is Kind.CLICKED else None
    return event if number is None else event._replace(link=number, detail=None)


def _clicks(events: Iterable[Event], urls: dict[int, str]) -> Counter[str]:
    """A person's clicks by link, without machines."""
    found: Counter[str] = Counter()
    for event in events:
        if event.kind is Kind.CLICKED and event.machine is Machine.NONE:
            url = urls.get(event.link, event.detail) if event.link is not None else event.detail
            if url is not None:
                found[url] += 1
    return found


def _words(events: Iterable[Event]) -> str | None:
    return next((event.detail for event in events if event.kind is Kind.BOUNCED and event.gone), None)


def event_key(reported: Reported) -> int:
    """The number of an event among those of its message and kind: by the provider's own, else by what it says."""
    said: Iterator[object] = iter((reported.provider, reported.id))
    if reported.id is None:
        said = iter((reported.provider, read_time(reported.time), reported.url, reported.gone))
    octets = "\0".join(map(str, said)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(octets, digest_size=8).digest()) >> 1
