"""How many people of a send are in which state, for which reason: kept once a send is over, so that no view counts millions.

While a send goes on nothing is kept, and whoever looks counts the deliveries themselves.
"""

from xpimport.rules.engagement import CAME_BACK
from xpimport.rules.events import Kind
from xpimport.store.database import Store
from xpimport.store.sends import came_back


def keep(store: Store, trigger: int) -> None:
    """Inside a transaction: the send is over for now; its counts are kept until it is armed again."""
    store.db.execute("DELETE FROM delivery_counts WHERE trigger_id = ?", (trigger,))
    store.db.execute(
        "INSERT INTO delivery_counts (trigger_id, state, reason, people) SELECT trigger_id, state, coalesce(reason, ''),"
        " count(*) FROM deliveries WHERE trigger_id = ? GROUP BY state, reason",
        (trigger,),
    )
    # Somebody whose message came back may have become one who is left out, or the other way round.
    if store.scalar("SELECT 1 FROM engagement WHERE trigger_id = ? AND kind = ?", trigger, Kind.BOUNCED):
        store.db.execute(
            "INSERT INTO engagement (trigger_id, kind, people) VALUES (?, ?, ?)"
            " ON CONFLICT DO UPDATE SET people = excluded.people",
            (trigger, CAME_BACK, came_back(store, trigger)),
        )
