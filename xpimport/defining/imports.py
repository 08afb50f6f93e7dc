"""Imports: the automation that a list file follows, with its schedule, campaign and send time."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from xpimport.clock import from_text, now, to_text
from xpimport.defining import settings
from xpimport.defining.campaigns import check_name, refuse_while_armed
from xpimport.errors import Invalid, NotFound, Refused
from xpimport.hints import command
from xpimport.rules.definition import FORMATS, MEDIA, Definition, check_mapping
from xpimport.rules.phones import check_region
from xpimport.rules.schedule import next_after, parse_schedule, parse_send_time, parse_zone
from xpimport.rules.settings import TIMEZONE
from xpimport.store.database import Store

CHOICES = {
    "identify_by": ("user_id", "email"),
    "mode": ("upsert", "create", "update"),
    "blank": ("keep", "clear"),
    "take": ("newest", "oldest", "all"),
    "same_content": ("hold", "send"),
    "on_guard": ("fail", "hold"),
}


@dataclass(frozen=True)
class Import:
    """An import as it is kept. `schedule` and `send_at` are rules in `timezone`; `next_run_at` is an instant."""

    name: str
    definition: Definition
    timezone: str
    schedule: str | None = None
    campaign: str | None = None
    campaign_id: int | None = None
    send_at: str | None = None
    active: bool = True
    next_run_at: datetime | None = None
    id: int = 0
    last_task: int | None = None
    last_status: str | None = None
    last_run_at: datetime | None = None


def checked(draft: Import, attributes: Collection[str]) -> Import:
    """A draft whose values fit, with its name trimmed; a mapping may name `attributes`.

    Raises:
        Invalid: naming the option: the name, the mapping, a choice, region, schedule, zone, send time or guard is off,
            or a send time stands without a campaign.
    """
    draft = replace(draft, name=check_name(draft.name, "an import"))
    definition = draft.definition
    check_mapping(definition.mapping, definition.identify_by, attributes)
    for name, allowed in CHOICES.items():
        value = getattr(definition, name)
        if value not in allowed:
            raise Invalid(f"--{name.replace('_', '-')} {value!r} is none of: {', '.join(allowed)}.")
    _check_format(definition)
    for medium in definition.subscribe:
        if medium not in MEDIA:
            raise Invalid(f"--subscribe {medium!r} is none of: {', '.join(MEDIA)}.")
    if definition.region is not None:
        check_region(definition.region)
    parse_zone(draft.timezone)
    if draft.schedule is not None:
        parse_schedule(draft.schedule)
    _check_send_time(draft)
    if not definition.source.strip():
        raise Invalid("--source is empty. Name a file, like --source /data/lists/vip.csv")
    return draft


def _check_send_time(draft: Import) -> None:
    if draft.send_at is not None:
        if draft.campaign is None:
            raise Invalid("--send-at without --campaign: there is nothing to send. Add --campaign NAME.")
        parse_send_time(draft.send_at)
    if draft.definition.require_approval and draft.send_at is None:
        raise Invalid("--require-approval needs a send time by which somebody has approved: add --send-at HH:MM.")


def _check_format(definition: Definition) -> None:
    if definition.format not in {None, *FORMATS}:
        raise Invalid(f"--format {definition.format!r} is none of: {', '.join(FORMATS)}.")
    if definition.sheet is not None and definition.format not in {None, "xlsx"}:
        raise Invalid(f"--sheet with --format {definition.format}: only a workbook has sheets. Leave one out.")


def next_run(draft: Import, after: datetime) -> datetime | None:
    """The next scheduled instant (UTC) strictly after `after`; None without schedule or while switched off."""
    if draft.schedule is None or not draft.active:
        return None
    return next_after(parse_schedule(draft.schedule), parse_zone(draft.timezone), after)


def add(store: Store, draft: Import) -> Import:
    """Keep a new, checked import, active at once.

    Raises:
        Refused: the name is taken.
    """
    name, at = draft.name, now()
    with store.writing():
        if store.scalar("SELECT 1 FROM imports WHERE name = ? AND removed_at IS NULL", name):
            raise Refused(f"There is an import {name!r} already. Change it with: {command('import', 'edit', name)}")
        store.db.execute(
            "INSERT INTO imports (name, source, options, schedule, timezone, campaign_id, send_at, next_run_at,"
            " created_at, changed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (name, *_values(draft), _text(next_run(draft, at)), to_text(at), to_text(at)),
        )
    return get(store, name)


def change(store: Store, draft: Import) -> Import:
    """Keep a checked `draft` in place of what its id held; an armed trigger keeps its instant, a schedule starts from now."""
    at = now()
    with store.writing():
        # An occurrence that was already handled, perhaps before the clock was set back, does not come again.
        handled = store.scalar("SELECT max(scheduled_for) FROM tasks WHERE import_id = ?", draft.id)
        after = max(at, from_text(handled)) if handled else at
        store.db.execute(
            "UPDATE imports SET source = ?, options = ?, schedule = ?, timezone = ?, campaign_id = ?, send_at = ?,"
            " next_run_at = ?, active = ?, changed_at = ? WHERE id = ?",
            (*_values(draft), _text(next_run(draft, after)), int(draft.active), to_text(at), draft.id),
        )
    return get(store, draft.name)


def _values(draft: Import) -> tuple[Any, ...]:
    definition = draft.definition
    return (
        definition.source,
        definition.to_json(),
        draft.schedule,
        draft.timezone,
        draft.campaign_id,
        draft.send_at,
    )


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else to_text(instant)


_SELECT = """
SELECT i.*, c.name AS campaign, t.id AS last_task, t.status AS last_status, t.started_at AS last_run_at
FROM imports i LEFT JOIN campaigns c ON c.id = i.campaign_id
LEFT JOIN tasks t ON t.id = (SELECT max(id) FROM tasks WHERE import_id = i.id AND type = 'profile_import')
WHERE i.removed_at IS NULL
"""


def _import(row: Any) -> Import:
    return Import(
        name=row["name"],
        definition=Definition.from_json(row["options"]),
        timezone=row["timezone"],
        schedule=row["schedule"],
        campaign=row["campaign"],
        campaign_id=row["campaign_id"],
        send_at=row["send_at"],
        active=bool(row["active"]),
        next_run_at=from_text(row["next_run_at"]) if row["next_run_at"] else None,
        id=row["id"],
        last_task=row["last_task"],
        last_status=row["last_status"],
        last_run_at=from_text(row["last_run_at"]) if row["last_run_at"] else None,
    )


def get(store: Store, name: str) -> Import:
    """The import of that name.

    Raises:
        NotFound: there is none.
    """
    row = store.one(_SELECT + " AND i.name = ?", name)
    if row is None:
        raise NotFound(f"There is no import {name!r}. See: xpimport import list")
    return _import(row)


def everything(store: Store) -> list[Import]:
    """All imports, newest first."""
    return [_import(row) for row in store.all(_SELECT + " ORDER BY i.id DESC")]


def due(store: Store) -> list[str]:
    """The names of the imports that are to run now or were to before, the earliest first."""
    rows = store.all("SELECT name FROM imports WHERE next_run_at <= ? ORDER BY next_run_at, id", to_text(now()))
    return [row["name"] for row in rows]


def due_since(store: Store, import_id: int) -> datetime | None:
    """The first occurrence (UTC) of an import that has come and was not handled; None when there is none."""
    first = store.scalar("SELECT next_run_at FROM imports WHERE id = ? AND active AND removed_at IS NULL", import_id)
    return None if first is None or from_text(first) > now() else from_text(first)


def pass_over(store: Store, found: Import, upto: datetime) -> None:
    """Occurrences up to an instant (UTC) are handled: the next is one after it; inside the caller's transaction."""
    store.db.execute("UPDATE imports SET next_run_at = ? WHERE id = ?", (_text(next_run(found, upto)), found.id))


