"""What several stages ask of a send."""

from xpimport.store.database import Store


def how_far(store: Store, trigger: int) -> tuple[int, int]:
    """How many messages of a send have been begun, and how many people it sends to."""
    row = store.one(
        "SELECT count(*) FILTER (WHERE state IN ('accepted', 'failed', 'uncertain', 'attempting')),"
        " count(*) FILTER (WHERE state <> 'excluded') FROM deliveries WHERE trigger_id = ?",
        trigger,
    )
    return row[0], row[1]
