"""Characters that are seen otherwise than they are stored, or not at all: what each type does with them.

Cells are trimmed first, of blanks and of invisible characters that ride along in copied text. What is then inside is
judged by one table; `control_character` is the reason of a row that holds what its column refuses.
"""

import re
from dataclasses import dataclass
from functools import cache

TEXTS = frozenset({"string", "json"})
"""The types that hold text for people to read; all others are names, addresses, numbers and times."""


@dataclass(frozen=True)
class Hazard:
    """A group of characters and its rule.

    Attributes:
        characters: the inside of a regular expression's character class.
        in_text: whether texts (`TEXTS`) may hold them.
        elsewhere: whether values of all other types may.
        trimmed: the ones among `characters` that are taken off at both ends, in every type.
        why: the reason for the rule.
    """

    characters: str
    in_text: bool
    elsewhere: bool
    trimmed: str
    why: str


HAZARDS = {
    "control": Hazard(
        "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff",
        in_text=False,
        elsewhere=False,
        trimmed="\v\f",
        why="they are no text: NUL cuts strings short, ESC steers terminals, half a surrogate pair cannot be stored",
    ),
    "override": Hazard(
        "\u202a-\u202e\u2066-\u2069",
        in_text=False,
        elsewhere=False,
        trimmed="",
        why="they show text in another order than it is stored, so that one address looks like another",
    ),
    "line end": Hazard(
        "\t\n\r\u2028\u2029",
        in_text=True,
        elsewhere=False,
        trimmed="\t\n\r\u2028\u2029",
        why="notes and postal addresses have lines; an email address with one would begin a header of its own",
    ),
    "direction mark": Hazard(
        "\u200e\u200f\u061c",
        in_text=True,
        elsewhere=False,
        trimmed="\u200e\u200f\u061c",
        why="Hebrew and Arabic texts place their punctuation with them; elsewhere they make equal values unequal",
    ),
    "joiner": Hazard(
        "\u200c\u200d",
        in_text=True,
        elsewhere=False,
        trimmed="",
        why="Persian and Indic words and emoji are spelt with them; elsewhere they make equal values unequal",
    ),
    "zero-width space": Hazard(
        "\u200b\u2060\ufeff",
        in_text=True,
        elsewhere=False,
        trimmed="\u200b\u2060\ufeff",
        why="they come with text copied from pages and files; inside a text they only allow or forbid a line to break",
    ),
    "invisible": Hazard(
        "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u2061-\u2065\u206a-\u206f\u3164\ufe00-\ufe0f\uffa0\ufff9-\ufffb"
        "\U000e0000-\U000e0fff",
        in_text=True,
        elsewhere=False,
        trimmed="",
        why="soft hyphens, the selectors and tags of emoji and flags: part of texts, but nobody sees them in an address",
    ),
}

EDGES = "".join(
    [" \u00a0\u1680\u202f\u205f\u3000", *map(chr, range(0x2000, 0x200B)), *(h.trimmed for h in HAZARDS.values())]
)
"""What is trimmed at both ends of a cell, for `str.strip`."""


def refused(kind: str) -> re.Pattern[str]:
    """A pattern that finds a character which values of the type `kind` may not hold."""
    return _refused(kind in TEXTS)


@cache
def _refused(text: bool) -> re.Pattern[str]:
    hazards = [found for found in HAZARDS.values() if not (found.in_text if text else found.elsewhere)]
    return re.compile("[" + "".join(found.characters for found in hazards) + "]")
