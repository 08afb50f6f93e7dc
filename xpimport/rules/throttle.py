"""How fast, in which hours, and to how many first: rate, send window, canary. Time comes in as arguments."""

import json
import math
import re
from collections import deque
from dataclasses import asdict, dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from xpimport.errors import Invalid

_RATE = re.compile(r"([0-9]{1,9})\s*/\s*(s|m|min|h|d)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_WINDOW = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])-([01][0-9]|2[0-3]):([0-5][0-9])")


def parse_rate(text: str) -> float:
    """Messages per second of a rate like `50/s`, `600/m` or `2000/h`.

    Raises:
        Invalid: it is not written so, or is nothing.
    """
    found = _RATE.fullmatch(text.strip())
    if not found or int(found[1]) == 0:
        raise Invalid(f"--rate {text!r} is not a number of messages in a time. Write it like 50/s, 600/m or 2000/h.")
    return int(found[1]) / _SECONDS[found[2]]


@dataclass(frozen=True)
class Window:
    """The hours of a day in which messages may go out, by the wall clock; one may go over midnight."""

    opens: time
    closes: time

    def is_open(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether messages may go out at `at`; the closing minute is outside."""
        here = at.astimezone(zone).time()
        if self.opens < self.closes:
            return self.opens <= here < self.closes
        return here >= self.opens or here < self.closes

    def next_opening(self, after: datetime, zone: ZoneInfo) -> datetime:
        """The first opening after `after`; where clocks skip it, the first instant after the gap. In UTC."""
        from xpimport.rules.schedule import next_after, parse_send_time

        return next_after(parse_send_time(f"{self.opens:%H:%M}"), zone, after)


def parse_window(text: str) -> Window:
    """The hours that `08:00-20:00` names.

    Raises:
        Invalid: it is not written so, or both ends are the same.
    """
    found = _WINDOW.fullmatch(text.strip().replace(" ", ""))
    if not found or found.group(1, 2) == found.group(3, 4):
        raise Invalid(f"--window {text!r} is not a span of hours. Write it like 08:00-20:00.")
    hours = [int(part) for part in found.groups()]
    return Window(time(hours[0], hours[1]), time(hours[2], hours[3]))


class RateLimiter:
    """Lets `rate` messages a second through: at most a second's worth at once, and never fewer than one."""

    def __init__(self, rate: float | None, now: float) -> None:
        """Begin at `now`, seconds of a clock that only goes forward; no rate lets everything through."""
        self._rate, self._then = rate, now
        self._saved = 1.0 if rate else math.inf

    def allowed(self, wanted: int, now: float) -> int:
        """How many of `wanted` messages may go out at `now`."""
        if self._rate is None:
            return wanted
        # A tenth of a second's worth is saved up at most, so that no burst follows a pause.
        self._saved = min(max(1.0, self._rate / 10), self._saved + (now - self._then) * self._rate)
        self._then = now
        return min(wanted, int(self._saved))

    def change(self, rate: float) -> None:
        """From now on `rate` messages a second."""
        self._rate = rate

    def spend(self, count: int) -> None:
        """`count` messages went out."""
        self._saved -= count

    def wait(self) -> float:
        """Seconds until the next message may go out."""
        return 0.0 if self._rate is None else max(0.0, (1 - self._saved) / self._rate)


class Pace:
    """As fast as the rate lets through, and slower while the receiver says that it is too fast: halved, then creeping up."""

    SLOWEST, FREE, CREEP = 1.0, 1000.0, 1.05
    """Messages a second: never slower; no longer held back; how much faster after each second without a refusal."""

    def __init__(self, limiter: RateLimiter, shared: RateLimiter | None = None) -> None:
        """Begin with nothing but `limiter`, the rate that was asked for; `shared` is the server's, kept with other sends.

        What `shared` allows counts as gone out, so that it is asked last.
        """
        self._set, self._shared = limiter, shared
        self._slow: RateLimiter | None = None
        self._speed = math.inf
        self._changed = self._until = -math.inf
        self._accepted: deque[float] = deque()

    def accepted(self, now: float) -> None:
        """A message was accepted at `now`, seconds of the clock that the limiter has."""
        self._accepted.append(now)
        while self._accepted[0] < now - 1:
            self._accepted.popleft()

    def refused(self, now: float) -> None:
        """The receiver said at `now` that this is too fast; what it says within a second is about the same burst."""
        if now < self._changed + 1:
            return
        had = min(self._speed, float(len([at for at in self._accepted if at >= now - 1])) or self._speed)
        self._set_speed(max(self.SLOWEST, min(had, self.FREE) / 2), now)

    def stop(self, seconds: float, now: float) -> None:
        """Nothing for so long."""
        self._until = max(self._until, now + seconds)

    def allowed(self, wanted: int, now: float) -> int:
        """How many of `wanted` messages may go out at `now`."""
        if now < self._until:
            return 0
        if self._slow is not None and now >= self._changed + 1:
            self._set_speed(self._speed * self.CREEP, now)
        allowed = self._set.allowed(wanted, now)
        if self._slow is not None:
            allowed = self._slow.allowed(allowed, now)
        return self._shared.allowed(allowed, now) if self._shared is not None and allowed else allowed

    def spend(self, count: int) -> None:
        """`count` messages went out."""
        self._set.spend(count)
        if self._slow is not None:
            self._slow.spend(count)

    def wait(self, now: float) -> float:
        """Seconds until the next message may go out."""
        others = [limiter.wait() for limiter in (self._slow, self._shared) if limiter is not None]
        return max(0.0, self._until - now, self._set.wait(), *others)

    def _set_speed(self, speed: float, now: float) -> None:
        self._changed = now
        self._speed = speed if speed < self.FREE else math.inf
        if self._speed == math.inf:
            self._slow = None
        elif self._slow is None:
            self._slow = RateLimiter(speed, now)
        else:
            self._slow.change(speed)


@dataclass(frozen=True)
class Canary:
    """A part of the audience that goes first: its share, the wait in seconds, and the share of failures it may have."""

    share: float
    wait: int
    max_failed: float

    def to_json(self) -> str:
        """As JSON text, for the store."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Canary":
        """What `to_json` wrote."""
        return Canary(**json.loads(text))

    def size(self, people: int) -> int:
        """How many of `people` go first: at least one."""
        return min(people, max(1, math.ceil(people * self.share)))

    def holds(self, *, tried: int, failed: int) -> bool:
        """Whether too many of those tried failed to let the others follow."""
        return failed > tried * self.max_failed


def retry_wait(backoff: timedelta, retry_after: float | None) -> timedelta:
    """How long a refused message waits: our own back-off, or longer where the receiver asked for it."""
    return max(backoff, timedelta(seconds=min(retry_after or 0.0, 86_400.0)))
