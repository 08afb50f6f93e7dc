"""A list behind http or https: one file, asked for once, so that what was seen is what is read."""

import time
from base64 import b64encode
from pathlib import Path
from posixpath import basename
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urljoin

from xpimport.errors import FileRefused, Invalid, Unreachable
from xpimport.importing.sources.local import fetched, private
from xpimport.importing.sources.source import Fetching, Listed, SourceFile, SourceKind
from xpimport.rules.definition import Definition
from xpimport.rules.locations import Location, is_loopback, parse_location
from xpimport.rules.names import Names, check_dates
from xpimport.rules.settings import HTTP_CA_FILE, Settings
from xpimport.secrets import resolve

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

CONNECT, READ = 10.0, 60.0
"""Seconds to wait for a connection, and for each piece of an answer."""
REDIRECTS = 5
PAUSE = 1.0
"""Seconds before the one further try."""
PIECE = 1 << 18


def open_http(location: Location, names: Names, definition: Definition, settings: Settings) -> "Http":
    """The address of a definition; nothing is asked yet. Raises Invalid where a secret is not to be had."""
    import ssl

    import urllib3

    ca_file = settings[HTTP_CA_FILE]
    try:
        tls = ssl.create_default_context(cafile=ca_file)
    except OSError as problem:
        raise Invalid(f"http.ca_file: {ca_file}: {problem.strerror or problem}.") from None
    pool = urllib3.PoolManager(ssl_context=tls, timeout=urllib3.Timeout(connect=CONNECT, read=READ), retries=False)
    credentials = None
    if definition.token:
        credentials = f"Bearer {_header_safe(resolve(definition.token))}"
    elif definition.password and location.user is not None:
        pair = f"{location.user}:{resolve(definition.password)}".encode()
        credentials = f"Basic {b64encode(pair).decode()}"
    if credentials and location.scheme == "http" and not is_loopback(location.host):
        raise Invalid("With http the password or token would cross the network in the clear. Use https.")
    return Http(pool, location, names, credentials)


def _header_safe(secret: str) -> str:
    if not secret.isascii() or not secret.isprintable():
        raise Invalid("--token: the token holds a character that no token has. Look at where it is kept.")
    return secret


