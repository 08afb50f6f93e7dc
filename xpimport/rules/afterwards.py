"""What becomes of a list that was imported: it is left, renamed, moved or deleted."""

import posixpath
from dataclasses import dataclass

from xpimport.errors import Invalid
from xpimport.rules.names import EXPRESSION, FIXED, GLOB, Names

LEAVE, RENAME, MOVE, DELETE = "leave", "rename", "move", "delete"


@dataclass(frozen=True)
class Afterwards:
    """One of the four; `value` is the suffix or the folder."""

    kind: str
    value: str = ""

    def target(self, path: str, number: int) -> str:
        """Where the file at `path` goes on attempt `number` (from 1); from 2 on the name holds the number."""
        folder, name = posixpath.split(path)
        if self.kind == RENAME:
            # The suffix stays last, so that what was renamed can be told by it.
            return f"{path}{f'.{number}' if number > 1 else ''}{self.value}"
        if number > 1:
            stem, dot, rest = name.partition(".") if not name.startswith(".") else (name, "", "")
            name = f"{stem}.{number}{dot}{rest}"
        return posixpath.join(posixpath.normpath(posixpath.join(folder, self.value)), name)


def parse_afterwards(text: str) -> Afterwards:
    """Read `leave`, `rename:SUFFIX`, `move:FOLDER` or `delete`.

    Raises:
        Invalid: none of these, or a suffix or folder that cannot be one.
    """
    kind, colon, value = text.partition(":")
    if kind in {LEAVE, DELETE} and not colon:
        return Afterwards(kind)
    if kind == RENAME and value and "/" not in value and value.isprintable() and value != ".":
        return Afterwards(kind, value)
    if kind == MOVE and value and value.isprintable():
        return Afterwards(kind, value)
    raise Invalid(f"--after {text!r} is none of: leave, rename:SUFFIX (rename:.done), move:FOLDER, delete.")


def check_afterwards(after: Afterwards, names: Names, marker: str | None) -> None:
    """Refuse a rename or move after which the same file would be found again, or that takes the marker's name.

    Raises:
        Invalid: it would.
    """
    if after.kind == MOVE:
        target = posixpath.dirname(after.target(f"{names.folder}x", 1))
        if target == posixpath.normpath(names.folder or "."):
            raise Invalid(f"--after move:{after.value} is the folder of the source itself. Name another.")
    if after.kind == RENAME and names.kind != FIXED and _found_again(names, after.value):
        raise Invalid(
            f"--after rename:{after.value}: {names.text} would find the renamed file again. Take another suffix, "
            "like rename:.done, or a pattern with an ending of its own."
        )
    if after.kind == RENAME and marker and marker.startswith(".") and after.value == marker:
        raise Invalid(f"--after rename:{after.value} and --marker {marker} make the same name. Take another suffix.")


def _found_again(names: Names, suffix: str) -> bool:
    if names.kind == GLOB:
        return names.matches(_sample(names.text) + suffix)
    import re

    text = names.text.removesuffix("$")
    return names.kind == EXPRESSION and text.endswith((".*", ".+", suffix, re.escape(suffix)))


def _sample(glob: str) -> str:
    """A short name that a glob matches."""
    name, index = "", 0
    while index < len(glob):
        letter = glob[index]
        closing = glob.find("]", index + 2) if letter == "[" else -1
        if closing > 0:
            group = glob[index + 1 : closing]
            letter = group[0] if group[0] != "!" else next((one for one in "x0-a" if one not in group), "y")
            index = closing
        elif letter in "*?":
            letter = "x"
        name += letter
        index += 1
    return name
