"""campaign: what is sent."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from xpimport.cli import campaign_figures, screen
from xpimport.cli.campaign_options import attached, campaign_changes, taken_back, with_campaign_options
from xpimport.cli.campaign_options import shown as shown_options
from xpimport.cli.options import Csv, Json, Nl, Yes, form, group, store_of
from xpimport.defining import campaigns
from xpimport.defining.campaigns import Campaign
from xpimport.errors import Failed, Unreachable
from xpimport.flow.campaigns import Target, keep_campaign, send_test, unclear_links
from xpimport.flow.campaigns import preview as preview_message
from xpimport.hints import command
from xpimport.people.profiles import find_profile
from xpimport.rules.delivery import ACCEPTED
from xpimport.sending import triggers
from xpimport.sending.channels.registry import medium_of

app = group("What is sent, over which channel, and who may not get it.")

Name = Annotated[str, typer.Argument(help="The campaign.")]


@app.command("add", epilog="Example: xpimport campaign add welcome --channel outbox --subject 'Hello' --text hello.txt")
@with_campaign_options
def add(ctx: typer.Context, name: Name, options: dict[str, Any]) -> None:
    """Add a campaign. Its files are copied now; `campaign edit` takes them in anew."""
    changes = {"channel": "outbox", "subject": ""} | campaign_changes(options)
    medium = medium_of(changes["channel"], options["medium"])
    files = attached(options) or []
    draft = Campaign(name=name, medium=medium, attachments=tuple(file.name for file in files), **changes)
    with store_of(ctx) as store:
        kept = keep_campaign(store, draft, files)
        unclear = unclear_links(store, kept)
    screen.say(f"Added the campaign {kept.name} ({kept.channel}), live.")
    _say_unclear(unclear)
    screen.say(f"Look at it: {command('campaign', 'preview', kept.name, '--profile', 'ID')}")


@app.command("edit", epilog="Example: xpimport campaign edit welcome --subject 'Hello again'")
@with_campaign_options
def edit(
    ctx: typer.Context,
    name: Name,
    options: dict[str, Any],
    unset: Annotated[
        list[str] | None, typer.Option("--unset", help="Take this option back, like track; may be repeated.")
    ] = None,
) -> None:
    """Change a campaign; `none` takes a value away. A trigger that is armed sends the new content."""
    with store_of(ctx) as store:
        found = campaigns.get(store, name)
        draft = replace(found, **(taken_back(unset or ()) | campaign_changes(options)))
        known = options["medium"] or (found.medium if draft.channel == found.channel else None)
        draft = replace(draft, medium=medium_of(draft.channel, known))
        files = attached(options)
        if files is not None:
            draft = replace(draft, attachments=tuple(file.name for file in files))
        kept = keep_campaign(store, draft, files)
        sending = triggers.keeping_content(store, kept.id)
        unclear = unclear_links(store, kept)
    screen.say(f"Changed the campaign {name}.")
    _say_unclear(unclear)
    for task in sending:
        screen.say(f"The send of task {task} has begun and keeps the old content: {command('task', 'show', task)}")


def _say_unclear(links: list[str]) -> None:
    for link in links:
        screen.say(
            f"The link {screen.visible(link)} is not tracked: nobody knows where it leads. Write https:// before it."
        )


@app.command("list", epilog="Example: xpimport campaign list --json")
def list_(ctx: typer.Context, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show all campaigns, newest first."""
    with store_of(ctx) as store:
        rows = [_shown(found) for found in campaigns.everything(store)]
    columns = {"name": "campaign", "channel": "channel", "subject": "subject", "live": "live"}
    screen.listing(
        rows, columns, form(json=json, csv=csv, nl=nl), "No campaigns yet. Add one: xpimport campaign add --help"
    )


def _shown(found: Campaign) -> dict[str, Any]:
    shown = {key: value for key, value in vars(found).items() if key != "id"}
    return {"name": shown.pop("name"), **shown}


@app.command("show", epilog="Example: xpimport campaign show welcome")
def show(ctx: typer.Context, name: Name, json: Json = False) -> None:
    """Show one campaign with its content."""
    with store_of(ctx) as store:
        found = campaigns.get(store, name)
    if json:
        screen.json_out(_shown(found))
        return
    screen.pairs(
        [
            ("Campaign", found.name),
            ("Live", found.live),
            ("Channel", f"{found.channel} ({found.medium})"),
            *shown_options(found),
            ("Changed", screen.instant(found.changed_at)),
        ]
    )
    for title, content in (("Text", found.text), ("HTML", found.html)):
        if content:
            screen.out(f"\n{title}:")
            for line in content.splitlines():
                screen.paragraph(line, "  ")


