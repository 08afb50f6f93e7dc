"""How far a run has come, stage by stage, as the bars of `screen` show it."""

import time
from typing import Any

from xpimport.rules.forecast import Throughput


class Bars:
    """Progress on stderr, for a run with its stages; silent where stderr is no terminal."""

    def __init__(self, shown: Any) -> None:
        """Take rich's progress, or None to stay silent."""
        self._shown = shown
        self._tasks: dict[str, Any] = {}
        self._throughputs: dict[str, Throughput] = {}

    def _move(self, name: str, done: int, total: int, count: int, unit: str) -> None:
        if self._shown is None or total <= 0:
            return
        if name not in self._tasks:
            self._tasks[name] = self._shown.add_task(name, total=total, note="", rate="")
            self._throughputs[name] = Throughput()
        self._throughputs[name].note(time.monotonic(), count)
        rate = self._throughputs[name].rate
        self._shown.update(
            self._tasks[name],
            completed=done,
            total=total,
            note=f"{count:,} {unit}",
            rate="" if rate is None else f"{rate:,.0f} {unit}/s",
        )

    def reading(self, rows: int, done: int, total: int) -> None:
        """Rows read, bytes read, bytes in all."""
        self._move("Reading", done, total, rows, "rows")

    def merging(self, done: int, total: int) -> None:
        """People merged, people in all."""
        self._move("Importing", done, total, done, "people")

    def sending(self, done: int, total: int) -> None:
        """People done, people in all."""
        self._move("Sending", done, total, done, "people")
