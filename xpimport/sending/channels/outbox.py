"""The channel that needs nothing set up: a Maildir of which every mail program and script can read."""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xpimport.errors import Unreachable
from xpimport.rules.setting_kinds import SWITCH
from xpimport.rules.settings import Setting, Settings
from xpimport.sending.channels import ACCEPTED, Outcome, Outgoing
from xpimport.sending.channels.declaration import CampaignOptions, ChannelKind, Content

KEEP = Setting("outbox.keep", "on", SWITCH, "off: the outbox accepts every message and keeps none")

REHEARSED = 32
"""Connections of a send that keeps no message."""

_KEY = re.compile(r"[A-Za-z0-9_=@+-][A-Za-z0-9._=@+-]{0,199}")


@dataclass(frozen=True, slots=True)
class Outbox:
    """A Maildir at `directory`."""

    directory: Path

    def connect(self) -> "OutboxSession":
        """Make the folders, where they are not there yet.

        Raises:
            Unreachable: they cannot be made.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("tmp", "new", "cur"):
                (self.directory / name).mkdir(mode=0o700, exist_ok=True)
            return OutboxSession(self.directory)
        except OSError as error:
            raise Unreachable(f"The outbox {self.directory} cannot be used: {error.strerror}.") from None


class OutboxSession:
    """Writes messages; a message that is accepted is on the disk under a name that is on the disk."""

    def __init__(self, directory: Path) -> None:
        """Open the Maildir at `directory`."""
        self._tmp, self._new, self._cur = (directory / name for name in ("tmp", "new", "cur"))
        self._folder: int | None = os.open(self._new, os.O_RDONLY | os.O_DIRECTORY)
        self._seen: set[str] = set()
        self._seen_at = -1

    def send(self, message: Outgoing) -> Outcome:
        """Write one message, unless one of its key is there already (a mail program may have moved it)."""
        if not _KEY.fullmatch(message.key):
            return Outcome("failed", "invalid_key", "the key cannot be a file name")
        temporary = self._tmp / message.key
        try:
            if (self._new / message.key).exists() or message.key in self._taken():
                return ACCEPTED
            _write(temporary, message.body)
            temporary.rename(self._new / message.key)
            self._keep_names()
        except OSError as error:
            with suppress(OSError):
                temporary.unlink()
            return Outcome("retry", "outbox_unwritable", error.strerror or type(error).__name__)
        return ACCEPTED

    def close(self) -> None:
        """Let go of the folder."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None

    def _taken(self) -> set[str]:
        """The keys in cur/, whose names have flags after a colon; read again when the folder has changed."""
        changed = self._cur.stat().st_mtime_ns
        if changed != self._seen_at:
            self._seen = {name.partition(":")[0] for name in os.listdir(self._cur)}  # noqa: PTH208 - names only
            self._seen_at = changed
        return self._seen

    def _keep_names(self) -> None:
        # A rename survives a power cut only when its folder has been synced.
        if self._folder is None:
            self._folder = os.open(self._new, os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(self._folder)


def _write(path: Path, body: bytes) -> None:
    """Write through to the disk; a file left by a killed process is replaced, and no link is followed."""
    with suppress(FileNotFoundError):
        path.unlink()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb", buffering=0) as file:
        rest = memoryview(body)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(handle)


@dataclass(frozen=True, slots=True)
class Nowhere:
    """Takes every message and keeps none: for rehearsals and for measuring all but the handing over."""

    def connect(self) -> "Nowhere":
        """There is nothing to connect to."""
        return self

    def send(self, _message: Outgoing) -> Outcome:
        """Accept it."""
        return ACCEPTED

    def close(self) -> None:
        """There is nothing to close."""


def open_outbox(settings: Settings, _options: Mapping[str, Any], directory: Path) -> "Outbox | Nowhere":
    """The Maildir at `directory`; with `outbox.keep` off, nothing is written."""
    return Outbox(directory) if settings[KEEP] else Nowhere()


def _needs_nothing(_campaign: CampaignOptions) -> None:
    return


CHANNEL = ChannelKind(
    name="outbox",
    help="a Maildir beside the store",
    media=("email",),
    content=Content.MAIL,
    by_user_id=False,
    keeps_consent=False,
    people_a_call=1,
    connections=lambda settings: 1 if settings[KEEP] else REHEARSED,
    leaves_machine=False,
    local=True,
    settings=(KEEP,),
    own_options=(),
    check=_needs_nothing,
    open=open_outbox,
)
