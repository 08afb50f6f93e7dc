"""All settings there are: those of the stages, and the channels' and the sources' own."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from xpimport.defining import settings
from xpimport.errors import NotFound
from xpimport.importing import tasks
from xpimport.importing.sources import selection
from xpimport.importing.sources.registry import every_source
from xpimport.reporting import rows
from xpimport.rules.settings import HTTP_CA_FILE, PUBLIC_URL, TIMEZONE, TRACKING_URL, TRIGGERS, Setting
from xpimport.sending.channels.registry import every_channel
from xpimport.sending.content.compose import FROM, UNSUBSCRIBE_URL
from xpimport.sending.delivery.config import WORKERS
from xpimport.store import journal
from xpimport.store.database import Store


@dataclass(frozen=True)
class Value:
    """A setting as it stands: its normal text."""

    name: str
    value: str
    is_default: bool
    help: str


@cache
def every_setting() -> dict[str, Setting[Any]]:
    """Name -> setting, in the order in which they are explained."""
    channels = [setting for kind in every_channel() for setting in kind.settings]
    sources = [setting for kind in every_source() for setting in kind.settings]
    general = (TRIGGERS, TIMEZONE, FROM, UNSUBSCRIBE_URL, PUBLIC_URL, TRACKING_URL)
    every: tuple[Setting[Any], ...] = (
        *general,
        *channels,
        WORKERS,
        HTTP_CA_FILE,
        *sources,
        tasks.AT_ONCE,
        selection.LOOK,
        journal.KEEP,
        rows.KEEP,
    )
    return {setting.name: setting for setting in every}


def listed(store: Store) -> list[Value]:
    """All settings as they stand."""
    kept = settings.load(store).texts
    return [Value(s.name, kept.get(s.name, s.default), s.name not in kept, s.help) for s in every_setting().values()]


def put(store: Store, name: str, text: str) -> str:
    """Check `text` and keep it as the setting `name`; returns what was kept.

    Raises:
        NotFound: no such setting.
        Invalid: the value does not fit.
    """
    return settings.put(store, _known(name), text)


def unset(store: Store, name: str) -> str:
    """Go back to the default of the setting `name`; returns that.

    Raises:
        NotFound: no such setting.
    """
    return settings.unset(store, _known(name))


def _known(name: str) -> Setting[Any]:
    found = every_setting().get(name)
    if found is None:
        raise NotFound(f"There is no setting {name!r}. See: xpimport settings list")
    return found
