"""A store that is an older copy put back, or a copy elsewhere: it does nothing by itself until somebody adopts it."""

from dataclasses import dataclass
from datetime import datetime

from xpimport.clock import from_text, now
from xpimport.defining import imports, settings
from xpimport.defining.imports import Import
from xpimport.errors import Refused
from xpimport.hints import command
from xpimport.importing import tasks
from xpimport.people.recovery import TakenIn, take_in, take_in_refusals
from xpimport.rules.schedule import Missed, missed, parse_schedule, parse_zone
from xpimport.rules.settings import TIMEZONE
from xpimport.sending import claim, restored, triggers
from xpimport.sending.restored import InDoubt
from xpimport.store import epochs, high_water, journal
from xpimport.store.database import Store
from xpimport.store.high_water import COPIED, Doubt, HighWater


@dataclass(frozen=True)
class GoesOn:
    """An import of an adopted store: when it next runs (UTC; None without a schedule), and the runs passed over."""

    name: str
    next_run_at: datetime | None
    skipped: int


@dataclass(frozen=True)
class Begun:
    """A send whose claim the journal has: when it began (UTC text), and its list."""

    at: str
    trigger: int
    task: int
    import_id: int
    content_hash: str | None


@dataclass(frozen=True)
class Elsewhere:
    """A task that is not known here, of an import that is; its send began in another copy."""

    name: str
    task: int


@dataclass(frozen=True)
class Adoption:
    """What adopting a store means: why, what the journal told, and what becomes of its sends, tasks and imports."""

    doubt: Doubt
    why: str
    taken_in: TakenIn
    begun: list[Begun]
    elsewhere: list[Elsewhere]
    in_doubt: list[InDoubt]
    unfinished: int
    goes_on: list[GoesOn]
    next_task: int


def check(store: Store, *, hold_due: bool = False) -> None:
    """Before anything is imported or sent: that the store is the one and only, and knows who said no.

    Raises:
        Refused: it knows less than its note, or is not where that says; with `hold_due` what is due is held first.
    """
    words = warning(store)
    if words is not None:
        for trigger in claim.due(store) if hold_due else ():
            claim.claim(store, trigger)
        raise Refused(words)
    take_in_refusals(store)


def warning(store: Store) -> str | None:
    """What is wrong with a store that is in doubt, and what to do; None where nothing is."""
    doubt = high_water.doubt(store)
    if doubt is None:
        return None
    return f"{describe(store, doubt)}\nIt imports and sends nothing until you say that it goes on: {command('adopt')}"


def describe(store: Store, doubt: Doubt) -> str:
    """What is wrong with a store, in sentences."""
    note, own = doubt.note, doubt.mark
    if note is None:
        return "This store has sent before, but no note of how far it got lies beside it, so it is a copy."
    zone = settings.get(store, TIMEZONE)
    at = from_text(note.at).astimezone(zone)
    noted = f"its note of {at:%a %Y-%m-%d %H:%M} ({zone.key}) says that"
    if doubt.reason == COPIED:
        same = note.path == str(store.path.absolute())
        why = f" Its file is another one than then; {high_water.HOME} names a home where that changes." if same else ""
        return f"This store is a copy: {noted} it was at work as {note.path} on {note.machine}.{why}"
    if own.generation < note.mark.generation:
        return f"This store knows less than it did: {noted} it was adopted since, as {note.path} on {note.machine}."
    return f"This store knows less than it did: {_less(own, note.mark, noted)}. It looks like an older copy that was put back."


def _less(own: HighWater, mark: HighWater, noted: str) -> str:
    if own.task < mark.task:
        ends = f"it ends with task {own.task}" if own.task else "it has no task yet"
        return f"{ends}, but {noted} task {mark.task} was there"
    if own.intents < mark.intents:
        return f"it knows of {own.intents:,} messages, but {noted} {mark.intents:,} were begun"
    return f"{noted} it had given numbers to people, sends or keys that it does not know"


def look(store: Store) -> Adoption | None:
    """Take the journal in, and say what adopting this store means; None where nothing is in doubt."""
    doubt = high_water.doubt(store)
    if doubt is None:
        return None
    sends: list[journal.Entry] = []
    taken = take_in(store, sends.append)
    begun = [Begun(*entry[1:]) for entry in sends if entry[0] == journal.BEGIN]
    due = [(found, _passed(found)) for found in reversed(imports.everything(store))]
    skipped = sum(gap is not None for _, gap in due)
    return Adoption(
        doubt,
        describe(store, doubt),
        taken,
        begun,
        _elsewhere(store, begun),
        restored.in_doubt(store, {one.trigger for one in begun}),
        len(tasks.unfinished(store)),
        [GoesOn(one.name, imports.next_run(one, now()), gap.count if gap else 0) for one, gap in due],
        high_water.beyond(store).task + skipped + 1,
    )


def _elsewhere(store: Store, begun: list[Begun]) -> list[Elsewhere]:
    names = {one.id: one.name for one in imports.everything(store)}
    lost = {one.task: names[one.import_id] for one in begun if one.import_id in names and not _is_known(store, one)}
    return [Elsewhere(name, task) for task, name in sorted(lost.items())]


def _is_known(store: Store, begun: Begun) -> bool:
    return bool(store.scalar("SELECT EXISTS (SELECT 1 FROM tasks WHERE id = ?)", begun.task))


def _passed(found: Import) -> Missed | None:
    """The occurrences of an import that have come and were not handled here."""
    if found.next_run_at is None or found.next_run_at > now():
        return None
    return missed(parse_schedule(found.schedule or ""), parse_zone(found.timezone), found.next_run_at, now())


def adopt(store: Store, adoption: Adoption) -> None:
    """Let the store go on from here, with numbers and keys that no other copy has given out.

    Raises:
        StoreRefused: that cannot be noted beside it.
    """
    with store.writing():
        epochs.end(store)
        high_water.go_on_from(store, high_water.beyond(store))
        for task in tasks.unfinished(store):
            tasks.fail(
                store,
                task,
                "restored",
                "It was under way in another copy of this store; what came of it there is not known here.",
            )
            triggers.disarm_failed(store, task)
        for found in restored.in_doubt(store, {one.trigger for one in adoption.begun}):
            restored.make_uncertain(store, found, adoption.doubt.reason)
        for lost in adoption.begun:
            tasks.sent_elsewhere(store, lost.task, lost.import_id, lost.at, lost.content_hash)
        for one in imports.everything(store):
            gap = _passed(one)
            if gap is not None:
                tasks.skip(store, one.id, gap.first, gap.last, gap.count, "restored")
                imports.pass_over(store, one, now())
    high_water.write_note(store, adopted=True)
