"""Addresses as HTML writes them and as a browser opens them: references, white space, letters beyond ASCII, the host."""

import re
from html import unescape
from html.entities import html5
from urllib.parse import quote

_REFERENCE = re.compile(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[A-Za-z][A-Za-z0-9]*;?)(=?)")
_AROUND = "".join(map(chr, range(33)))
_DROPPED = str.maketrans("", "", "\t\n\r")
_WEB = re.compile(r"(https?)://([^/?#\\]+)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_HOST = re.compile(r"(?:\[[0-9a-f:.]+\]|[^\x00-\x20\"#%/:<>?@\[\\\]^`{|}\x7f]+)(?::[0-9]{0,5})?", re.IGNORECASE)
_KEPT = "!$%&'()*+,-./:;=?@[]_~#|"
"""Punctuation that a browser leaves as it is behind the host; a `%` is an encoding, or is left too."""


def value_of(written: str) -> str:
    """What an attribute's text means: its references are read once, by the rules for attributes."""
    return _REFERENCE.sub(_referred, written)


def _referred(found: re.Match[str]) -> str:
    name, equals = found.groups()
    if name.startswith("#"):
        return unescape(f"&{name}") + equals
    # Without a semicolon, `&copy=2` is the beginning of another parameter.
    known = name in html5 and (name.endswith(";") or not equals)
    return html5[name] + equals if known else found[0]


def as_browsers_read(text: str) -> str:
    """An address without the white space that browsers drop from it."""
    return text.strip(_AROUND).translate(_DROPPED)


def host_of(address: str) -> str | None:
    """The host of a web address, in its ASCII form, with its port; None where it has none that a browser could open."""
    found = _WEB.match(address)
    host = found[2].rpartition("@")[2] if found else ""
    if not found or not _HOST.fullmatch(host):
        return None
    return _ascii_host(host)


def _ascii_host(host: str) -> str | None:
    if host.isascii():
        return host.lower()
    import idna

    name, colon, port = host.partition(":")
    try:
        return idna.encode(name, uts46=True).decode("ascii") + colon + port
    except idna.IDNAError:
        return None


def location_of(address: str) -> str | None:
    """A web address as it is sent in a header: ASCII, and whatever a browser would encode is encoded; None: it is none."""
    found, host = _WEB.match(address), host_of(address)
    if not found or host is None:
        return None
    scheme, authority, path, rest = found.groups()
    user = authority.rpartition("@")
    try:
        before = quote(user[0], safe=_KEPT) + user[1]
        return f"{scheme.lower()}://{before}{host}{quote(path.replace(chr(92), '/'), safe=_KEPT) or '/'}{quote(rest, safe=_KEPT)}"
    except UnicodeEncodeError:
        return None
