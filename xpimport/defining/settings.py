"""What a store keeps of its settings: the normal text of each that was set. `flow/settings.py` knows which there are."""

from pathlib import Path
from typing import TypeVar

from xpimport.errors import Invalid
from xpimport.rules.settings import Setting, Settings
from xpimport.store.database import Store

T = TypeVar("T")


def load(store: Store) -> Settings:
    """All settings, typed."""
    return Settings({row["name"]: row["value"] for row in store.all("SELECT name, value FROM settings")})


def get(store: Store, setting: Setting[T]) -> T:
    """The value of one setting, or its default.

    Raises:
        Invalid: what is stored is not a value of it.
    """
    text = store.scalar("SELECT value FROM settings WHERE name = ?", setting.name)
    return Settings({} if text is None else {setting.name: str(text)})[setting]


def put(store: Store, setting: Setting[T], text: str) -> str:
    """Check `text` and keep it; returns the normal text, which is what is kept.

    Raises:
        Invalid: the value does not fit.
    """
    kept = setting.normal(text)
    with store.writing():
        store.db.execute(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (setting.name, kept),
        )
    return kept


def unset(store: Store, setting: Setting[T]) -> str:
    """Go back to the default of a setting; returns that."""
    with store.writing():
        store.db.execute("DELETE FROM settings WHERE name = ?", (setting.name,))
    return setting.default


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
