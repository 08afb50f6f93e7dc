"""event: what became of messages, as providers and mailboxes report it."""

from itertools import islice
from typing import Annotated, Any

import typer

from xpimport.cli import screen
from xpimport.cli.options import Csv, Json, Limit, Nl, form, group, store_of
from xpimport.defining import imports
from xpimport.errors import Invalid
from xpimport.flow import events, named
from xpimport.hints import command
from xpimport.reporting import history, rows
from xpimport.rules.events import Kind
from xpimport.tracking import kept_apart
from xpimport.tracking.intake import Taken, take_again

app = group("Bounces, opens and clicks: what became of messages, and what could not be matched.")

Strict = Annotated[bool, typer.Option("--strict-exit", help="Exit 3 when something was kept apart.")]


@app.command("ingest", epilog="Example: xpimport event ingest events.json --provider sendgrid")
def ingest(
    ctx: typer.Context,
    file: Annotated[str, typer.Argument(help="A file of JSON, or of JSON lines; - is stdin.")],
    provider: Annotated[str, typer.Option("--provider", help="Who wrote it: xpimport, ses, sendgrid, mailgun, ...")],
    strict_exit: Strict = False,
    json: Json = False,
) -> None:
    """Take a provider's events in; the same file twice changes nothing."""
    with store_of(ctx) as store:
        taken = events.ingest(store, file, provider)
    _tell(taken, strict=strict_exit, json=json)


@app.command("bounces", epilog="Example: xpimport event bounces /var/mail/bounces")
def bounces(
    ctx: typer.Context,
    mailbox: Annotated[str, typer.Argument(help="A Maildir, an mbox, one mail; - is a mail on stdin.")],
    strict_exit: Strict = False,
    json: Json = False,
) -> None:
    """Take in what comes back by mail: bounces, complaints, and opt-outs with their token. No mail is deleted."""
    with store_of(ctx) as store:
        found = events.bounces(store, mailbox)
    if not json:
        other = f", {screen.number(found.other)} of them about no message of ours" if found.other else ""
        screen.say(f"{screen.counted(found.mails, 'mail')} read{other}.")
    _tell(found.taken, strict=strict_exit, json=json)


def _tell(taken: Taken, *, strict: bool, json: bool) -> None:
    apart = sum(taken.apart.values())
    if json:
        new = {kind.word: taken.new[kind] for kind in Kind}
        screen.json_out({"new": new, "known": taken.known, "kept_apart": dict(sorted(taken.apart.items()))})
    else:
        parts = [f"{kind.word} {screen.number(taken.new[kind])}" for kind in Kind if taken.new[kind]]
        total = screen.counted(sum(taken.new.values()), "new event")
        screen.say(f"{total} taken in" + (f": {', '.join(parts)}." if parts else "."))
        if taken.known:
            screen.say(f"{screen.number(taken.known)} {'was' if taken.known == 1 else 'were'} known already.")
    if apart:
        why = ", ".join(f"{reason} {screen.number(count)}" for reason, count in sorted(taken.apart.items()))
        screen.say(f"{screen.number(apart)} kept apart, counted nowhere: {why}.")
        screen.say(f"See them: {command('event', 'rejected')}")
        if strict:
            raise typer.Exit(3)


@app.command("list", epilog="Example: xpimport event list 12 --kind clicked")
def list_(
    ctx: typer.Context,
    which: Annotated[
        str | None, typer.Argument(metavar="TASK|IMPORT", help="A task, or an import's newest; else the newest sent.")
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", help="delivered, opened, clicked, bounced, ...")] = None,
    limit: Limit = 100,
    json: Json = False,
    csv: Csv = False,
    nl: Nl = False,
) -> None:
    """Show the events of a send, in the order of its list."""
    chosen = form(json=json, csv=csv, nl=nl)
    words = {one.word: one for one in Kind}
    if kind is not None and kind not in words:
        raise Invalid(f"--kind {kind!r} is none of: {', '.join(words)}.")
    with store_of(ctx) as store:
        task = history.newest_begun(store) if which is None else named.task_of(store, which)
        zone = imports.timezone_of(store, task)
        found = list(islice(rows.events(store, task, [words[kind]] if kind else list(Kind)), limit))
    if chosen == "table":
        found = [{**one, "at": screen.instant(one["at"], zone)} for one in found]
    columns = {name: name for name in ("at", "event", "user_id", "address", "url", "detail", "machine")}
    screen.listing(found, columns, chosen, f"Nothing has come back of task {task} yet.")


@app.command("rejected", epilog="Example: xpimport event rejected --json")
def rejected(ctx: typer.Context, limit: Limit = 100, json: Json = False, csv: Csv = False, nl: Nl = False) -> None:
    """Show what was reported and could not be counted, with why, newest first."""
    chosen = form(json=json, csv=csv, nl=nl)
    with store_of(ctx) as store:
        found = [_row(one) for one in kept_apart.listed(store, limit)]
    columns = {"at": "arrived", "provider": "provider", "reason": "reason", "kind": "kind", "address": "address"}
    screen.listing(found, columns, chosen, "Nothing is kept apart.")
    if found and chosen == "table":
        screen.say(f"Try them again: {command('event', 'retry')}")


def _row(one: kept_apart.KeptApart) -> dict[str, Any]:
    return {
        "id": one.id,
        "at": one.received_at[:19] + "Z",
        "provider": one.provider,
        "reason": one.reason,
        "kind": one.kind,
        "address": one.address,
        "time": one.at and one.at[:19] + "Z",
        "body": one.body,
    }


@app.command("retry", epilog="Example: xpimport event retry --accept")
def retry(
    ctx: typer.Context,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Heed opt-outs, complaints and dead mailboxes that name no message of ours."),
    ] = False,
    strict_exit: Strict = False,
    json: Json = False,
) -> None:
    """Try what is kept apart once more."""
    with store_of(ctx) as store:
        taken = take_again(store, accept=accept)
    _tell(taken, strict=strict_exit, json=json)
