r"""How a path names files: plainly, by a glob, or by an expression, with date parts anywhere.

Only the last part of a path is a pattern:

- `/lists/vip-*.csv` is a glob: `*`, `?` and `[...]`. As in a shell it does not see names that begin with a dot.
- `/lists/re:vip-[0-9]+\.csv` is an expression in RE2's syntax, which takes linear time. It begins after the first
  `re:` that stands at the beginning of a part and goes to the end, and it must match the whole name. Names hold no
  slash, so an expression with one is refused.
- `{%Y-%m-%d}` is a date part: the day and time of the run in the import's zone. It may stand in the folders too, and
  what it gives is taken literally, in a glob and in an expression.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from xpimport.errors import Invalid

DATE_PART = re.compile(r"\{(%[^{}]*)\}")
DIRECTIVES = "YymdjHMSGVuabAB"
_DIRECTIVE = re.compile(f"%[{DIRECTIVES}%]")
_EXPRESSION = re.compile(r"(?:^|/)re:")
LONGEST_EXPRESSION = 1000
"""Characters; more is no name of a file."""

FIXED, GLOB, EXPRESSION = "fixed", "glob", "expression"


@dataclass(frozen=True)
class Names:
    """What a path asks for at one instant: in `folder` (ends with a slash, or is empty) a name, glob or expression.

    `varies` says that it may name another file at another time: a pattern, or any date part.
    """

    folder: str
    text: str
    kind: str
    varies: bool

    @property
    def path(self) -> str:
        """Folder and name as they would be typed, with the dates of the instant."""
        return f"{self.folder}{'re:' if self.kind == EXPRESSION else ''}{self.text}"

    def matches(self, name: str) -> bool:
        """Whether a bare name is one of those asked for."""
        if self.kind == FIXED:
            return name == self.text
        if self.kind == GLOB:
            hidden = name.startswith(".") and not self.text.startswith(".")
            return not hidden and fnmatchcase(name, self.text)
        return _compiled(self.text).fullmatch(name) is not None


def split(path: str) -> tuple[str, str]:
    """A path as typed, cut into its folder (with the last slash) and what names the file in it."""
    expression = _EXPRESSION.search(path)
    if expression:
        start = expression.end() - len("re:")
        return path[:start], path[start:]
    # A slash inside a date part is no border here; what it gives is cut again once the date is known.
    masked = DATE_PART.sub(lambda part: "." * len(part[0]), path)
    start = masked.rfind("/") + 1
    return path[:start], path[start:]


def names_at(path: str, instant: datetime) -> Names:
    """What a path asks for at `instant`, which is in the zone that its date parts are meant in.

    Raises:
        Invalid: as `check_path`.
    """
    folder, name = split(path)
    varies = DATE_PART.search(path) is not None
    folder = dated(folder, instant)
    if name.startswith("re:"):
        expression = dated(name.removeprefix("re:"), instant, re.escape)
        _compiled(expression)
        return Names(folder, expression, EXPRESSION, varies=True)
    if any(mark in DATE_PART.sub("", name) for mark in "*?["):
        return Names(folder, dated(name, instant), GLOB, varies=True)
    folder, name = split(folder + dated(name, instant))
    return Names(folder, name, FIXED, varies)


def dated(text: str, instant: datetime, quote: Callable[[str], str] = str) -> str:
    """A text with its date parts filled in; `quote` is applied to what they give."""
    return DATE_PART.sub(lambda part: quote(instant.strftime(part[1])), text)


def check_path(path: str) -> None:
    """Refuse a path that can never name a file.

    Raises:
        Invalid: no name after the last slash, a star in a folder, a broken date part, or a broken expression, with
            the place and the reason.
    """
    check_dates(path)
    folder, name = split(path)
    if not name:
        raise Invalid(f"--source: {path!r} names a folder. Name a file in it, or a pattern like {path}*.csv")
    if "*" in folder:
        raise Invalid(f"--source: in {path!r} a star stands in a folder. Only the last part can be a pattern.")
    names_at(path, datetime(2026, 11, 24))  # noqa: DTZ001 - any instant shows whether an expression is sound


def check_dates(text: str) -> None:
    """Refuse a date part that is open, or has a directive that is not known. Raises Invalid."""
    for part in DATE_PART.findall(text):
        if "%" in _DIRECTIVE.sub("", part):
            known = ", ".join(f"%{letter}" for letter in DIRECTIVES)
            raise Invalid(f"--source: the date part {{{part}}} has a directive that is not known. Known are: {known}")
    if "{%" in DATE_PART.sub("", text):
        raise Invalid(f"--source: a date part of {text!r} is not closed. Write it like vip-{{%Y-%m-%d}}.csv")


@lru_cache(maxsize=8)
def _compiled(expression: str) -> Any:
    import re2

    if "/" in expression:
        raise _broken(expression, expression.index("/"), "names hold no slash")
    if not expression or len(expression) > LONGEST_EXPRESSION:
        raise _broken(expression[:40], 0, f"it has {len(expression)} characters, not 1 to {LONGEST_EXPRESSION}")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as problem:
        raise _broken(expression, *_explained(expression, problem)) from None


def _explained(expression: str, problem: Exception) -> tuple[int, str]:
    """Where an expression is broken (from 0) and why. RE2 says what, and Python's own parser where."""
    import warnings

    text = problem.args[0]
    reason = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    reason, _, fragment = reason.partition(": ")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(expression)
    except re.error as known:
        if known.pos is not None:
            return known.pos, reason
    # Sound in Python, so it is what RE2 leaves out: it names the piece.
    return max(expression.find(fragment), 0) if fragment else 0, f"{reason} {fragment}".strip()


def _broken(expression: str, position: int, reason: str) -> Invalid:
    return Invalid(
        f"--source: the expression {expression!r} is broken at character {position + 1}: {reason}. "
        "It is written in RE2's syntax (no look-ahead, no back-references)."
    )
