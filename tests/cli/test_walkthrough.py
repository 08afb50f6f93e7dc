"""The scripts of examples/, run as a person would."""

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_walk_through_passes_with_each_step_checked(tmp_path):
    program = Path(sys.executable).parent / "xpimport"
    assert program.exists(), "install the package first: pip install -e ."
    ran = subprocess.run(
        ["sh", REPOSITORY / "examples" / "walkthrough.sh"],
        cwd=tmp_path,
        env={**os.environ, "XPIMPORT": str(program)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr[-3000:]


def test_the_demo_shows_the_whole_job_in_a_store_of_its_own(xp, tmp_path):
    ran = xp("demo")
    assert ran.code == 0
    for shown in (
        "= rows read   4,000",
        "Campaign welcome: sent",
        "excluded: unsubscribed",
        "Subject: ",
        "xpimport plan",
    ):
        assert shown in ran.out
    assert not (tmp_path / "xpimport.db").exists()
    assert xp("demo").code == 0
