"""What a channel says of itself, in its own file, as the one value `CHANNEL`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Protocol

from xpimport.rules.settings import Setting, Settings
from xpimport.sending.channels import Channel


class Content(Enum):
    """What a channel hands over for a person."""

    MAIL = "mail"
    """An RFC 5322 message."""
    JSON = "json"
    """The JSON that the text template makes."""
    NONE = "none"
    """Nothing of ours: the receiver has the content, and gets the person's attributes."""


class CampaignOptions(Protocol):
    """What a channel's check may look at of a campaign; `sender` is the From address that it will have, or None."""

    @property
    def channel(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def sender(self) -> str | None: ...
    @property
    def url(self) -> str | None: ...
    @property
    def xtremepush_id(self) -> str | None: ...


@dataclass(frozen=True)
class ChannelKind:
    """A channel.

    Attributes:
        name: what `--channel` takes; also the name of its file.
        help: what it is, in a few words.
        media: what it may hand messages over by; of several, a campaign says which.
        content: what it hands over.
        by_user_id: it addresses people by user_id, not by an address of the medium.
        keeps_consent: the receiver knows who agreed, so that no yes of ours is needed.
        people_a_call: how many people one call hands over; more than one: they have one outcome.
        connections: how many to open at once.
        leaves_machine: its messages may be handed over from another machine.
        local: its messages stay on this machine.
        settings: its own settings; their names begin with its name.
        own_options: options of a campaign that are refused on a channel that does not have them here.
        check: refuses (Invalid) a campaign that lacks what the channel needs.
        open: the channel with these settings, for a campaign with these options, which may keep files in the
            directory. Connects to nothing yet; Invalid: a setting is missing or bad.
        rate: messages a second that all sends together may hand over; None: as many as go.
    """

    name: str
    help: str
    media: tuple[str, ...]
    content: Content
    by_user_id: bool
    keeps_consent: bool
    people_a_call: int
    connections: Callable[[Settings], int]
    leaves_machine: bool
    local: bool
    settings: tuple[Setting[Any], ...]
    own_options: tuple[str, ...]
    check: Callable[[CampaignOptions], None]
    open: Callable[[Settings, Mapping[str, Any], Path], Channel]
    rate: Callable[[Settings], float | None] = lambda _: None