@app.command("pause", epilog="Example: xpimport campaign pause welcome")
def pause(ctx: typer.Context, name: Name) -> None:
    """Take a campaign off the air: its sends are held, in their middle too."""
    with store_of(ctx) as store:
        changed = campaigns.set_live(store, name, live=False)
    screen.say(
        f"{name} {'is paused' if changed else 'was paused already'}. Undo: {command('campaign', 'resume', name)}"
    )


@app.command("resume", epilog="Example: xpimport campaign resume welcome")
def resume(ctx: typer.Context, name: Name) -> None:
    """Put a paused campaign on the air again."""
    with store_of(ctx) as store:
        changed = campaigns.set_live(store, name, live=True)
    screen.say(f"{name} {'is live' if changed else 'was live already'}. Undo: {command('campaign', 'pause', name)}")


@app.command("remove", epilog="Example: xpimport campaign remove welcome --yes")
def remove(ctx: typer.Context, name: Name, yes: Yes = False) -> None:
    """Take a campaign out of use; what it sent stays in the history."""
    with store_of(ctx) as store:
        campaigns.get(store, name)
        if not screen.confirm(f"Remove the campaign {name}?", yes=yes):
            screen.say("Left alone.")
            return
        campaigns.remove(store, name)
    screen.say(f"Removed the campaign {name}.")


@app.command("preview", epilog="Example: xpimport campaign preview welcome --profile u-1001")
def preview(
    ctx: typer.Context,
    name: Name,
    profile: Annotated[str, typer.Option("--profile", help="Whose message: a user_id or an email address.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the HTML part to this file, or print nothing else (-)."),
    ] = None,
) -> None:
    """Show a message as one profile would get it; nothing is sent."""
    with store_of(ctx) as store:
        campaigns.get(store, name)
        made = preview_message(store, name, find_profile(store, profile))
    if html is not None and made.html is None:
        raise Failed(f"The campaign {name} has no HTML part.")
    if str(html) == "-":
        screen.out(made.html or "", end="")
        return
    for header, value in made.headers:
        screen.paragraph(f"{header}: {value}")
    screen.out("")
    for line in made.text.splitlines():
        screen.paragraph(line)
    _show_links(made.links)
    for file, kind, size in made.attached:
        screen.say(f"Attached: {screen.visible(file)} ({kind}, {size:,} bytes).")
    if html is not None:
        html.write_text(made.html or "", encoding="utf-8")
        screen.say(f"Wrote the HTML part to {html}.")
    elif made.html is not None:
        again = command("campaign", "preview", name, "--profile", profile, "--html", "FILE")
        screen.say(f"It has an HTML part, too. Look at it: {again}")


def _show_links(links: list[Target]) -> None:
    """Where the links of a tracked campaign lead; the preview itself, which nobody counts, leads there directly."""
    if links:
        screen.out("\nLinks:")
    for number, link in enumerate(links, 1):
        screen.paragraph(f"{number}. {screen.visible(link.url)}: {link.why_not or 'tracked'}", "  ")


@app.command("test", epilog="Example: xpimport campaign test welcome --to me@example.com")
def test(
    ctx: typer.Context,
    name: Name,
    to: Annotated[str, typer.Option("--to", help="The one address that gets it.")],
) -> None:
    """Send a campaign to one address, filled in with the newest profile; no report counts it."""
    with store_of(ctx) as store:
        outcome = send_test(store, name, to)
    if outcome.state == ACCEPTED:
        screen.say(f"Handed over one test message for {to}.")
    elif outcome.connection_lost:
        raise Unreachable(f"The connection was lost: {outcome.detail or outcome.reason}.")
    else:
        raise Failed(f"The test message was not accepted: {outcome.detail or outcome.reason}.")


app.command("analytics", epilog="Example: xpimport campaign analytics welcome --since 30d")(campaign_figures.analytics)
app.command("import-triggers", epilog="Example: xpimport campaign import-triggers welcome")(
    campaign_figures.import_triggers
)
