"""The options of a campaign, which `campaign add` and `campaign edit` share: said once, given to both."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from xpimport.cli.options import with_options
from xpimport.defining import campaigns
from xpimport.defining.campaigns import Attached, Campaign
from xpimport.errors import Invalid
from xpimport.rules.definition import MEDIA, share_or_count
from xpimport.sending.channels.registry import every_channel


def _text(option: str, help: str) -> Any:
    return Annotated[str | None, typer.Option(option, help=help)]


def _file(option: str, help: str) -> Any:
    return Annotated[Path | None, typer.Option(option, help=help)]


def _switch(option: str, help: str) -> Any:
    return Annotated[bool | None, typer.Option(f"--{option}/--no-{option}", help=help, show_default=False)]


_SEVERAL_MEDIA = " or ".join(kind.name for kind in every_channel() if len(kind.media) > 1)

OPTIONS: dict[str, Any] = {
    "channel": _text("--channel", ", ".join(f"{kind.name} ({kind.help})" for kind in every_channel()) + "."),
    "medium": _text("--medium", f"{' or '.join(MEDIA)}, for a {_SEVERAL_MEDIA}."),
    "subject": _text("--subject", "The subject line, a template."),
    "text": _file("--text", "A file with the plain text, a template; for a webhook, the JSON body."),
    "html": _file("--html", "A file with the HTML, a template."),
    "sender": _text("--from", "The From address: 'Shop <shop@example.com>'."),
    "reply_to": _text("--reply-to", "Where answers go."),
    "preheader": _text("--preheader", "The line that mail programs show after the subject, a template."),
    "headers": Annotated[list[str] | None, typer.Option("--header", help="'Name: value'; may be repeated.")],
    "attachments": Annotated[list[Path] | None, typer.Option("--attach", help="A file; may be repeated.")],
    "unsubscribe": _text("--unsubscribe-to", "The mailbox for opt-outs; else the From address."),
    "category": _text("--category", "Its category, with how often a person may get one."),
    "segment": _text("--segment", "Only people for whom this holds: \"language = 'en' and points > 100\"."),
    "control_group": _text("--control-group", "The share of people who never get it: 10%."),
    "track": _text("--track", "Record who opened, who clicked: opens, clicks or opens,clicks. Needs HTML."),
    "ignore_subscription": _switch("ignore-subscription", "A service message: opt-outs do not count."),
    "strict": _switch("strict", "A missing value fails the message."),
    "rate": _text("--rate", "At most so many messages: 50/s, 600/m."),
    "window": _text("--window", "Only in these hours: 08:00-20:00."),
    "url": _text("--url", "Where a webhook is posted to."),
    "secret": _text("--secret", "The key that signs a webhook: file:PATH or env:NAME."),
    "token": _text("--token", "A webhook's bearer token: file:PATH or env:NAME."),
    "allow_private": _switch("allow-private", "The webhook's receiver may be in a private network."),
    "dedupes": _switch("dedupes", "The webhook's receiver knows a repeated id, so that a time-out is tried again."),
    "xtremepush_id": _text("--xtremepush-id", "The number of the API-triggered campaign there."),
}

_NOTHING = {"none", ""}
"""What takes an option of a campaign away again."""

_REMOVABLE = {
    *("category", "segment", "control_group", "rate", "window", "reply_to", "preheader", "unsubscribe", "html", "url"),
    *("secret", "token", "sender", "text", "track"),
}

_SWITCHES = {"ignore_subscription", "strict", "allow_private", "dedupes"}


def with_campaign_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a campaign; it gets them as one mapping, `options` (name -> what was typed)."""
    return with_options(function, OPTIONS)


def taken_back(names: Sequence[str]) -> dict[str, Any]:
    """What `--unset NAME` makes of a campaign: the fields of these options with nothing in them.

    Raises:
        Invalid: a name is no option that can be taken back.
    """
    typed = {str(kind.__metadata__[0].default).split("/")[0].removeprefix("--"): name for name, kind in OPTIONS.items()}
    known = {option: name for option, name in typed.items() if name in _REMOVABLE | _SWITCHES | {"headers"}}
    fields: dict[str, Any] = {}
    for option in (name.removeprefix("--") for name in names):
        if option not in known:
            raise Invalid(f"--unset {option!r} is none of {', '.join(sorted(known))}.")
        name = known[option]
        fields[name] = False if name in _SWITCHES else () if name == "headers" else None
    return fields


def _tracked(text: str) -> str:
    """What is to be tracked, in its normal form."""
    kinds = {kind.strip().lower() for kind in text.split(",")}
    if not kinds <= {"opens", "clicks"}:
        raise Invalid(f"--track {text!r} is neither opens nor clicks. Write opens, clicks or opens,clicks.")
    return ",".join(kind for kind in ("opens", "clicks") if kind in kinds)


def campaign_changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as fields of a Campaign; files are read, `none` takes a value away.

    Raises:
        Invalid: a value cannot be read.
        Failed: a file cannot be read.
    """
    given = {
        name: value
        for name, value in options.items()
        if value not in (None, []) and name not in ("medium", "attachments")
    }
    for name in _REMOVABLE & given.keys():
        if str(given[name]).strip().lower() in _NOTHING:
            given[name] = None
    for name in ("text", "html"):
        if given.get(name):
            given[name] = campaigns.read_content(given[name])
    if given.get("control_group"):
        share = share_or_count(given["control_group"], "--control-group")
        if not share.endswith("%"):
            raise Invalid(f"--control-group {given['control_group']!r} is not a share. Write it like 10%.")
        given["control_group"] = float(share[:-1]) / 100 or None
    if given.get("track"):
        given["track"] = _tracked(given["track"])
    if "headers" in given:
        given["headers"] = () if given["headers"] == ["none"] else tuple(given["headers"])
    return given


def attached(options: Mapping[str, Any]) -> list[Attached] | None:
    """The files to attach; None where none were named. `--attach none` takes them away.

    Raises:
        Failed, Invalid: a file cannot be read or attached.
    """
    paths = options["attachments"]
    if not paths:
        return None
    return campaigns.read_attachments([] if [str(path) for path in paths] == ["none"] else paths)


def shown(found: Campaign) -> list[tuple[str, object]]:
    """What a campaign has beyond its content, in words, as pairs for the screen."""
    return [
        ("From", found.sender),
        ("Reply-To", found.reply_to),
        ("Subject", found.subject or None),
        ("Preheader", found.preheader),
        ("Headers", "; ".join(found.headers) or None),
        ("Attachments", ", ".join(found.attachments) or None),
        ("Opt-outs to", found.unsubscribe),
        ("Posted to", found.url),
        ("Private networks", "allowed" if found.allow_private else None),
        ("Receiver dedupes", found.dedupes or None),
        ("Campaign there", found.xtremepush_id),
        ("Category", found.category),
        ("Segment", found.segment),
        ("Control group", found.control_group and f"{found.control_group * 100:.4g} % never get it"),
        ("Rate", found.rate),
        ("Window", found.window),
        ("Tracked", found.track and found.track.replace(",", ", ")),
        ("Ignores opt-outs", found.ignore_subscription or None),
        ("Strict", found.strict or None),
    ]
