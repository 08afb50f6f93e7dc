"""Campaigns: what is sent, over which channel, and who may not get it."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from xpimport.clock import now, to_text
from xpimport.errors import Failed, Invalid, NotFound, Refused
from xpimport.rules.definition import MEDIA
from xpimport.store.database import Store

CHANNELS = {"outbox": "email", "smtp": "email"}
"""Channel -> the medium it hands messages over by."""

_NAME = re.compile(r"[\w][\w .:+-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Campaign:
    """A campaign as it is kept; `text` and `html` are templates, `sender` is the From address or None."""

    name: str
    channel: str
    medium: str
    subject: str = ""
    text: str | None = None
    html: str | None = None
    sender: str | None = None
    ignore_subscription: bool = False
    strict: bool = False
    live: bool = True
    id: int = 0
    created_at: str = ""
    changed_at: str = ""


def check_name(name: str, what: str) -> str:
    """A name for a campaign or an import, trimmed.

    Raises:
        Invalid: it is empty, too long, a number (numbers name tasks) or holds odd characters.
    """
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise Invalid(f"{name!r} is no name for {what}: letters, digits, space and . _ : + - only, at most 100.")
    if name.isdigit():
        raise Invalid(
            f"{name!r} is a number, and numbers name tasks. Call the {what.rsplit(maxsplit=1)[-1]} something with a letter."
        )
    return name


def read_content(path: Path | None) -> str | None:
    """The content of a template file; None where no file is named.

    Raises:
        Failed: the file is not there, cannot be read, or is not UTF-8.
    """
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        raise Failed(f"{path} is not UTF-8 (byte {problem.start}). Save it as UTF-8.") from None
    except OSError as problem:
        raise Failed(f"Cannot read {path}: {problem.strerror}.") from None


def medium_of(channel: str, medium: str | None) -> str:
    """The medium of a campaign on `channel`, where the user may have named one.

    Raises:
        Invalid: no such channel or medium, or they do not go together.
    """
    if channel not in CHANNELS:
        raise Invalid(f"There is no channel {channel!r}. The channels are: {', '.join(CHANNELS)}.")
    if medium is not None and medium not in MEDIA:
        raise Invalid(f"There is no medium {medium!r}. The media are: {', '.join(MEDIA)}.")
    if medium is not None and medium != CHANNELS[channel]:
        raise Invalid(f"The channel {channel} sends {CHANNELS[channel]}, not {medium}. Leave --medium out.")
    return CHANNELS[channel]


def add(store: Store, campaign: Campaign) -> Campaign:
    """Keep a new campaign, live at once.

    Raises:
        Invalid: the name cannot be used.
        Refused: the name is taken.
    """
    name = check_name(campaign.name, "a campaign")
    at = to_text(now())
    with store.writing():
        if store.scalar("SELECT 1 FROM campaigns WHERE name = ? AND removed_at IS NULL", name):
            raise Refused(f"There is a campaign {name!r} already. Change it with: xpimport campaign edit {name}")
        store.db.execute(
            "INSERT INTO campaigns (name, channel, medium, subject, text, html, sender, ignore_subscription, strict,"
            " created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (*_content(replace(campaign, name=name)), at, at),
        )
    return get(store, name)


def change(store: Store, campaign: Campaign) -> Campaign:
    """Keep `campaign` in place of what its id held; an armed trigger sends the new content."""
    with store.writing():
        store.db.execute(
            "UPDATE campaigns SET name = ?, channel = ?, medium = ?, subject = ?, text = ?, html = ?, sender = ?,"
            " ignore_subscription = ?, strict = ?, changed_at = ? WHERE id = ?",
            (*_content(campaign), to_text(now()), campaign.id),
        )
    return get(store, campaign.name)


def _content(campaign: Campaign) -> tuple[Any, ...]:
    return (
        campaign.name,
        campaign.channel,
        campaign.medium,
        campaign.subject,
        campaign.text,
        campaign.html,
        campaign.sender,
        int(campaign.ignore_subscription),
        int(campaign.strict),
    )


def _campaign(row: Any) -> Campaign:
    values = {item.name: row[item.name] for item in fields(Campaign)}
    for flag in ("ignore_subscription", "strict", "live"):
        values[flag] = bool(values[flag])
    return Campaign(**values)


def get(store: Store, name: str) -> Campaign:
    """The campaign of that name.

    Raises:
        NotFound: there is none.
    """
    row = store.one("SELECT * FROM campaigns WHERE name = ? AND removed_at IS NULL", name)
    if row is None:
        raise NotFound(f"There is no campaign {name!r}. See: xpimport campaign list")
    return _campaign(row)


def everything(store: Store) -> list[Campaign]:
    """All campaigns, newest first."""
    return [_campaign(row) for row in store.all("SELECT * FROM campaigns WHERE removed_at IS NULL ORDER BY id DESC")]


def set_live(store: Store, name: str, *, live: bool) -> bool:
    """Pause a campaign or resume it; returns whether that changed anything."""
    campaign = get(store, name)
    with store.writing():
        return bool(
            store.db.execute(
                "UPDATE campaigns SET live = ?, changed_at = ? WHERE id = ? AND live <> ?",
                (int(live), to_text(now()), campaign.id, int(live)),
            ).rowcount
        )


def remove(store: Store, name: str) -> None:
    """Take a campaign out of use; what it sent stays in the history.

    Raises:
        NotFound: there is none.
        Refused: an import uses it, or a trigger of it is armed.
    """
    campaign = get(store, name)
    with store.writing():
        user = store.scalar("SELECT name FROM imports WHERE campaign_id = ? AND removed_at IS NULL", campaign.id)
        if user is not None:
            raise Refused(f"The import {user!r} sends {name!r}. First: xpimport import edit {user} --no-campaign")
        refuse_while_armed(store, "campaign_id", campaign.id, f"campaign {name!r}")
        store.db.execute("UPDATE campaigns SET removed_at = ? WHERE id = ?", (to_text(now()), campaign.id))


def refuse_while_armed(store: Store, column: str, number: int, what: str) -> None:
    """Refuse to remove something whose trigger is about to send; called inside the removing transaction.

    Raises:
        Refused: naming the task and how to stop it.
    """
    task = store.scalar(
        f"SELECT task_id FROM triggers WHERE {column} = ? AND state IN ('waiting', 'scheduled', 'sending')", number
    )
    if task is not None:
        raise Refused(f"Task {task} is about to send for {what}. First: xpimport stop-trigger {task}")
