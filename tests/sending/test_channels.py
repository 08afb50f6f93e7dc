"""The channels against real parts: directories, Postfix's smtp-sink, a scripted server, real certificates."""

import marshal
import os
import re
import resource
import signal
import socket
import ssl
import stat
import subprocess
import time
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servers.smtp_peer import DROP, HANG, Peer, Script, after, certificate, smtp_peer

from xpimport.errors import Invalid, Unreachable
from xpimport.rules.locations import is_loopback
from xpimport.rules.refusals import About
from xpimport.rules.replies import CONNECT, DOT, smtp_reply
from xpimport.rules.settings import Settings
from xpimport.secrets import resolve
from xpimport.sending.channels import ACCEPTED, AuthRefused, Channel, Outcome, Outgoing, Session
from xpimport.sending.channels.registry import open_channel
from xpimport.sending.channels.smtp import open_smtp
from xpimport.sending.channels.smtp_connection import stuffed
from xpimport.sending.channels.smtp_server import Smtp

SECRET = "s3cret-sentinel-p4ss"


def message(
    number: int = 1, *, to: str = "ana@example.com", body: bytes = b"Subject: x\r\n\r\nhi\r\n", wide: bool = False
) -> Outgoing:
    return Outgoing(key=f"key-{number}", to=to, sender="news@example.com", body=body, smtputf8=wide)


def smtp(port: int, url_options: str = "", scheme: str = "smtp", **settings: str) -> Channel:
    named = {f"smtp.{name}": value for name, value in settings.items()}
    url = f"{scheme}://127.0.0.1:{port}{url_options}"
    return open_channel("smtp", Settings({"smtp.url": url, "smtp.timeout": "3", **named}), Path())


@contextmanager
def connect_with_retries(channel: Channel) -> Iterator[Session]:
    session = channel.connect()
    try:
        yield session
    finally:
        session.close()


def one(peer: Peer, outgoing: Outgoing | None = None, **settings: str) -> Outcome:
    with connect_with_retries(smtp(peer.port, **settings)) as session:
        return session.send(outgoing or message())


def refused(state: str, command: str, said: str, text: str = "", *, lost: bool = False) -> Outcome:
    """The outcome of a refusal; `text` is the server's where it is not what is reported of it."""
    code, _, words = said.partition(" ")
    reason = {"retry": "temporary_refusal", "failed": "rejected_by_server"}[state]
    reply = smtp_reply(command, int(code), text or words)
    return Outcome(state, reason, said, connection_lost=lost, reply=reply)  # type: ignore[arg-type]


# --- the table of kinds -------------------------------------------------------------------------------------


def test_an_unknown_kind_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"pigeon.*outbox, smtp"):
        open_channel("pigeon", Settings({}), tmp_path)


# --- outbox -------------------------------------------------------------------------------------------------


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return tmp_path / "store.outbox"


@pytest.fixture
def outbox(maildir: Path) -> Iterator[Session]:
    with connect_with_retries(open_channel("outbox", Settings({}), maildir)) as session:
        yield session