class Http:
    """One address. `list` asks for it and keeps the answer open; `fetch` reads that same answer."""

    looks = 1

    def __init__(self, pool: "PoolManager", location: Location, names: Names, credentials: str | None) -> None:
        """Keep what is needed to ask; `credentials` is the Authorization header for this place only."""
        self.names = names
        self.wanted = location.shown(names.path)
        self._pool = pool
        self._location = location
        self._credentials = credentials
        path = quote(names.path, safe="/%:@!$&'()+,;=~-._*")
        query = quote(location.query, safe="/%:@!$&'()+,;=~-._*?")
        self._url = location.root + path + (f"?{query}" if query else "")
        self._answer: BaseHTTPResponse | None = None

    def list(self) -> list[Listed]:
        """The file, if it is there; raises FileRefused (`not_allowed`, `refused_by_server`)."""
        self.close()
        self._answer = self._ask()
        if self._answer is None:
            return []
        return [self._listed(self._answer)]

    def _listed(self, answer: "BaseHTTPResponse") -> Listed:
        length = answer.headers.get("Content-Length")
        return Listed(
            name=unquote(basename(self.names.path)),
            where=self._url,
            location=self.wanted,
            bytes=int(length) if length and length.isdigit() else -1,
            modified=_modified(answer.headers.get("Last-Modified")),
            version=answer.headers.get("ETag"),
        )

    def _ask(self) -> "BaseHTTPResponse | None":
        """Ask, twice where the server has a bad moment; None when there is no such file."""
        try:
            return self._ask_once()
        except Unreachable:
            time.sleep(PAUSE)
            return self._ask_once()

    def _ask_once(self) -> "BaseHTTPResponse | None":
        from urllib3.exceptions import HTTPError

        url = self._url
        for _ in range(REDIRECTS + 1):
            place = parse_location(url).place
            headers = {"Accept-Encoding": "identity", "User-Agent": "xpimport"}
            if self._credentials and place == self._location.place:
                headers["Authorization"] = self._credentials
            try:
                answer = self._pool.request("GET", url, headers=headers, preload_content=False, redirect=False)
            except HTTPError as problem:
                raise Unreachable(f"{self.wanted} could not be reached: {_words(problem)}.") from None
            if answer.status not in {301, 302, 303, 307, 308}:
                return self._judged(answer)
            url = self._redirected(url, answer)
        raise FileRefused(f"{self.wanted} redirects more than {REDIRECTS} times.", code="refused_by_server")

    def _redirected(self, url: str, answer: "BaseHTTPResponse") -> str:
        target = urljoin(url, answer.headers.get("Location", ""))
        _drop(answer)
        try:
            there = parse_location(target.partition("#")[0])
        except Invalid:
            there = None
        if there is None or there.scheme not in {"http", "https"}:
            raise FileRefused(f"{self.wanted} redirects to what is no http address.", code="refused_by_server")
        if url.startswith("https:") and there.scheme == "http":
            raise FileRefused(
                f"{self.wanted} redirects from https to http ({there.root}), which anybody on the way could read and "
                "change. Name an https address.",
                code="refused_by_server",
            )
        return target.partition("#")[0]

    def _judged(self, answer: "BaseHTTPResponse") -> "BaseHTTPResponse | None":
        status = answer.status
        if status == 200:
            return answer
        _drop(answer)
        if status in {404, 410}:
            return None
        if status in {401, 403}:
            hint = "Look at the user, --password and --token." if self._credentials else "Give --token or a user."
            raise FileRefused(f"{self.wanted}: the server does not let us in ({status}). {hint}", code="not_allowed")
        if status >= 500 or status in {408, 429}:
            raise Unreachable(f"{self.wanted} could not be reached: the server answers {status}.")
        raise FileRefused(f"{self.wanted}: the server answers {status}.", code="refused_by_server")

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        """Read the answer to the end, and know that it is the end.

        Raises:
            FileRefused: it came short twice (`truncated_download`), changed between the two (`file_changed`), or
                nothing tells where it ends (`length_unknown`).
        """
        try:
            return self._read(file, target, fetching)
        except FileRefused as problem:
            if problem.code != "truncated_download":
                raise
        time.sleep(PAUSE)
        again = self.list()
        if not again or (again[0].version, again[0].modified) != (file.version, file.modified):
            raise FileRefused(f"{file.location} was replaced while it was read. Run it again.", code="file_changed")
        return self._read(again[0], target, fetching)

    def _read(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        import os

        from urllib3.exceptions import HTTPError

        answer = self._answer or self._ask()
        self._answer = None
        if answer is None:
            raise FileRefused(f"{file.location} is gone.", code="no_file")
        _check_readable(answer, file)
        done = 0
        try:
            with os.fdopen(private(target), "wb") as copy:
                for piece in answer.stream(PIECE, decode_content=False):
                    copy.write(piece)
                    done += len(piece)
                    fetching(done, max(file.bytes, done))
        except HTTPError:
            raise _short(file, done) from None
        finally:
            _drop(answer)
        if file.bytes not in {-1, done}:
            raise _short(file, done)
        return fetched(file, target)

    def beside(self, file: Listed, named: str) -> Listed | None:  # noqa: ARG002
        """Nothing: markers and count files are refused for http."""
        return None

    def read(self, file: Listed) -> bytes:  # noqa: ARG002
        """Nothing, see `beside`."""
        return b""

    def unchanged(self, file: Listed) -> bool:  # noqa: ARG002
        """Never said, since nothing can be done with the file afterwards."""
        return False

    def move(self, file: Listed, where: str) -> bool:
        """Refused when the import is added."""
        raise FileRefused(f"{file.location} cannot be moved to {where}.", code="after")

    def delete(self, file: Listed) -> None:
        """Refused when the import is added."""
        raise FileRefused(f"{file.location} cannot be deleted.", code="after")

    def close(self) -> None:
        """Let go of the answer and the connection."""
        if self._answer is not None:
            _drop(self._answer)
            self._answer = None
        self._pool.clear()


def _check_readable(answer: "BaseHTTPResponse", file: Listed) -> None:
    chunked = "chunked" in answer.headers.get("Transfer-Encoding", "").lower()
    if file.bytes < 0 and not chunked:
        _drop(answer)
        raise FileRefused(
            f"{file.location}: the server does not say how long the file is, so a part of it would look like the "
            "whole. Let it send Content-Length, or chunks.",
            code="length_unknown",
        )
    coding = answer.headers.get("Content-Encoding", "identity").lower()
    if coding not in {"identity", ""} and not file.name.endswith((".gz", ".zst")):
        _drop(answer)
        raise FileRefused(f"{file.location}: the server sends it as {coding}, unasked.", code="refused_by_server")


def _short(file: Listed, done: int) -> FileRefused:
    whole = f"{file.bytes} bytes" if file.bytes >= 0 else "its last chunk"
    return FileRefused(
        f"{file.location} came short: {done} bytes arrived, and the server announced {whole}.",
        code="truncated_download",
    )


def _modified(header: str | None) -> int | None:
    from email.utils import parsedate_to_datetime

    if not header:
        return None
    try:
        return int(parsedate_to_datetime(header).timestamp()) * 10**9
    except ValueError:
        return None


def _drop(answer: "BaseHTTPResponse") -> None:
    """The connection is closed, not kept: what is left of the answer is not worth reading."""
    answer.close()
    answer.release_conn()


def _words(problem: Exception) -> str:
    """What went wrong, without addresses of memory, and with the next step for certificates."""
    import ssl

    cause: Any = problem
    while cause is not None and not isinstance(cause, OSError):
        cause = getattr(cause, "reason", None) or cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({cause.verify_message}). For a private CA: settings set http.ca_file PATH"
        )
    if isinstance(cause, OSError) and cause.strerror:
        return str(cause.strerror)
    if isinstance(cause, TimeoutError) or "Timeout" in type(problem).__name__:
        return "it took too long"
    return type(problem).__name__


def _check(definition: Definition, location: Location) -> Definition:
    if any(mark in location.path for mark in "*[") or "/re:" in location.path:
        raise Invalid(
            "--source: an http address is one file, since there is no listing to match a pattern with. "
            "Date parts work: https://host/lists/vip-{%Y-%m-%d}.csv"
        )
    check_dates(location.query)
    if definition.password and definition.token:
        raise Invalid("--password and --token exclude each other. Leave one out.")
    if (location.user is None) != (definition.password is None):
        raise Invalid("A user in the address and --password go together: https://user@host/... --password file:PATH")
    if (definition.password or definition.token) and location.scheme == "http" and not is_loopback(location.host):
        raise Invalid("--source: with http the password or token would cross the network in the clear. Use https.")
    return definition


SOURCE = SourceKind(
    schemes=("http", "https"),
    title="an {scheme} source",
    credentials=("password", "token"),
    instead="",
    package=None,
    has_folder=False,
    has_companions=False,
    check=_check,
    open=open_http,
    settings=(),
)
