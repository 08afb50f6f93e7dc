"""Email over SMTP: what can be set, and what of it goes together."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from xpimport.errors import Invalid
from xpimport.rules.locations import is_loopback
from xpimport.rules.setting_kinds import PATH, SECONDS, SECRET, TEXT, Kind, count, optional, text_kind
from xpimport.rules.settings import Setting, Settings
from xpimport.rules.throttle import parse_rate
from xpimport.sending.channels.declaration import CampaignOptions, ChannelKind, Content
from xpimport.sending.channels.smtp_connection import Timeouts
from xpimport.sending.channels.smtp_server import Smtp, system_words

if TYPE_CHECKING:
    import ssl

_PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True)
class SmtpUrl:
    """Where a sending server is; `starttls` is `off`, `required` or nothing, `text` is how it was typed."""

    scheme: str
    host: str
    port: int
    starttls: str
    text: str


def _parse_url(url: str) -> SmtpUrl:
    wrong = Invalid(f"{url!r} is not a server's address. Write it like smtp://mail.example.com:587")
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")  # as connecting will
    except ValueError:
        raise wrong from None
    if "@" in parts.netloc:
        raise Invalid("No user or password in smtp.url. Set smtp.user, and smtp.password to file:PATH.")
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/") or port == 0:
        raise wrong
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    starttls = options.pop("starttls", "")
    if options or parts.fragment or starttls not in ("", "off", "required"):
        raise Invalid("smtp.url: the only option is ?starttls=off or ?starttls=required.")
    if parts.scheme == "smtps" and starttls:
        raise Invalid("smtp.url: smtps is encrypted from the beginning; leave out ?starttls.")
    return SmtpUrl(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], starttls, url)


def _check_ehlo_name(text: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,255}|\[[0-9A-Za-z.:]{1,80}\]", text):
        raise Invalid(f"{text!r} is not a name for EHLO. Write it like mail.example.com or [192.0.2.1].")


def _check_rate(text: str) -> None:
    if text:
        parse_rate(text)


URL = Setting(
    "smtp.url",
    "",
    optional(Kind(_parse_url, lambda url: url.text)),
    "the sending server: smtp://host:587 (STARTTLS) or smtps://host:465",
)
USER = Setting("smtp.user", "", TEXT, "the user name for the sending server")
PASSWORD = Setting("smtp.password", "", SECRET, "where its password is: file:PATH or env:NAME")
CA_FILE = Setting("smtp.ca_file", "", PATH, "certificates to trust instead of the system's")
CONNECTIONS = Setting("smtp.connections", "8", count(1, 64), "how many connections a send opens at once")
PER_CONNECTION = Setting(
    "smtp.messages_per_connection", "100", count(1, 1_000_000), "after how many messages a connection is made anew"
)
TIMEOUT = Setting("smtp.timeout", "", optional(SECONDS), "how long to wait for the sending server's answers")
RATE = Setting(
    "smtp.rate", "", text_kind(_check_rate), "how many messages all sends together give the server, like 14/s"
)
EHLO_NAME = Setting("smtp.ehlo_name", "", text_kind(_check_ehlo_name), "what this machine calls itself to the server")


def open_smtp(settings: Settings, _options: Mapping[str, Any], _directory: Path) -> Smtp:
    """The server that the settings name; connects to nothing yet.

    Without `?starttls=`, a loopback address is spoken to in the clear unless smtp.user is set; every other
    host must offer STARTTLS.

    Raises:
        Invalid: a setting is missing or bad, or the password would go to another machine in the clear.
    """
    url, user, password = settings[URL], settings[USER], settings[PASSWORD]
    if url is None:
        raise Invalid("smtp.url: write smtp://host:587 or smtps://host:465. The password goes into smtp.password.")
    if bool(user) != bool(password):
        raise Invalid("smtp.user and smtp.password go together. Set both, or unset both.")
    local = is_loopback(url.host)
    encrypted = url.scheme == "smtps" or url.starttls == "required" or (url.starttls == "" and not (local and not user))
    if user and not encrypted and not local:
        raise Invalid("smtp.url: with ?starttls=off the password would cross the network in the clear.")
    seconds = settings[TIMEOUT]
    return Smtp(
        host=url.host,
        port=url.port,
        tls=_context(settings[CA_FILE]) if encrypted else None,
        implicit=url.scheme == "smtps",
        user=user,
        password=password,
        timeouts=Timeouts() if seconds is None else Timeouts(seconds, seconds, seconds),
        per_connection=settings[PER_CONNECTION],
        ehlo_name=settings[EHLO_NAME],
    )


def _context(ca_file: Path | None) -> "ssl.SSLContext":
    import ssl

    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Invalid(f"smtp.ca_file: {ca_file}: {system_words(error)}.") from None


def _check(campaign: CampaignOptions) -> None:
    if not campaign.sender:
        raise Invalid("A campaign over smtp needs a From address: --from ADDR, or: xpimport settings set from ADDR")


CHANNEL = ChannelKind(
    name="smtp",
    help="a mail server",
    media=("email",),
    content=Content.MAIL,
    by_user_id=False,
    keeps_consent=False,
    people_a_call=1,
    connections=lambda settings: settings[CONNECTIONS],
    leaves_machine=True,
    local=False,
    settings=(URL, USER, PASSWORD, CA_FILE, CONNECTIONS, PER_CONNECTION, TIMEOUT, RATE, EHLO_NAME),
    own_options=(),
    check=_check,
    open=open_smtp,
    rate=lambda settings: parse_rate(settings[RATE]) if settings[RATE] else None,
)
