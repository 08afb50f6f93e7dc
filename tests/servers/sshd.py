"""Debian's sshd on the loopback, with its own configuration, host key and one user key."""

import getpass
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from conftest import which


@dataclass(frozen=True)
class Sshd:
    """A running server: where it listens, its host keys' public half, and the user's private key (0600)."""

    port: int
    host_key: Path
    user_key: Path
    user: str

    @property
    def root(self) -> str:
        return f"sftp://{self.user}@127.0.0.1:{self.port}"

    @property
    def known_hosts(self) -> str:
        """The line that a user's known_hosts needs."""
        kind, key, *_ = self.host_key.with_suffix(".pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def be_known(self) -> None:
        """Record the host key for the user whose HOME is set."""
        folder = Path.home() / ".ssh"
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "known_hosts").write_text(self.known_hosts)


def key(path: Path, *, passphrase: str = "") -> Path:
    """A new ed25519 key at `path`."""
    keygen = which("ssh-keygen")
    assert keygen
    subprocess.run([keygen, "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return path


@contextmanager
def sshd(folder: Path, port: int, host_key: Path, user_key: Path) -> Iterator[Sshd]:
    """Run a server on `port`, with its files in `folder`, for as long as the context lasts."""
    program = which("sshd")
    assert program
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    authorized = folder / "authorized_keys"
    authorized.write_text(user_key.with_suffix(".pub").read_text())
    config = folder / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {authorized}\nPermitRootLogin yes\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nMaxStartups 100\n"
    )
    with (folder / "sshd.log").open("wb") as log:
        server = subprocess.Popen([program, "-D", "-e", "-f", config], stderr=log)
    try:
        _await(port, server, folder / "sshd.log")
        yield Sshd(port, host_key, user_key, getpass.getuser())
    finally:
        server.terminate()
        server.wait(10)


def _await(port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    raise AssertionError(f"sshd did not start: {log.read_text()}")
