"""The channels there are. A channel's file is loaded when it is first asked for."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any

from xpimport.clock import SENDS, VARIABLE, may_send
from xpimport.errors import Invalid, Refused
from xpimport.rules.definition import MEDIA
from xpimport.rules.settings import Settings
from xpimport.sending.channels import Channel
from xpimport.sending.channels.declaration import CampaignOptions, ChannelKind

CHANNELS = ("outbox", "smtp", "webhook", "xtremepush")
"""The registration: each is a file of this folder."""

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@cache
def channel_kind(name: str) -> ChannelKind:
    """What the channel of that name says of itself.

    Raises:
        Invalid: there is none.
    """
    if name not in CHANNELS:
        raise Invalid(f"There is no channel {name!r}. The channels are: {', '.join(CHANNELS)}.")
    declared: ChannelKind = import_module(f"{__package__}.{name}").CHANNEL
    return declared


def every_channel() -> list[ChannelKind]:
    """All channels; loads the files of all."""
    return [channel_kind(name) for name in CHANNELS]


def open_channel(name: str, settings: Settings, directory: Path, options: Mapping[str, Any] = NO_OPTIONS) -> Channel:
    """The channel of that name, for a campaign with these options; connects to nothing yet.

    Args:
        name: one of `CHANNELS`.
        settings: all settings of the store; each channel asks for its own.
        directory: where the channel may keep files; it is made when first needed.
        options: what the campaign says about its channel (`url`, `token`, ...).

    Raises:
        Invalid: an unknown channel, or a missing or bad setting.
    """
    return channel_kind(name).open(settings, options, directory)


def check_may_leave(name: str) -> None:
    """Keep messages on this machine while the clock is set by hand; a server on loopback relays, so it counts, too.

    Raises:
        Refused: the channel hands them to others, and nobody said that it may.
    """
    if may_send() or channel_kind(name).local:
        return
    raise Refused(
        f"The clock is set by {VARIABLE}, so nothing is handed to the channel {name}. Unset it, or say that real messages "
        f"may go out at a made-up time: {SENDS}=yes"
    )


def medium_of(channel: str, medium: str | None) -> str:
    """The medium of a campaign on `channel`, where the user may have named one.

    Raises:
        Invalid: no such channel or medium, or they do not go together.
    """
    possible = channel_kind(channel).media
    if medium is not None and medium not in MEDIA:
        raise Invalid(f"There is no medium {medium!r}. The media are: {', '.join(MEDIA)}.")
    if medium is None and len(possible) > 1:
        raise Invalid(f"The channel {channel} can be {' or '.join(possible)}. Say which: --medium {possible[-1]}")
    if medium is not None and medium not in possible:
        raise Invalid(f"The channel {channel} sends {possible[0]}, not {medium}. Leave --medium out.")
    return medium or possible[0]


def check_campaign(campaign: CampaignOptions) -> None:
    """Refuse a campaign that its channel cannot send, and options that only other channels have.

    Raises:
        Invalid: saying which option, and how to write it.
    """
    kind = channel_kind(campaign.channel)
    kind.check(campaign)
    for other in every_channel():
        for option in set(other.own_options) - set(kind.own_options):
            if getattr(campaign, option):
                raise Invalid(
                    f"--{option.replace('_', '-')} is for a {other.name}; the channel here is {kind.name}. "
                    f"Say --channel {other.name} as well."
                )
