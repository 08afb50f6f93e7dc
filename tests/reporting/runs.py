"""A shop whose runs were sent, read and clicked: what pages are made of."""

import json
import re
from pathlib import Path

from shop import HEADER, open_shop

DAY = "2026-11-{:02}T09:00:00Z"
LATER = "2026-11-30T12:00:00Z"


def list_of(people: int, opted_out: int = 0, bad: int = 0) -> str:
    """A list with people who agreed, some who opted out, and rows that are rejected."""
    lines = [HEADER, *(f"u{number},p{number}@example.com,1" for number in range(people))]
    lines += [f"o{number},o{number}@example.com,0" for number in range(opted_out)]
    return "\n".join([*lines, *(f"b{number},nobody,1" for number in range(bad))]) + "\n"


def keys_of(db: Path) -> list[str]:
    """The keys of all messages in the outbox, in the order of their runs."""
    messages = [path.read_text() for path in Path(f"{db}.files").glob("outbox/new/*")]
    return sorted(re.search(r"^Message-ID: <(\w+)@", text, re.MULTILINE)[1] for text in messages)


def told(key: str, kind: str, at: str, **more: object) -> dict[str, object]:
    """An event of a message, as the form `xpimport` has it."""
    return {"event": kind, "key": key, "time": at, **more}


def ingest(xp, events: list[dict[str, object]]) -> None:
    """Take events in."""
    done = xp("event", "ingest", "-", "--provider", "xpimport", stdin="\n".join(map(json.dumps, events)), now=LATER)
    assert done.code == 0, done.err


def history_of_runs(xp, folder: Path, runs: int = 4, *, url: str = "https://shop.example.com/offers?a=1&b=2"):
    """So many runs on following days, each with people who read and clicked, machines that did, and mail that came back."""
    open_shop(xp, folder, people=None, imports=("--same-content", "send"), timezone="Europe/Dublin", now=DAY.format(1))
    told_before: set[str] = set()
    for run in range(runs):
        (folder / "list.csv").write_text(list_of(20 + run, opted_out=3, bad=2))
        assert xp("run-now", "list", now=DAY.format(run + 2)).code == 0
        keys = [key for key in keys_of(folder / "xpimport.db") if key not in told_before]
        told_before |= set(keys)
        day = run + 2
        events = [told(key, "delivered", f"2026-11-{day:02}T09:01:00Z") for key in keys[2:]]
        events += [told(keys[0], "bounced", f"2026-11-{day:02}T09:01:00Z", status="5.2.2")]
        for at, key in enumerate(keys[2 : 10 + run]):
            events.append(told(key, "opened", f"2026-11-{day:02}T{10 + at % 6}:10:00Z"))
        events += [told(key, "opened", f"2026-11-{day:02}T09:03:00Z", machine="apple") for key in keys[15:18]]
        events += [told(key, "clicked", f"2026-11-{day:02}T11:10:00Z", url=url) for key in keys[2:5]]
        events += [told(keys[3], "clicked", f"2026-11-{day + 4:02}T11:10:00Z", url="https://shop.example.com/later")]
        events += [told(keys[6], "opened", f"2026-11-{day + 4:02}T11:10:00Z")]
        ingest(xp, events)
    return xp


def page(xp, *arguments: object, now: str = LATER) -> str:
    """The page that a command writes to stdout."""
    done = xp(*map(str, arguments), "--html", "-", now=now)
    assert done.code == 0, done.err
    return done.out
