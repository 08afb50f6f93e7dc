"""Email over SMTP: what can be set, and how it is checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from xpimport.errors import Invalid
from xpimport.rules.locations import is_loopback
from xpimport.sending.channels.smtp_connection import Timeouts
from xpimport.sending.channels.smtp_server import Smtp, system_words

if TYPE_CHECKING:
    import ssl

_PORTS = {"smtp": 587, "smtps": 465}


def open_smtp(settings: Mapping[str, str], _directory: Path) -> Smtp:
    """The server that the settings name; connects to nothing yet.

    Settings: smtp.url (`smtp://host:587`, `smtps://host:465`; `?starttls=off` or `required`), smtp.user,
    smtp.password (a reference), smtp.ca_file, smtp.timeout (seconds, in place of all three waits),
    smtp.messages_per_connection (100).

    Without `?starttls=`, a loopback address is spoken to in the clear unless smtp.user is set; every other
    host must offer STARTTLS.

    Raises:
        Invalid: a setting is missing or bad, or the password would go to another machine in the clear.
    """
    scheme, host, port, starttls = _parse_url(settings.get("smtp.url", ""))
    user = settings.get("smtp.user", "")
    password = settings.get("smtp.password", "")
    if bool(user) != bool(password):
        raise Invalid("smtp.user and smtp.password go together. Set both, or unset both.")
    if password and not password.startswith(("env:", "file:")):
        raise Invalid("smtp.password is a reference: env:NAME or file:PATH, never the password itself.")
    local = is_loopback(host)
    encrypted = scheme == "smtps" or starttls == "required" or (starttls == "" and not (local and not user))
    if user and not encrypted and not local:
        raise Invalid("smtp.url: with ?starttls=off the password would cross the network in the clear.")
    return Smtp(
        host=host,
        port=port,
        tls=_context(settings.get("smtp.ca_file", "")) if encrypted else None,
        implicit=scheme == "smtps",
        user=user,
        password=password,
        timeouts=_timeouts(settings.get("smtp.timeout", "")),
        per_connection=_count(settings.get("smtp.messages_per_connection", "100")),
    )


def _parse_url(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port, and `off`, `required` or nothing for STARTTLS."""
    wrong = Invalid("smtp.url: write smtp://host:587 or smtps://host:465. The password goes into smtp.password.")
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as connecting will
    except ValueError:
        raise wrong from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "")
    host = parts.hostname or ""
    if parts.scheme not in _PORTS or not host or "@" in parts.netloc or parts.path not in ("", "/") or port == 0:
        raise wrong
    if options or parts.fragment or starttls not in ("", "off", "required"):
        raise Invalid("smtp.url: the only option is ?starttls=off or ?starttls=required.")
    if parts.scheme == "smtps" and starttls:
        raise Invalid("smtp.url: smtps is encrypted from the beginning; leave out ?starttls.")
    return parts.scheme, host, port or _PORTS[parts.scheme], starttls


def _context(ca_file: str) -> "ssl.SSLContext":
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        raise Invalid(f"smtp.ca_file: {ca_file}: {system_words(error)}.") from None


def _timeouts(text: str) -> Timeouts:
    if not text:
        return Timeouts()
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= 3600:
        raise Invalid(f"smtp.timeout: {text!r} is not a number of seconds up to 3600.")
    return Timeouts(seconds, seconds, seconds)


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1_000_000:
        raise Invalid(f"smtp.messages_per_connection: {text!r} is not a whole number from 1 on.")
    return int(text)
