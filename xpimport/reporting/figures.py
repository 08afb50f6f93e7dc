"""What became of a send in numbers: the one place that every view has its figures from.

A run's figures are of its own audience; those of several runs are sums, whose people are recipients: who is in two of the
lists counts twice.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, FINAL
from xpimport.rules.engagement import CAME_BACK, ENGAGED, NOTHING, Tally
from xpimport.rules.events import Kind
from xpimport.store.database import Store

_AFTER = (Kind.OPENED, Kind.CLICKED, Kind.UNSUBSCRIBED, Kind.COMPLAINED)
"""What only a delivered message can bring."""


@dataclass(frozen=True)
class Rate:
    """A share of people (0 to 1), and of what it is: `delivered`, `accepted` or `accepted less bounced`."""

    share: float
    of: str


@dataclass
class Figures:
    """People by fate, the reasons of the fates that have some, and events by kind (ENGAGED: opened or clicked)."""

    audience: int = 0
    fates: Counter[str] = field(default_factory=Counter)
    reasons: dict[str, Counter[str]] = field(default_factory=lambda: {EXCLUDED: Counter(), FAILED: Counter()})
    events: dict[int, Tally] = field(default_factory=dict)
    tracked: frozenset[int] = frozenset()
    """Kinds that the sends record by themselves, where somebody has looked that up."""

    @property
    def unsent(self) -> int:
        """People without a fate yet."""
        return self.audience - sum(self.fates.values())

    @property
    def accepted_and_bounced(self) -> int:
        """People whose message was accepted and came back."""
        return self.of(CAME_BACK).people

    def of(self, kind: int) -> Tally:
        """The events of a kind."""
        return self.events.get(kind, NOTHING)

    def rate(self, kind: int) -> Rate | None:
        """What share had an event of that kind; None where there is nobody to have one.

        Deliveries and bounces are of accepted messages. The others are of delivered ones, or of accepted less bounced where
        deliveries are not reported, or of fewer people than others events are.
        """
        people = self.accepted_and_bounced if kind == Kind.BOUNCED else self.of(kind).people
        base, of = self.base(kind)
        return Rate(min(1.0, people / base), of) if base > 0 else None

    def machine_share(self, kind: int) -> float:
        """What share had events of that kind by machines only: of the same people as the rate, and not in it."""
        base, _ = self.base(kind)
        return self.of(kind).machine_people / base if base > 0 else 0

    def base(self, kind: int) -> tuple[int, str]:
        """Of how many people the rate of a kind is, and what they are."""
        accepted, delivered = self.fates[ACCEPTED], self.of(Kind.DELIVERED).people
        if kind in {Kind.DELIVERED, Kind.BOUNCED}:
            return accepted, "accepted"
        if delivered and delivered >= max(self.of(other).people for other in (*_AFTER, ENGAGED)):
            return delivered, "delivered"
        return accepted - self.accepted_and_bounced, "accepted less bounced"

    def add(self, other: "Figures") -> None:
        """Count another run's in."""
        self.audience += other.audience
        self.fates += other.fates
        for fate, reasons in other.reasons.items():
            self.reasons[fate] += reasons
        self.tracked |= other.tracked
        for kind, tally in other.events.items():
            self.events[kind] = self.of(kind).plus(tally)

    def checked(self, task: int, open_people: int) -> "Figures":
        """These, if everybody is counted once.

        Raises:
            AssertionError: the audience is not the sum of its fates.
        """
        if self.unsent != open_people:
            found = sum(self.fates.values()) + open_people
            raise AssertionError(f"task {task}: {self.audience} people, but {found} fates")
        return self


def figures(store: Store, runs: Sequence[Any]) -> dict[int, Figures]:
    """The figures of runs by task; each run a row with `id`, `trigger_id`, `decided_at`, and the counts of its rows.

    Raises:
        AssertionError: somebody of an audience is counted twice or not at all.
    """
    by_trigger = {run["trigger_id"]: run for run in runs if run["trigger_id"] is not None}
    found = {trigger: Figures(_audience(run)) for trigger, run in by_trigger.items()}
    unsettled: Counter[int] = Counter()
    for trigger, state, reason, people in _states(store, list(by_trigger)):
        if state not in FINAL:
            unsettled[trigger] += people
            continue
        found[trigger].fates[state] += people
        if state in {EXCLUDED, FAILED}:
            found[trigger].reasons[state][reason] += people
    for trigger, kind, tally in _events(store, list(by_trigger)):
        found[trigger].events[kind] = tally
    for trigger, run in by_trigger.items():
        if run["decided_at"]:
            found[trigger].checked(run["id"], unsettled[trigger])
    return {run["id"]: found[trigger] for trigger, run in by_trigger.items()}


def _audience(run: Any) -> int:
    return sum(run[f"rows_{name}"] for name in ("created", "updated", "unchanged"))


def _states(store: Store, triggers: Sequence[int]) -> Iterable[tuple[int, str, str, int]]:
    """(trigger, state, reason, people): as kept where a send is over, else counted now."""
    kept: dict[int, list[tuple[int, str, str, int]]] = {trigger: [] for trigger in triggers}
    rows = store.all(
        "SELECT c.trigger_id, state, reason, people FROM json_each(?) t CROSS JOIN delivery_counts c"
        " ON c.trigger_id = t.value WHERE people > 0",
        str(triggers),
    )
    for row in rows:
        kept[row["trigger_id"]].append(tuple(row))
    for trigger, found in kept.items():
        if found:
            yield from found
            continue
        counted = store.all(
            "SELECT trigger_id, state, coalesce(reason, ''), count(*) FROM deliveries WHERE trigger_id = ?"
            " GROUP BY state, reason",
            trigger,
        )
        yield from map(tuple, counted)


def _events(store: Store, triggers: Sequence[int]) -> Iterable[tuple[int, int, Tally]]:
    rows = store.all(
        "SELECT e.trigger_id, kind, total, people, machine_total, machine_people FROM json_each(?) t CROSS JOIN engagement e"
        " ON e.trigger_id = t.value",
        str(triggers),
    )
    for trigger, kind, *counts in rows:
        yield trigger, kind, Tally(*counts)


def as_json(found: Figures) -> dict[str, object]:
    """The keys `delivery` of a task: people by fate and reason."""
    return {
        "audience": found.audience,
        **{fate: found.fates[fate] for fate in FINAL},
        "unsent": found.unsent,
        "excluded_by_reason": _ranked(found.reasons[EXCLUDED]),
        "failed_by_reason": _ranked(found.reasons[FAILED]),
    }


def _ranked(reasons: Counter[str]) -> list[dict[str, object]]:
    ordered = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return [{"reason": reason, "count": count} for reason, count in ordered]


def engagement_json(found: Figures) -> dict[str, dict[str, object]]:
    """The keys `engagement` of a task: each kind's events, people, people with machine events only, and rate."""
    kinds: dict[str, dict[str, object]] = {}
    for kind in Kind:
        tally, rate = found.of(kind), found.rate(kind)
        kinds[kind.word] = {
            "total": tally.total,
            "unique": tally.people,
            "machine": tally.machine_people,
            "rate": rate and round(rate.share, 4),
            "of": rate and rate.of,
        }
    kinds["bounced"] |= {"of_accepted": found.accepted_and_bounced}
    engaged = found.rate(ENGAGED)
    kinds["engaged"] = {
        "unique": found.of(ENGAGED).people,
        "rate": engaged and round(engaged.share, 4),
        "of": engaged and engaged.of,
    }
    return kinds
