"""The counters of a run's events: brought up to date in the transaction that adds events, or counted anew."""

from collections.abc import Mapping

from xpimport.rules.engagement import CAME_BACK, ENGAGED, NOTHING, Tally
from xpimport.rules.events import Kind, Machine
from xpimport.store.database import Store
from xpimport.store.sends import came_back

_ADD = """
INSERT INTO engagement (trigger_id, kind, total, people, machine_total, machine_people) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET total = total + excluded.total, people = people + excluded.people,
    machine_total = machine_total + excluded.machine_total, machine_people = machine_people + excluded.machine_people
"""


_ADD_LINK = """
INSERT INTO link_counts (trigger_id, url, total, people) VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET total = total + excluded.total, people = people + excluded.people
"""


class Counters:
    """What a batch of events changes in the counters, gathered by run and kind, and by run and link."""

    def __init__(self) -> None:
        """Nothing so far."""
        self._changes: dict[tuple[int, int], Tally] = {}
        self._links: dict[tuple[int, str], list[int]] = {}

    def add(self, trigger: int, old: Mapping[int, Tally], new: Mapping[int, Tally]) -> None:
        """One message's part in the figures was that, and is this."""
        for kind in {*old, *new}:
            change = new.get(kind, NOTHING).minus(old.get(kind, NOTHING))
            if change != NOTHING:
                self._changes[trigger, kind] = self._changes.get((trigger, kind), NOTHING).plus(change)

    def add_links(self, trigger: int, old: Mapping[str, int], new: Mapping[str, int]) -> None:
        """One person's clicks by link were those, and are these."""
        for url in {*old, *new}:
            before, after = old.get(url, 0), new.get(url, 0)
            if before != after:
                known = self._links.setdefault((trigger, url), [0, 0])
                known[0] += after - before
                known[1] += (after > 0) - (before > 0)

    def write(self, store: Store) -> None:
        """Inside a transaction: bring the counters up to date."""
        store.db.executemany(_ADD_LINK, [(*place, *change) for place, change in self._links.items()])
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
    store.db.execute("DELETE FROM link_counts WHERE trigger_id = ?", (trigger,))
    store.db.executemany(_ADD_LINK, [(trigger, *row) for row in counted_links(store, trigger)])


def counted_links(store: Store, trigger: int) -> list[tuple[str, int, int]]:
    """What a run's clicks come to, by link, from the events themselves: (url, clicks, people), without machines."""
    rows = store.all(
        "SELECT coalesce(l.url, e.detail) AS url, count(*), count(DISTINCT e.profile_id) FROM events e LEFT JOIN links l"
        " ON l.trigger_id = e.trigger_id AND l.number = e.link WHERE e.trigger_id = ? AND e.kind = ? AND e.machine = ?"
        " AND coalesce(l.url, e.detail) IS NOT NULL GROUP BY 1 ORDER BY 1",
        trigger,
        Kind.CLICKED,
        Machine.NONE,
    )
    return [tuple(row) for row in rows]


def counted(store: Store, trigger: int) -> list[tuple[int, int, int, int, int]]:
    """What a run's events come to, by kind, from the events themselves."""
    human = f"machine = {Machine.NONE:d}"
    rows = store.all(
        "SELECT kind, sum(total), sum(total > 0), sum(machines), sum(total = 0) FROM (SELECT kind, profile_id,"
        f" count(*) FILTER (WHERE {human}) AS total, count(*) FILTER (WHERE NOT {human}) AS machines"
        " FROM events WHERE trigger_id = ? GROUP BY kind, profile_id) GROUP BY kind ORDER BY kind",
        trigger,
    )
    engaged = store.scalar(
        f"SELECT count(DISTINCT profile_id) FROM events WHERE trigger_id = ? AND {human} AND kind IN (?, ?)",
        trigger,
        Kind.OPENED,
        Kind.CLICKED,
    )
    both = ((ENGAGED, engaged), (CAME_BACK, came_back(store, trigger)))
    alone = [(kind, 0, people, 0, 0) for kind, people in both if people]
    return sorted([*alone, *(tuple(row) for row in rows)])
