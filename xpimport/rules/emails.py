"""Email addresses: what email-validator accepts, without asking the network, and mostly without asking it.

Two patterns decide nearly all: one takes plain addresses, one refuses what email-validator surely refuses. What is
left (other scripts, punycode, odd top-level domains) it judges itself, the domains one by one and each only once.
"""

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_ATOM = r"-A-Za-z0-9!#$%&'*+/=?^_`{|}~"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_RESERVED = r"(?:test|invalid|localhost|local|onion|arpa)"
_ABROAD = "\u0080-\U0010ffff"

_PLAIN = re.compile(
    rf"([{_ATOM}]+(?:\.[{_ATOM}]+)*)@((?:(?!..--){_LABEL}\.)+(?!{_RESERVED}$)[a-z]{{2,63}})", re.IGNORECASE
)
_POSSIBLE = re.compile(rf"([{_ATOM}{_ABROAD}]+(?:\.[{_ATOM}{_ABROAD}]+)*)@([-.A-Za-z0-9{_ABROAD}]+)")
_ASCII_DOMAIN = re.compile(rf"(?:(?!(?!xn)..--){_LABEL}\.)+(?!{_RESERVED}$)(?:{_LABEL})(?<=[a-z])", re.IGNORECASE)

LINE = (
    rf"(?=.{{0,254}}\n)[{_ATOM}]++(?:\.[{_ATOM}]++)*"
    rf"@(?:[a-z0-9]{{1,20}}+(?:-[a-z0-9]{{1,20}}+){{0,2}}\.)+(?!{_RESERVED}\n)[a-z]{{2,20}}+"
)
"""Matches before a line end: plain addresses with a domain in lower case, which are stored as they are.

No group is repeated possessively: Python 3.11.2 then takes `ann.@example.com`."""

_LONGEST = 254
"""Bytes of an address (RFC 5321, 4.5.3.1.3), in each of its spellings."""


def email(text: str) -> str | None:
    """The address in `text` with its domain in punycode and lower case, or None where it is no address."""
    if len(text) > _LONGEST:
        return None
    plain = _PLAIN.fullmatch(text) if text.isascii() else None
    if plain is not None:
        return f"{plain[1]}@{plain[2].lower()}"
    possible = _POSSIBLE.fullmatch(text)
    if possible is None:
        return None
    local, domain = possible[1], possible[2]
    if domain.isascii() and not _ASCII_DOMAIN.fullmatch(domain):
        return None
    if not local.isascii():
        return _judged(local, domain)
    spellings = _domain(domain)
    if spellings is None or any(len(f"{local}@{one}".encode()) > _LONGEST for one in (domain, *spellings)):
        return None
    return f"{local}@{spellings[0]}"


@lru_cache(maxsize=20_000)
def _domain(domain: str) -> tuple[str, str] | None:
    """A domain in punycode and as people write it; None where no address can have it."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(f"a@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return found.ascii_domain.lower(), found.domain


@lru_cache(maxsize=20_000)
def _judged(local: str, domain: str) -> str | None:
    """The address with its local part exactly as it was written: only its server knows what is the same (RFC 5321, 2.4)."""
    from email_validator import EmailNotValidError, validate_email

    try:
        found = validate_email(f"{local}@{domain}", check_deliverability=False)
    except EmailNotValidError:
        return None
    return f"{local}@{found.ascii_domain.lower()}"


def email_key(address: str) -> str:
    """What two spellings of one stored address have in common: NFC, then each letter's simple lower case.

    Letter by letter, so that no letter becomes two and `ß` stays `ß`: what is merged here goes to one mailbox.
    """
    if address.isascii():
        return address.lower()
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    # Of all letters only U+0130 becomes two; the first is its simple lower case (UnicodeData.txt).
    return "".join(letter.lower()[0] for letter in local) + at + domain.lower()


def email_keys(addresses: Sequence[str | None]) -> Sequence[str | None]:
    """The key of each address of a column; the column itself where every address is its own key."""
    joined = "\n".join(address or "" for address in addresses)
    if not joined.isascii():
        return [None if address is None else email_key(address) for address in addresses]
    lower = joined.lower()
    return addresses if lower == joined else [key or None for key in lower.split("\n")]


def folded_key(address: str) -> str:
    """The key of an address in stores of schema 1 to 3, which folded more: there `weiß@` and `weiss@` were one."""
    local, at, domain = unicodedata.normalize("NFC", address).rpartition("@")
    return (local if local.isascii() else local.casefold()).lower() + at + domain.lower()
