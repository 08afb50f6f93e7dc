"""The trigger's moves, in one table, and what each reason means in plain words."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from xpimport.rules.schedule import next_after, parse_send_time, parse_zone

WAITING, SCHEDULED, SENDING, SENT = "waiting", "scheduled", "sending", "sent"
IGNORED, MISSED, HELD, STOPPED, FAILED = "ignored", "missed", "held", "stopped", "failed"

MOVES: dict[tuple[str, str], frozenset[str]] = {
    (WAITING, SCHEDULED): frozenset({"imported"}),
    (WAITING, IGNORED): frozenset({"import_too_late", "import_failed", "empty_audience"}),
    (WAITING, HELD): frozenset({"guard", "same_content", "same_people", "late_start"}),
    (WAITING, STOPPED): frozenset({"stopped"}),
    (SCHEDULED, SENDING): frozenset({"due"}),
    (SCHEDULED, SCHEDULED): frozenset({"released"}),
    (SCHEDULED, MISSED): frozenset({"no_tick", "not_approved"}),
    (SCHEDULED, HELD): frozenset({"triggers_off", "campaign_paused", "restored", "copied_store"}),
    (SCHEDULED, STOPPED): frozenset({"stopped"}),
    (SENDING, SENT): frozenset({"done"}),
    (SENT, SCHEDULED): frozenset({"resent"}),
    (SENDING, HELD): frozenset(
        {
            "triggers_off",
            "campaign_paused",
            "auth_failed",
            "resume_too_late",
            "canary",
            "window_closed",
            "sender_refused",
            "endpoint_refused",
            "restored",
            "copied_store",
        }
    ),
    (SENDING, FAILED): frozenset({"template_error"}),
    (SENDING, STOPPED): frozenset({"stopped"}),
    (HELD, STOPPED): frozenset({"stopped"}),
    **{(state, SCHEDULED): frozenset({"released", "resent"}) for state in (IGNORED, MISSED, HELD, STOPPED, FAILED)},
}
"""(from, to) -> the reasons for which that move is made; nothing else moves a trigger."""

REASONS = {
    "import_too_late": "the import did not complete before the send time",
    "import_failed": "the import failed",
    "empty_audience": "the list brought nobody in",
    "guard": "a guard found the list unusual",
    "same_content": "the same list already reached people, or is about to",
    "same_people": "nearly the same people were in the last run",
    "no_tick": "no tick ran within the grace after the send time",
    "not_approved": "nobody approved it before its send time",
    "canary": "too many of those who went first did not get it",
    "window_closed": "its send window does not open again in time",
    "campaign_paused": "the campaign is paused",
    "late_start": "its import began too late to be sent at once",
    "triggers_off": "sending is switched off in this store",
    "auth_failed": "the receiver refused the log-in",
    "sender_refused": "the mail server refused the sender, whoever the message was for",
    "endpoint_refused": "the receiver has nothing at the campaign's URL, or does not let us in",
    "restored": "this store was an older copy of itself, and what is past there may have been sent already",
    "copied_store": "this store was a copy of another one, which may have sent it already",
    "resume_too_late": "the send was interrupted and could not be taken up again in time",
    "template_error": "the campaign's template is broken",
    "stopped": "somebody stopped it",
}
"""Reasons that a state keeps, in words that follow "because"."""

BY_PEOPLE = frozenset({"stopped", "released", "approved", "resent"})
"""Moves that a person makes, not a tick."""

KEPT_REASONS = frozenset(REASONS)
"""The others (imported, due, done, released) belong to the move, not to the state reached."""

IN_DOUBT = frozenset({"restored", "copied_store"})
"""Held because the store is not known to be the one and only."""

ARMED = frozenset({WAITING, SCHEDULED, SENDING})
STOPPABLE = frozenset({WAITING, SCHEDULED, HELD, SENDING})
RELEASABLE = frozenset({IGNORED, MISSED, HELD, STOPPED, FAILED})
FINAL_IGNORED = frozenset({"import_failed", "empty_audience"})


def check_move(before: str, after: str, reason: str) -> None:
    """Refuse a move that the table does not name; a mistake in the program, never in the input.

    Raises:
        ValueError: no such move, or not for this reason.
    """
    if reason not in MOVES.get((before, after), frozenset()):
        raise ValueError(f"a trigger does not move from {before} to {after} because of {reason}")


@dataclass(frozen=True)
class Arming:
    """What becomes of a waiting trigger when its import completes; `send_at` in UTC where it is scheduled."""

    state: str
    reason: str
    send_at: datetime | None


def when_completed(
    *,
    completed_at: datetime,
    send_at: datetime | None,
    audience: int,
    guard: bool,
    same_content: bool,
    same_people: bool = False,
    late_start: bool = False,
) -> Arming:
    """Decide a waiting trigger at the instant (UTC) at which its import completes.

    `send_at` None means at once, which a `late_start` makes a surprise. Completing exactly at the send instant is too late.
    """
    if send_at is not None and completed_at >= send_at:
        return Arming(IGNORED, "import_too_late", send_at)
    if audience == 0:
        return Arming(IGNORED, "empty_audience", send_at)
    if guard:
        return Arming(HELD, "guard", send_at)
    if same_content:
        return Arming(HELD, "same_content", send_at)
    if same_people:
        return Arming(HELD, "same_people", send_at)
    if late_start and send_at is None:
        return Arming(HELD, "late_start", completed_at)
    return Arming(SCHEDULED, "imported", send_at or completed_at)


def send_instant(send_at: str | None, timezone: str, start: datetime) -> datetime | None:
    """The instant (UTC) at which a run that starts at `start` sends; None: as soon as it completes.

    It is the first occurrence of the rule `send_at` in `timezone` strictly after the start.
    """
    return None if send_at is None else next_after(parse_send_time(send_at), parse_zone(timezone), start)


def is_missed(send_at: datetime, grace: timedelta, now: datetime) -> bool:
    """Whether the grace after the send instant has passed, so that sending now would be a surprise."""
    return now > send_at + grace


def setback_wait(setbacks: int) -> timedelta:
    """How long a task or send that broke `setbacks` times is left alone: 1, 2, 4, 8 and from then on 15 minutes."""
    return timedelta(minutes=min(15, 2 ** min(setbacks - 1, 4)))


def backoff(attempts: int) -> timedelta:
    """How long a message waits after its `attempts`-th temporary refusal: 1, 2, 4 ... at most 60 minutes."""
    return timedelta(minutes=min(60, 2 ** max(0, attempts - 1)))
