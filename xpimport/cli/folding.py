"""Fitting text to the width of a terminal: it breaks at blanks alone, so no word, date or name is cut."""

from collections.abc import Sequence

from xpimport.cli.program import pasteable, split_hint


def folded(line: str, width: int | None, indent: str = "") -> list[str]:
    """A line as lines of at most `width` characters (None: as it is), all but the first begun with `indent`.

    A word that is longer than a line stands on one of its own, whole.
    """
    if width is None or len(line) <= width:
        return [line]
    lines, current = [], line[: len(line) - len(line.lstrip(" "))]
    for word in line.split():
        if not current.strip():
            current += word
        elif len(current) + 1 + len(word) <= width:
            current += f" {word}"
        else:
            lines.append(current)
            current = indent + word if len(indent) + len(word) <= width else word
    return [*lines, current]


def said(text: str, width: int | None) -> list[str]:
    """What is said, as lines of a terminal of this width; a hint that does not fit stands on a line of its own."""
    lines = []
    for line in text.split("\n"):
        words, hint = split_hint(line)
        hint = pasteable(hint)
        if width is None or not hint or len(words) + len(hint) <= width:
            lines += folded(line, width) if not hint else [words + hint]
        else:
            lines += [*(folded(words.rstrip(), width) if words.strip() else []), f"  {hint.lstrip()}"]
    return lines


def column_widths(words: Sequence[int], cells: Sequence[int], room: int) -> list[int] | None:
    """The widths of a table's columns in a room of so many characters; None where words would have to be cut.

    Args:
        words: for each column its longest word.
        cells: for each column its longest cell; no column is made wider.
        room: the characters for all columns together.
    """
    widths = list(words)
    spare = room - sum(widths)
    if spare < 0:
        return None
    while spare > 0:
        lacking = max(range(len(widths)), key=lambda place: cells[place] - widths[place], default=0)
        if not widths or cells[lacking] <= widths[lacking]:
            break
        widths[lacking] += 1
        spare -= 1
    return widths
