"""How one send goes out: its content, where to, how fast, and in which hours."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from xpimport.clock import now
from xpimport.errors import Invalid
from xpimport.rules.setting_kinds import Kind
from xpimport.rules.settings import TIMEZONE, Setting, Settings
from xpimport.rules.throttle import RateLimiter, Window, parse_rate, parse_window
from xpimport.sending.channels.declaration import ChannelKind
from xpimport.sending.channels.registry import channel_kind
from xpimport.sending.content.compose import Composer, MessageContent, composer, content_of
from xpimport.sending.content.frozen import frozen_content
from xpimport.sending.content.frozen_links import frozen_tracking
from xpimport.sending.delivery.ledger import IntentContext
from xpimport.sending.delivery.shared_rate import SharedRate
from xpimport.sending.triggers import Trigger
from xpimport.store import epochs
from xpimport.store.database import Store
from xpimport.store.secret import secret_of

Progress = Callable[[int, int], None]
"""Called with people done and people in all."""

LOCAL = "local"


def _cluster_address(text: str) -> str:
    if text == LOCAL:
        return text
    try:
        parts = urlsplit(text)
        named = parts.scheme in {"dask", "dask+tls"} and parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        named = False
    if not named:
        raise Invalid(f"{text!r} is neither local nor a Dask scheduler's address like dask://10.0.0.5:8786")
    return text.rstrip("/")


def _check_installed(address: str) -> None:
    if address != LOCAL and find_spec("distributed") is None:
        raise Invalid("A Dask cluster needs an extra. Install it first: pip install 'xpimport[dask]'")


WORKERS = Setting(
    "workers",
    LOCAL,
    Kind(_cluster_address, str),
    "which machines send email and webhooks: local, or dask://host:port",
    check=_check_installed,
)


@dataclass(frozen=True)
class SendConfig:
    """How one send goes out: its content, where to, and in what measure."""

    campaign: IntentContext
    content: MessageContent
    compose: Composer
    kind: ChannelKind
    settings: Settings
    options: Mapping[str, Any]
    """What the campaign says about its channel and its sending, as it is kept."""
    place: Path
    limiter: RateLimiter
    shared: RateLimiter | None
    """The server's rate, which other sends keep too."""
    window: Window | None
    zone: ZoneInfo

    @property
    def connections(self) -> int:
        """How many connections to open."""
        return self.kind.connections(self.settings)

    @property
    def workers(self) -> str:
        """The address of the cluster that sends this, or nothing where it is sent from this machine."""
        named = self.settings[WORKERS]
        return named if self.kind.leaves_machine and named != LOCAL else ""

    def portable(self) -> tuple[str, dict[str, str], str, dict[str, Any]]:
        """What opens the channel in another process, as plain values: its name, settings, directory and options."""
        return self.kind.name, self.settings.texts, str(self.place), dict(self.options)

    def is_open(self) -> bool:
        """Whether the send window lets messages out now."""
        return self.window is None or self.window.is_open(now(), self.zone)


def load_config(
    store: Store, campaign_id: int, kinds: Mapping[str, str], settings: Settings, trigger: Trigger | None = None
) -> SendConfig:
    """A campaign ready to send: its content as it is now, or as it was when `trigger` was first claimed.

    Raises:
        Invalid: a template, the From address or a setting is broken, or it is to be tracked and cannot be.
    """
    row = store.one("SELECT * FROM campaigns WHERE id = ?", campaign_id)
    content = content_now(store, campaign_id, kinds, settings)
    secret, epoch = secret_of(store), epochs.current(store)
    if trigger is not None:
        content = frozen_content(store, trigger, content)
        content = {**content, "tracking": frozen_tracking(store, trigger.id, content, secret, epoch)}
    options, kind = content["options"], channel_kind(content["channel"])
    place, most = channel_directory(store, kind.name), kind.rate(settings)
    return SendConfig(
        campaign=IntentContext(
            medium=row["medium"],
            ignore_subscription=bool(row["ignore_subscription"]),
            kinds=kinds,
            store_id=str(store.scalar("SELECT value FROM settings WHERE name = 'store.id'")),
            secret=secret,
            key_epoch=epoch,
        ),
        content=content,
        compose=composer(content),
        kind=kind,
        settings=settings,
        options=options,
        place=place,
        shared=None if most is None else SharedRate(place / "rate", most, time.monotonic()),
        limiter=RateLimiter(parse_rate(options["rate"]) if options.get("rate") else None, time.monotonic()),
        window=parse_window(options["window"]) if options.get("window") else None,
        zone=settings[TIMEZONE],
    )


def content_now(store: Store, campaign_id: int, kinds: Mapping[str, str], settings: Settings) -> MessageContent:
    """What a campaign sends as it stands."""
    row = store.one("SELECT * FROM campaigns WHERE id = ?", campaign_id)
    files = store.all(
        "SELECT name, type, content FROM campaign_files WHERE campaign_id = ? ORDER BY rowid", campaign_id
    )
    return content_of(row, kinds, settings, files)


def channel_directory(store: Store, kind: str) -> Path:
    """Where a kind of channel keeps its files, beside the store."""
    return store.folder(kind)
