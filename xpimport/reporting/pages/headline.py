"""What came of a run, in the sentence that its page begins with."""

from typing import Any

from xpimport.reporting.beside import Run
from xpimport.reporting.figures import Figures
from xpimport.reporting.pages.funnel import delivered, reported, unreported
from xpimport.reporting.pages.words import Times, counted, listed, number
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, UNCERTAIN
from xpimport.rules.events import Kind
from xpimport.rules.trigger import IGNORED, REASONS, SCHEDULED, WAITING


def headline(details: dict[str, Any], run: Run, times: Times) -> str:
    """Who got it; or why nobody did."""
    if details["error"]:
        return f"The import failed: {details['error']['message']}"
    if details["status"] != "completed":
        return f"The import is not over: {details['status'].replace('_', ' ')}."
    if run.row["began_at"] is not None:
        return sent(run.figures)
    rows, trigger = details["rows"], details["trigger"]
    people = counted(sum(rows[name] for name in ("created", "updated", "unchanged")), "person", "people")
    came = f"{people} came in from {counted(rows['read'], 'row')}. "
    if trigger is None:
        return came + "This import sends nothing."
    if trigger["state"] in {WAITING, SCHEDULED}:
        due = trigger["send_at"]
        return came + (f"Nothing is sent yet: it is due {times.instant(due)}." if due else "Nothing is sent yet.")
    said = trigger["reason"] in REASONS and trigger["reason"] != trigger["state"]
    because = f", because {REASONS[trigger['reason']]}" if said else ""
    word = "ignored" if trigger["state"] == IGNORED else trigger["state"]
    return f"{came}Nothing was sent: {trigger['campaign']} was {word}{because}."


def sent(found: Figures) -> str:
    """Who got it, read it, and who did not get it."""
    arrived, accepted = delivered(found), found.fates[ACCEPTED]
    got = accepted - found.accepted_and_bounced if arrived is None else arrived
    the = "" if found.audience == 1 else "the "
    text = (
        f"Of {the}{counted(found.audience, 'person', 'people')} on the list {number(got) if got else 'nobody'} got it"
    )
    read = [
        f"{number(found.of(kind).people)} {did}"
        for kind, did in ((Kind.OPENED, "opened it"), (Kind.CLICKED, "clicked"))
        if reported(found, kind)
    ]
    text += f"; {listed(read)}." if read else "."
    lost = [
        (found.fates[EXCLUDED], "excluded"),
        (found.fates[FAILED], "failed"),
        (found.accepted_and_bounced, "bounced"),
    ]
    parts = [_was(count, word) for count, word in lost if count]
    if parts:
        text += f" {listed(parts)}."
    unknown = found.fates[UNCERTAIN] + unreported(found)
    if unknown:
        text += f" Of {number(unknown)} it is not known."
    if found.unsent:
        text += f" {number(found.unsent)} {'is' if found.unsent == 1 else 'are'} not sent to yet."
    if not reported(found) and accepted:
        text += " Nobody reports opens or clicks."
    return text


def _was(count: int, word: str) -> str:
    if word == "excluded":
        return f"{number(count)} {'was' if count == 1 else 'were'} excluded"
    return f"{number(count)} {word}"
