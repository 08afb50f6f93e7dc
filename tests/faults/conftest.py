"""Tells at the end how many faults of each kind were injected."""

from collections import Counter

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The figures of the sweep."""
    injected: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.getreports(outcome):
            for name, value in getattr(report, "user_properties", ()):
                if name == "faults":
                    action, call, _, count = value
                    injected[action, call] += count
    if not injected:
        return
    calls = list(dict.fromkeys(call for _, call in injected))
    terminalreporter.write_line(f"{'faults injected':<20}" + "".join(f"{call:>10}" for call in calls))
    for action in dict.fromkeys(action for action, _ in injected):
        terminalreporter.write_line(f"{action:<20}" + "".join(f"{injected[action, call]:>10}" for call in calls))
