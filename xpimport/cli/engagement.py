"""Engagement on a screen: people, rates and events by kind, and the rows of campaigns and runs."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpimport.cli import screen

_BAR = 16
"""Characters of a bar of 100 %."""


def share(rate: float | None) -> str:
    """A rate in percent with a decimal; what is less than that is said to be."""
    if rate is None:
        return ""
    if 0 < rate < 0.001:
        return "<0.1 %"
    return f"{rate * 100:.1f} %"


def table(engagement: Mapping[str, Any], people: str = "people") -> None:
    """What came back, where anything did: people with their rate, events, and people with machine events only."""
    rows: list[Sequence[object]] = []
    for name in ("delivered", "opened", "clicked", "engaged", "bounced", "unsubscribed", "complained"):
        one = engagement[name]
        if not one["unique"] and not one.get("machine"):
            continue
        bar = "▇" * round((one["rate"] or 0) * _BAR) if name in {"opened", "clicked", "engaged"} else ""
        rate = f"{share(one['rate'])} of {one['of']}" if one["rate"] is not None else ""
        rows.append([name, one["unique"], rate, one.get("total", ""), one.get("machine") or "", bar])
    titles = ["engagement", people, "rate", "times", "machines", ""]
    if screen.is_narrow():
        rows, titles = [row[:-1] for row in rows], titles[:-1]
    if rows:
        screen.table(rows, titles)


def short(engagement: Mapping[str, Any] | None, kind: str) -> object:
    """People of a kind in a list of runs; blank where nobody has."""
    return (engagement[kind]["unique"] or "") if engagement else ""
