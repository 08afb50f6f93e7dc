"""What the events of one message come to: which of them count, which a machine made, and what they say of its delivery.

All of it is a function of the set of events, so that it does not matter how often, or in which order, they are told.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from xpimport.rules.events import Kind, Machine

MOST = 50
"""Events of one kind that are kept of one message."""

AT_ONCE = 10
"""Seconds after the hand-over within which no person opens or clicks."""

STORM, STORM_SECONDS = 3, 5
"""So many different links of one message clicked within so many seconds: a scanner that tries them all."""

PROOFS = frozenset({Kind.DELIVERED, Kind.OPENED, Kind.CLICKED, Kind.UNSUBSCRIBED, Kind.COMPLAINED})
"""What only a message that was accepted can bring."""


class Event(NamedTuple):
    """An event of a known message; `at` in unix seconds, `key` its number among those of its kind.

    A click has the number of its link, or its address in `detail`. `gone` is told of a bounce: the mailbox is not there.
    """

    kind: Kind
    key: int
    at: int
    machine: Machine
    link: int | None = None
    detail: str | None = None
    gone: bool = False


@dataclass(frozen=True)
class Tally:
    """One message's part in the figures of a kind: events, and 1 where any person (or machines alone) made one."""

    total: int = 0
    people: int = 0
    machine_total: int = 0
    machine_people: int = 0

    def minus(self, other: "Tally") -> "Tally":
        """The difference, which brings the figures up to date."""
        return Tally(
            self.total - other.total,
            self.people - other.people,
            self.machine_total - other.machine_total,
            self.machine_people - other.machine_people,
        )

    def plus(self, other: "Tally") -> "Tally":
        """The sum."""
        return Tally(
            self.total + other.total,
            self.people + other.people,
            self.machine_total + other.machine_total,
            self.machine_people + other.machine_people,
        )


NOTHING = Tally()

ENGAGED, CAME_BACK = 0, 7
"""What stand for "opened or clicked" and for "accepted, and bounced later" among the kinds of a tally."""


def settled(events: Iterable[Event], handed_over: int) -> list[Event]:
    """The events of one message as they are kept: at most `MOST` of a kind, each with what made it.

    Of more the earliest are kept, and always the first that a person made.
    """
    by_kind: dict[Kind, dict[int, Event]] = {}
    for event in events:
        known = by_kind.setdefault(event.kind, {})
        # The same event told in two ways: one of them counts, whichever came first.
        if event.key not in known or _order(event) < _order(known[event.key]):
            known[event.key] = event
    classed = _by_haste([event for found in by_kind.values() for event in found.values()], handed_over)
    kept = [event for kind in by_kind for event in _kept([e for e in classed if e.kind is kind])]
    # Anew, so that what is kept tells the same when it is looked at again.
    return _by_haste(kept, handed_over)


def _order(event: Event) -> tuple[object, ...]:
    return event.at, event.machine % Machine.HASTE, event.link or 0, event.detail or ""


def _by_haste(events: Sequence[Event], handed_over: int) -> list[Event]:
    clicks = sorted((event for event in events if event.kind is Kind.CLICKED), key=lambda event: event.at)
    storms = _storms(clicks)
    return [_classed(event, handed_over, storms) for event in events]


def _storms(clicks: Sequence[Event]) -> list[tuple[int, int]]:
    """The spans of seconds in which so many links were clicked that no person did."""
    found, start = [], 0
    for end, click in enumerate(clicks):
        while click.at - clicks[start].at > STORM_SECONDS:
            start += 1
        if len({(one.link, one.detail) for one in clicks[start : end + 1]}) >= STORM:
            found.append((clicks[start].at, click.at))
    return found


def _classed(event: Event, handed_over: int, storms: Sequence[tuple[int, int]]) -> Event:
    if event.machine not in {Machine.NONE, Machine.HASTE}:
        return event
    hasty = event.kind in {Kind.OPENED, Kind.CLICKED} and event.at < handed_over + AT_ONCE
    if event.kind is Kind.CLICKED:
        hasty = hasty or any(first <= event.at <= last for first, last in storms)
    machine = Machine.HASTE if hasty else Machine.NONE
    return event if event.machine is machine else event._replace(machine=machine)


def _kept(events: list[Event]) -> list[Event]:
    if len(events) <= MOST:
        return events
    ordered = sorted(events, key=lambda event: (event.at, event.key))
    first = next((event for event in ordered if event.machine is Machine.NONE), None)
    kept = ordered[:MOST]
    return kept if first is None or first in kept else [*kept[:-1], first]


def tallies(events: Iterable[Event], state: str) -> dict[int, Tally]:
    """One message's part in the figures, by kind, where its delivery has that state; ENGAGED and CAME_BACK have people alone."""
    counts: dict[int, list[int]] = {}
    for event in events:
        counts.setdefault(event.kind, [0, 0])[event.machine is not Machine.NONE] += 1
    found = {
        kind: Tally(human, int(human > 0), machine, int(human == 0 and machine > 0))
        for kind, (human, machine) in counts.items()
    }
    if any(found.get(kind, NOTHING).people for kind in (Kind.OPENED, Kind.CLICKED)):
        found[ENGAGED] = Tally(people=1)
    if Kind.BOUNCED in found and state == "accepted":
        found[CAME_BACK] = Tally(people=1)
    return found


BOUNCED_LATER = "bounced_later"
"""Why a delivery failed that was uncertain until its message came back."""


def state_after(state: str, reason: str | None, events: Iterable[Event]) -> tuple[str, str | None]:
    """What a delivery is by its events; it does not matter which of them were heeded before.

    Whatever proves that it was accepted beats a bounce, which in turn settles what was uncertain.
    """
    doubtful = state in {"uncertain", "retry"} or (state, reason) == ("failed", BOUNCED_LATER)
    if not doubtful:
        return state, reason
    found = list(events)
    if any(event.kind in PROOFS for event in found):
        return "accepted", None
    if state != "retry" and any(event.kind is Kind.BOUNCED and event.gone for event in found):
        return "failed", BOUNCED_LATER
    return state, reason
