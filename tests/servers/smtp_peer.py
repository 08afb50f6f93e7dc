"""A scripted SMTP server for what smtp-sink cannot do: log-ins, TLS, odd replies, hanging up at a chosen byte."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

HANG = "hang"
DROP = "drop"
OK = "250 2.0.0 Ok"


@dataclass
class Seen:
    """What a connection has seen before: messages that were accepted on it, recipients that were named."""

    accepted: int = 0
    recipients: int = 0


Said = str | Callable[[Seen, str], str]
"""A reply, or what makes it from what the connection has seen and the command (the recipient at the dot)."""


def after(reply: str, *, messages: int = 1_000_000, recipients: int = 1_000_000) -> Said:
    """`reply` from so many messages or recipients on, on each connection."""
    return lambda seen, _: reply if seen.accepted >= messages or seen.recipients >= recipients else OK


@dataclass
class Throttle:
    """Says yes so often in so many seconds of its own clock, on all connections together, and else `reply`."""

    most: int
    seconds: float
    reply: str = "454 Throttling failure: Maximum sending rate exceeded."
    taken: "deque[float]" = field(default_factory=deque, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(self, _seen: Seen, _command: str) -> str:
        with self.lock:
            now = time.monotonic()
            while self.taken and self.taken[0] < now - self.seconds:
                self.taken.popleft()
            if len(self.taken) >= self.most:
                return self.reply
            self.taken.append(now)
            return OK


@dataclass
class Script:
    """What the peer does. Replies are lines without their end; `HANG` waits, `DROP` hangs up."""

    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")
    greeting: str = "220 peer ESMTP"
    mail: "Said" = "250 2.1.0 Ok"
    rcpt: "Said" = "250 2.1.5 Ok"
    data: str = "354 go on"
    dot: "Said" = "250 2.0.0 queued"
    pause: float = 0.0
    """Seconds before the reply to the dot."""
    auth: str = "235 2.7.0 welcome"
    quit: str = "221 bye"
    drop_in_data: int | None = None
    """Hang up after this many bytes of a message."""
    idle: float | None = None
    """Hang up on who says nothing for so many seconds after a message."""
    idle_reply: str = DROP
    """What is said then first."""
    tls: ssl.SSLContext | None = None
    implicit_tls: bool = False
    after_starttls: bytes = b""
    """Sent in the clear right behind the reply to STARTTLS."""


@dataclass
class Peer:
    """A running peer, and what it saw."""

    script: Script
    port: int = 0
    connections: int = 0
    commands: list[str] = field(default_factory=list, repr=False)
    messages: list[bytes] = field(default_factory=list)
    """What came as far as the dot."""
    taken: list[bytes] = field(default_factory=list, repr=False)
    """Those that were accepted there."""
    recipients: list[str] = field(default_factory=list)
    sockets: list[socket.socket] = field(default_factory=list, repr=False)
    stopped: threading.Event = field(default_factory=threading.Event)

    def serve(self, connection: socket.socket) -> None:
        self.connections += 1
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(OSError, ValueError), connection:
            if self.script.implicit_tls and self.script.tls:
                connection = self.script.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.sockets.append(connection)
                _Conversation(self, connection).run()


class _HangUp(Exception):
    pass


class _Conversation:
    def __init__(self, peer: Peer, connection: socket.socket) -> None:
        self.peer = peer
        self.script = peer.script
        self.connection = connection
        self.file: BinaryIO = connection.makefile("rb")
        self.seen = Seen()
        self.between = False
        self.from_whom = self.to_whom = False

    def run(self) -> None:
        try:
            self.say(self.script.greeting)
            while line := self.next_line():
                command = line.decode("utf-8").rstrip("\r\n")
                self.peer.commands.append(command)
                self.answer(command.split(":")[0].split(" ")[0].upper(), command)
        except (_HangUp, OSError):
            pass
        finally:
            self.file.close()
            self.connection.close()

    def next_line(self) -> bytes:
        """The next command; between two messages it is waited for as long as the script says."""
        self.connection.settimeout(self.script.idle if self.between else None)
        try:
            return self.file.readline()
        except TimeoutError:
            self.say(self.script.idle_reply)
            raise _HangUp from None
        finally:
            self.connection.settimeout(None)
            self.between = False

    def say(self, reply: str) -> None:
        if reply == HANG:
            self.peer.stopped.wait(60)
            raise _HangUp
        if reply == DROP:
            raise _HangUp
        self.connection.sendall(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            raise _HangUp

    def answer(self, verb: str, command: str) -> None:
        match verb:
            case "EHLO" | "HELO":
                lines = ["peer", *self.script.extensions]
                self.say("\r\n".join(f"250{'-' if n < len(lines) else ' '}{x}" for n, x in enumerate(lines, 1)))
            case "STARTTLS":
                self.start_tls()
            case "AUTH":
                self.log_in(command)
            case "MAIL":
                reply = self.said(self.script.mail, command)
                self.from_whom, self.to_whom = reply.startswith("2"), False
                self.say(reply)
            case "RCPT":
                self.peer.recipients.append(command.partition("<")[2].rstrip(">"))
                reply = self.said(self.script.rcpt, command) if self.from_whom else "503 5.5.1 need MAIL first"
                self.seen.recipients += 1
                self.to_whom |= reply.startswith("2")
                self.say(reply)
            case "DATA":
                self.say(self.script.data)
                if self.script.data.startswith("354"):
                    self.take_message()
            case "QUIT":
                self.say(self.script.quit)
                raise _HangUp
            case _:
                self.say(OK)
                self.between = verb == "RSET"

    def start_tls(self) -> None:
        assert self.script.tls
        self.connection.sendall(b"220 2.0.0 Ready\r\n" + self.script.after_starttls)
        self.file.close()
        self.connection = self.script.tls.wrap_socket(self.connection, server_side=True)
        self.peer.sockets.append(self.connection)
        self.file = self.connection.makefile("rb")

    def log_in(self, command: str) -> None:
        if command == "AUTH LOGIN":
            for prompt in ("334 VXNlcm5hbWU6", "334 UGFzc3dvcmQ6"):
                self.say(prompt)
                self.peer.commands.append(self.file.readline().decode().strip())
        self.say(self.script.auth)

    def take_message(self) -> None:
        if self.script.drop_in_data is not None:
            self.file.read(self.script.drop_in_data)
            raise _HangUp
        body = bytearray()
        while True:
            line = self.file.readline()
            if not line:
                raise _HangUp
            if line == b".\r\n":
                break
            body += line[1:] if line.startswith(b".") else line
        nobody = "554 5.5.1 no valid recipients"
        reply = self.said(self.script.dot, self.peer.recipients[-1]) if self.to_whom else nobody
        self.peer.messages.append(bytes(body))
        if reply.startswith("2"):
            self.peer.taken.append(bytes(body))
            self.seen.accepted += 1
        if self.script.pause:
            time.sleep(self.script.pause)
        self.say(reply)
        self.between = True

    def said(self, reply: Said, command: str) -> str:
        return reply if isinstance(reply, str) else reply(self.seen, command)


@contextmanager
def smtp_peer(script: Script | None = None) -> Iterator[Peer]:
    """Run a peer on a free port of 127.0.0.1 for the length of the block."""
    peer = Peer(script or Script())
    listener = socket.create_server(("127.0.0.1", 0))
    peer.port = listener.getsockname()[1]
    threads: list[threading.Thread] = []

    def accept() -> None:
        while not peer.stopped.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if peer.stopped.is_set():
                connection.close()
                return
            thread = threading.Thread(target=peer.serve, args=(connection,))
            thread.start()
            threads.append(thread)

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    try:
        yield peer
    finally:
        peer.stopped.set()
        with suppress(OSError), socket.create_connection(("127.0.0.1", peer.port), timeout=5):
            pass
        listener.close()
        acceptor.join(10)
        for connection in peer.sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join(10)


def certificate(directory: Path, name: str) -> tuple[Path, ssl.SSLContext]:
    """A self-signed certificate for the DNS name or address `name`: its file, and a server's context with it."""
    openssl = shutil.which("openssl")
    assert openssl, "needs the program openssl"
    directory.mkdir(parents=True, exist_ok=True)
    cert, key = directory / "cert.pem", directory / "key.pem"
    kind = "IP" if name.replace(".", "").isdigit() else "DNS"
    key_kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName={kind}:{name}")
    command = [openssl, "req", "-x509", *key_kind, "-days", "2", *names, "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context
