"""What happens when nobody can be told: an output that takes nothing, with Linux's /dev/full."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY


@pytest.fixture
def xpimport(shop, tmp_path):
    """Runs a command whose stdout and stderr go to these files."""

    def run(*arguments, out, err):
        command = [sys.executable, "-m", "xpimport", "--db", tmp_path / "xpimport.db", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        with Path(out).open("w") as stdout, Path(err).open("w") as stderr:
            return subprocess.run(command, stdout=stdout, stderr=stderr, check=False, env=environment).returncode

    return run


@pytest.mark.parametrize("call", [("settings", "list", "--json"), ("run-now", "list"), ("import", "list")])
def test_an_output_that_cannot_be_written_ends_in_words_and_exit_1(xpimport, tmp_path, call):
    assert xpimport(*call, out="/dev/full", err=tmp_path / "err") == 1
    said = (tmp_path / "err").read_text()
    assert "Error: A file or the output could not be read or written: No space left on device" in said
    assert "Traceback" not in said
    assert "Exception" not in said


def test_talk_that_nobody_can_be_given_does_not_stop_the_work(xpimport, shop, tmp_path):
    assert xpimport("run-now", "list", out=tmp_path / "out", err="/dev/full") == 0
    assert "accepted     3" in (tmp_path / "out").read_text()
    assert shop("task", "show", 1, "--json").json()["delivery"]["accepted"] == 3
