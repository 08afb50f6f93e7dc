"""The ways out: one file a channel, all with the same three steps (open, connect, send).

To add a channel `pigeon`:

1. `pigeon.py` in this folder, with `CHANNEL = ChannelKind(name="pigeon", ...)` (`declaration.py` explains each field;
   `outbox.py` is the shortest example), the channel that its `open` returns (the protocol `Channel` below, which
   connects) and its session (`Session`, which sends). Heavy libraries are imported inside functions.
2. Its name in `CHANNELS` of `registry.py`. Nothing else names it.
3. A row in the table of channels of `xpimport/help/sending.md`, and one in `xpimport/help/settings.md` for each of its
   settings.
4. A test for each of its settings in `tests/cli/test_settings.py`, and one that sends by it against a real receiver.

`tests/test_kinds.py` says which of these is missing.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from xpimport.errors import Unreachable
from xpimport.rules.delivery import check_reason
from xpimport.rules.refusals import About
from xpimport.rules.replies import Reply


class ServerRefused(Unreachable):
    """The server was reached but is not ready for messages; `reply` is what it said, if it was that."""

    def __init__(self, message: str, reply: Reply | None = None) -> None:
        """Keep the message for the operator and the reply."""
        super().__init__(message)
        self.reply = reply


class AuthRefused(ServerRefused):
    """It does not accept the name and password; nobody's message was tried."""

    code = "auth_refused"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message for one recipient, ready to hand over.

    Attributes:
        key: idempotency key, the same on every attempt; letters, digits and `. _ = @ + -` only.
        to: the recipient of the envelope.
        sender: the sender of the envelope.
        body: what is handed over; for email RFC 5322 bytes with CRLF line ends.
        smtputf8: only a server with SMTPUTF8 can take it.
    """

    key: str
    to: str
    sender: str
    body: bytes = field(repr=False)
    smtputf8: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    Attributes:
        state: `accepted` by the server; `failed` for good; `uncertain`, it may have been accepted;
            `retry`, provably not accepted and worth another attempt.
        reason: one of those that `rules.delivery` explains for this state; empty when accepted.
        detail: the server's words, or the system's.
        connection_lost: the session has no connection any more; back off before the next.
        retry_after: seconds that the receiver asks to wait, where it said so.
        about: whose matter it is where it was no acceptance; the sender keeps only a person's against that person.
        reply: the answer that decided it, where there was one.
    """

    state: Literal["accepted", "failed", "uncertain", "retry"]
    reason: str
    detail: str = ""
    connection_lost: bool = False
    retry_after: float | None = None
    about: About = About.PERSON
    reply: Reply | None = None

    def __post_init__(self) -> None:
        """Refuse a reason that nothing explains."""
        check_reason(self.state, self.reason)

    def to_plain(self) -> tuple[Any, ...]:
        """The same in plain values, which go from one process to another."""
        reply = tuple(self.reply) if self.reply else None
        return self.state, self.reason, self.detail, self.connection_lost, self.retry_after, self.about.value, reply

    @staticmethod
    def from_plain(plain: tuple[Any, ...]) -> "Outcome":
        """The outcome that `to_plain` had."""
        state, reason, detail, connection_lost, retry_after, about, reply = plain
        answer = Reply(*reply) if reply else None
        return Outcome(state, reason, detail, connection_lost, retry_after, About(about), answer)


ACCEPTED = Outcome("accepted", "")


class Session(Protocol):
    """An open connection, used by one thread at a time."""

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message; every failure of the message or the connection is an `Outcome`."""

    def close(self) -> None:
        """End the connection; never raises, and may be called twice."""


class Channel(Protocol):
    """A way out with its settings; may be used by several threads."""

    def connect(self) -> Session:
        """Open a connection.

        Raises:
            Unreachable: no connection can be made now.
            AuthRefused: the server does not accept the name and password.
            Invalid: a secret that the settings refer to cannot be had.
        """
