"""Settings: each typed once, by the kind whose parse gives the value that its user takes.

A setting is declared where it is obeyed: a channel's and a source's own in its file, these here since more than
one stage obeys them. What is stored, and what crosses a pipe to another process, is the normal text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from xpimport.errors import Invalid
from xpimport.rules.setting_kinds import PATH, SITE, SWITCH, ZONE, Kind

T = TypeVar("T")


def _anything(_: object) -> None:
    return


@dataclass(frozen=True)
class Setting(Generic[T]):
    """One setting: its name, the normal text of its default, its kind, and a sentence.

    `check` looks at what only matters while somebody types the value, such as whether an extra is installed.
    """

    name: str
    default: str
    kind: Kind[T]
    help: str
    check: Callable[[T], None] = _anything

    def normal(self, text: str) -> str:
        """`text` as somebody typed it, checked and in the form that is stored.

        Raises:
            Invalid: it is not a value of this setting.
        """
        value = self.kind.parse(text.strip())
        self.check(value)
        return self.kind.show(value)


class Settings:
    """The settings of a store as typed values: `settings[SMTP_TIMEOUT]`. What was not set has its default."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        """Take the stored texts by name; names of no setting do not matter."""
        self.texts = dict(texts)
        """What was set, as plain text: goes through a pipe, and makes the same settings at its other end."""
        self._values: dict[str, Any] = {}

    def __getitem__(self, setting: Setting[T]) -> T:
        """The value of a setting, parsed once.

        Raises:
            Invalid: what is stored is not a value of it; only whoever asks for this one setting is stopped.
        """
        if setting.name not in self._values:
            text = self.texts.get(setting.name, setting.default)
            try:
                self._values[setting.name] = setting.kind.parse(text)
            except Invalid as problem:
                how = f"Set it anew, or: xpimport settings unset {setting.name}"
                raise Invalid(f"The setting {setting.name} cannot be used. {problem.message} {how}") from None
        value: T = self._values[setting.name]
        return value


TRIGGERS: Setting[bool] = Setting("triggers", "off", SWITCH, "the master switch: nothing is sent while it is off")
TIMEZONE: Setting[ZoneInfo] = Setting("timezone", "UTC", ZONE, "the zone of schedules and send times that name none")
HTTP_CA_FILE = Setting("http.ca_file", "", PATH, "certificates to trust for https instead of the system's")
PUBLIC_URL: Setting[str] = Setting(
    "web.public_url", "", SITE, "where `serve` is seen from outside, like https://mail.example.com"
)
TRACKING_URL: Setting[str] = Setting(
    "tracking.url", "", SITE, "where tracked links and pixels lead, if that is another address than web.public_url"
)


def tracking_base(settings: Settings) -> str:
    """What stands before the path of every tracked link and pixel; empty: nothing can be tracked."""
    return settings[TRACKING_URL] or settings[PUBLIC_URL]
