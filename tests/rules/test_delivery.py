"""Each fate has a reason that is explained: what the program can write and what is explained are the same."""

import ast
import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from xpimport.errors import Invalid, Unreachable
from xpimport.rules import delivery
from xpimport.rules.engagement import BOUNCED_LATER
from xpimport.sending.channels import AuthRefused, ServerRefused

SENDING = Path(__file__).parents[2] / "xpimport" / "sending"


def texts(node: ast.expr) -> list[str]:
    """What an argument can be, where it is written out."""
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    return [str(node.value)] if isinstance(node, ast.Constant) else []


def outcomes() -> Iterator[tuple[str, str]]:
    """State and reason of every outcome that a channel or a connection makes."""
    for path in SENDING.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id == "Outcome" and len(call.args) > 1:
                yield from ((state, reason) for state in texts(call.args[0]) for reason in texts(call.args[1]))


def statements() -> Iterator[tuple[str, str]]:
    """State and reason of every SQL statement that writes both."""
    for path in SENDING.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        yield from re.findall(r"state = '(\w+)', reason = '(\w+)'", text)
        yield from re.findall(r"SELECT \?, profile_id, '(\w+)', '(\w+)'", text)


def written() -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for state, reason in (*outcomes(), *statements()):
        found[state].add(reason)
    found["failed"].add(BOUNCED_LATER)  # by what comes back
    # A session that cannot connect anew gives the problem's own code.
    found["retry"] |= {problem.code for problem in (Unreachable, ServerRefused, AuthRefused, Invalid)}
    return found


@pytest.mark.parametrize("state", ["accepted", "failed", "uncertain", "retry"])
def test_what_the_code_can_write_is_what_is_explained(state: str) -> None:
    assert written()[state] == delivery.REASONS[state]


def test_every_exclusion_that_the_code_can_write_is_explained() -> None:
    sql = "".join(path.read_text(encoding="utf-8") for path in (SENDING / "audience").glob("*.py"))
    ledger = (SENDING / "delivery" / "ledger.py").read_text(encoding="utf-8")
    found = set(re.findall(r"(?:THEN|ELSE|SET reason =) '(\w+)'", sql)) | set(re.findall(r'return "(\w+)"', ledger))
    found -= {"pending", "excluded"}  # states
    assert found == set(delivery.EXCLUSIONS)


def test_the_states_are_those_of_the_schema_and_each_is_over_or_not() -> None:
    from xpimport.store import migrations

    allowed = re.search(
        r"CREATE TABLE deliveries.*?state IN\s*\((.*?)\)", Path(migrations.__file__).read_text(), re.DOTALL
    )
    assert allowed
    assert set(re.findall(r"'(\w+)'", allowed[1])) == delivery.UNSENT | set(delivery.FINAL)
    assert delivery.UNSENT.isdisjoint(delivery.FINAL)
    assert delivery.UNSENT | set(delivery.FINAL) == delivery.BEGUN | delivery.WAITING | delivery.LEFT_OUT


def test_a_set_of_states_is_the_same_in_sql() -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        for states in (delivery.UNSENT, delivery.REACHED, delivery.FINAL, {delivery.FAILED}):
            for state in (*delivery.UNSENT, *delivery.FINAL):
                held = db.execute(f"SELECT {delivery.sql_in('s', states)} FROM (SELECT ? AS s)", (state,)).fetchone()[0]
                assert bool(held) == (state in states)
