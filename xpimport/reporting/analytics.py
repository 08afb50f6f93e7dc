"""How a campaign does, over all its runs and run by run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xpimport.clock import to_text
from xpimport.reporting.figures import Figures, as_json, engagement_json, figures
from xpimport.reporting.history import seconds
from xpimport.store.database import Store

_RUNS = """
SELECT t.id, t.started_at, t.status, t.error_code, t.rows_read, t.rows_created, t.rows_updated, t.rows_unchanged,
    t.rows_rejected, g.id AS trigger_id, g.decided_at, g.began_at, g.state, g.reason, g.send_at, i.name AS import_name
FROM triggers g JOIN tasks t ON t.id = g.task_id JOIN campaigns c ON c.id = g.campaign_id JOIN imports i ON i.id = g.import_id
WHERE c.id = ?
"""


@dataclass(frozen=True)
class CampaignRun:
    """One run of a campaign: the row of its task and trigger, and its figures once its audience is there."""

    row: Any
    figures: Figures | None

    @property
    def sent_at(self) -> str | None:
        """When its sending began (UTC text); None where it has not."""
        return None if self.row["began_at"] is None else str(self.row["began_at"])


@dataclass(frozen=True)
class Link:
    """A link of a campaign: people and clicks over its runs, without machines."""

    url: str
    people: int
    total: int


@dataclass(frozen=True)
class Analytics:
    """All runs of a campaign in a span of time, newest first, what they come to, and the links that were clicked."""

    runs: list[CampaignRun]
    sums: Figures
    links: list[Link]


def runs_of(
    store: Store, campaign: int, since: datetime | None = None, until: datetime | None = None
) -> list[CampaignRun]:
    """A campaign's import tasks, newest first; with a span those alone whose sending began in it (instants in UTC)."""
    conditions, values = "", []
    for operator, at in ((">=", since), ("<", until)):
        if at is not None:
            conditions += f" AND g.began_at {operator} ?"
            values.append(to_text(at))
    rows = store.all(f"{_RUNS}{conditions} ORDER BY t.id DESC", campaign, *values)
    found = figures(store, [row for row in rows if row["status"] == "completed"])
    return [CampaignRun(row, found.get(row["id"])) for row in rows]


def analytics(store: Store, campaign: int, since: datetime | None = None, until: datetime | None = None) -> Analytics:
    """A campaign over all its runs whose sending has begun."""
    runs = [run for run in runs_of(store, campaign, since, until) if run.sent_at is not None]
    sums = Figures()
    for run in runs:
        if run.figures is not None:
            sums.add(run.figures)
    return Analytics(runs, sums, _links(store, [run.row["trigger_id"] for run in runs]))


def _links(store: Store, triggers: list[int], most: int = 100) -> list[Link]:
    rows = store.all(
        "SELECT c.url, sum(c.people), sum(c.total) FROM json_each(?) t CROSS JOIN link_counts c ON c.trigger_id = t.value"
        " WHERE c.people > 0 GROUP BY c.url ORDER BY 2 DESC, 1 LIMIT ?",
        str(triggers),
        most,
    )
    return [Link(*row) for row in rows]


def links_of(store: Store, trigger: int) -> list[Link]:
    """The links of one run that people clicked, the most clicked first."""
    return _links(store, [trigger])


def run_json(run: CampaignRun) -> dict[str, Any]:
    """A run as a line of `campaign import-triggers`."""
    found, row = run.figures, run.row
    return {
        "id": row["id"],
        "import": row["import_name"],
        "started_at": seconds(row["started_at"]),
        "status": row["status"],
        "trigger": {"state": row["state"], "reason": row["reason"], "send_at": seconds(row["send_at"])},
        "sent_at": seconds(run.sent_at),
        "delivery": found and as_json(found),
        "engagement": engagement_json(found or Figures()),
    }


def analytics_json(name: str, found: Analytics) -> dict[str, Any]:
    """The whole of `campaign analytics`."""
    return {
        "campaign": name,
        "sends": len(found.runs),
        "delivery": as_json(found.sums),
        "engagement": engagement_json(found.sums),
        "runs": [run_json(run) for run in found.runs],
        "links": [vars(link) for link in found.links],
    }
