"""One HTTP POST to one receiver: pinned address, verified TLS, no redirects, no proxies, and how far it got."""

import ipaddress
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
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


class _Way:
    """One address of a receiver, and whether any byte of the present request was written to it."""

    def __init__(self, pool: "urllib3.HTTPConnectionPool") -> None:
        self.pool = pool
        self.begun = False
        way, connection = self, pool.ConnectionCls

        class Counted(connection):  # type: ignore[misc, valid-type]
            def send(self, data: Any) -> None:
                if self.sock is None:
                    self.connect()
                way.begun = True
                super().send(data)

        pool.ConnectionCls = Counted


class HttpReceiver:
    """An open way to one URL; used by one thread at a time."""

    def __init__(self, url: str, *, allow_private: bool, ca_file: str, timeout: float) -> None:
        """Look the host up once, and speak to those very addresses from then on, the first that answers.

        Raises:
            Invalid: no http(s) URL, or the address is in a private network and that is not allowed.
            Unreachable: the name cannot be looked up.
        """
        self._path, self._ways = _ways(url, allow_private=allow_private, ca_file=ca_file, timeout=timeout)

    def post(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send one request, to the next address where one cannot be connected to.

        Raises:
            NotSent: no byte of it was written.
            PerhapsReceived: some were, and there is no status line.
        """
        problem: NotSent | None = None
        for way in list(self._ways):
            try:
                answer = self._posted(way, body, headers)
            except NotSent as unsent:
                problem = problem or unsent
                continue
            self._ways.sort(key=lambda other: other is not way)
            return answer
        raise problem or NotSent("there is no address")

    def _posted(self, way: _Way, body: bytes, headers: Mapping[str, str]) -> Answer:
        from urllib3.exceptions import HTTPError, SSLError

        way.begun = False
        try:
            response = way.pool.urlopen(
                "POST",
                self._path,
                body=body,
                headers={**headers, "Content-Length": str(len(body))},
                redirect=False,
                retries=False,
                preload_content=False,
            )
        except (HTTPError, OSError) as problem:
            words = _words(problem)
            if way.begun:
                raise PerhapsReceived(words) from None
            if isinstance(problem, SSLError):
                words = f"its certificate or TLS was not accepted: {words}"
            raise NotSent(words) from None
        # The status line is the answer, even if the body behind it breaks.
        content = b""
        try:
            content = response.read(MAX_ANSWER, decode_content=True)
            response.drain_conn()
        except (HTTPError, OSError):
            response.close()
        return Answer(
            response.status, content.decode("utf-8", "replace"), _seconds(response.headers.get("Retry-After"))
        )

    def close(self) -> None:
        """Hang up."""
        for way in self._ways:
            way.pool.close()


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


def _ways(url: str, *, allow_private: bool, ca_file: str, timeout: float) -> tuple[str, list[_Way]]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise Invalid(f"{url!r} is no https address.") from None
    if parts.scheme not in {"http", "https"} or not host or parts.username:
        raise Invalid(f"{url!r} is no https address without a user in it.")
    addresses = _looked_up(host, port or (443 if parts.scheme == "https" else 80), allow_private=allow_private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = host if parts.scheme == "https" else None
    return path, [_Way(_pool(address, port, name=name, ca_file=ca_file, timeout=timeout)) for address in addresses]


def _pool(
    address: str, port: int | None, *, name: str | None, ca_file: str, timeout: float
) -> "urllib3.HTTPConnectionPool":
    """The way to one address; with TLS where there is a `name` for the certificate."""
    import urllib3

    wait = urllib3.Timeout(connect=min(CONNECT, timeout), read=timeout)
    if name is None:
        return urllib3.HTTPConnectionPool(address, port or 80, timeout=wait)
    return urllib3.HTTPSConnectionPool(
        address,
        port or 443,
        timeout=wait,
        cert_reqs="CERT_REQUIRED",
        ca_certs=ca_file or None,
        assert_hostname=name,
        server_hostname=name,
    )


def _looked_up(host: str, port: int, *, allow_private: bool) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as problem:
        words = getattr(problem, "strerror", None) or str(problem)
        raise Unreachable(f"{host} cannot be looked up: {words}.") from None
    allowed: list[str] = []
    for *_, place in found:
        address = ipaddress.ip_address(str(place[0]).partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if allow_private or (address.is_global and not address.is_multicast):
            allowed.append(str(address))
    if allowed:
        return list(dict.fromkeys(allowed))
    raise Invalid(
        f"{host} is in a private network ({found[0][4][0]}). Where that is meant, say --allow-private on the campaign."
    )


def host_header(url: str) -> str:
    """What the Host header says for a URL."""
    return urlsplit(url).netloc
