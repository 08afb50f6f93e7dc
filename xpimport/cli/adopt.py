"""adopt: a store that is a copy goes on, by a person's word."""

import sys
from datetime import datetime

import typer

from xpimport.cli import screen
from xpimport.cli.options import Yes, example, store_of
from xpimport.defining import settings
from xpimport.errors import Invalid
from xpimport.flow import adopt as adopting
from xpimport.flow.adopt import Adoption, GoesOn
from xpimport.hints import command
from xpimport.people.recovery import TakenIn
from xpimport.rules.settings import TIMEZONE


@example("xpimport adopt")
def adopt(ctx: typer.Context, yes: Yes = False) -> None:
    """Let a store go on that is an older copy put back, or a copy elsewhere."""
    with store_of(ctx) as store:
        adoption = adopting.look(store)
        if adoption is None:
            screen.say("Nothing is in doubt: this store is where it was, and knows what it did.")
            return
        zone = settings.get(store, TIMEZONE).key
        _tell(adoption, zone)
        if not yes and not sys.stdin.isatty():
            raise Invalid("Nobody is here to be asked. Once no other copy is at work: xpimport adopt --yes")
        if not screen.confirm("Adopt this store?", yes=yes):
            screen.say(f"Nothing was changed{_but(adoption.taken_in)}.")
            return
        adopting.adopt(store, adoption)
    screen.say("Adopted: this store goes on from here.")
    for found in adoption.in_doubt:
        screen.say(f"Send to those who may have got it: {command('resend', found.task, '--uncertain')}")
    screen.say(f"What comes next: {command('plan')}")


def _tell(adoption: Adoption, zone: str) -> None:
    note = adoption.doubt.note
    screen.tell(f"{adoption.why} Until it is adopted it imports and sends nothing.\n")
    doubtful = [
        (f"{found.campaign}, task {found.task}", f"{_people(found.people)} uncertain") for found in adoption.in_doubt
    ]
    unfinished = adoption.unfinished
    screen.pairs(
        [
            ("From the journal", _taken(adoption.taken_in)),
            *((f"{one.name}, task {one.task}", "was sent; who got it is not known here") for one in adoption.elsewhere),
            *doubtful,
            ("Under way", f"{screen.counted(unfinished, 'task')} will fail" if unfinished else None),
            *((one.name, _goes_on(one, zone)) for one in adoption.goes_on if one.next_run_at),
            ("Numbers", f"the next task is {adoption.next_task}, so that none is used twice"),
        ]
    )
    if note is not None:
        at = screen.instant(datetime.fromisoformat(note.at), zone)
        screen.tell(
            f"\nDoes the original still run somewhere? It was last at work on {note.machine}, at {at}.\n"
            "Then stop its ticks first, or people get things twice."
        )


def _people(people: int) -> str:
    return f"may have gone out: {screen.counted(people, 'person becomes', 'people become')}"


def _goes_on(one: GoesOn, zone: str) -> str:
    skipped = f"; {screen.counted(one.skipped, 'run is', 'runs are')} skipped" if one.skipped else ""
    return f"goes on with {screen.instant(one.next_run_at, zone)}{skipped}"


def _taken(taken: TakenIn) -> str | None:
    parts = [
        screen.counted(taken.opt_outs, "opt-out") if taken.opt_outs else "",
        screen.counted(taken.suppressions, "suppression") if taken.suppressions else "",
        f"{screen.counted(taken.lifted, 'word')} taken back" if taken.lifted else "",
    ]
    named = [part for part in parts if part]
    return f"{' and '.join(named)} taken in" if named else "nothing that it did not know"


def _but(taken: TakenIn) -> str:
    return " but what the journal told" if taken.opt_outs or taken.suppressions or taken.lifted else ""
