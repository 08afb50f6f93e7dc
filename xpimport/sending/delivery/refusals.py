"""What a send does about refusals that are not one person's: the main thread's account of one claim."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from xpimport.rules.delivery import ACCEPTED, FAILED, RETRY
from xpimport.rules.refusals import IN_A_ROW, About, Everybody, Row, hold_reason
from xpimport.rules.replies import POST
from xpimport.rules.throttle import Pace
from xpimport.sending.channels import Outcome
from xpimport.sending.delivery.ledger import Grant

OFFERED_AGAIN = 3
"""How often a person is offered again because of a connection, while others get theirs, before it counts as an attempt."""
PATIENCE = 30.0
"""Seconds without an acceptance after which a send that was slowed down waits for another tick."""
SHORT_WAIT = 5.0
"""Seconds of a Retry-After that are waited for where the send is."""


@dataclass(frozen=True)
class Sorted:
    """Outcomes by what the ledger does with them.

    Attributes:
        final: they are recorded as they are.
        back: pending as before, no attempt counted; offered again in this claim.
        held_back: the same, but not before the next claim.
        theirs: were held back, and an acceptance has shown since that it is their own matter.
        refunded: people whose last attempt is not counted after all.
    """

    final: list[tuple[Grant, Outcome]] = field(default_factory=list)
    back: list[Grant] = field(default_factory=list)
    held_back: list[Grant] = field(default_factory=list)
    theirs: list[tuple[Grant, Outcome]] = field(default_factory=list)
    refunded: list[int] = field(default_factory=list)


class Refusals:
    """Keeps what came in a row, and says what follows from it.

    `hold` is the reason to hold the trigger, if there is one; `wait` the seconds that the receiver asks the whole send
    to wait; `futile` whether nothing gets through for now; `problem` what was said.
    """

    def __init__(self, pace: Pace, connections: int) -> None:
        """Begin a claim with so many connections."""
        self.hold: str | None = None
        self.wait: float | None = None
        self.futile = False
        self.problem: str | None = None
        self._pace, self._connections = pace, connections
        self._row, self._everybody = Row(), Everybody()
        self._ours: dict[int, tuple[Grant, Outcome]] = {}
        self._again: Counter[int] = Counter()
        self._accepted_before: dict[int, int] = {}
        self._in_vain = self._log_ins = self._accepted = 0
        self._accepted_at = time.monotonic()

    @property
    def unsettled(self) -> str | None:
        """With which reason those are refused who were since the last acceptance; None: nobody was."""
        return hold_reason(self._row.last) if self._row.last is not None else None

    def log_in_refused(self, *, left: int) -> None:
        """A connection was refused its log-in; `left` others are still there."""
        self._log_ins += 1
        if self._log_ins >= IN_A_ROW or not left:
            self.hold = "auth_failed"

    def sort(self, outcomes: Sequence[tuple[Grant, Outcome]]) -> Sorted:
        """Say what is to be done with each outcome."""
        found = Sorted()
        for grant, outcome in outcomes:
            match outcome.about:
                case About.PERSON:
                    self._answered(found, grant, outcome)
                case About.OURS:
                    self._refused(found, grant, outcome)
                case About.CONNECTION:
                    self._disconnected(found, grant, outcome)
                case About.RATE:
                    self._too_fast(found, grant, outcome)
        return found

    def _answered(self, found: Sorted, grant: Grant, outcome: Outcome) -> None:
        reply = outcome.reply
        if outcome.state == FAILED and reply and (reply.command, reply.code) == (POST, 409) and grant.unanswered:
            # The receiver is still at the request that it did not answer.
            outcome = Outcome("retry", "no_answer", outcome.detail, reply=reply)
        found.final.append((grant, outcome))
        if outcome.state == RETRY and reply and reply.command != POST:
            people = self._everybody.refused(grant.job[2], grant.profile)
            if people:
                found.refunded.extend(people)
                self._slow(outcome)
            return
        self._everybody.answered()
        if outcome.state == ACCEPTED:
            self._accepted += 1
            self._accepted_at = time.monotonic()
            self._pace.accepted(self._accepted_at)
            self._in_vain = self._log_ins = 0
            found.theirs.extend(self._ours.pop(profile) for profile in self._row.accepted() if profile in self._ours)

    def _refused(self, found: Sorted, grant: Grant, outcome: Outcome) -> None:
        if outcome.reply is None:
            found.final.append((grant, outcome))
            return
        failed = replace(
            outcome, state="failed", reason=outcome.reason if outcome.state == FAILED else "rejected_by_server"
        )
        if self._row.refused(grant.profile, outcome.reply):
            self.hold = hold_reason(outcome.reply)
        self.problem = outcome.detail
        if grant.refused_before:
            found.final.append((grant, failed))
            return
        self._ours[grant.profile] = grant, failed
        found.held_back.append(grant)

    def _disconnected(self, found: Sorted, grant: Grant, outcome: Outcome) -> None:
        self._again[grant.profile] += 1
        self._in_vain += 1
        # While nobody gets theirs it is the server that is not there; only beside others it can be this person.
        before = self._accepted_before.setdefault(grant.profile, self._accepted)
        if self._accepted > before and self._again[grant.profile] > OFFERED_AGAIN:
            found.final.append((grant, outcome))
        else:
            found.back.append(grant)
        if self._in_vain > OFFERED_AGAIN * self._connections:
            self.futile, self.problem = True, outcome.detail

    def _too_fast(self, found: Sorted, grant: Grant, outcome: Outcome) -> None:
        found.back.append(grant)
        if outcome.retry_after is not None and outcome.retry_after > SHORT_WAIT:
            self.wait, self.problem = max(self.wait or 0.0, outcome.retry_after), outcome.detail
        elif outcome.retry_after is not None:
            self._pace.stop(outcome.retry_after, time.monotonic())
        self._slow(outcome)

    def _slow(self, outcome: Outcome) -> None:
        at = time.monotonic()
        self._pace.refused(at)
        if at > self._accepted_at + PATIENCE:
            self.futile, self.problem = True, outcome.detail
