"""SMTP on a socket: lines out, replies in, and an exact account of what may have left.

`smtplib` raises the same error for a connection lost before a message and after it, and cannot pipeline.
"""

import re
import select
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xpimport.rules.replies import DOT, Reply, smtp_reply

if TYPE_CHECKING:
    import ssl

_MAX_LINE = 4096
_MAX_LINES = 200
_BARE_ENDS = re.compile(rb"\r\n|\r|\n")
_REPLY_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
# A body beyond this does not fit into the socket's buffers, so that a connection lost on the way shows.
_SMALL = 32_768
_END = b".\r\n"


class ConnectionLost(Exception):
    """The connection broke, timed out or talks nonsense; what was being sent has not been completed."""


class PerhapsSent(ConnectionLost):
    """As `ConnectionLost`, but the last bytes of a message may have left."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait: for a connection, for a reply to a command, for the reply to the final dot."""

    connect: float = 30
    command: float = 60
    dot: float = 600


def stuffed(body: bytes) -> bytes:
    """`body` as it goes after DATA: CRLF line ends only, leading dots doubled, the final dot."""
    ends = body.count(b"\r\n")
    if not ends == body.count(b"\n") == body.count(b"\r"):
        body = _BARE_ENDS.sub(b"\r\n", body)
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    if body.startswith(b"."):
        body = b"." + body
    return body.replace(b"\r\n.", b"\r\n..") + _END


class SmtpConnection:
    """One connection. Times are in seconds; every wait has one."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        """Connect.

        Raises:
            OSError: no connection within `timeout`.
        """
        self._socket = socket.create_connection((host, port), timeout=timeout)
        # Commands are small and waited for: Nagle's delay would cost 40 ms each.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._encrypted = False
        self._buffer = b""

    @property
    def is_spoken_to(self) -> bool:
        """Whether the server has said something unasked, or hung up."""
        return self.has_unread or bool(select.select([self._socket], [], [], 0)[0])

    @property
    def has_unread(self) -> bool:
        """Whether the server has said more than was asked."""
        return bool(self._buffer)

    @property
    def own_address(self) -> str:
        """This end as an SMTP address literal, for EHLO."""
        address = str(self._socket.getsockname()[0])
        return f"[IPv6:{address}]" if ":" in address else f"[{address}]"

    def encrypt(self, context: "ssl.SSLContext", host: str, timeout: float) -> None:
        """Begin TLS.

        Raises:
            OSError: the handshake or the certificate failed (`ssl.SSLError` is one).
        """
        self._socket.settimeout(timeout)
        self._socket = context.wrap_socket(self._socket, server_hostname=host)
        self._encrypted = True

    def put(self, octets: bytes, timeout: float) -> None:
        """Send; an error means that the last of `octets` has not left, except under TLS.

        Raises:
            ConnectionLost: the connection broke, or took nothing for `timeout`.
        """
        rest = memoryview(octets)
        try:
            self._socket.settimeout(timeout)
            while rest:
                rest = rest[self._socket.send(rest) :]
        except OSError as error:
            raise ConnectionLost(_reason(error)) from None

    def put_message(self, octets: bytes, timeout: float) -> None:
        """Send what `stuffed` made.

        A plain socket takes bytes or reports an error, never both, so one write of a small message is exact.
        A TLS record may have left before its error is known, and a large message is best checked before it
        is completed: in both cases the final dot goes by itself.

        Raises:
            PerhapsSent: the final dot may have left.
            ConnectionLost: it has not.
        """
        if not self._encrypted and len(octets) <= _SMALL:
            self.put(octets, timeout)
            return
        self.put(octets[: -len(_END)], timeout)
        if not self._encrypted and select.select([self._socket], [], [], 0)[0]:
            raise ConnectionLost("the server spoke or hung up before the end of the message")
        try:
            self.put(_END, timeout)
        except ConnectionLost as lost:
            if self._encrypted:
                raise PerhapsSent(str(lost)) from None
            raise

    def reply(self, command: str, timeout: float) -> Reply:
        """Wait for the next reply, which is to `command` (see `Reply`).

        Raises:
            ConnectionLost: none came within `timeout`, or what came is no SMTP reply.
        """
        deadline = time.monotonic() + timeout
        texts: list[str] = []
        for _ in range(_MAX_LINES):
            line = _REPLY_LINE.fullmatch(self._line(deadline))
            if line is None:
                raise ConnectionLost("the server sent something that is no SMTP reply")
            code, separator, text = line.groups()
            texts.append((text or b"").decode("utf-8", "replace").strip())
            if separator != b"-":
                return smtp_reply(command, int(code), "\n".join(texts))
        raise ConnectionLost("the server sent a reply without an end")

    def early_reply(self) -> Reply | None:
        """After a failed write: what the server said before it hung up, if that can still be read."""
        try:
            return self.reply(DOT, 0.2)
        except ConnectionLost:
            return None

    def close(self) -> None:
        """Hang up; never raises."""
        self._socket.close()

    def _line(self, deadline: float) -> bytes:
        while True:
            line, end, rest = self._buffer.partition(b"\n")
            if end:
                self._buffer = rest
                return line.removesuffix(b"\r")
            if len(line) > _MAX_LINE:
                raise ConnectionLost("the server sent a line without an end")
            self._buffer += self._received(deadline)

    def _received(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        try:
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            octets = self._socket.recv(65536)
        except OSError as error:
            raise ConnectionLost(_reason(error)) from None
        if not octets:
            raise ConnectionLost("the server hung up")
        return octets


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "timed out"
    return error.strerror or type(error).__name__
