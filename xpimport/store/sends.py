"""What several stages ask of a send."""

from xpimport.rules.delivery import ACCEPTED
from xpimport.rules.events import Kind
from xpimport.store.database import Store


def came_back(store: Store, trigger: int) -> int:
    """How many people of a send have an accepted message that bounced later, from its events themselves."""
    return int(
        store.scalar(
            "SELECT count(DISTINCT e.profile_id) FROM events e JOIN deliveries d ON d.trigger_id = e.trigger_id"
            " AND d.profile_id = e.profile_id AND d.state = ? WHERE e.trigger_id = ? AND e.kind = ?",
            ACCEPTED,
            trigger,
            Kind.BOUNCED,
        )
    )


def how_far(store: Store, trigger: int) -> tuple[int, int]:
    """How many messages of a send have been begun, and how many people it sends to."""
    row = store.one(
        "SELECT count(*) FILTER (WHERE state IN ('accepted', 'failed', 'uncertain', 'attempting')),"
        " count(*) FILTER (WHERE state <> 'excluded') FROM deliveries WHERE trigger_id = ?",
        trigger,
    )
    return row[0], row[1]
