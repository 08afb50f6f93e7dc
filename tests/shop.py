"""A small shop to test with: a store that sends, a campaign `hello`, an import `list` and its people.

All of it is made through the command line, as a user makes it. Tests have it as the fixture `shop`, and say what is
special about theirs by the marker `shop`, for a module, a test, or both.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Xp

HEADER = "user_id,email,email_subscription"


def people_list(people: int, first: int = 0) -> str:
    """A list of so many people who agreed to email; their user_ids sort as their numbers do."""
    width = len(str(first + people - 1))
    numbers = range(first, first + people)
    return "\n".join([HEADER, *(f"u{number:0{width}},p{number}@example.com,1" for number in numbers)]) + "\n"


def open_shop(
    xp: "Xp",
    folder: Path,
    *,
    timezone: str = "UTC",
    triggers: str = "on",
    settings: Mapping[str, object] | None = None,
    attributes: Mapping[str, str] | None = None,
    text: str = "Hello {{ user_id }}",
    campaign: Sequence[object] | None = (),
    people: int | str | None = 3,
    imports: Sequence[object] | None = (),
    now: str | None = None,
) -> "Xp":
    """Make a shop in `folder` with `xp`, and return `xp`.

    Args:
        xp: runs a command against the shop's store.
        folder: gets hello.txt, the campaign's text, and list.csv, the import's source.
        timezone: the store's zone.
        triggers: the master switch, on or off.
        settings: further settings by name. Two looks at a file follow each other at once if nothing else is said.
        attributes: the type of each attribute by name.
        text: the campaign's text.
        campaign: options of the campaign beyond its subject and text; None: no campaign.
        people: how many people are in the list, or its text; None: no list.
        imports: options of the import beyond its source and campaign; None: no import.
        now: when all this happens (ISO 8601 with an offset); None: at the real time.
    """
    (folder / "hello.txt").write_text(text, encoding="utf-8")
    if people is not None:
        rows = people if isinstance(people, str) else people_list(people)
        (folder / "list.csv").write_text(rows, encoding="utf-8")
    commands: list[Sequence[object]] = [
        ("init", "--timezone", timezone),
        *(("attribute", "add", name, kind) for name, kind in (attributes or {}).items()),
        *(
            ("settings", "set", name, value)
            for name, value in {"triggers": triggers, "file.look": "0s", **(settings or {})}.items()
        ),
    ]
    if campaign is not None:
        commands.append(("campaign", "add", "hello", "--subject", "Hi", "--text", folder / "hello.txt", *campaign))
    if imports is not None:
        sends = () if campaign is None else ("--campaign", "hello")
        commands.append(("import", "add", "list", "--source", folder / "list.csv", *sends, *imports))
    for command in commands:
        done = xp(*map(str, command), now=now)
        assert done.code == 0, done.err
    return xp
