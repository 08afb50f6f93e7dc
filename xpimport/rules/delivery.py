"""The fates of a person in a send: the states of a delivery, their sets, and what each reason means in plain words."""

from collections.abc import Iterable
from enum import Enum
from types import MappingProxyType

PENDING, ATTEMPTING, RETRY = "pending", "attempting", "retry"
ACCEPTED, FAILED, UNCERTAIN, EXCLUDED = "accepted", "failed", "uncertain", "excluded"

FINAL = (ACCEPTED, FAILED, EXCLUDED, UNCERTAIN)
"""The states that are over, in the order of the reports."""
UNSENT = frozenset({PENDING, ATTEMPTING, RETRY})
"""The states that are not over."""
REACHED = frozenset({ACCEPTED, UNCERTAIN})
"""Has the message, or may have it."""
BEGUN = REACHED | {ATTEMPTING}
"""Has the message, or may have it by the time that one looks again."""
WAITING = frozenset({PENDING, RETRY})
"""Provably without the message, and to be sent to."""
SETTLED = frozenset({ACCEPTED, FAILED})
"""Known for certain of a message that was handed over."""
LEFT_OUT = frozenset({EXCLUDED, FAILED})
"""Provably without the message, and not to be sent to."""
REDECIDED = WAITING | {EXCLUDED}
"""Decided anew when an audience is decided again."""
TRIED = REACHED | {FAILED, RETRY}
"""A message was made, and something came of it."""


def sql_in(column: str, states: Iterable[str]) -> str:
    """SQL for whether a column holds one of these states."""
    quoted = ", ".join(f"'{state}'" for state in sorted(states))
    return f"{column} IN ({quoted})"


EXCLUSIONS = {
    "forgotten": "the profile is no longer in the store",
    "no_address": "the profile has no address of this medium",
    "invalid_address": "the address cannot be written to",
    "suppressed": "the address is on the suppression list",
    "bounced": "mail to the address came back",
    "unsubscribed": "the person or the address has opted out",
    "subscription_unset": "nobody has said whether the person agreed",
    "outside_segment": "the campaign's segment leaves the person out",
    "same_send": "another trigger of the same import and moment, or of the same list, sends to this person",
    "duplicate_address": "another profile of this send has the same address",
    "frequency_cap": "the person had as many messages of this category as may be, or one too recently",
    "control_group": "the person is in the campaign's control group",
}
"""Why somebody of the audience is `excluded`, in the order in which the reasons are looked at."""

FAILURES = {
    "rejected_by_server": "the receiver refused the message for good",
    "retry_expired": "the receiver refused the message for the time being until its retries ended",
    "not_personalised": "the campaign's template failed with this person's values",
    "invalid_address": "the message cannot be addressed to this person",
    "smtputf8_unsupported": "the address needs SMTPUTF8, which the mail server does not offer",
    "redirected": "the receiver answered with a redirect, which is not followed",
    "bounced_later": "its outcome was uncertain until the message came back, because the mailbox is not there",
    "invalid_key": "the message's key cannot be a file name in the outbox",
}
"""Why a message `failed`."""

UNCERTAINTIES = {
    "interrupted": "the process that sent it ended before it could say what became of it",
    "no_reply_after_data": "the mail server had the whole message and did not answer",
    "no_answer": "the receiver had the request and did not answer",
    "server_error": "the receiver had the request and answered with an error of its own",
    "unknown_answer": "the answer was not one of the platform",
    "restored": "this store was an older copy, or one elsewhere, and may have sent the message before",
}
"""Why it is `uncertain` whether a message was accepted."""

RETRIES = {
    "temporary_refusal": "the receiver refused the message for the time being",
    "connection_lost": "the connection broke before the message was complete",
    "unreachable": "the receiver could not be reached",
    "authentication_required": "the mail server takes no messages before a log-in",
    "auth_refused": "the receiver does not accept who we are",
    "invalid": "a setting or a secret that the connection needs is missing or bad",
    "no_answer": "the receiver did not answer, and knows a repeated message",
    "server_error": "the receiver answered with an error of its own, and knows a repeated message",
    "outbox_unwritable": "the outbox could not be written to",
}
"""Why a message is to be tried again (`retry`)."""

REASONS = MappingProxyType(
    {
        ACCEPTED: frozenset({""}),
        FAILED: frozenset(FAILURES),
        UNCERTAIN: frozenset(UNCERTAINTIES),
        RETRY: frozenset(RETRIES),
        EXCLUDED: frozenset(EXCLUSIONS),
    }
)
"""The reasons that each state may have."""


def check_reason(state: str, reason: str) -> None:
    """Refuse a state with a reason that nothing explains; a mistake in the program, never in the input.

    Raises:
        ValueError: no such state of a message, or not for this reason.
    """
    if reason not in REASONS.get(state, ()):
        raise ValueError(f"a delivery is not {state} because of {reason or 'nothing'}")


class Verdict(Enum):
    """Whether a send may begin more messages, and if not, why."""

    GO = "everything allows it"
    LOST = "the trigger was stopped, or another process has taken it over"
    OFF = "the master switch is off"
    PAUSED = "the campaign is paused"
    INTERRUPTED = "Ctrl-C, SIGTERM or a closed terminal"
    SHUT = "the send window is shut"
    REFUSED = "the receiver does not accept the sender, the log-in, or what is posted there"
    LATER = "the receiver asks the whole send to wait"
    DISCONNECTED = "the receiver cannot be reached any more"
