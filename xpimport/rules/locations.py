"""Where a list is, as it is typed: a local path, http(s), sftp or s3; and how that is shown without secrets."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from xpimport.errors import Invalid
from xpimport.rules.names import DATE_PART

STDIN = "-"
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_BARE = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/?#]*@", re.IGNORECASE)
SCHEMES = {
    "http": ("http://host/lists/vip.csv", 80),
    "https": ("https://host/lists/vip.csv", 443),
    "sftp": ("sftp://user@host/lists/vip-*.csv (/~/ is the user's own folder)", 22),
    "s3": ("s3://bucket/lists/vip-*.csv", 0),
}
"""Scheme -> how such an address is typed, and the port that it has where none is named."""

_ADDRESS = re.compile(rf"({'|'.join(SCHEMES)})://([^/?#]*)(/.*)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Location:
    """A source, taken apart. `scheme` is file, http, https, sftp, s3, or `-` for standard input.

    `host` is the bucket for s3. `path` is as typed, patterns and date parts included; only http has a `query`.
    """

    scheme: str
    path: str
    user: str | None = None
    host: str = ""
    port: int = 0
    query: str = ""

    @property
    def place(self) -> tuple[str, str, int]:
        """What credentials belong to: they are never sent to another place."""
        return self.scheme, self.host, self.port

    @property
    def root(self) -> str:
        """The location up to its path, without user."""
        if self.scheme in {"file", STDIN}:
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != SCHEMES[self.scheme][1] else "")

    def shown(self, path: str | None = None) -> str:
        """The location, or another path at the same place, as messages name it: without user and query."""
        return self.root + (self.path if path is None else path)


def parse_location(source: str) -> Location:
    """Take a source apart.

    Raises:
        Invalid: an unknown kind, an address that cannot be read, or one that holds a password (it is not repeated).
    """
    if source == STDIN:
        return Location(STDIN, STDIN)
    scheme = _SCHEME.match(source)
    if scheme is None or scheme[1].lower() == "re":
        return Location("file", source)
    kind = scheme[1].lower()
    if kind == "file":
        bare = source[len("file:") :]
        return Location("file", "/" + bare.lstrip("/") if bare.startswith("//") else bare)
    if kind not in SCHEMES:
        raise Invalid(
            f"--source: no source of the kind {kind!r} is known. Name a local path or pattern, or an address of "
            f"{', '.join(SCHEMES)}."
        )
    return _address(kind, source)


def _address(kind: str, source: str) -> Location:
    wrong = Invalid(f"--source: the {kind} address cannot be read. Write it like {SCHEMES[kind][0]}")
    found = _ADDRESS.fullmatch(source)
    if found is None:
        raise wrong
    userinfo, at, host = found[2].rpartition("@")
    if ":" in userinfo:
        raise Invalid(
            "--source: no password in an address. Keep the user, write the password into a file of mode 0600 and "
            "say --password file:PATH"
        )
    path, query = found[3] or "", ""
    if kind in {"http", "https"}:
        path, query = _cut_query(path, wrong)
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in source) or (at and not userinfo):
        raise wrong
    if kind == "s3":
        if at or not host or not path.strip("/"):
            raise wrong
        return Location(kind, path, host=host)
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
        (parts.hostname or "").encode("idna")  # as connecting will
    except ValueError:
        raise wrong from None
    if not parts.hostname or port == 0 or not path:
        raise wrong
    return Location(kind, path, unquote(userinfo) if at else None, parts.hostname, port or SCHEMES[kind][1], query)


def _cut_query(path: str, wrong: Invalid) -> tuple[str, str]:
    """An http path and its query; a date part may stand in both."""
    bare = DATE_PART.sub("", path)
    if " " in bare or "#" in bare:
        raise wrong
    path, _, query = path.partition("?")
    return path, query


def shown_source(source: str) -> str:
    """A source as it may be shown: no user, and of a query only that there is one. Never raises."""
    if not _BARE.match(source) and "://" not in source:
        return source
    bare = _BARE.sub(r"\1", source)
    if re.match(r"https?:", bare, re.IGNORECASE) and "?" in bare:
        return bare.partition("?")[0] + "?..."
    return bare


def is_loopback(host: str) -> bool:
    """Whether a connection to `host` stays in this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
