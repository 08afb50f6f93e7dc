"""The blocks of a Markdown page, and how wide the columns of its tables may be on a screen."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

TALLEST = 5
"""Lines that a cell may be folded to before its table reads better as a list."""

GAP = 3
"""Characters between two columns."""

_PAGE_LINK = re.compile(r"\[([^]]+)\]\([\w-]+\.md\)")


@dataclass(frozen=True)
class MarkdownBlock:
    """A part of a page: `title`, `heading`, `code`, `table` or `prose`, and its lines without the marks around them."""

    kind: str
    lines: tuple[str, ...]


def blocks(text: str) -> Iterator[MarkdownBlock]:
    """The blocks of a page in order, of links to other pages their words. Blank lines part all but the lines of code."""
    code: list[str] | None = None
    prose: list[str] = []
    for line in [*_PAGE_LINK.sub(r"\1", text).splitlines(), ""]:
        if line.startswith("```"):
            if code is not None:
                yield MarkdownBlock("code", tuple(code))
            code = [] if code is None else None
        elif code is not None:
            code.append(line)
        elif line:
            prose.append(line)
        elif prose:
            yield _block(prose)
            prose = []


def _block(lines: Sequence[str]) -> MarkdownBlock:
    if lines[0].startswith("#"):
        return MarkdownBlock(
            "title" if lines[0].startswith("# ") else "heading", tuple(line.lstrip("# ") for line in lines)
        )
    return MarkdownBlock("table" if lines[0].startswith("|") else "prose", tuple(lines))


def cells(line: str) -> list[str]:
    r"""The cells of a table's line; `\|` is a bar inside a cell."""
    inner = line.strip().removeprefix("|").removesuffix("|")
    return [cell.strip().replace(r"\|", "|") for cell in re.split(r"(?<!\\)\|", inner)]


def shown(cell: str) -> str:
    """A cell as it stands on the screen, without the marks of code."""
    return cell.replace("`", "")


def widths(titles: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """How wide each column may be within `room` characters so that no word is cut; None: it reads better as a list."""
    columns = [[shown(cell) for cell in column] for column in zip(*rows, strict=True)]
    longest = [max((len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    chosen = [max(len(title), word) for title, word in zip(titles, longest, strict=True)]
    left = room - sum(chosen) - GAP * (len(columns) - 1)
    if left < 0:
        return None
    tall = [max(folded(cell, width) for cell in column) for column, width in zip(columns, chosen, strict=True)]
    while left and max(tall) > 1:
        place = tall.index(max(tall))
        chosen[place] += 1
        tall[place] = max(folded(cell, chosen[place]) for cell in columns[place])
        left -= 1
    return chosen if max(tall) <= TALLEST else None


def folded(text: str, width: int) -> int:
    """How many lines a text takes that is folded between its words."""
    lines, used = 1, 0
    for word in text.split():
        if used and used + 1 + len(word) > width:
            lines, used = lines + 1, len(word)
        else:
            used += len(word) + (1 if used else 0)
    return lines


def hanging(line: str, room: int) -> list[str]:
    """A line of code as lines of at most `room` characters, broken between words only; the rest hangs in by four.

    A command that is broken (`$ ...`, and what goes on with `>`) goes on by a backslash, so that it can be pasted.
    """
    if len(line) <= room:
        return [line]
    more = " \\" if line.startswith(("$ ", "> ")) else ""
    room -= len(more)
    lines: list[str] = []
    current = ""
    for word in re.split(r"(?<=\S)(?=\s+\S)", line):
        if current and len(current) + len(word) > room:
            lines.append(current + more)
            bare = word.strip()
            current = " " * max(0, min(4, room - len(bare))) + bare
        else:
            current += word
    return [*lines, current]
