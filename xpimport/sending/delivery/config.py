"""How one send goes out: its content, where to, how fast, and in which hours."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from xpimport.clock import now
from xpimport.rules.throttle import RateLimiter, Window, parse_rate, parse_window
from xpimport.sending.content.compose import Composer, MessageContent, composer, content_of, secret_of
from xpimport.sending.delivery.ledger import IntentContext
from xpimport.store.database import Store

Progress = Callable[[int, int], None]
"""Called with people done and people in all."""


@dataclass(frozen=True)
class SendConfig:
    """How one send goes out: its content, where to, and in what measure."""

    campaign: IntentContext
    content: MessageContent
    compose: Composer
    kind: str
    settings: Mapping[str, str]
    place: Path
    limiter: RateLimiter
    window: Window | None
    zone: ZoneInfo

    @property
    def connections(self) -> int:
        """How many lines to open; a Maildir is one."""
        keeps = self.settings.get("outbox.keep", "on") == "on"
        return 1 if self.kind == "outbox" and keeps else int(self.settings.get("smtp.connections", "8"))

    @property
    def workers(self) -> str:
        """The address of the cluster that sends this, or nothing: a Maildir is on this machine."""
        named = self.settings.get("workers", "local")
        return "" if named == "local" or self.kind == "outbox" else named

    def is_open(self) -> bool:
        """Whether the send window lets messages out now."""
        return self.window is None or self.window.is_open(now(), self.zone)


def load_config(store: Store, campaign_id: int, kinds: Mapping[str, str], settings: Mapping[str, str]) -> SendConfig:
    """A campaign as it stands at this moment, ready to send.

    Raises:
        Invalid: a template or the From address is broken.
    """
    row = store.one("SELECT * FROM campaigns WHERE id = ?", campaign_id)
    content = content_of(
        row,
        kinds,
        settings,
        store.all("SELECT name, type, content FROM campaign_files WHERE campaign_id = ? ORDER BY rowid", campaign_id),
    )
    options = content["options"]
    own = {name: str(value) for name, value in options.items() if name in ("url", "secret", "token")}
    own |= {name: "on" for name in ("allow_private", "dedupes") if options.get(name)}
    if "xtremepush_id" in options:
        own["xtremepush.id"] = options["xtremepush_id"]
    return SendConfig(
        campaign=IntentContext(
            medium=row["medium"],
            ignore_subscription=bool(row["ignore_subscription"]),
            kinds=kinds,
            store_id=str(store.scalar("SELECT value FROM settings WHERE name = 'store.id'")),
            secret=secret_of(store),
        ),
        content=content,
        compose=composer(content),
        kind=row["channel"],
        settings={**settings, **own},
        place=channel_directory(store, row["channel"]),
        limiter=RateLimiter(parse_rate(options["rate"]) if options.get("rate") else None, time.monotonic()),
        window=parse_window(options["window"]) if options.get("window") else None,
        zone=ZoneInfo(settings.get("timezone", "UTC")),
    )


def channel_directory(store: Store, kind: str) -> Path:
    """Where a kind of channel keeps its files, beside the store."""
    return store.folder(kind)
