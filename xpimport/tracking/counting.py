"""The counters of a run's events: brought up to date in the transaction that adds events, or counted anew."""

from collections.abc import Mapping

from xpimport.rules.engagement import NOTHING, Event, Tally, tallies
from xpimport.rules.events import Kind, Machine
from xpimport.store.database import Store

_ADD = """
INSERT INTO engagement (trigger_id, kind, total, people, machine_total, machine_people) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET total = total + excluded.total, people = people + excluded.people,
    machine_total = machine_total + excluded.machine_total, machine_people = machine_people + excluded.machine_people
"""


class Counters:
    """What a batch of events changes in the counters, gathered by run and kind."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._changes: dict[tuple[int, Kind], Tally] = {}

    def add(self, trigger: int, before: list[Event], after: list[Event]) -> None:
        """One message's events were those, and are these."""
        old, new = tallies(before), tallies(after)
        for kind in {*old, *new}:
            change = new.get(kind, NOTHING).minus(old.get(kind, NOTHING))
            if change != NOTHING:
                known = self._changes.get((trigger, kind), NOTHING)
                self._changes[trigger, kind] = known.minus(NOTHING.minus(change))

    def write(self, store: Store) -> None:
        """Inside a transaction: bring the counters up to date."""
        store.db.executemany(
            _ADD,
            [
                (trigger, kind, t.total, t.people, t.machine_total, t.machine_people)
                for (trigger, kind), t in self._changes.items()
            ],
        )


def recount(store: Store, trigger: int) -> None:
    """Inside a transaction: count a run's events anew; a closed run keeps its counters, since its events may be gone."""
    if store.scalar("SELECT closed_at IS NOT NULL FROM triggers WHERE id = ?", trigger):
        return
    store.db.execute("DELETE FROM engagement WHERE trigger_id = ?", (trigger,))
    store.db.executemany(_ADD, [(trigger, *row) for row in counted(store, trigger)])


def counted(store: Store, trigger: int) -> list[tuple[int, int, int, int, int]]:
    """What a run's events come to, by kind, from the events themselves."""
    human = f"machine = {Machine.NONE:d}"
    rows = store.all(
        "SELECT kind, sum(total), sum(total > 0), sum(machines), sum(total = 0) FROM (SELECT kind, profile_id,"
        f" count(*) FILTER (WHERE {human}) AS total, count(*) FILTER (WHERE NOT {human}) AS machines"
        " FROM events WHERE trigger_id = ? GROUP BY kind, profile_id) GROUP BY kind ORDER BY kind",
        trigger,
    )
    return [tuple(row) for row in rows]


def shown(store: Store, trigger: int) -> Mapping[Kind, Tally]:
    """A run's counters, by kind."""
    rows = store.all(
        "SELECT kind, total, people, machine_total, machine_people FROM engagement WHERE trigger_id = ?", trigger
    )
    return {Kind(kind): Tally(*figures) for kind, *figures in rows}
