"""Ports of the loopback, for servers that have to be told theirs."""

import os
import random
import socket
import time

# Below the ports that the system gives to connections, and apart for each of the test workers that run at once.
FIRST, EACH, WORKERS = 20_000, 4_000, 3


def unused_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, nor will unasked."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    while True:
        port = FIRST + worker * EACH + random.randrange(EACH)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def listening(port: int) -> bool:
    """Whether somebody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while not listening(port):
        assert time.monotonic() < deadline, f"nobody listens on {port}"
        time.sleep(0.02)