def timezone_of(store: Store, task: int) -> str:
    """The zone in which a task's times are meant: its import's, else the store's."""
    zone = store.scalar("SELECT i.timezone FROM tasks t JOIN imports i ON i.id = t.import_id WHERE t.id = ?", task)
    return str(zone or settings.get(store, TIMEZONE).key)


def set_active(store: Store, name: str, *, active: bool) -> tuple[Import, bool]:
    """Switch an import's schedule on or off; returns it, and whether that changed anything.

    Switching on never catches up with what was missed meanwhile.
    """
    found = get(store, name)
    if found.active == active:
        return found, False
    return change(store, replace(found, active=active)), True


def remove(store: Store, name: str) -> None:
    """Take an import out of use; its tasks stay in the history.

    Raises:
        NotFound: there is none.
        Refused: it is running, or a trigger of it is armed.
    """
    found = get(store, name)
    with store.writing():
        running = store.scalar("SELECT id FROM tasks WHERE import_id = ? AND status = 'running'", found.id)
        if running is not None:
            raise Refused(f"Task {running} of import {name!r} is running. Remove it when that is done.")
        refuse_while_armed(store, "import_id", found.id, f"import {name!r}")
        at = to_text(now())
        store.db.execute("UPDATE imports SET removed_at = ?, next_run_at = NULL WHERE id = ?", (at, found.id))
        store.db.execute(
            "UPDATE tasks SET status = 'failed', finished_at = ?, wake_at = NULL, error_code = 'cancelled',"
            " error_message = 'The import was removed.' WHERE import_id = ? AND status = 'waiting_for_file'",
            (at, found.id),
        )
