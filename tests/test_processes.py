"""A helping process: messages go both ways as they are, and either end notices when the other is gone."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from xpimport.processes import Form, Helper, Lost, marshal

ECHO = """
import pickle, marshal, sys
from contextlib import suppress
from xpimport.processes import Lost, Parent
parent = Parent({form})
with suppress(Lost):
    while True:
        parent.send(parent.receive())
"""


@pytest.fixture(params=["marshal", "pickle"])
def echo(request: pytest.FixtureRequest) -> Iterator[Helper]:
    form: Form = pickle if request.param == "pickle" else marshal
    helper = Helper(["-c", ECHO.format(form=request.param)], form)
    yield helper
    helper.close()


def test_messages_of_any_size_come_back_as_they_went(echo: Helper) -> None:
    for message in ((), None, ("ünïcode", [1, 2.5, None]), "x" * 3_000_000, [("a", b"\n\0")] * 10_000):
        echo.send(message)
        assert echo.receive() == message


def test_a_helper_that_was_killed_is_lost_to_both_directions(echo: Helper) -> None:
    echo.send("one")
    assert echo.receive() == "one"
    os.kill(echo.pid, signal.SIGKILL)
    # Its pipes are closed one after the other; once it has ended, both are.
    os.waitid(os.P_PID, echo.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(Lost):
        echo.receive()
    with pytest.raises(Lost):
        echo.send("two")


def test_a_message_cut_off_by_a_death_is_lost() -> None:
    code = "import sys; sys.stdout.buffer.write((100).to_bytes(8, 'little') + b'half')"
    helper = Helper(["-c", code])
    with pytest.raises(Lost):
        helper.receive()
    helper.close()


def test_a_closed_helper_is_gone_and_lost(echo: Helper) -> None:
    echo.close()
    with pytest.raises(ProcessLookupError):
        os.kill(echo.pid, 0)
    with pytest.raises(Lost):
        echo.send("one")
    with pytest.raises(Lost):
        echo.receive()


def test_a_helper_ends_when_its_parent_is_killed() -> None:
    code = (
        "import os, signal; from xpimport.processes import Helper;"
        f"print(Helper(['-c', {ECHO.format(form='marshal')!r}]).pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    said = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, check=False)
    status = Path(f"/proc/{int(said.stdout)}/status")
    deadline = time.monotonic() + 20
    while status.exists() and "(zombie)" not in status.read_text(encoding="ascii"):
        assert time.monotonic() < deadline, "the helper is still there"
        time.sleep(0.05)
