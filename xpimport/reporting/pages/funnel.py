"""From the rows of a list to the clicks: each step with what it is of, and what was lost on the way."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpimport.reporting.figures import Figures
from xpimport.reporting.pages.tables import Bar, Cell, Column, Row, Table, count
from xpimport.reporting.pages.words import counted, number, share, share_of
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, UNCERTAIN
from xpimport.rules.engagement import ENGAGED
from xpimport.rules.events import Kind

_COLUMNS = (
    Column("Step"),
    Column("Number", "n"),
    Column("Bar", "bars", hidden=True),
    Column("Share", "muted"),
    Column("Note", "muted"),
)


READ = (Kind.OPENED, Kind.CLICKED)


def reported(found: Figures, *kinds: int) -> bool:
    """Whether anybody tells of these kinds (else of opens or clicks) of these messages, so that none means none.

    Who tells of opens tells of clicks too; only we track one without the other.
    """
    known = {*found.tracked, *(kind for kind in READ if kind in found.events)}
    return bool(known & set(kinds or READ)) if found.tracked else bool(known)


def delivered(found: Figures) -> int | None:
    """People whose message was delivered; None where nobody reports deliveries."""
    return found.of(Kind.DELIVERED).people if Kind.DELIVERED in found.events else None


def base_of_rates(found: Figures) -> str:
    """What the rates of a page are of, in a sentence."""
    base, of = found.base(Kind.OPENED)
    if of == "delivered":
        why = "as deliveries are reported"
    elif delivered(found) is None:
        why = "as nobody reports deliveries"
    else:
        why = "as deliveries are reported of fewer people than had it"
    return f"Rates are of the {number(base)} {of}, {why}."


def funnel(rows: Mapping[str, Any], found: Figures, *, sends: bool) -> Table:
    """The steps of a run; `sends`: whether its sending has begun."""
    whole = max(rows["read"], 1)
    steps = [
        _step("Rows in the file", rows["read"], whole),
        _step(
            "People",
            found.audience,
            whole,
            share=f"{share_of(found.audience, rows['read'])} of rows" if rows["read"] else "",
            note=_lost(
                (rows["rejected"], "rejected"),
                (rows["merged"], "merged into a later row of the same person"),
                (rows["not_imported"], "not imported"),
            ),
        ),
    ]
    if sends:
        steps += [*_sent(found, whole), *_came_back(found, whole)]
    return Table("From rows to clicks, each step with what it is of", _COLUMNS, steps, "stack funnel")


def _sent(found: Figures, whole: int) -> list[Row]:
    sent_to = found.audience - found.fates[EXCLUDED]
    accepted, arrived = found.fates[ACCEPTED], delivered(found)
    failed, uncertain = found.fates[FAILED], found.fates[UNCERTAIN]
    bounced = found.accepted_and_bounced
    return [
        _step("To be sent to" if found.unsent else "Sent to", sent_to, whole,
              share=_of(sent_to, found.audience, "people"), note=_lost((found.fates[EXCLUDED], "excluded"))),
        _step("Accepted", accepted, whole, share=_of(accepted, sent_to, "sent to"),
              note=_lost((failed, "failed"), (uncertain, "uncertain"), (found.unsent, "unsent"))),
        _step("Delivered", arrived, whole,
              share="" if arrived is None else _of(arrived, accepted, "accepted"),
              note=_lost((bounced, "bounced"), (unreported(found), "not reported yet"))
              if arrived is not None else "Nobody reports deliveries." + (f" {bounced:,} bounced." if bounced else "")),
    ]  # fmt: skip


def unreported(found: Figures) -> int:
    """Accepted messages of which nothing is known beyond that; a message may be delivered and come back all the same."""
    arrived = delivered(found)
    return 0 if arrived is None else max(0, found.fates[ACCEPTED] - arrived - found.accepted_and_bounced)


def _came_back(found: Figures, whole: int) -> list[Row]:
    steps = []
    for kind, name in ((Kind.OPENED, "Opened"), (Kind.CLICKED, "Clicked")):
        if not reported(found, kind):
            steps.append(
                _step(name, None, whole, note=f"Nobody reports {'opens' if kind is Kind.OPENED else 'clicks'}.")
            )
            continue
        tally = found.of(kind)
        note = f"{counted(tally.total, 'time')}." if tally.total else ""
        if tally.machine_people:
            note += f" {number(tally.machine_people)} only by machines."
        steps.append(
            _step(
                name, tally.people, whole, machines=tally.machine_people, share=rate_of(found, kind), note=note.strip()
            )
        )
    if reported(found):
        engaged = found.of(ENGAGED).people
        steps.append(_step("Opened or clicked", engaged, whole, share=rate_of(found, ENGAGED), look="also first"))
    for kind in (Kind.UNSUBSCRIBED, Kind.COMPLAINED):
        look = "also" if reported(found) or kind is not Kind.UNSUBSCRIBED else "also first"
        people = found.of(kind).people
        steps.append(_step(kind.word.capitalize(), people, whole, share=rate_of(found, kind), look=look))
    return steps


def rate_of(found: Figures, kind: int) -> str:
    """A rate with what it is of."""
    rate = found.rate(kind)
    return f"{share(rate.share)} of {rate.of}" if rate else ""


def read_cell(found: Figures, kind: int) -> Cell:
    """Who opened or clicked, with the rate; blank where nobody reports it."""
    return count(found.of(kind).people, share_with(found, kind)) if reported(found, kind) else Cell()


def share_with(found: Figures, kind: int) -> str:
    """A rate in percent; blank where there is none."""
    rate = found.rate(kind)
    return share(rate.share) if rate else ""


def _of(part: int, whole: int, of: str) -> str:
    return f"{share_of(part, whole)} of {of}" if whole else ""


def _lost(*parts: tuple[int, str]) -> str:
    return ", ".join(f"{number(lost)} {word}" for lost, word in parts if lost)


def _step(
    name: str, value: int | None, whole: int, *, machines: int = 0, share: str = "", note: str = "", look: str = ""
) -> Row:
    bar = None if value is None else Bar(100 * value / whole, 100 * machines / whole, track=True)
    cells: Sequence[Cell] = (Cell(name), count(value), Cell(bar=bar), Cell(share), Cell(note))
    return Row(cells, look)
