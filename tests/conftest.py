"""What every test may use: a clean environment, the program in this process or its own, real servers."""

import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import settings
from servers.ports import unused_port
from shop import open_shop

REPOSITORY = Path(__file__).parents[1]

# A busy machine is no reason for a property to fail.
settings.register_profile("xpimport", deadline=None)
settings.load_profile("xpimport")


@dataclass(frozen=True)
class Server:
    """A real server program: what must be on PATH (or in sbin), and where it comes from."""

    program: str
    origin: str
    needs_root: bool = False


SERVERS = {
    "cron": Server("cron", "Debian package cron", needs_root=True),
    "sshd": Server("sshd", "Debian package openssh-server"),
    "smtp-sink": Server("smtp-sink", "Debian package postfix"),
    "strace": Server("strace", "Debian package strace"),
    "chromium": Server("chromium", "Debian package chromium"),
    "moto": Server("moto_server", "in .venv-moto, which tests/run.sh makes"),
}


def which(program: str) -> str | None:
    """The absolute path of `program`, looked for in sbin too, which a user's PATH often lacks, and in moto's own place."""
    own = str(REPOSITORY / ".venv-moto" / "bin")
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin", own])
    return shutil.which(program, path=path)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """This machine has one crontab: of workers that share the tests, one gets all those that write it, one by one."""
    for item in items:
        if any(marker.args == ("cron",) for marker in item.iter_markers("server")):
            item.add_marker(pytest.mark.xdist_group("crontab"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `server(name)` where that server is absent; in CI that is a failure."""
    for marker in item.iter_markers("server"):
        server = SERVERS[marker.args[0]]
        missing = None
        if which(server.program) is None:
            missing = f"needs the program {server.program} ({server.origin})"
        elif server.needs_root and os.geteuid() != 0:
            missing = f"needs to be root to start {server.program}"
        if missing and os.environ.get("XPIMPORT_REQUIRE_SERVERS") == "1":
            pytest.fail(missing, pytrace=False)
        elif missing:
            pytest.skip(missing)


@pytest.fixture(scope="session")
def program_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program `xpimport`, which is the one of this tree."""
    folder = tmp_path_factory.mktemp("bin")
    program = folder / "xpimport"
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{REPOSITORY}" exec "{sys.executable}" -m xpimport "$@"\n')
    program.chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, program_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No store, clock, home or zone of the person who runs the tests; the program is on PATH."""
    for name in [name for name in os.environ if name.startswith("XPIMPORT_")]:
        if name != "XPIMPORT_REQUIRE_SERVERS":
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for kind in ("CACHE", "CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
    monkeypatch.setenv("PATH", f"{program_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    # The peers of the tests are on this machine.
    monkeypatch.setenv("XPIMPORT_NOW_SENDS", "yes")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    with pytest.MonkeyPatch.context() as zone:
        zone.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture
def free_port() -> int:
    """A TCP port of the loopback that nobody listens on."""
    return unused_port()


@dataclass(frozen=True)
class Result:
    """How a command ended: its exit code, and what it wrote to stdout and stderr, line ends as written."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """What it wrote to stdout, read as JSON."""
        return json.loads(self.out)


class Xp(Protocol):
    """Runs `xpimport ARGUMENTS` with XPIMPORT_DB, at the time `now` (ISO 8601 with an offset; else the real one)."""

    def __call__(
        self, *arguments: str | Path, now: str | None = None, db: Path | None = None, stdin: str | bytes = b""
    ) -> Result: ...


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _stream(content: bytes = b"") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", newline="", write_through=True)


def _written(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


def _clock(arguments: Sequence[object], now: str | None) -> str | None:
    """The time a command is run at. A store is made under a set clock, so that others may be set for it later."""
    return now or (datetime.now(UTC).isoformat() if arguments[:1] == ("init",) else None)


def in_this_process(store: Path) -> Xp:
    """The real program in this process; it works on `store` unless `db` names another."""

    def run(*arguments: str | Path, now: str | None = None, db: Path | None = None, stdin: str | bytes = b"") -> Result:
        from xpimport.cli import main

        argv = list(map(str, arguments))
        out, err = _stream(), _stream()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XPIMPORT_DB", str(db or store))
            patch.setattr(sys, "stdin", _stream(_bytes(stdin)))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            if clock := _clock(arguments, now):
                patch.setenv("XPIMPORT_NOW", clock)
            code = main(argv)
        return Result(code, _written(out), _written(err))

    return run


@pytest.fixture
def xp(tmp_path: Path) -> Xp:
    """The real program in this process; the store is `tmp_path / xpimport.db` unless `db` names another."""
    return in_this_process(tmp_path / "xpimport.db")


@pytest.fixture
def shop(request: pytest.FixtureRequest, xp: Xp, tmp_path: Path) -> Xp:
    """A small shop in `tmp_path`, run by `xp`; the markers `shop` of the test and of its module say what is special."""
    special: dict[str, Any] = {}
    for marker in request.node.iter_markers("shop"):
        special = {**marker.kwargs, **special}
    return open_shop(xp, tmp_path, **special)


@pytest.fixture
def xp_process(tmp_path: Path) -> Xp:
    """The program in a process of its own: for what only a process shows (signals, locks, start-up)."""

    def run(*arguments: str | Path, now: str | None = None, db: Path | None = None, stdin: str | bytes = b"") -> Result:
        argv = [sys.executable, "-m", "xpimport"]
        done = subprocess.run(
            [*argv, *map(str, arguments)],
            input=_bytes(stdin),
            capture_output=True,
            check=False,
            timeout=120,
            env={
                **os.environ,
                "PYTHONPATH": str(REPOSITORY),
                "XPIMPORT_DB": str(db or tmp_path / "xpimport.db"),
                **({"XPIMPORT_NOW": clock} if (clock := _clock(arguments, now)) else {}),
            },
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
