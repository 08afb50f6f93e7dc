"""An import before its first run: checked as a whole when it is kept, with a word on what will not do."""

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from xpimport.clock import now
from xpimport.defining import attributes, campaigns, imports, settings
from xpimport.defining.campaigns import Campaign
from xpimport.defining.imports import Import
from xpimport.errors import FileRefused, Invalid
from xpimport.flow import source_files
from xpimport.hints import command
from xpimport.importing.formats.opening import check_options
from xpimport.importing.sources import selection
from xpimport.importing.sources.registry import check_source
from xpimport.importing.staging.stage import columns_of, options_of
from xpimport.reporting.forecast import scheduled_forecast
from xpimport.rules.definition import consent_message, consent_missing
from xpimport.rules.durations import format_duration
from xpimport.rules.locations import parse_location
from xpimport.rules.schedule import occurrences, parse_schedule, parse_zone
from xpimport.rules.settings import TRIGGERS
from xpimport.rules.throttle import parse_window
from xpimport.rules.trigger import send_instant
from xpimport.rules.values import Kinds
from xpimport.sending.channels.registry import channel_kind
from xpimport.store.database import Store

LOOKED_AHEAD = 30
"""How many of the coming runs are held against their send times when an import is kept."""


@dataclass(frozen=True)
class Kept:
    """An import that was kept, and what its user should know: sentences."""

    found: Import
    warnings: list[str]


def keep_import(store: Store, draft: Import) -> Kept:
    """Add an import, or change the one that its id names, once all that can be seen of it fits.

    Raises:
        Invalid: a value does not fit, or nothing says who of the list agreed to the campaign's medium.
        NotFound: no such campaign.
        Refused: the name is taken.
    """
    kinds = attributes.kinds(store)
    draft = _checked(draft, kinds)
    warnings = []
    if draft.campaign is not None:
        campaign = campaigns.get(store, draft.campaign)
        draft = replace(draft, campaign_id=campaign.id)
        if not campaign.ignore_subscription and not channel_kind(campaign.channel).keeps_consent:
            _check_consent(store, draft, campaign, kinds)
        if not settings.get(store, TRIGGERS):
            warnings.append(
                "Sending is switched off in this store. Switch it on with: xpimport settings set triggers on"
            )
        if not campaign.live:
            warnings.append(f"The campaign is paused. Resume it with: {command('campaign', 'resume', campaign.name)}")
    kept = imports.change(store, draft) if draft.id else imports.add(store, draft)
    return Kept(kept, [*warnings, *_too_little_time(store, kept), *_outside_window(store, kept)])


def _checked(draft: Import, kinds: Kinds) -> Import:
    """The draft as it is kept: the one place where all that needs neither a campaign nor a file is checked."""
    draft = imports.checked(draft, kinds)
    draft = replace(draft, definition=check_source(draft.definition))
    check_options(options_of(draft.definition))
    return draft


def _outside_window(store: Store, kept: Import) -> list[str]:
    """A word on a send time at which the campaign's send window is shut."""
    window = campaigns.get(store, kept.campaign).window if kept.campaign else None
    if window is None:
        return []
    at = send_instant(kept.send_at, kept.timezone, now())
    if at is None or parse_window(window).is_open(at, parse_zone(kept.timezone)):
        return []
    return [
        f"At {kept.send_at} the campaign's window {window} is shut; the send waits for it as long as --retry-for lets it."
    ]


def _too_little_time(store: Store, kept: Import) -> list[str]:
    """Which of the coming runs is expected to miss its send time, in a sentence; nothing when none is."""
    if kept.schedule is None or kept.send_at is None:
        return []
    zone = parse_zone(kept.timezone)
    size = _size_now(store, kept)
    for at in islice(occurrences(parse_schedule(kept.schedule), zone, now()), LOOKED_AHEAD):
        send_at = send_instant(kept.send_at, kept.timezone, at)
        expected = scheduled_forecast(store, kept.id, kept.definition, at, send_at, size)
        if send_at is not None and expected.late:
            there = format_duration(send_at - at)
            needed = format_duration(timedelta(seconds=round((expected.completes - at).total_seconds())))
            when = f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
            late = f"The run of {when} has {there} until its send and is expected to need {needed}, so nothing would be sent."
            return [f"{late} Let it run earlier or send later."]
    return []


def _size_now(store: Store, kept: Import) -> int | None:
    """Bytes of the list that lies there now; None where there is none, or where asking means going over a network."""
    if parse_location(kept.definition.source).scheme != "file":
        return None
    try:
        with source_files.opened(store, kept.definition, kept.timezone, now()) as source:
            return sum(file.bytes or 0 for file in selection.select(source, kept.definition, now()))
    except FileRefused:
        return None


def _check_consent(store: Store, draft: Import, campaign: Campaign, kinds: Kinds) -> None:
    """Refuse where the mapping, or a file that can be read now, shows that nobody's consent would be known."""
    if draft.definition.mapping:
        targets = [list(draft.definition.mapping.values())]
    elif parse_location(draft.definition.source).scheme != "file":
        return
    else:
        try:
            targets = _targets(store, draft, kinds)
        except FileRefused:
            return
    if any(consent_missing(one, draft.definition, campaign.medium) for one in targets):
        raise Invalid(consent_message(campaign.medium, campaign.name))


def _targets(store: Store, draft: Import, kinds: Kinds) -> list[list[str]]:
    """For each file that lies there now the attributes that its columns fill, read from its header alone."""
    from xpimport.importing.formats.opening import open_list

    found = []
    for file in source_files.present(store, draft, Path()):
        with open_list(file.path, options_of(draft.definition), file.name) as reader:
            columns = columns_of(reader.header, draft.definition, kinds, file.name)
            found.append([column.attribute for column in columns])
    return found
