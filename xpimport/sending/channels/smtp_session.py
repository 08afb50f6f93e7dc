"""Handing over messages on a connection, and what each reply means for a message."""

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from xpimport.errors import Invalid, Unreachable
from xpimport.rules.refusals import About, about
from xpimport.rules.replies import DOT, Reply
from xpimport.sending.channels import ACCEPTED, Outcome, Outgoing, ServerRefused
from xpimport.sending.channels.smtp_connection import ConnectionLost, PerhapsSent, SmtpConnection, Timeouts, stuffed

_UNSAFE_PATH = re.compile("[\x00-\x20\x7f<>]")
_CLOSING = 421
_NEEDS_AUTH = 530
_GO_AHEAD = 354
_LATE = frozenset({"RCPT", "DATA", DOT})
_MOMENT = 1.0
"""Seconds after which a connection that was idle is looked at before it is used."""


class Server(Protocol):
    """The sending server that a session connects to anew."""

    @property
    def timeouts(self) -> Timeouts:
        """How long to wait."""

    @property
    def per_connection(self) -> int:
        """Messages before the session connects anew."""

    def dial(self) -> tuple[SmtpConnection, frozenset[str]]:
        """A connection that is ready for MAIL, and the extensions that the server offers."""


class SmtpSession:
    """One connection; connects anew by itself after `per_connection` messages and after a loss."""

    def __init__(self, server: Server, connection: SmtpConnection, extensions: frozenset[str]) -> None:
        """Take over a connection that `Smtp.dial` opened."""
        self._server = server
        self._connection: SmtpConnection | None = connection
        self._extensions = extensions
        self._handled = 0
        self._answered = self._had_others = False
        self._used_at = time.monotonic()

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one message; never raises for what the server or the network does.

        Interrupted by a signal it hangs up at once, so that a half-sent message cannot be completed.
        """
        outcome = self._tried(message)
        if outcome.about is About.CONNECTION and self._had_others:
            # The old connection was the matter; on a new one this message has its first try.
            outcome = self._tried(message)
        if outcome.about is About.CONNECTION and outcome.reply and outcome.reply.command in _LATE:
            # A new connection was told the same of this recipient.
            outcome = outcome if outcome.reply.code == _CLOSING else replace(outcome, about=About.PERSON)
        return outcome

    def _tried(self, message: Outgoing) -> Outcome:
        self._had_others = False
        try:
            connection = self._ready()
        except (Unreachable, Invalid) as error:
            reply = error.reply if isinstance(error, ServerRefused) else None
            whose = About.CONNECTION
            return Outcome("retry", error.code, error.message, connection_lost=True, reply=reply, about=whose)
        self._had_others = self._handled > 0
        self._handled += 1
        self._answered = False
        try:
            outcome = self._refused_before(connection, message) or self._hand_over(connection, message)
        except PerhapsSent as lost:
            outcome = Outcome("uncertain", "no_reply_after_data", str(lost), connection_lost=True)
        except ConnectionLost as lost:
            whose = About.PERSON if self._answered else About.CONNECTION
            outcome = Outcome("retry", "connection_lost", str(lost), connection_lost=True, about=whose)
        except BaseException:
            self._drop()
            raise
        if outcome.connection_lost:
            self._drop()
        self._used_at = time.monotonic()
        return outcome

    def close(self) -> None:
        """Say QUIT and hang up; a server that does not answer is no failure any more."""
        if self._connection is not None:
            with suppress(ConnectionLost):
                self._connection.put(b"QUIT\r\n", 1)
                self._connection.reply("QUIT", 1)
            self._drop()

    def _ready(self) -> SmtpConnection:
        if self._handled >= self._server.per_connection:
            self.close()
        if (
            self._connection is not None
            and time.monotonic() > self._used_at + _MOMENT
            and self._connection.is_spoken_to
        ):
            # Nothing was asked: the server has said goodbye, or hung up.
            self._drop()
        if self._connection is None:
            self._connection, self._extensions = self._server.dial()
            self._handled = 0
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _refused_before(self, connection: SmtpConnection, message: Outgoing) -> Outcome | None:
        """The outcome of a message that does not get as far as its body; None when the body may go."""
        if _UNSAFE_PATH.search(message.to) or _UNSAFE_PATH.search(message.sender):
            return Outcome("failed", "invalid_address", "an address with a space, a bracket or a control character")
        wide = message.smtputf8 or not (message.to.isascii() and message.sender.isascii())
        if wide and "SMTPUTF8" not in self._extensions:
            return Outcome("failed", "smtputf8_unsupported", "the server takes ASCII addresses only")
        options = " BODY=8BITMIME SMTPUTF8" if wide else ""
        commands = {
            "MAIL": f"MAIL FROM:<{message.sender}>{options}\r\n",
            "RCPT": f"RCPT TO:<{message.to}>\r\n",
            "DATA": "DATA\r\n",
        }
        refusal, going = self._offer(connection, commands)
        if refusal is not None and not refusal.connection_lost:
            self._clear(connection, going)
        return refusal

    def _offer(self, connection: SmtpConnection, commands: Mapping[str, str]) -> tuple[Outcome | None, bool]:
        """Send MAIL, RCPT and DATA: the first refusal, if any, and whether the server waits for a body."""
        seconds = self._server.timeouts.command
        pipelining = "PIPELINING" in self._extensions
        if pipelining:
            connection.put("".join(commands.values()).encode(), seconds)
        refusal: Outcome | None = None
        going = False
        for command, line in commands.items():
            if not pipelining:
                connection.put(line.encode(), seconds)
            try:
                reply = connection.reply(command, seconds)
            except ConnectionLost:
                if refusal is None:
                    raise
                return replace(refusal, connection_lost=True), False
            self._answered = True
            going = command == "DATA" and reply.code == _GO_AHEAD
            if refusal is None and not going and reply.code // 100 != 2:
                refusal = _refusal(reply)
            elif command == "DATA" and refusal is None and not going:
                raise ConnectionLost(f"out of step: {reply.said} to DATA")
            if refusal is not None and (refusal.connection_lost or not pipelining):
                break
        if going and connection.has_unread:
            # A reply that nobody asked for would be taken for the one to the message.
            raise ConnectionLost("out of step: more replies than commands")
        return refusal, going

    def _clear(self, connection: SmtpConnection, going: bool) -> None:
        """Ready for the next message on the same connection; one that is lost here has had its outcome."""
        seconds = self._server.timeouts.command
        try:
            if going:  # RFC 2920: DATA was accepted although nobody is to get it
                connection.put(b".\r\n", seconds)
                connection.reply(DOT, seconds)
            connection.put(b"RSET\r\n", seconds)
            if connection.reply("RSET", seconds).code != 250:
                self._drop()
        except ConnectionLost:
            self._drop()

    def _hand_over(self, connection: SmtpConnection, message: Outgoing) -> Outcome:
        try:
            connection.put_message(stuffed(message.body), self._server.timeouts.command)
        except PerhapsSent:
            raise
        except ConnectionLost:
            early = connection.early_reply()
            if early is None or early.code // 100 not in (4, 5):
                raise
            return replace(_refusal(early), connection_lost=True)
        try:
            reply = connection.reply(DOT, self._server.timeouts.dot)
        except ConnectionLost as lost:
            raise PerhapsSent(str(lost)) from None
        if reply.code // 100 == 2:
            return ACCEPTED
        if reply.code // 100 in (4, 5):
            return _refusal(reply)
        raise PerhapsSent(f"out of step: {reply.said} to the message")


def _refusal(reply: Reply) -> Outcome:
    """What a reply that is no success means.

    Raises:
        ConnectionLost: it is neither a temporary nor a permanent refusal.
    """
    if reply.code == _NEEDS_AUTH:  # a matter of the settings, not of this recipient
        whose = About.OURS
        return Outcome("retry", "authentication_required", reply.said, connection_lost=True, reply=reply, about=whose)
    whose = about(reply)
    if reply.code // 100 == 4:
        lost = whose is About.CONNECTION
        return Outcome("retry", "temporary_refusal", reply.said, connection_lost=lost, reply=reply, about=whose)
    if reply.code // 100 == 5:
        return Outcome("failed", "rejected_by_server", reply.said, reply=reply, about=whose)
    raise ConnectionLost(f"out of step: {reply.said}")