def test_the_outbox_keeps_messages_to_their_owner(outbox: Session, maildir: Path) -> None:
    before = os.umask(0)
    try:
        assert outbox.send(message(body=b"a\r\n" * 100_000)) == ACCEPTED
        with connect_with_retries(open_channel("outbox", Settings({}), maildir.with_name("other"))):
            pass
    finally:
        os.umask(before)
    [file] = (maildir / "new").iterdir()
    assert file.read_bytes() == b"a\r\n" * 100_000
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for directory in (maildir, maildir / "cur", maildir.with_name("other"), maildir.with_name("other") / "tmp"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not list((maildir / "tmp").iterdir())


def test_one_key_never_makes_two_files_even_when_a_mail_program_moved_the_first(outbox: Session, maildir: Path) -> None:
    assert outbox.send(message(1)) == outbox.send(message(1)) == outbox.send(message(2)) == ACCEPTED
    assert len(list((maildir / "new").iterdir())) == 2
    (maildir / "new" / "key-1").rename(maildir / "cur" / "key-1:2,S")
    assert outbox.send(message(1, body=b"again")) == ACCEPTED
    assert sorted(file.name for file in maildir.rglob("key-*")) == ["key-1:2,S", "key-2"]


def test_a_file_left_by_a_killed_process_is_replaced(outbox: Session, maildir: Path) -> None:
    (maildir / "tmp" / "key-1").write_bytes(b"half")
    assert outbox.send(message(1)) == ACCEPTED
    assert (maildir / "new" / "key-1").read_bytes() == message().body


@pytest.mark.parametrize("key", ["../evil", "a/b", "", ".hidden", "a:2,S", "a\0b", "k" * 300])
def test_a_key_that_is_no_file_name_is_refused(outbox: Session, maildir: Path, key: str) -> None:
    outcome = outbox.send(Outgoing(key, "a@b.c", "a@b.c", b""))
    assert (outcome.state, outcome.reason) == ("failed", "invalid_key")
    assert not [path for path in maildir.parent.rglob("*") if path.is_file()]


def test_a_folder_that_is_gone_is_worth_another_attempt(outbox: Session, maildir: Path) -> None:
    (maildir / "tmp").rmdir()
    outcome = outbox.send(message())
    assert (outcome.state, outcome.reason) == ("retry", "outbox_unwritable")
    assert outcome.detail == "No such file or directory"


def test_a_full_disk_leaves_nothing_half_written(outbox: Session, maildir: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        outcome = outbox.send(message(body=b"x" * 100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert (outcome.state, outcome.reason, outcome.detail) == ("retry", "outbox_unwritable", "File too large")
    assert not list(maildir.rglob("key-*"))
    assert outbox.send(message()) == ACCEPTED


def test_an_outbox_that_cannot_be_made_is_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unreachable, match="cannot be used"):
        open_channel("outbox", Settings({}), tmp_path / "file").connect()


# --- smtp-sink ----------------------------------------------------------------------------------------------


class Sink:
    """A running smtp-sink that appends what it takes to a file."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.directory = directory

    @property
    def recipients(self) -> list[str]:
        text = b"".join(file.read_bytes() for file in self.directory.iterdir())
        return [found.decode() for found in re.findall(rb"^X-Rcpt-Args: <(.*)>", text, re.MULTILINE)]


@pytest.fixture
def sink(tmp_path: Path, free_port: int) -> Iterator[Callable[..., Sink]]:
    from conftest import which

    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> Sink:
        directory = tmp_path / "sink"
        directory.mkdir()
        program = which("smtp-sink")
        assert program
        user = ["-u", "root"] if os.geteuid() == 0 else []
        command = [program, *user, *options, "-d", f"{directory}/m.", f"127.0.0.1:{free_port}", "100"]
        running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", free_port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return Sink(free_port, directory)
        raise AssertionError("smtp-sink did not start")

    yield start
    for process in running:
        process.terminate()
        process.wait(10)


on_sink = pytest.mark.server("smtp-sink")


@on_sink
def test_messages_arrive_once_each_over_several_connections(sink: Callable[..., Sink]) -> None:
    running = sink()
    with connect_with_retries(smtp(running.port, messages_per_connection="7")) as session:
        outcomes = [session.send(message(n, to=f"p{n}@example.com")) for n in range(40)]
    assert outcomes == [ACCEPTED] * 40
    assert sorted(running.recipients) == sorted(f"p{n}@example.com" for n in range(40))


@on_sink
def test_without_pipelining_too(sink: Callable[..., Sink]) -> None:
    running = sink("-p")
    with connect_with_retries(smtp(running.port)) as session:
        assert [session.send(message(n)) for n in range(5)] == [ACCEPTED] * 5
    assert len(running.recipients) == 5


@on_sink
def test_a_server_that_speaks_only_helo(sink: Callable[..., Sink]) -> None:
    running = sink("-e")
    with connect_with_retries(smtp(running.port)) as session:
        assert session.send(message()) == ACCEPTED


@on_sink
def test_hanging_up_after_the_dot_is_uncertain(sink: Callable[..., Sink]) -> None:
    running = sink("-q", ".")
    with connect_with_retries(smtp(running.port)) as session:
        outcome = session.send(message())
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("uncertain", "no_reply_after_data", True)


@on_sink
@pytest.mark.parametrize("command", [".", "rcpt", "data"])
def test_a_soft_refusal_is_worth_another_attempt(sink: Callable[..., Sink], command: str) -> None:
    running = sink("-r", command)
    with connect_with_retries(smtp(running.port)) as session:
        outcomes = [session.send(message(n)) for n in range(3)]
    assert outcomes == [refused("retry", command.upper(), "450 4.3.0 Error: command failed")] * 3


@on_sink
@pytest.mark.parametrize("command", [".", "rcpt", "data"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_hard_refusal_is_final(sink: Callable[..., Sink], command: str, pipelining: bool) -> None:
    running = sink("-f", command, *([] if pipelining else ["-p"]))
    with connect_with_retries(smtp(running.port)) as session:
        outcomes = [session.send(message(n)) for n in range(3)]
    assert outcomes == [refused("failed", command.upper(), "500 5.3.0 Error: command failed")] * 3


@on_sink
def test_hanging_up_at_quit_harms_nothing(sink: Callable[..., Sink]) -> None:
    running = sink("-q", "quit")
    with connect_with_retries(smtp(running.port, messages_per_connection="2")) as session:
        assert [session.send(message(n)) for n in range(5)] == [ACCEPTED] * 5
    assert len(running.recipients) == 5


@on_sink
@pytest.mark.parametrize("command", ["mail", "rcpt", "data"])
def test_hanging_up_before_the_body_is_worth_another_attempt(sink: Callable[..., Sink], command: str) -> None:
    running = sink("-q", command)
    with connect_with_retries(smtp(running.port)) as session:
        outcome = session.send(message())
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("retry", "connection_lost", True)
    assert running.recipients == []


@on_sink
def test_a_refusal_in_the_middle_of_a_large_message_is_never_uncertain(sink: Callable[..., Sink]) -> None:
    running = sink("-A", "0")
    with connect_with_retries(smtp(running.port)) as session:
        outcome = session.send(message(body=b"0123456789\r\n" * 2_000_000))
    assert outcome.state in {"failed", "retry"}
    assert outcome.connection_lost
    assert running.recipients == []


@on_sink
def test_421_at_rcpt_closes_the_connection(sink: Callable[..., Sink]) -> None:
    running = sink("-Q", "rcpt")
    with connect_with_retries(smtp(running.port)) as session:
        outcome = session.send(message())
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("retry", "temporary_refusal", True)


# --- the scripted server: after the dot ---------------------------------------------------------------------


@pytest.mark.parametrize("pipelining", [True, False])
@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("250 2.0.0 Ok: queued", ACCEPTED),
        ("451 4.3.0 later", refused("retry", DOT, "451 4.3.0 later")),
        ("452 4.2.2 full", refused("retry", DOT, "452 4.2.2 full")),
        ("552 5.2.2 over\tquota", refused("failed", DOT, "552 5.2.2 over quota", "5.2.2 over\tquota")),
        ("554 5.7.1 spam", refused("failed", DOT, "554 5.7.1 spam")),
        ("550-5.7.1 two\r\n550 lines", refused("failed", DOT, "550 5.7.1 two lines", "5.7.1 two\nlines")),
        ("421 4.3.2 closing", replace(refused("retry", DOT, "421 4.3.2 closing", lost=True), about=About.CONNECTION)),
        (DROP, Outcome("uncertain", "no_reply_after_data", "the server hung up", connection_lost=True)),
        (HANG, Outcome("uncertain", "no_reply_after_data", "timed out", connection_lost=True)),
        ("354 what", Outcome("uncertain", "no_reply_after_data", "out of step: 354 what to the message", True)),
        (
            "hello",
            Outcome("uncertain", "no_reply_after_data", "the server sent something that is no SMTP reply", True),
        ),
    ],
)
def test_what_the_reply_to_the_message_means(reply: str, expected: Outcome, pipelining: bool) -> None:
    script = Script(dot=reply, extensions=("PIPELINING",) if pipelining else ())
    with smtp_peer(script) as peer:
        assert one(peer, timeout="1") == expected
        assert len(peer.messages) == 1


def test_421_after_five_messages_loses_none() -> None:
    script = Script(mail=after("421 4.3.2 closing", messages=5))
    with smtp_peer(script) as peer, connect_with_retries(smtp(peer.port)) as session:
        for number in range(12):
            assert session.send(message(number, to=f"p{number}@example.com")) == ACCEPTED
    assert peer.connections == 3
    assert len(peer.messages) == 12


def test_a_connection_lost_inside_a_message_is_no_doubt_when_the_end_had_not_left() -> None:
    body = b"Subject: x\r\n\r\n" + b"0123456789\r\n" * 2_000_000
    with smtp_peer(Script(drop_in_data=1000)) as peer:
        outcome = one(peer, message(body=body))
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("retry", "connection_lost", True)


@pytest.mark.parametrize("size", [10, 5000])
def test_a_small_message_that_was_handed_to_the_system_whole_is_uncertain(size: int) -> None:
    with smtp_peer(Script(drop_in_data=5)) as peer:
        outcome = one(peer, message(body=b"x" * size + b"\r\n"))
    assert (outcome.state, outcome.reason) == ("uncertain", "no_reply_after_data")


def test_a_server_that_stops_reading_inside_a_message_is_no_doubt() -> None:
    body = b"0123456789\r\n" * 2_000_000
    with smtp_peer(Script(data=HANG, extensions=())) as peer:
        assert one(peer, timeout="1").state == "retry"
    with smtp_peer(Script(data="354 go\r\n552 5.3.4 too big", extensions=())) as peer:
        outcome = one(peer, message(body=body))
    assert (outcome.state, outcome.reason) == ("retry", "connection_lost")  # out of step: nothing was sent


def test_a_refused_recipient_leaves_the_connection_usable() -> None:
    with smtp_peer(Script(rcpt="550 5.1.1 no such user")) as peer, connect_with_retries(smtp(peer.port)) as session:
        outcome = session.send(message(1))
        peer.script.rcpt = "250 ok"
        assert session.send(message(2, to="bea@example.com")) == ACCEPTED
    assert outcome == refused("failed", "RCPT", "550 5.1.1 no such user")
    assert peer.connections == 1
    assert "RSET" in peer.commands
    assert [body for body in peer.messages if body] == [message().body]  # RFC 2920: an empty one after the refusal


def test_a_refusal_counts_even_when_the_server_hangs_up_behind_it() -> None:
    with smtp_peer(Script(rcpt="550 5.1.1 no such user", data=DROP)) as peer:
        outcome = one(peer)
    assert outcome == refused("failed", "RCPT", "550 5.1.1 no such user", lost=True)


def test_an_interrupted_message_is_never_completed() -> None:
    class Interrupted(Exception):
        pass

    def interrupt(_number: int, _frame: object) -> None:
        raise Interrupted

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        with smtp_peer(Script(data=HANG)) as peer, connect_with_retries(smtp(peer.port)) as session:
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(Interrupted):
                session.send(message(1))
            peer.script.data = "354 go"
            assert session.send(message(2)) == ACCEPTED
            assert len(peer.messages) == 1
            assert peer.connections == 2
    finally:
        signal.signal(signal.SIGALRM, previous)


def test_a_demand_to_log_in_is_nobodys_failure() -> None:
    with smtp_peer(Script(mail="530 5.7.0 Must log in")) as peer:
        outcome = one(peer)
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("retry", "authentication_required", True)


def test_a_server_that_is_gone_later_is_an_outcome() -> None:
    with smtp_peer() as peer:
        session = smtp(peer.port, messages_per_connection="1").connect()
        assert session.send(message(1)) == ACCEPTED
    outcome = session.send(message(2))
    session.close()
    session.close()
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("retry", "unreachable", True)


def test_a_server_that_refuses_a_new_connection_is_quoted_with_its_reply_to_the_connection() -> None:
    with smtp_peer() as peer, connect_with_retries(smtp(peer.port, messages_per_connection="1")) as session:
        assert session.send(message(1)) == ACCEPTED
        peer.script = Script(greeting="554 5.3.2 no service")
        outcome = session.send(message(2))
    reply = smtp_reply(CONNECT, 554, "5.3.2 no service")
    assert (outcome.state, outcome.reason, outcome.reply) == ("retry", "unreachable", reply)


def test_an_outcome_comes_out_of_a_pipe_as_it_went_in() -> None:
    for outcome in (ACCEPTED, refused("failed", "RCPT", "550 5.1.1 no such user", lost=True)):
        assert Outcome.from_plain(marshal.loads(marshal.dumps(outcome.to_plain()))) == outcome


def test_an_outcome_has_a_reason_that_is_explained() -> None:
    with pytest.raises(ValueError, match="not failed because of bad_weather"):
        Outcome("failed", "bad_weather")
    with pytest.raises(ValueError, match="not failed because of nothing"):
        Outcome("failed", "")


# --- envelope -----------------------------------------------------------------------------------------------


def test_smtputf8_is_asked_for_only_where_it_is_needed() -> None:
    with smtp_peer() as peer, connect_with_retries(smtp(peer.port)) as session:
        assert session.send(message(1)) == ACCEPTED
        assert session.send(message(2, to="josé@example.com", wide=True)) == ACCEPTED
    mails = [line for line in peer.commands if line.startswith("MAIL")]
    assert mails == ["MAIL FROM:<news@example.com>", "MAIL FROM:<news@example.com> BODY=8BITMIME SMTPUTF8"]
    assert peer.recipients == ["ana@example.com", "josé@example.com"]


def test_a_server_without_smtputf8_gets_nothing_of_such_a_message() -> None:
    with smtp_peer(Script(extensions=("PIPELINING",))) as peer, connect_with_retries(smtp(peer.port)) as session:
        outcome = session.send(message(1, to="josé@example.com", wide=True))
        assert session.send(message(2)) == ACCEPTED
    assert (outcome.state, outcome.reason, outcome.connection_lost) == ("failed", "smtputf8_unsupported", False)
    assert peer.recipients == ["ana@example.com"]


@pytest.mark.parametrize("address", ["a@b.c>\r\nRCPT TO:<x@y.z", "a@b.c\0", "a b@c.d", "<a@b.c>"])
def test_an_address_cannot_become_a_command(address: str) -> None:
    with smtp_peer() as peer:
        assert one(peer, message(to=address)).reason == "invalid_address"
        assert peer.recipients == []


@given(st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\n.\r\n", b"\n.\n"])).map(b"".join))
def test_no_body_ends_early_and_all_of_it_arrives(body: bytes) -> None:
    sent = stuffed(body)
    assert sent.endswith(b"\r\n.\r\n")
    lines = sent.removesuffix(b".\r\n").split(b"\r\n")[:-1]
    assert not any(b"\r" in line or b"\n" in line for line in lines)
    assert b"." not in lines
    arrived = b"\r\n".join(line[1:] if line.startswith(b".") else line for line in lines) + b"\r\n"
    normal = re.sub(rb"\r\n|\r|\n", b"\r\n", body)
    assert arrived == (normal if normal.endswith(b"\r\n") else normal + b"\r\n")


# --- TLS and log-in -----------------------------------------------------------------------------------------


def test_starttls_that_is_missing_stops_everything_before_the_first_address() -> None:
    with smtp_peer() as peer, pytest.raises(Unreachable, match=r"STARTTLS.*starttls=off"):
        smtp(peer.port, "?starttls=required").connect()
    assert not any(line.startswith(("MAIL", "AUTH")) for line in peer.commands)


@pytest.mark.parametrize("implicit", [True, False])
def test_an_untrusted_certificate_is_refused(tmp_path: Path, implicit: bool) -> None:
    _, context = certificate(tmp_path / "tls", "127.0.0.1")
    script = Script(extensions=("STARTTLS",), tls=context, implicit_tls=implicit)
    scheme, option = ("smtps", "") if implicit else ("smtp", "?starttls=required")
    with smtp_peer(script) as peer, pytest.raises(Unreachable, match=r"not trusted: self.signed.*smtp\.ca_file"):
        smtp(peer.port, option, scheme).connect()
    assert not any(line.startswith("MAIL") for line in peer.commands)


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    cert, context = certificate(tmp_path / "tls", "mail.example.com")
    script = Script(extensions=("STARTTLS",), tls=context)
    with smtp_peer(script) as peer, pytest.raises(Unreachable, match="not trusted: IP address mismatch"):
        smtp(peer.port, "?starttls=required", ca_file=str(cert)).connect()


@pytest.mark.parametrize("implicit", [True, False])
def test_messages_go_through_tls_to_a_server_of_ones_own_authority(tmp_path: Path, implicit: bool) -> None:
    cert, context = certificate(tmp_path / "tls", "127.0.0.1")
    script = Script(extensions=("STARTTLS", "PIPELINING"), tls=context, implicit_tls=implicit)
    scheme, option = ("smtps", "") if implicit else ("smtp", "?starttls=required")
    big = b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n" * 50_000
    with smtp_peer(script) as peer, connect_with_retries(smtp(peer.port, option, scheme, ca_file=str(cert))) as session:
        assert session.send(message(1)) == ACCEPTED
        assert session.send(message(2, body=big)) == ACCEPTED
    assert peer.messages == [message().body, big]


def test_a_reply_slipped_in_before_tls_is_refused(tmp_path: Path) -> None:
    cert, context = certificate(tmp_path / "tls", "127.0.0.1")
    script = Script(extensions=("STARTTLS",), tls=context, after_starttls=b"250 injected\r\n")
    with smtp_peer(script) as peer, pytest.raises(Unreachable):
        smtp(peer.port, "?starttls=required", ca_file=str(cert)).connect()


@pytest.fixture
def password(tmp_path: Path) -> str:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text(SECRET + "\n")
    return f"file:{file}"


@pytest.mark.parametrize("mechanism", ["PLAIN LOGIN", "LOGIN"])
def test_the_log_in(password: str, mechanism: str) -> None:
    with smtp_peer(Script(extensions=(f"AUTH {mechanism}",))) as peer:
        with connect_with_retries(smtp(peer.port, "?starttls=off", user="shop", password=password)) as session:
            assert session.send(message()) == ACCEPTED
        if mechanism == "LOGIN":
            assert b64encode(SECRET.encode()).decode() in peer.commands
        else:
            assert f"AUTH PLAIN {b64encode(f'{chr(0)}shop{chr(0)}{SECRET}'.encode()).decode()}" in peer.commands


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("reply", ["535 5.7.8 bad credentials", "454 4.7.0 later", DROP])
def test_a_refused_log_in_shows_no_password(password: str, reply: str, mechanism: str) -> None:
    with smtp_peer(Script(extensions=(f"AUTH {mechanism}",), auth=reply)) as peer:
        channel = smtp(peer.port, "?starttls=off", user="shop", password=password)
        with pytest.raises(Unreachable) as caught:
            channel.connect()
    assert isinstance(caught.value, AuthRefused) == reply.startswith("535")
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    for secret in (SECRET, b64encode(SECRET.encode()).decode(), b64encode(f"\0shop\0{SECRET}".encode()).decode()):
        assert secret not in shown + repr(channel) + str(caught.value)
    assert not any(line.startswith("MAIL") for line in peer.commands)


def test_no_mechanism_that_we_know_is_a_refused_log_in(password: str) -> None:
    with smtp_peer(Script(extensions=("AUTH CRAM-MD5",))) as peer, pytest.raises(AuthRefused, match="neither"):
        smtp(peer.port, "?starttls=off", user="shop", password=password).connect()


def test_a_loopback_server_gets_the_password_in_the_clear_only_when_asked(password: str) -> None:
    with smtp_peer(Script(extensions=("AUTH PLAIN",))) as peer, pytest.raises(Unreachable, match="STARTTLS"):
        smtp(peer.port, user="shop", password=password).connect()


@pytest.mark.parametrize("greeting", ["554 no", "421 busy", "hello", DROP, HANG])
def test_no_service_is_unreachable(greeting: str) -> None:
    with smtp_peer(Script(greeting=greeting)) as peer, pytest.raises(Unreachable):
        smtp(peer.port, timeout="1").connect()


def test_nobody_there_is_unreachable(free_port: int) -> None:
    with pytest.raises(Unreachable, match="refused"):
        smtp(free_port).connect()


# --- settings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"smtp.url": "mail.example.com"},
        {"smtp.url": "http://mail.example.com"},
        {"smtp.url": f"smtp://u:{SECRET}@mail.example.com"},
        {"smtp.url": "smtp://mail.example.com:99999"},
        {"smtp.url": "smtp://mail.example.com/path"},
        {"smtp.url": "smtp://mail..example.com"},
        {"smtp.url": f"smtp://{'a' * 64}.example.com"},
        {"smtp.url": "smtp://mail.example.com?starttls=maybe"},
        {"smtp.url": "smtp://mail.example.com?tls=off"},
        {"smtp.url": "smtps://mail.example.com?starttls=off"},
        {"smtp.url": "smtp://mail.example.com", "smtp.user": "u"},
        {"smtp.url": "smtp://mail.example.com", "smtp.user": "u", "smtp.password": SECRET},
        {"smtp.url": "smtp://mail.example.com?starttls=off", "smtp.user": "u", "smtp.password": "env:X"},
        {"smtp.url": "smtp://mail.example.com", "smtp.timeout": "soon"},
        {"smtp.url": "smtp://mail.example.com", "smtp.timeout": "nan"},
        {"smtp.url": "smtp://mail.example.com", "smtp.messages_per_connection": "0"},
        {"smtp.url": "smtp://mail.example.com", "smtp.ca_file": "/nonexistent/ca.pem"},
    ],
)
def test_bad_settings_are_refused_before_any_connection(settings: dict[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        open_channel("smtp", Settings(settings), Path())
    assert SECRET not in str(caught.value)


def test_only_a_remote_server_must_offer_starttls_by_itself() -> None:
    def at(url: str) -> Smtp:
        return open_smtp(Settings({"smtp.url": url}), {}, Path())

    assert at("smtp://mail.example.com").tls is not None
    assert at("smtp://mail.example.com?starttls=off").tls is None
    assert at("smtp://[::1]:25").tls is None
    assert at("smtps://mail.example.com").port == 465
    assert at("smtp://mail.example.com").port == 587
    context = at("smtps://localhost").tls
    assert context is not None
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize(
    ("host", "expected"), [("localhost", True), ("127.8.9.1", True), ("::1", True), ("10.0.0.1", False), ("a", False)]
)
def test_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


# --- secrets ------------------------------------------------------------------------------------------------


def test_a_secret_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PASSWORD", SECRET)
    assert resolve("env:MAIL_PASSWORD") == SECRET
    assert SECRET not in repr(resolve("env:MAIL_PASSWORD"))


def test_a_secret_from_a_file_of_which_only_the_last_line_end_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.touch(mode=0o600)
    file.write_text(" a\n\n")
    assert resolve(f"file:{file}") == " a\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o601])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "p"
    file.write_text(SECRET)
    file.chmod(mode)
    with pytest.raises(Invalid, match="chmod 600") as caught:
        resolve(f"file:{file}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("reference", [SECRET, "", "env:", "file:", f"pass:{SECRET}", "env:XP_UNSET", "file:/nowhere"])
def test_what_is_no_secret_is_refused_without_being_repeated(reference: str) -> None:
    with pytest.raises(Invalid) as caught:
        resolve(reference)
    assert SECRET not in str(caught.value)


def test_a_directory_and_an_empty_file_are_no_secrets(tmp_path: Path) -> None:
    file = tmp_path / "p"
    file.touch(mode=0o600)
    for place in (tmp_path, file):
        with pytest.raises(Invalid):
            resolve(f"file:{place}")
