"""One HTTP POST to one receiver: pinned address, verified TLS, no redirects, no proxies, and how far it got."""

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from xpimport.errors import Invalid, Unreachable
from xpimport.rules.replies import Reply, http_reply, printable

if TYPE_CHECKING:
    import urllib3

MAX_ANSWER = 64 << 10
CONNECT = 30.0
"""Seconds to wait for a connection."""


class NotSent(Exception):
    """The request provably did not reach the receiver."""


class PerhapsReceived(Exception):
    """The request was begun, and no answer came."""


@dataclass(frozen=True)
class Answer:
    """A receiver's answer: its status, the beginning of its body, and the seconds it asks to wait."""

    status: int
    text: str
    retry_after: float | None

    def json(self) -> Any:
        """The body as JSON, or None."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None

    @property
    def reply(self) -> Reply:
        """The same as a fate keeps it."""
        return http_reply(self.status, self.text)

    @property
    def said(self) -> str:
        """Status and body for a report, cleaned as a mail server's reply is."""
        return self.reply.said


class _Body(BytesIO):
    """A request's body that knows whether any of it was asked for, which is after the TLS handshake."""

    begun = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.begun = True
        return super().read(size)


class HttpReceiver:
    """An open way to one URL; used by one thread at a time."""

    def __init__(self, url: str, *, allow_private: bool, ca_file: str, timeout: float) -> None:
        """Look the host up once, and speak to that very address from then on.

        Raises:
            Invalid: no http(s) URL, or the address is in a private network and that is not allowed.
            Unreachable: the name cannot be looked up.
        """
        self._path, self._pool = _pool(url, allow_private=allow_private, ca_file=ca_file, timeout=timeout)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request.

        Raises:
            NotSent, PerhapsReceived: there is no answer.
        """
        from urllib3.exceptions import HTTPError, SSLError

        given = _Body(body)
        try:
            response = self._pool.urlopen(
                "POST",
                self._path,
                body=given,
                headers={**headers, "Content-Length": str(len(body))},
                redirect=False,
                retries=False,
                preload_content=False,
            )
            content = response.read(MAX_ANSWER, decode_content=True)
            response.drain_conn()
        except (HTTPError, OSError) as problem:
            words = _words(problem)
            if given.begun:
                raise PerhapsReceived(words) from None
            if isinstance(problem, SSLError):
                words = f"its certificate or TLS was not accepted: {words}"
            raise NotSent(words) from None
        return Answer(
            response.status, content.decode("utf-8", "replace"), _seconds(response.headers.get("Retry-After"))
        )

    def close(self) -> None:
        """Hang up."""
        self._pool.close()


def _words(problem: Exception) -> str:
    return printable(str(problem).rpartition(": ")[2]) or type(problem).__name__


def _seconds(text: str | None) -> float | None:
    """The wait that a Retry-After header asks for (RFC 9110, section 10.2.3): seconds, or a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _pool(url: str, *, allow_private: bool, ca_file: str, timeout: float) -> "tuple[str, urllib3.HTTPConnectionPool]":
    import urllib3

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(f"{url!r} is no https address.") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username:
        raise Invalid(f"{url!r} is no https address without a user in it.")
    address = _looked_up(host, port or (443 if parts.scheme == "https" else 80), allow_private=allow_private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    wait = urllib3.Timeout(connect=min(CONNECT, timeout), read=timeout)
    if parts.scheme == "http":
        return path, urllib3.HTTPConnectionPool(address, port or 80, timeout=wait)
    return path, urllib3.HTTPSConnectionPool(
        address,
        port or 443,
        timeout=wait,
        cert_reqs="CERT_REQUIRED",
        ca_certs=ca_file or None,
        assert_hostname=host,
        server_hostname=host,
    )


def _looked_up(host: str, port: int, *, allow_private: bool) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        words = getattr(problem, "strerror", None) or str(problem)
        raise Unreachable(f"{host} cannot be looked up: {words}.") from None
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if allow_private or (address.is_global and not address.is_multicast):
            return str(address)
    raise Invalid(
        f"{host} is in a private network ({found[0][4][0]}). Where that is meant, say --allow-private on the campaign."
    )


def host_header(url: str) -> str:
    """What the Host header says for a URL."""
    return urlsplit(url).netloc
