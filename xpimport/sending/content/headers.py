"""Header lines and addresses, of which no value can make a second header or a second recipient."""

import re
from base64 import b64encode
from datetime import datetime
from functools import lru_cache

from xpimport.errors import Invalid

MAX_LINE = 998  # octets without CRLF, RFC 5322 section 2.1.1
_FOLD_AT = 78
_ENCODED_OCTETS = 42  # in one encoded word, which may be 75 characters long (RFC 2047 section 2)

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_MESSAGE_ID = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@{_ATOM}(?:\.{_ATOM})*")
_WIDE_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\u00a1-\U0010ffff-]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_SAFE_PHRASE = re.compile(r"[A-Za-z0-9 !#$%&'*+/^_`{|}~-]+")
_OWN_HEADERS = frozenset(
    {
        *("from", "sender", "to", "cc", "bcc", "subject", "date", "message-id", "mime-version"),
        *("received", "return-path", "delivered-to"),
    }
)
_CAMPAIGN_HEADERS = frozenset({"reply-to", "list-unsubscribe", "list-unsubscribe-post"})
_OWN_PREFIXES = ("content-", "resent-")

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


# --- addresses ----------------------------------------------------------------------------------------------


def parse_sender(sender: str) -> tuple[str, str]:
    """The display name (may be empty) and the bare address."""
    from email.headerregistry import AddressHeader
    from email.policy import default

    _refuse_control("From", sender)
    if "\ufffd" in sender:
        raise Invalid("From: the sender is not valid text.")
    bare = sender.strip()
    if "<" not in bare and "," not in bare and bare.count("@") == 1:
        return "", bare
    header = default.header_factory("from", bare)
    addresses = header.addresses if isinstance(header, AddressHeader) else ()
    if len(addresses) != 1 or header.defects:
        raise Invalid(
            f'From: {sender!r} is not one address. Write shop@example.com or "Shop" <shop@example.com>,'
            " with quotes where the name has a comma, a dot or a bracket."
        )
    name = addresses[0].display_name
    _refuse_control("From", name)
    return name, addresses[0].addr_spec


def envelope(header: str, address: str) -> tuple[str, bool]:
    """The address as it stands in the envelope, and whether it needs SMTPUTF8."""
    if _ADDRESS.fullmatch(address) and "=?" not in address and len(address) <= 254:
        return address, False
    local, at, domain = address.rpartition("@")
    if at and "=?" not in address and not address.isascii() and not _FORBIDDEN.search(address):
        ascii_domain = domain if domain.isascii() else _punycode(domain)
        dots = local.startswith(".") or local.endswith(".") or ".." in local
        plain = f"x@{ascii_domain}"
        if (
            _ADDRESS.fullmatch(plain)
            and _WIDE_LOCAL.fullmatch(local)
            and local.isprintable()
            and not dots
            and len(address) <= 254
        ):
            return f"{local}@{ascii_domain}", not local.isascii()
    raise Invalid(f"{header}: {address!r} is not one plain address like name@example.com.")


@lru_cache(maxsize=1024)
def _punycode(domain: str) -> str:
    """The ASCII form of an international domain, or empty where there is none."""
    from email_validator import EmailNotValidError, validate_email

    try:
        checked = validate_email(f"x@{domain}", check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError:
        return ""
    return checked.ascii_domain or ""


def mailbox(name: str, address: str) -> str:
    if not name:
        return address
    if name.isascii() and "=?" not in name:
        if _SAFE_PHRASE.fullmatch(name) and name == name.strip() and "  " not in name:
            phrase = name
        else:
            phrase = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        phrase = _encoded_words(name)
    line = f"{phrase}\r\n <{address}>" if len(phrase) + len(address) + 9 > _FOLD_AT else f"{phrase} <{address}>"
    if any(len(part) > MAX_LINE - len("From: ") for part in line.split("\r\n")):
        raise Invalid("From: the name is too long.")
    return line


# --- headers ------------------------------------------------------------------------------------------------


def _refuse_control(header: str, value: str) -> None:
    if _FORBIDDEN.search(value):
        raise Invalid(f"{header}: control characters and line ends are refused in a header.")


def unstructured(name: str, value: str) -> str:
    """A header of free text, folded; RFC 2047 where ASCII does not do."""
    _refuse_control(name, value)
    if value.isascii() and "=?" not in value:
        if len(name) + 2 + len(value) <= _FOLD_AT:
            return f"{name}: {value}\r\n"
        folded = _folded(name, value)
        if folded is not None:
            return folded
    return f"{name}: {_encoded_words(value)}\r\n"


def _folded(name: str, value: str) -> str | None:
    """`value` with line ends put before spaces; None where a word is longer than a line may be."""
    lines: list[str] = []
    line = f"{name}:"
    for word in value.split(" "):
        # A line must not consist of spaces only, and a header value must begin on the first.
        if word and len(line) + 1 + len(word) > _FOLD_AT and line.strip() not in ("", f"{name}:"):
            lines.append(line)
            line = ""
        line += f" {word}"
    lines.append(line)
    if any(len(part) > MAX_LINE for part in lines):
        return None
    return "\r\n".join(lines) + "\r\n"


def _encoded_words(value: str) -> str:
    """RFC 2047 base64 words, none of which cuts a character."""
    octets = value.encode()
    words: list[str] = []
    start = 0
    while start < len(octets):
        end = min(start + _ENCODED_OCTETS, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(f"=?utf-8?b?{b64encode(octets[start:end]).decode('ascii')}?=")
        start = end
    return "\r\n ".join(words)


def extra(name: str, value: str) -> str:
    lowered = name.lower()
    if not _HEADER_NAME.fullmatch(name) or lowered in _OWN_HEADERS or lowered.startswith(_OWN_PREFIXES):
        raise Invalid(f"The header {name!r} cannot be set.")
    value = value.strip()
    if not any(mark in value for mark in "<@"):
        return unstructured(name, value)
    _refuse_control(name, value)
    folded = _folded(name, value) if value.isascii() else None
    if folded is None:
        raise Invalid(f"{name}: addresses and links must be ASCII, and no longer than {MAX_LINE} octets.")
    return folded


def own_header(line: str) -> str:
    """A header that the campaign adds, from `Name: value`.

    Raises:
        Invalid: it is not written so, or is one that this program writes.
    """
    name, colon, value = line.partition(":")
    if not colon or not value.strip():
        raise Invalid(f"--header {line!r} is not like 'X-Campaign: spring'.")
    if name.strip().lower() in _CAMPAIGN_HEADERS:
        raise Invalid(f"The header {name.strip()!r} has an option of its own.")
    return extra(name.strip(), value)


def checked_id(message_id: str) -> str:
    bare = message_id[1:-1] if message_id[:1] == "<" and message_id[-1:] == ">" else message_id
    if not _MESSAGE_ID.fullmatch(bare) or len(bare) > 250:
        raise Invalid(f"Message-ID: {message_id!r} is not like left@right.")
    return bare


def date_text(date: datetime) -> str:
    offset = date.utcoffset()
    if offset is None:
        raise Invalid("Date: a time without an offset.")
    minutes = int(offset.total_seconds()) // 60
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    return (
        f"{_DAYS[date.weekday()]}, {date.day:02} {_MONTHS[date.month - 1]} {date.year:04}"
        f" {date.hour:02}:{date.minute:02}:{date.second:02} {sign}{hours:02}{rest:02}"
    )
