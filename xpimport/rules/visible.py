"""Text of others where a person reads it: what would steer a terminal, or show itself as something else, is made visible."""

import re
from functools import cache

from xpimport.rules.characters import HAZARDS

_SHOWN = ("control", "override", "line end", "direction mark", "zero-width space")
"""Of the hazards those that are shown; joiners and the selectors of emoji belong to what people write."""


@cache
def _unseen() -> re.Pattern[str]:
    return re.compile("[" + "".join(HAZARDS[name].characters for name in _SHOWN) + "]")


def visible(text: str, keep: str = "") -> str:
    r"""The text with control pictures (`␛`) and escapes (`\u202e`) in place of what is not seen, but for `keep`."""
    return _unseen().sub(lambda found: found[0] if found[0] in keep else _picture(ord(found[0])), text)


def visible_json(text: str) -> str:
    """JSON that means the same, with escapes in place of what is not seen inside its strings."""
    return _unseen().sub(lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text)


def _picture(number: int) -> str:
    if number < 0x20:
        return chr(0x2400 + number)
    if number == 0x7F:
        return "\u2421"
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
