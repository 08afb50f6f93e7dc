"""Campaigns: what is sent, over which channel, and who may not get it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xpimport.clock import now, to_text
from xpimport.errors import Failed, Invalid, NotFound, Refused
from xpimport.hints import command
from xpimport.rules.delivery import sql_in
from xpimport.rules.trigger import ARMED
from xpimport.store.database import Store

_NAME = re.compile(r"[\w][\w .:+-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Campaign:
    """A campaign as it is kept; `text` and `html` are templates, `sender` is the From address or None.

    `control_group` is a fraction of 1, `track` what is tracked, like `opens,clicks`; `headers` are lines `Name: value`,
    `attachments` the names of files whose content is kept beside the campaign; `secret` and `token` are references.
    """

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
    category: str | None = None
    segment: str | None = None
    control_group: float | None = None
    track: str | None = None
    reply_to: str | None = None
    preheader: str | None = None
    headers: Sequence[str] = ()
    unsubscribe: str | None = None
    rate: str | None = None
    window: str | None = None
    url: str | None = None
    secret: str | None = None
    token: str | None = None
    allow_private: bool = False
    dedupes: bool = False
    xtremepush_id: str | None = None
    attachments: Sequence[str] = ()
    id: int = 0
    created_at: str = ""
    changed_at: str = ""


@dataclass(frozen=True)
class Attached:
    """A file that goes with every message of a campaign."""

    name: str
    type: str
    content: bytes


MAX_ATTACHMENTS = 10 << 20


def read_attachments(paths: Sequence[Path]) -> list[Attached]:
    """The files to attach, with the type that each name says.

    Raises:
        Failed: a file cannot be read.
        Invalid: two have one name, or all together are too large.
    """
    import mimetypes

    files: list[Attached] = []
    for path in paths:
        try:
            content = path.read_bytes()
        except OSError as problem:
            raise Failed(f"Cannot read {path}: {problem.strerror}.") from None
        kind, packed = mimetypes.guess_type(path.name)
        files.append(Attached(path.name, "application/octet-stream" if packed or not kind else kind, content))
    if len({file.name for file in files}) < len(files):
        raise Invalid("Two attachments have the same file name. Rename one.")
    if sum(len(file.content) for file in files) > MAX_ATTACHMENTS:
        raise Invalid(f"The attachments are larger than {MAX_ATTACHMENTS >> 20} MB together; many servers refuse that.")
    return files


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


def add(store: Store, campaign: Campaign, files: Sequence[Attached] = ()) -> Campaign:
    """Keep a new campaign, live at once.

    Raises:
        Invalid: the name cannot be used.
        Refused: the name is taken.
    """
    name = check_name(campaign.name, "a campaign")
    at = to_text(now())
    with store.writing():
        if store.scalar("SELECT 1 FROM campaigns WHERE name = ? AND removed_at IS NULL", name):
            raise Refused(f"There is a campaign {name!r} already. Change it with: {command('campaign', 'edit', name)}")
        columns = _columns(replace(campaign, name=name)) | {"created_at": at, "changed_at": at}
        cursor = store.db.execute(
            f"INSERT INTO campaigns ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            tuple(columns.values()),
        )
        _keep_files(store, int(cursor.lastrowid or 0), files)
    return get(store, name)


def change(store: Store, campaign: Campaign, files: Sequence[Attached] | None = None) -> Campaign:
    """Keep `campaign` in place of what its id held; an armed trigger sends the new content. `files` None: as before."""
    columns = _columns(campaign) | {"changed_at": to_text(now())}
    with store.writing():
        store.db.execute(
            f"UPDATE campaigns SET {', '.join(f'{name} = ?' for name in columns)} WHERE id = ?",
            (*columns.values(), campaign.id),
        )
        if files is not None:
            _keep_files(store, campaign.id, files)
    return get(store, campaign.name)


def _keep_files(store: Store, campaign: int, files: Sequence[Attached]) -> None:
    store.db.execute("DELETE FROM campaign_files WHERE campaign_id = ?", (campaign,))
    store.db.executemany(
        "INSERT INTO campaign_files (campaign_id, name, type, content) VALUES (?, ?, ?, ?)",
        [(campaign, file.name, file.type, file.content) for file in files],
    )


_COLUMNS = (
    "name", "channel", "medium", "subject", "text", "html", "sender", "ignore_subscription", "strict", "category",
    "segment", "control_group",
)  # fmt: skip
_OPTIONS = (
    "track", "reply_to", "preheader", "headers", "unsubscribe", "rate", "window", "url", "secret", "token", "allow_private",
    "dedupes", "xtremepush_id", "attachments",
)  # fmt: skip


def _columns(campaign: Campaign) -> dict[str, Any]:
    """What is kept of a campaign: what questions are asked by in columns, the rest as JSON."""
    columns = {name: getattr(campaign, name) for name in _COLUMNS}
    options = {name: value for name in _OPTIONS if (value := getattr(campaign, name)) not in (None, (), [], False)}
    return columns | {"options": json.dumps(options, ensure_ascii=False, sort_keys=True)}


def campaign_of(row: Any) -> Campaign:
    """The campaign that a row of the table holds."""
    stored = ("id", "live", "created_at", "changed_at")
    values = {name: row[name] for name in (*_COLUMNS, *stored)} | json.loads(row["options"])
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
    return campaign_of(row)


def channel_of(store: Store, campaign_id: int) -> str:
    """The channel of a campaign, by number."""
    return str(store.scalar("SELECT channel FROM campaigns WHERE id = ?", campaign_id))


def everything(store: Store) -> list[Campaign]:
    """All campaigns, newest first."""
    return [campaign_of(row) for row in store.all("SELECT * FROM campaigns WHERE removed_at IS NULL ORDER BY id DESC")]


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
            raise Refused(
                f"The import {user!r} sends {name!r}. First: {command('import', 'edit', user, '--no-campaign')}"
            )
        refuse_while_armed(store, "campaign_id", campaign.id, f"campaign {name!r}")
        store.db.execute("UPDATE campaigns SET removed_at = ? WHERE id = ?", (to_text(now()), campaign.id))


def refuse_while_armed(store: Store, column: str, number: int, what: str) -> None:
    """Refuse to remove something whose trigger is about to send; called inside the removing transaction.

    Raises:
        Refused: naming the task and how to stop it.
    """
    task = store.scalar(f"SELECT task_id FROM triggers WHERE {column} = ? AND {sql_in('state', ARMED)}", number)
    if task is not None:
        raise Refused(f"Task {task} is about to send for {what}. First: {command('stop-trigger', task)}")
