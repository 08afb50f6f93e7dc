"""Connecting to a sending server: TLS, the certificate, AUTH."""

import re
import socket
from base64 import b64encode
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xpimport.rules.replies import CONNECT, Reply
from xpimport.secrets import resolve
from xpimport.sending.channels import AuthRefused, ServerRefused
from xpimport.sending.channels.smtp_connection import ConnectionLost, SmtpConnection, Timeouts
from xpimport.sending.channels.smtp_session import SmtpSession

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True, slots=True)
class Smtp:
    """A sending server.

    Attributes:
        tls: verifies the server; None where the connection stays in the clear.
        implicit: TLS from the first byte (smtps) instead of STARTTLS.
        password: a reference, never the password.
        per_connection: messages before the session connects anew.
        ehlo_name: what this machine calls itself; empty: its own full name, else its address.
    """

    host: str
    port: int
    tls: "ssl.SSLContext | None" = field(repr=False)
    implicit: bool
    user: str
    password: str
    timeouts: Timeouts
    per_connection: int
    ehlo_name: str = ""

    def connect(self) -> "SmtpSession":
        """Connect, check the certificate, log in.

        Raises:
            Unreachable: no connection, no STARTTLS, an untrusted certificate, or not an SMTP server.
            AuthRefused: the server does not accept user and password.
            Invalid: the password cannot be read.
        """
        connection, extensions = self.dial()
        return SmtpSession(self, connection, extensions)

    def dial(self) -> "tuple[SmtpConnection, frozenset[str]]":
        """A connection that is ready for MAIL, and the extensions that the server offers."""
        try:
            connection = SmtpConnection(self.host, self.port, self.timeouts.connect)
        except OSError as error:
            raise self._unreachable(system_words(error)) from None
        try:
            return connection, self._greet(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, ConnectionLost):
                raise self._unreachable(str(error)) from None
            raise

    def _greet(self, connection: SmtpConnection) -> frozenset[str]:
        if self.implicit:
            self._encrypt(connection)
        greeting = connection.reply(CONNECT, self.timeouts.command)
        if greeting.code != 220:
            raise self._unreachable(f"it said {greeting.said}", greeting)
        offered = self._hello(connection)
        if self.tls and not self.implicit:
            offered = self._start_tls(connection, offered)
        if self.user:
            self._log_in(connection, offered.get("AUTH", ""))
        return frozenset(offered)

    def _hello(self, connection: SmtpConnection) -> dict[str, str]:
        """The extensions that the server offers, in capitals, each with its parameters."""
        name = self.ehlo_name or socket.gethostname()
        if not self.ehlo_name and ("." not in name or not re.fullmatch(r"[A-Za-z0-9.-]+", name)):
            name = connection.own_address
        reply = self._asked(connection, "EHLO", f"EHLO {name}".encode())
        if reply.code // 100 == 5:
            reply = self._asked(connection, "HELO", f"HELO {name}".encode())
            if reply.code == 250:
                return {}
        if reply.code != 250:
            raise self._unreachable(f"it said {reply.said}", reply)
        lines = (line.replace("AUTH=", "AUTH ").upper().partition(" ") for line in reply.text.split("\n")[1:])
        return {keyword: parameters for keyword, _, parameters in lines}

    def _start_tls(self, connection: SmtpConnection, offered: dict[str, str]) -> dict[str, str]:
        if "STARTTLS" not in offered:
            raise self._unreachable(
                "it offers no STARTTLS, and nothing is sent in the clear. Use smtps://, or ask for it with"
                " ?starttls=off in smtp.url"
            )
        reply = self._asked(connection, "STARTTLS", b"STARTTLS")
        if reply.code != 220 or connection.has_unread:  # what follows in the clear could be anybody's
            raise self._unreachable(f"STARTTLS failed: it said {reply.said}", reply)
        self._encrypt(connection)
        return self._hello(connection)

    def _encrypt(self, connection: SmtpConnection) -> None:
        import ssl

        if self.tls is None:
            return
        try:
            connection.encrypt(self.tls, self.host, self.timeouts.connect)
        except ssl.SSLCertVerificationError as error:
            raise self._unreachable(
                f"its certificate is not trusted: {error.verify_message}. For a private authority set smtp.ca_file"
            ) from None
        except OSError as error:
            raise self._unreachable(f"TLS failed: {system_words(error)}") from None

    def _log_in(self, connection: SmtpConnection, mechanisms: str) -> None:
        if "PLAIN" in mechanisms.split():
            reply = self._asked(connection, "AUTH", _plain(self.user, self.password))
        elif "LOGIN" in mechanisms.split():
            reply = self._asked(connection, "AUTH", b"AUTH LOGIN")
            if reply.code == 334:
                reply = self._asked(connection, "AUTH", b64encode(self.user.encode()))
            if reply.code == 334:
                reply = self._asked(connection, "AUTH", _Hidden(b64encode(resolve(self.password).encode())))
        else:
            raise AuthRefused(
                f"{self.host}:{self.port} offers neither AUTH PLAIN nor LOGIN. Unset smtp.user, or use TLS."
            )
        if reply.code // 100 == 4:
            raise self._unreachable(f"it said {reply.said}", reply)
        if reply.code != 235:
            raise AuthRefused(
                f"{self.host}:{self.port} refused the log-in: {reply.said}. Check smtp.user and smtp.password.",
                reply,
            )

    def _asked(self, connection: SmtpConnection, command: str, line: bytes) -> Reply:
        connection.put(_Hidden(line + b"\r\n"), self.timeouts.command)
        return connection.reply(command, self.timeouts.command)

    def _unreachable(self, why: str, reply: Reply | None = None) -> ServerRefused:
        return ServerRefused(f"{self.host}:{self.port} cannot be used for sending: {why}.", reply)


class _Hidden(bytes):
    """Octets that do not show themselves in a traceback with locals."""

    def __repr__(self) -> str:
        return "_Hidden(b'***')"

    def __add__(self, other: object) -> "_Hidden":
        return _Hidden(super().__add__(other))  # type: ignore[operator]


def _plain(user: str, reference: str) -> _Hidden:
    return _Hidden(b"AUTH PLAIN " + b64encode(f"\0{user}\0{resolve(reference)}".encode()))


def system_words(error: OSError) -> str:
    return "timed out" if isinstance(error, TimeoutError) else error.strerror or str(error)
