import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Xp, which


def table() -> tuple[int, bytes]:
    done = subprocess.run(["crontab", "-l"], capture_output=True, check=False)
    return done.returncode, done.stdout


@pytest.fixture
def own_crontab() -> Iterator[bytes]:
    """A crontab with one foreign line; root's own is put back afterwards."""
    code, before = table()
    foreign = b"# nightly jobs of this machine\n17 4 1 1 * true\n"
    subprocess.run(["crontab", "-"], input=foreign, check=True)
    yield foreign
    if code == 0:
        subprocess.run(["crontab", "-"], input=before, check=True)
    else:
        subprocess.run(["crontab", "-r"], check=True)


@pytest.fixture
def cron() -> Iterator[None]:
    """Debian's cron; one that runs on this machine already serves as well (two cannot hold its lock)."""
    program = which("cron")
    assert program is not None
    with subprocess.Popen([program, "-f"], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            _, complaint = process.communicate(timeout=2)
        except subprocess.TimeoutExpired:
            yield
            process.terminate()
        else:
            assert b"can't lock" in complaint, complaint
            yield


@pytest.mark.server("cron")
@pytest.mark.timeout(400)
def test_the_installed_line_makes_real_cron_import_the_list_and_fill_the_outbox(
    xp: Xp, own_crontab: bytes, cron: None, tmp_path: Path
):
    installed = subprocess.run([sys.executable, "-c", "import xpimport"], cwd="/", capture_output=True, check=False)
    if installed.returncode != 0:
        pytest.fail("cron starts the installed program; install it first: pip install -e .", pytrace=False)
    # What cron has to survive: a space, a quote and a percent sign in the path of the store.
    store = tmp_path / "it's 100% ours" / "xpimport.db"
    store.parent.mkdir()

    def do(*arguments: str | Path) -> str:
        result = xp(*arguments, db=store)
        assert result.code == 0, result.err
        return result.out

    people = tmp_path / "people.csv"
    people.write_text(
        "user_id,email,email_subscription\n1,ana@example.com,1\n2,ben@example.com,1\n3,eve@example.com,0\n"
    )
    long_ago = time.time() - 3600
    os.utime(people, (long_ago, long_ago))
    text = tmp_path / "welcome.txt"
    text.write_text("Hello\n")
    do("init", "--timezone", "UTC")
    do("settings", "set", "triggers", "on")
    content = ["--subject", "Hello", "--text", text, "--from", "us@example.com"]
    do("campaign", "add", "welcome", "--channel", "outbox", *content)
    do("import", "add", "people", "--source", people, "--schedule", "* * * * *", "--campaign", "welcome")
    do("crontab", "install")
    assert table()[1].startswith(own_crontab)
    assert table()[1].count(b"\n") == own_crontab.count(b"\n") + 1

    # One minute for the first look at the file, one for the second, and part of one before the first.
    deadline = time.monotonic() + 200
    while len(messages := list(tmp_path.rglob("new/*"))) < 2 and time.monotonic() < deadline:
        time.sleep(1)

    do("crontab", "remove")
    assert table() == (0, own_crontab)
    assert len(messages) == 2, [path.read_text() for path in store.parent.glob("*.log")]
    assert not any(b"eve@example.com" in path.read_bytes() for path in messages)
