"""How often a person may get a category: caps and a cool-down, counted over all campaigns of the category."""

from typing import Any
from zoneinfo import ZoneInfo

from xpimport.clock import now
from xpimport.rules.frequency import DAYS, limits
from xpimport.sending.audience import already_sent
from xpimport.store.database import Store


def undecided(store: Store, trigger: int) -> bool:
    """Whether another send of the same category is deciding whom it sends to: two at once would not count each other."""
    return bool(
        store.scalar(
            "SELECT EXISTS (SELECT 1 FROM triggers g JOIN campaigns c ON c.id = g.campaign_id WHERE g.state = 'sending'"
            " AND g.decided_at IS NULL AND g.id <> ? AND c.category = (SELECT c.category FROM triggers g"
            " JOIN campaigns c ON c.id = g.campaign_id WHERE g.id = ?))",
            trigger,
            trigger,
        )
    )


def apply(store: Store, trigger: int, campaign: Any, zone: ZoneInfo) -> None:
    """Mark, in temp.decision, those for whom one more message of the category would be too many; days are those of `zone`."""
    category = store.one("SELECT * FROM categories WHERE name = ?", campaign["category"])
    if category is None:
        return
    caps = {name: category[name] for name in DAYS}
    found = limits(caps, category["cool_down"], category["cool_down_days"], now(), zone)
    if not found:
        return
    over = " OR ".join(f"count(*) FILTER (WHERE d.changed_at >= {one.since}) >= {one.count}" for one in found)
    oldest = min(one.since for one in found)
    store.db.execute(
        "UPDATE temp.decision SET reason = 'frequency_cap' WHERE reason IS NULL AND profile IN (SELECT d.profile_id"
        " FROM campaigns c JOIN triggers g ON g.campaign_id = c.id JOIN deliveries d ON d.trigger_id = g.id"
        " WHERE c.category = ? AND c.medium = ? AND g.id <> ? AND g.began_at IS NOT NULL AND d.changed_at >= ?"
        f" AND {already_sent.taken('g', 'd')} GROUP BY d.profile_id HAVING {over})",
        (category["name"], campaign["medium"], trigger, oldest),
    )
