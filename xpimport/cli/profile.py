"""profile: the people."""

from typing import Annotated, Any

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Limit, Medium, Nl, form, group, store_of
from xpimport.defining import settings
from xpimport.errors import Invalid
from xpimport.hints import command
from xpimport.people import subscriptions, suppressions
from xpimport.people.profiles import find_profile
from xpimport.reporting.profiles import profile_details, profile_list
from xpimport.rules.definition import MEDIA
from xpimport.rules.settings import TIMEZONE

app = group("The people in the store.")

Who = Annotated[str, typer.Argument(help="A user_id or an email address.")]


@app.command("list", epilog="Example: xpimport profile list --limit 20")
def list_(ctx: typer.Context, limit: Limit = 100, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show profiles, newest first."""
    with store_of(ctx) as store:
        rows = profile_list(store, limit)
    columns = {
        "user_id": "user_id",
        "email": "email",
        "email_subscription": "email sub.",
        "mobile_number": "mobile",
        "sms_subscription": "sms sub.",
    }
    screen.listing(
        rows, columns, form(json=json, csv=csv, nl=nl), "No profiles yet. Run an import: xpimport run-now --help"
    )


@app.command("show", epilog="Example: xpimport profile show u-1001")
def show(ctx: typer.Context, who: Who, json: Json = False) -> None:
    """Show one profile: what is known, whether they may be written to, what they were sent."""
    with store_of(ctx) as store:
        details = profile_details(store, find_profile(store, who))
        zone = settings.get(store, TIMEZONE).key
    if json:
        screen.json_out(details)
        return
    lists = ("opt_outs", "suppressions", "deliveries", "story")
    screen.pairs([(name, value) for name, value in details.items() if name not in lists])
    for one in details["opt_outs"]:
        screen.tell(
            f"The {one['medium']} address opted out on {screen.instant(one['opted_out_at'], zone)} ({one['source']})."
        )
    for one in details["suppressions"]:
        screen.tell(
            f"The {one['medium']} address is suppressed since {screen.instant(one['suppressed_at'], zone)} ({one['reason']})."
        )
    if details["story"]:
        screen.table([_line(told, zone) for told in details["story"]], ["when", "what", "outcome"])


def _line(told: dict[str, Any], zone: str) -> list[str]:
    task = f", task {told['task']}" if told["task"] else ""
    line = f", line {told['line']}" if told["line"] else ""
    more = ", ".join(filter(None, (told["reason"], told["by"])))
    return [
        screen.instant(told["at"], zone),
        f"{told['what']}{task}{line}",
        told["outcome"] + (f": {more}" if more else ""),
    ]


@app.command("subscribe", epilog="Example: xpimport profile subscribe u-1001 --medium email")
def subscribe(ctx: typer.Context, who: Who, medium: Medium = "email") -> None:
    """Record that a person agreed to be written to; it takes an opt-out of the address back."""
    _check(medium)
    with store_of(ctx) as store:
        profile = find_profile(store, who)
        changed = subscriptions.subscribe(store, profile, medium)
        suppressed = suppressions.of_profile(store, profile, medium)
    state = "is subscribed" if changed else "was subscribed already"
    screen.say(f"{who} {state} ({medium}). Undo: {command('profile', 'unsubscribe', who, '--medium', medium)}")
    if suppressed is not None:
        screen.say(
            f"The address is still suppressed ({suppressed.reason}), so nothing is sent to it. Take it off: "
            f"{command('suppression', 'remove', suppressed.address, '--medium', medium)}"
        )


@app.command("unsubscribe", epilog="Example: xpimport profile unsubscribe u-1001 --medium email")
def unsubscribe(ctx: typer.Context, who: Who, medium: Medium = "email") -> None:
    """Record an opt-out, of the person and of the address; no import takes it back."""
    _check(medium)
    with store_of(ctx) as store:
        changed = subscriptions.unsubscribe(store, find_profile(store, who), medium)
    state = "has opted out" if changed else "had opted out already"
    screen.say(f"{who} {state} ({medium}). Undo: {command('profile', 'subscribe', who, '--medium', medium)}")


def _check(medium: str) -> None:
    if medium not in MEDIA:
        raise Invalid(f"--medium {medium!r} is none of: {', '.join(MEDIA)}.")
