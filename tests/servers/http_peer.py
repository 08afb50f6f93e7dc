"""An HTTP server on the loopback that answers as a test says, byte by byte where need be."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request. The path's entry in the server's `answers` writes what comes back."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_GET(self) -> None:
        self.server.peer.requests.append((self.path, dict(self.headers)))
        self.server.peer.answers[self.path](self)
        self.wfile.flush()
        self.close_connection = True

    def head(self, status: int, **headers: object) -> None:
        """Status and headers; `_` stands for `-` in their names."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    peer: "Peer"
    daemon_threads = True


@dataclass
class Peer:
    """Where the server listens, what it answers to each path, and what it was asked: path and headers."""

    root: str
    port: int
    answers: dict[str, Answer] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def whole(text: str, **headers: object) -> Answer:
    """A good answer with that body."""

    def answer(request: Request) -> None:
        request.head(200, Content_Length=len(text.encode()), **headers)
        request.wfile.write(text.encode())

    return answer


def status(number: int, **headers: object) -> Answer:
    """An answer without a body."""
    return lambda request: request.head(number, Content_Length=0, **headers)


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one stays."""
    left = list(answers)

    def answer(request: Request) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


@contextmanager
def http_peer(tls: ssl.SSLContext | None = None) -> Iterator[Peer]:
    """Serve on a free port of 127.0.0.1 for as long as the context lasts."""
    server = _Server(("127.0.0.1", 0), Request)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    server.peer = Peer(f"{'https' if tls else 'http'}://127.0.0.1:{port}", port)
    # A handshake that the client gives up is what a test asks for.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.peer
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
