"""campaign analytics and import-triggers: how a campaign does, over all lists and list by list."""

from pathlib import Path
from typing import Annotated, Any

import typer

from xpimport.cli import engagement, screen
from xpimport.cli.options import Csv, Json, Nl, form, store_of
from xpimport.cli.pages import Html, write_page
from xpimport.cli.when import since_option, until_option
from xpimport.clock import now
from xpimport.defining import campaigns, settings
from xpimport.errors import Invalid
from xpimport.hints import command
from xpimport.reporting.analytics import CampaignRun, analytics_json, run_json, runs_of
from xpimport.reporting.analytics import analytics as over_all_runs
from xpimport.rules.settings import TIMEZONE

Name = Annotated[str, typer.Argument(help="The campaign.")]
Since = Annotated[str | None, typer.Option("--since", help="Sends that began after: 30d, or a date.")]
Until = Annotated[str | None, typer.Option("--until", help="Sends that began before: 30d, or a date.")]


def analytics(
    ctx: typer.Context,
    name: Name,
    since: Since = None,
    until: Until = None,
    html: Annotated[Path | None, Html] = None,
    json: Json = False,
) -> None:
    """Show how a campaign does over all its runs: who got it, who read it, what was clicked."""
    if json and html is not None:
        raise Invalid("--html and --json exclude each other.")
    with store_of(ctx) as store:
        zone = settings.get(store, TIMEZONE).key
        span = since_option(since, zone), until_option(until, zone)
        campaign = campaigns.get(store, name)
        found = over_all_runs(store, campaign.id, *span)
        if html is not None:
            # Other commands need not wait until what draws pages is loaded.
            from xpimport.reporting.pages.analytics import analytics_page

            write_page(html, analytics_page(store, name, found, span, zone, now()))
            return
    if json:
        screen.json_out(analytics_json(name, found))
        return
    if not found.runs:
        screen.tell(f"{name} was never sent{' in that time' if since or until else ''}.")
        return
    sums = analytics_json(name, found)
    delivery = sums["delivery"]
    accepted = screen.counted(delivery["accepted"], "recipient")
    screen.tell(f"{name}: {screen.counted(len(found.runs), 'send')}, {accepted} accepted.")
    bounced = sums["engagement"]["bounced"]["of_accepted"]
    screen.table(
        [
            [
                "audience",
                delivery["audience"],
                "who is in two of the lists counts twice" if len(found.runs) > 1 else "",
            ],
            ["accepted", delivery["accepted"], f"of these {bounced:,} bounced" if bounced else ""],
            *([fate, delivery[fate], ""] for fate in ("failed", "excluded", "uncertain", "unsent") if delivery[fate]),
        ],
        ["", "recipients", ""],
    )
    engagement.table(sums["engagement"], "recipients")
    screen.table([_trend(run, zone) for run in found.runs[:20]], ["sent", "accepted", "opened", "clicked"])
    if found.links:
        screen.table([[link.url, link.people, link.total] for link in found.links], ["link", "recipients", "times"])
    screen.say(f"Run by run: {command('campaign', 'import-triggers', name)}")


def _trend(run: CampaignRun, zone: str) -> list[object]:
    shown = run_json(run)
    rates = [engagement.share(shown["engagement"][kind]["rate"]) for kind in ("opened", "clicked")]
    return [screen.instant(run.sent_at, zone), (shown["delivery"] or {}).get("accepted", ""), *rates]


def import_triggers(
    ctx: typer.Context,
    name: Name,
    since: Since = None,
    until: Until = None,
    json: Json = False,
    csv: Csv = False,
    nl: Nl = False,
) -> None:
    """Show the imports that trigger a campaign, run by run, newest first."""
    chosen = form(json=json, csv=csv, nl=nl)
    with store_of(ctx) as store:
        zone = settings.get(store, TIMEZONE).key
        span = since_option(since, zone), until_option(until, zone)
        found = runs_of(store, campaigns.get(store, name).id, *span)
    lines = [run_json(run) for run in found]
    if chosen in {"json", "nl"}:
        screen.listing(lines, {}, chosen, "")
        return
    columns = {
        "task": "task", "import": "import", "sent": "sent", "audience": "audience", "accepted": "accepted",
        "failed": "failed", "excluded": "excluded", "opened": "opened", "clicked": "clicked",
    }  # fmt: skip
    none = f"No import has triggered {name} {'in that time' if since or until else 'yet'}."
    screen.listing([_line(line, None if chosen == "csv" else zone) for line in lines], columns, chosen, none)
    if lines and chosen == "table":
        screen.say(f"One of them: {command('task', 'show', lines[0]['id'])}")


def _line(line: dict[str, Any], zone: str | None) -> dict[str, object]:
    """A run as a row; its instant on a zone's clock, or as programs read it."""
    delivery, trigger = line["delivery"], line["trigger"]
    reason = f" ({trigger['reason']})" if trigger["reason"] else ""
    sent = trigger["state"] + reason
    if line["sent_at"]:
        sent = screen.instant(line["sent_at"], zone) if zone else line["sent_at"]
    counts = {fate: delivery[fate] if delivery else "" for fate in ("audience", "accepted", "failed", "excluded")}
    read = {kind: engagement.short(line["engagement"], kind) for kind in ("opened", "clicked")}
    return {"task": line["id"], "import": line["import"], "sent": sent, **counts, **read}
