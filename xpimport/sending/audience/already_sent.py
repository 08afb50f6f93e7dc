"""Triggers that share out one list: a task's, those of its rests, and so on; a person of the list is sent to once."""

from collections.abc import Sequence

from xpimport.rules.delivery import BEGUN, WAITING, sql_in
from xpimport.store.database import Store


def family(store: Store, trigger: int) -> list[int]:
    """The other triggers of the same list: of the task whose rest its own is, up to the first, and of all their rests."""
    rows = store.db.execute(
        "WITH RECURSIVE up (id, rest_of, import_id) AS (SELECT t.id, t.rest_of, t.import_id FROM triggers g"
        " JOIN tasks t ON t.id = g.task_id WHERE g.id = :trigger UNION ALL"
        " SELECT t.id, t.rest_of, t.import_id FROM up JOIN tasks t ON t.id = up.rest_of),"
        " family (id, import_id) AS (SELECT id, import_id FROM up WHERE rest_of IS NULL UNION"
        " SELECT t.id, t.import_id FROM family f JOIN tasks t ON t.rest_of = f.id AND t.import_id = f.import_id)"
        " SELECT g.id FROM family f JOIN triggers g ON g.task_id = f.id WHERE g.id <> :trigger ORDER BY g.id",
        {"trigger": trigger},
    ).fetchall()
    return [row["id"] for row in rows]


def undecided(store: Store, trigger: int) -> bool:
    """Whether another trigger of the list is deciding whom it sends to: two at once could both take a person."""
    marks = _marks(family(store, trigger))
    return bool(
        store.scalar(
            f"SELECT EXISTS (SELECT 1 FROM triggers WHERE id IN ({marks}) AND state = 'sending' AND decided_at IS NULL)"
        )
    )


def taken(trigger: str, delivery: str) -> str:
    """SQL for whether a delivery of a trigger has reached its person, or still will."""
    return (
        f"({sql_in(f'{delivery}.state', BEGUN)}"
        f" OR ({sql_in(f'{delivery}.state', WAITING)} AND {trigger}.state IN ('scheduled', 'sending')))"
    )


def reached(others: Sequence[int]) -> str:
    """SQL for whether one of the other triggers has sent to the person of a, or is about to.

    One made earlier than :trigger that has yet to decide is left everybody on its list.
    """
    if not others:
        return "FALSE"
    return (
        "EXISTS (SELECT 1 FROM triggers t JOIN deliveries d ON d.trigger_id = t.id AND d.profile_id = a.profile_id"
        f" WHERE t.id IN ({_marks(others)}) AND {taken('t', 'd')}) OR EXISTS (SELECT 1 FROM triggers t JOIN audience o"
        f" ON o.task_id = t.task_id AND o.profile_id = a.profile_id WHERE t.id IN ({_marks(others)}) AND t.id < :trigger"
        " AND t.decided_at IS NULL AND t.state IN ('scheduled', 'sending'))"
    )


def _marks(others: Sequence[int]) -> str:
    return ", ".join(map(str, others))
