"""What the file of an event provider declares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xpimport.rules.events import NotUnderstood, Reported

Said = Reported | NotUnderstood


@dataclass(frozen=True)
class ProviderKind:
    """An event provider, as its `PROVIDER` value.

    Attributes:
        name: what `--provider` takes; the name of its file.
        help: who that is, in a few words, and what puts our key into its events.
        parse: what one JSON value of it reports: an event, the batch of a list, the body of a request. Nothing for what it
            says that is no event (a message that was queued, a temporary failure that it tries again). It raises nothing,
            whatever the value is.
    """

    name: str
    help: str
    parse: Callable[[object], Iterable[Said]]
