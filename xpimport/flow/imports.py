"""Definitions whose check needs another stage: templates are compiled, headers are read, before anything is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path

from xpimport.clock import now
from xpimport.defining import campaigns, imports, settings
from xpimport.defining.campaigns import Campaign
from xpimport.defining.imports import Import
from xpimport.errors import FileRefused, Invalid, Refused
from xpimport.flow import source_files
from xpimport.flow.import_run import kinds_of, targets_of
from xpimport.importing import sources
from xpimport.importing.formats.opening import check_options
from xpimport.importing.sources import SourceFile, selection
from xpimport.importing.staging.stage import Staged, columns_of, options_of, stage
from xpimport.reporting.forecast import scheduled_forecast
from xpimport.rules.definition import PLATFORM, check_mapping, consent_message, consent_missing
from xpimport.rules.durations import format_duration
from xpimport.rules.guess import CELLS as GUESSED_FROM
from xpimport.rules.guess import attribute_name, guess_types
from xpimport.rules.locations import STDIN, parse_location
from xpimport.rules.schedule import next_after, occurrences, parse_schedule, parse_send_time, parse_zone
from xpimport.rules.throttle import parse_window
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
    kinds = kinds_of(store)
    check_mapping(draft.definition.mapping, draft.definition.identify_by, list(kinds))
    imports.check(draft)
    draft = replace(draft, definition=sources.check(draft.definition))
    check_options(options_of(draft.definition))
    warnings = []
    if draft.campaign is not None:
        campaign = campaigns.get(store, draft.campaign)
        draft = replace(draft, campaign_id=campaign.id)
        if not campaign.ignore_subscription and campaign.channel != PLATFORM:
            _check_consent(store, draft, campaign, kinds)
        if settings.get(store, "triggers") == "off":
            warnings.append(
                "Sending is switched off in this store. Switch it on with: xpimport settings set triggers on"
            )
        if not campaign.live:
            warnings.append(f"The campaign is paused. Resume it with: xpimport campaign resume {campaign.name}")
    kept = imports.change(store, draft) if draft.id else imports.add(store, draft)
    return Kept(kept, [*warnings, *_too_little_time(store, kept), *_outside_window(store, kept)])


def _outside_window(store: Store, kept: Import) -> list[str]:
    """A word on a send time at which the campaign's send window is shut."""
    window = campaigns.get(store, kept.campaign).window if kept.campaign else None
    if window is None or kept.send_at is None:
        return []
    zone = parse_zone(kept.timezone)
    at = next_after(parse_send_time(kept.send_at), zone, now())
    if parse_window(window).is_open(at, zone):
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
        send_at = next_after(parse_send_time(kept.send_at), zone, at)
        expected = scheduled_forecast(store, kept.id, kept.definition, at, send_at, size)
        if expected.late:
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


def _files(store: Store, found: Import, folder: Path) -> list[SourceFile]:
    """The files that a run of an import would take now if it were its first; fetched ones are put into `folder`."""
    with source_files.opened(store, found.definition, found.timezone, now()) as source:
        chosen = selection.select(source, found.definition, now())
        return source_files.bring(source, chosen, replace(found.definition, count_file=None), folder, "check")


def _check_consent(
    store: Store, draft: Import, campaign: Campaign, kinds: Mapping[str, tuple[str, int | None]]
) -> None:
    """Refuse where the mapping, or a file that can be read now, shows that nobody's consent would be known."""
    if draft.definition.mapping:
        targets = [list(draft.definition.mapping.values())]
    elif parse_location(draft.definition.source).scheme != "file":
        return
    else:
        try:
            files = _files(store, draft, Path())
            targets = targets_of(files, draft.definition, dict(kinds))
        except FileRefused:
            return
    if any(consent_missing(one, draft.definition, campaign.medium) for one in targets):
        raise Invalid(consent_message(campaign.medium, campaign.name))


@dataclass(frozen=True)
class Untaken:
    """A column that no attribute takes: its likely type, and what would take it: a command, and an option of
    `import edit` beside the mapping that is there. None is not needed.
    """

    column: str
    looks_like: str
    add: str | None
    map: str | None


@dataclass(frozen=True)
class CheckedList:
    """What `import check` saw of one file, without writing anything.

    `looks_like` has the likely type of every column, `untaken` says how each ignored one can be taken.
    """

    name: str
    bytes: int
    header: list[str]
    taken: dict[str, str]
    ignored: list[str]
    looks_like: dict[str, str]
    untaken: list[Untaken]
    first_rows: list[list[str]]
    read: int
    people: int
    rejected: dict[str, int]


def check_import(store: Store, name: str) -> list[CheckedList]:
    """Read the list of an import as a run would, and say what it would do; the store is not written.

    Raises:
        NotFound: no such import.
        FileRefused: the file is not there, or cannot be imported as a whole.
    """
    import tempfile

    found = imports.get(store, name)
    if found.definition.source == STDIN:
        raise Refused("Standard input can be read once only. Give it to: xpimport run-now NAME")
    with tempfile.TemporaryDirectory(prefix="xpimport-") as folder:
        return [_check_file(store, found, file, Path(folder)) for file in _files(store, found, Path(folder))]


def _check_file(store: Store, found: Import, file: SourceFile, folder: Path) -> CheckedList:
    kinds = kinds_of(store)
    staged = stage(folder / "check", [file], found.definition, kinds, lambda *_: None)
    columns = columns_of(staged.header, found.definition, kinds, file.name)
    rows = _some_rows(file, found)
    looks_like = dict(zip(staged.header, guess_types(staged.header, rows), strict=True))
    return CheckedList(
        name=file.name,
        bytes=file.bytes,
        header=staged.header,
        taken={column.title: column.attribute for column in columns},
        ignored=staged.ignored,
        looks_like=looks_like,
        untaken=[
            _how_to_take(title, looks_like[title], found.definition.mapping, kinds) for title in staged.ignored if title
        ],
        first_rows=rows[:3],
        read=staged.read,
        people=sum(part.people for part in staged.parts),
        rejected=_reasons(staged),
    )


def _reasons(staged: Staged) -> dict[str, int]:
    from collections import Counter
    from contextlib import closing

    from xpimport.store.driver import sqlite3

    found: Counter[str] = Counter()
    for part in staged.parts:
        with closing(sqlite3.connect(part.path)) as db:
            found.update(dict(db.execute("SELECT reason, count(*) FROM rejected GROUP BY reason").fetchall()))
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _some_rows(file: SourceFile, found: Import) -> list[list[str]]:
    from xpimport.importing.formats.opening import open_list

    rows: list[list[str]] = []
    with open_list(file.path, options_of(found.definition), file.name) as reader:
        for batch in reader.batches(size=GUESSED_FROM):
            rows += batch.records
            if len(rows) >= GUESSED_FROM:
                break
    return rows


def _how_to_take(title: str, kind: str, mapping: Mapping[str, str], kinds: Mapping[str, object]) -> Untaken:
    """An attribute for an ignored column, and a mapping where names alone do not do."""
    from shlex import quote

    name = attribute_name(title)
    return Untaken(
        column=title,
        looks_like=kind,
        add=None if name in kinds else f"xpimport attribute add {name} {kind}",
        map=f"--map {quote(f'{title}={name}')}" if mapping or name != title.casefold() else None,
    )
