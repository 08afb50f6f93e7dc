"""What a refusal is about: the person, us and our message, the connection, or how fast we are."""

from enum import Enum

from xpimport.rules.replies import CONNECT, POST, Reply


class About(Enum):
    """Whose matter an outcome is."""

    PERSON = "person"
    """This recipient's alone."""
    OURS = "ours"
    """The sender's, the log-in's or the address that we post to: others will be refused likewise."""
    CONNECTION = "connection"
    """This connection's; on a new one the message may go."""
    RATE = "rate"
    """We are too fast; nobody's message is to blame."""


IN_A_ROW = 3
"""So many equal refusals of ours without an acceptance between them hold a send."""

_OUR_COMMANDS = frozenset({CONNECT, "EHLO", "HELO", "STARTTLS", "AUTH"})
_SENDER = frozenset(
    {"5.1.7", "5.1.8", "5.7.3", "5.7.8", "5.7.9", "5.7.11", "5.7.13", "5.7.57", "5.7.60"}
    | {f"5.7.{last}" for last in range(20, 31)}
)
"""Enhanced statuses about the sender: its address, its right to send, SPF, DKIM, DMARC (RFC 3463, RFC 7372)."""
_LOG_IN = frozenset({"5.7.3", "5.7.8", "5.7.9", "5.7.11", "5.7.13", "5.7.57"})
_SESSION = frozenset({"4.5.3", "4.7.0"})
_CLOSING, _NEEDS_AUTH, _THROTTLED = 421, 530, 454
_TOO_MANY, _BUSY = 429, 503
_ENDPOINT = frozenset({401, 403, 404, 407})
_ENTERED = frozenset({500, 502, 504, *range(520, 530)})


def about(reply: Reply, *, retry_after: bool = False) -> About:
    """Whose matter a refusal is; `retry_after` says whether a receiver asked to wait for a while."""
    if reply.command == POST:
        if reply.code in _ENDPOINT or reply.code // 100 == 3:
            return About.OURS
        return About.RATE if reply.code == _TOO_MANY or (reply.code == _BUSY and retry_after) else About.PERSON
    if reply.command in _OUR_COMMANDS or reply.code == _NEEDS_AUTH:
        return About.OURS
    if reply.code // 100 == 4:
        return _about_later(reply)
    return About.OURS if reply.command == "MAIL" or reply.enhanced in _SENDER else About.PERSON


def _about_later(reply: Reply) -> About:
    """Whose matter a temporary refusal to MAIL, RCPT, DATA or the dot is."""
    if reply.code == _THROTTLED:
        # Whatever stands behind it: a limit a second is said with 4.7.0 too, and a new connection does not help.
        return About.RATE
    if reply.code == _CLOSING or reply.command == "MAIL" or reply.enhanced in _SESSION:
        return About.CONNECTION
    return About.PERSON


def hold_reason(reply: Reply) -> str:
    """The reason with which refusals of ours hold a trigger."""
    if reply.command == POST:
        return "auth_failed" if reply.code in {401, 407} else "endpoint_refused"
    if reply.command in _OUR_COMMANDS or reply.code == _NEEDS_AUTH or reply.enhanced in _LOG_IN:
        return "auth_failed"
    return "sender_refused"


def is_entered(reply: Reply) -> bool:
    """Whether an HTTP answer says that the request came in and something went wrong with it then."""
    return reply.command == POST and reply.code in _ENTERED


class Row:
    """Refusals of ours that follow each other, as they come in."""

    def __init__(self) -> None:
        self.people: list[int] = []
        """Whose messages were refused since the last acceptance."""
        self.last: Reply | None = None
        self._count = 0

    def refused(self, profile: int, reply: Reply) -> bool:
        """One more; returns whether it holds the send."""
        before = self.last
        equal = before is not None and (before.command, before.code, before.enhanced) == (
            reply.command,
            reply.code,
            reply.enhanced,
        )
        self._count = self._count + 1 if equal else 1
        self.last = reply
        self.people.append(profile)
        return self._count >= IN_A_ROW

    def accepted(self) -> list[int]:
        """A message was accepted, so that those refused before it were refused for themselves: these people."""
        people, self.people, self.last, self._count = self.people, [], None, 0
        return people


class Everybody:
    """Tells temporary refusals of everybody from those of a few: the last replies, over several domains."""

    REPLIES, DOMAINS = 20, 2

    def __init__(self) -> None:
        self._last: list[tuple[str, int]] = []

    def refused(self, address: str, profile: int) -> list[int]:
        """One more was put off; the people of the last replies where all of them were, else nobody."""
        self._last = [*self._last[1 - self.REPLIES :], (address.rpartition("@")[2].lower(), profile)]
        if len(self._last) < self.REPLIES or len({domain for domain, _ in self._last}) < self.DOMAINS:
            return []
        people = [profile for _, profile in self._last]
        self._last = []
        return people

    def answered(self) -> None:
        """Somebody got another answer."""
        self._last = []
