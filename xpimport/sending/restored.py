"""A store that goes on from a copy: what had begun there, or was due since, may have gone out."""

from collections.abc import Collection
from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.rules import trigger as rules
from xpimport.rules.delivery import UNSENT, sql_in
from xpimport.sending.delivery import counts
from xpimport.sending.triggers import move
from xpimport.store.database import Store


@dataclass(frozen=True)
class InDoubt:
    """A trigger of which so many people may have got the campaign by another copy of the store."""

    trigger: int
    task: int
    campaign: str
    state: str
    people: int


def in_doubt(store: Store, begun: Collection[int]) -> list[InDoubt]:
    """The triggers that had begun (those of these numbers too) or whose instant is past, with people not sent to."""
    listed = ", ".join(map(str, begun))
    rows = store.all(
        "SELECT g.id, g.task_id, c.name, g.state, (SELECT count(*) FROM audience a LEFT JOIN deliveries d"
        " ON d.trigger_id = g.id AND d.profile_id = a.profile_id WHERE a.task_id = g.task_id"
        f" AND (d.state IS NULL OR {sql_in('d.state', UNSENT)})) AS people"
        " FROM triggers g JOIN campaigns c ON c.id = g.campaign_id JOIN tasks t ON t.id = g.task_id"
        f" WHERE g.state <> 'sent' AND (g.began_at IS NOT NULL OR g.send_at <= ? OR g.id IN ({listed}))"
        " AND t.status = 'completed' ORDER BY g.id",
        to_text(now()),
    )
    return [InDoubt(*row) for row in rows if row["people"]]


def make_uncertain(store: Store, found: InDoubt, reason: str) -> None:
    """Inside a transaction: whoever of a trigger was not sent to is uncertain, and it is held where it was armed.

    Who is to get it is decided anew when a person resends it.
    """
    store.db.execute(
        "INSERT INTO deliveries (trigger_id, profile_id, state, reason, changed_at)"
        " SELECT ?, profile_id, 'uncertain', 'restored', ? FROM audience WHERE task_id = ?"
        " ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, detail = NULL,"
        f" changed_at = excluded.changed_at, retry_at = NULL WHERE {sql_in('deliveries.state', UNSENT)}",
        (found.trigger, int(now().timestamp()), found.task),
    )
    if found.state in {rules.SCHEDULED, rules.SENDING}:
        move(store, found.trigger, found.state, rules.HELD, reason)
    store.db.execute("UPDATE triggers SET decided_at = NULL WHERE id = ?", (found.trigger,))
    counts.keep(store, found.trigger)
