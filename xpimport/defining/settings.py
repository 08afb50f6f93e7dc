"""The store's settings: what there is, what it means, and checking a value before it is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from xpimport.errors import Invalid, NotFound
from xpimport.store.database import Store


@dataclass(frozen=True)
class Setting:
    """One setting: its name, what holds without it, a check that returns the value to keep, and a sentence."""

    name: str
    default: str
    check: Callable[[str], str]
    help: str


@dataclass(frozen=True)
class Value:
    """A setting as it stands."""

    name: str
    value: str
    is_default: bool
    help: str


def _switch(text: str) -> str:
    if text.lower() not in {"on", "off"}:
        raise Invalid(f"{text!r} is neither on nor off.")
    return text.lower()


def _zone(text: str) -> str:
    from xpimport.rules.schedule import parse_zone

    return parse_zone(text).key


def _duration(text: str) -> str:
    from xpimport.rules.schedule import parse_duration

    parse_duration(text)
    return text


def _count(text: str) -> str:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 64:
        raise Invalid(f"{text!r} is not a whole number from 1 to 64.")
    return str(int(text))


def _address(text: str) -> str:
    from email.utils import parseaddr

    from xpimport.rules.values import check_column

    if text and check_column("email", [parseaddr(text)[1]]).values[0] is None:
        raise Invalid(f"{text!r} is not an email address. Write it like news@example.com or 'News <news@example.com>'.")
    return text


def _smtp_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise Invalid(f"{text!r} is not a server's address. Write it like smtp://mail.example.com:587") from None
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname or port == 0:
        raise Invalid(f"{text!r} is not a server's address. Write it like smtp://mail.example.com:587")
    if parts.username or parts.password:
        raise Invalid("No user or password in smtp.url. Set smtp.user, and smtp.password to file:PATH.")
    return text


def _seconds(text: str) -> str:
    if text and not (text.isascii() and text.isdigit() and 1 <= int(text) <= 3600):
        raise Invalid(f"{text!r} is not a whole number of seconds from 1 to 3600.")
    return text


def _base_url(text: str) -> str:
    local = text.startswith(("http://127.0.0.1", "http://localhost"))
    if text and not ((text.startswith("https://") or local) and text.isascii() and not set(text) & set(' <>,"')):
        raise Invalid(f"{text!r} is no https address. Write it like https://example.com/unsubscribe/")
    return text


def _workers(text: str) -> str:
    if text == "local":
        return text
    try:
        parts = urlsplit(text)
        named = parts.scheme in {"dask", "dask+tls"} and parts.hostname and parts.port and not parts.path.strip("/")
    except ValueError:
        named = False
    if not named:
        raise Invalid(f"{text!r} is neither local nor a Dask scheduler's address like dask://10.0.0.5:8786")
    if find_spec("distributed") is None:
        raise Invalid("A Dask cluster needs an extra. Install it first: pip install 'xpimport[dask]'")
    return text.rstrip("/")


def _secret(text: str) -> str:
    if text and not text.startswith(("env:", "file:")):
        raise Invalid("A secret is kept by reference only: file:/path/to/it (mode 0600) or env:NAME.")
    if text.startswith("file:"):
        return f"file:{Path(text.removeprefix('file:')).expanduser().resolve()}"
    return text


def _path(text: str) -> str:
    return str(Path(text).expanduser().absolute()) if text else text


def _text(text: str) -> str:
    return text


SETTINGS = {
    setting.name: setting
    for setting in (
        Setting("triggers", "off", _switch, "the master switch: nothing is sent while it is off"),
        Setting("timezone", "UTC", _zone, "the zone of schedules and send times that name none"),
        Setting("from", "", _address, "the From address of campaigns that have none of their own"),
        Setting("unsubscribe.url", "", _base_url, "where one-click opt-outs arrive; the token is put behind it"),
        Setting("outbox.keep", "on", _switch, "off: the outbox accepts every message and keeps none"),
        Setting("smtp.url", "", _smtp_url, "the sending server: smtp://host:587 (STARTTLS) or smtps://host:465"),
        Setting("smtp.user", "", _text, "the user name for the sending server"),
        Setting("smtp.password", "", _secret, "where its password is: file:PATH or env:NAME"),
        Setting("smtp.ca_file", "", _text, "certificates to trust instead of the system's"),
        Setting("smtp.connections", "8", _count, "how many connections a send opens at once"),
        Setting("smtp.timeout", "", _duration, "how long to wait for the sending server's answers"),
        Setting("webhook.timeout", "", _seconds, "how many seconds to wait for a receiver's answer"),
        Setting("xtremepush.url", "", _base_url, "the platform's API, like https://api.xtremepush.com"),
        Setting("xtremepush.token", "", _secret, "where the project's API token is: file:PATH or env:NAME"),
        Setting("workers", "local", _workers, "which machines send email and webhooks: local, or dask://host:port"),
        Setting("http.ca_file", "", _path, "certificates to trust for https instead of the system's"),
        Setting("sftp.known_hosts", "", _path, "a file of host keys, besides ~/.ssh/known_hosts and /etc/ssh"),
        Setting("imports.at_once", "2", _count, "how many imports run at the same time"),
        Setting("file.look", "2s", _duration, "how far apart run-now looks twice at a file to see that it is finished"),
    )
}


def get(store: Store, name: str) -> str:
    """The value of a setting, or its default."""
    value = store.scalar("SELECT value FROM settings WHERE name = ?", name)
    return str(value) if value is not None else SETTINGS[name].default


def everything(store: Store) -> list[Value]:
    """All settings as they stand, in the order in which they are explained."""
    kept = {row["name"]: row["value"] for row in store.all("SELECT name, value FROM settings")}
    return [Value(s.name, kept.get(s.name, s.default), s.name not in kept, s.help) for s in SETTINGS.values()]


def values(store: Store) -> dict[str, str]:
    """All settings as they stand, by name."""
    return {value.name: value.value for value in everything(store)}


def put(store: Store, name: str, text: str) -> str:
    """Check `text` and keep it as the setting `name`; returns what was kept.

    Raises:
        NotFound: no such setting.
        Invalid: the value does not fit.
    """
    setting = SETTINGS.get(name)
    if setting is None:
        raise NotFound(f"There is no setting {name!r}. See: xpimport settings list")
    value = setting.check(text.strip())
    with store.writing():
        store.db.execute(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )
    return value


def keep_store_id(store: Store, number: str) -> None:
    """Give a new store the number that sets its messages apart from those of every other store."""
    with store.writing():
        store.db.execute("INSERT INTO settings VALUES ('store.id', ?)", (number,))


def local_zone() -> tuple[str, str]:
    """The zone a new store gets, and where it came from: TZ, /etc/localtime, else UTC."""
    import os

    from xpimport.rules.schedule import parse_zone

    named = os.environ.get("TZ", "").removeprefix(":")
    linked = str(Path("/etc/localtime").resolve()).partition("/zoneinfo/")[2]
    for name, origin in ((named, "TZ"), (linked, "/etc/localtime")):
        try:
            return parse_zone(name).key, origin
        except Invalid:
            continue
    return "UTC", "no zone of this machine is known"
