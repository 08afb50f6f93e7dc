"""Each promise of the README names a test that exists."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]


def test_every_promise_names_a_test_that_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert len(named) > 10
    for path, name in named:
        text = (REPOSITORY / path).read_text(encoding="utf-8")
        assert not name or f"def {name}(" in text, f"{path}::{name}"
