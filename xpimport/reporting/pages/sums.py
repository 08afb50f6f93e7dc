"""The sums of a page: every whole with its parts, added up when the page is made."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from xpimport.reporting.figures import Figures
from xpimport.reporting.pages.words import number
from xpimport.rules.delivery import ACCEPTED, EXCLUDED, FAILED, UNCERTAIN

FATES = (ACCEPTED, FAILED, EXCLUDED, UNCERTAIN)


@dataclass(frozen=True)
class Sum:
    """A whole in words, its parts, and whether it is their sum."""

    whole: str
    parts: list[str]
    holds: bool


def sum_of(whole: int, name: str, parts: Iterable[tuple[int, str]]) -> Sum:
    """A whole and what it should come from; its name may be two words: `person|people`."""
    named, nouns = list(parts), name.split("|")
    return Sum(
        f"{number(whole)} {nouns[0 if whole == 1 else -1]}",
        [f"{number(count)} {part}" for count, part in named],
        sum(count for count, _ in named) == whole,
    )


def fates(found: Figures, people: str) -> Sum:
    """Everybody of an audience by fate."""
    return sum_of(found.audience, people, [*((found.fates[fate], fate) for fate in FATES), (found.unsent, "unsent")])


def by_reason(whole: int, name: str, reasons: Mapping[str, int]) -> list[Sum]:
    """A count by its reasons; nothing where there are none."""
    ranked = sorted(reasons.items(), key=lambda one: (-one[1], one[0]))
    return [sum_of(whole, name, ((count, reason) for reason, count in ranked))] if whole else []


def verdict(sums: list[Sum]) -> str:
    """What the sums come to, in a sentence."""
    wrong = sum(not one.holds for one in sums)
    held = "All of them hold." if not wrong else f"{number(wrong)} of them {'does' if wrong == 1 else 'do'} not hold."
    return f"Added up when this page was made. {held}"
