"""A campaign's content tried on made-up people, so that what fails for everybody is found when it is kept."""

import json
from collections.abc import Iterator, Mapping

from xpimport.errors import Invalid
from xpimport.sending.channels.declaration import Content
from xpimport.sending.content.compose import Composer
from xpimport.sending.content.render import NotPersonalised

_AT, _TO = "2026-11-24T09:00:00+00:00", "ann@example.com"

_WORDS = ("Ann", "Zoë 東京 🎉")
_OTHER_TEXTS = ("12", "2026-11-24", "2026-11-24T09:00:00Z")
"""What a text may hold that a template counts with or formats."""

_MISSING = ("has no value", "has no attribute", "has no element", "is undefined")
"""What the engine says of a value that is not there."""

_VALUES: dict[str, object] = {
    "number": 12.5,
    "integer": 3,
    "boolean": 1,
    "subscription": 1,
    "date": "2026-11-24",
    "datetime": "2026-11-24T09:00:00Z",
    "json": json.dumps({}),
    "email": _TO,
    "mobile": "353851234567",
    "language": "en",
    "timezone": "Europe/Dublin",
}


def refuse_what_fails_for_everybody(compose: Composer) -> None:
    """Make the messages of people who have every attribute, some of them not in ASCII.

    One that fails for some values alone, or where there is none, is left to the send, where it is that person's failure.

    Raises:
        Invalid: no message can be made; with the part and the line.
    """
    problems = [_problem(compose, person) for person in _filled(compose.kinds)]
    # What is inside a JSON attribute cannot be made up, so that a template may ask it for what is not there.
    if "json" in compose.kinds.values():
        problems = [None if problem and any(word in problem for word in _MISSING) else problem for problem in problems]
    words = problems[: len(_WORDS)]
    if all(problems) or (compose.content is Content.JSON and all(words) and "is no JSON" in str(words[0])):
        raise Invalid(f"This content fails for everybody. {problems[0]}.")


def _filled(kinds: Mapping[str, str]) -> Iterator[dict[str, object]]:
    for text in (*_WORDS, *_OTHER_TEXTS):
        yield {name: _VALUES.get(kind, text) for name, kind in kinds.items()}


def _problem(compose: Composer, person: dict[str, object]) -> str | None:
    try:
        compose.message(("trial", person, _TO, _AT, "TOKEN", 0))
    except NotPersonalised as problem:
        return problem.detail
    return None
