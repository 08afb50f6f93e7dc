"""Time a personalised two-part campaign over SMTP against tools that do the same or less, and the ledger alone.

    python tests/benchmarks/send_mail.py [--people 20000] [--null 1000000] [--ledger 40000] [--track 40000]

All of them send to Postfix's `smtp-sink` on this machine. xpimport imports the list and keeps its ledger; `mailmerge`
and a loop over smtplib keep no record; `smtp-source` sends one prepared message again and again. With --null so many
people are sent to without a receiver: rendering and the ledger only, with the bytes that the store needs for each.
With --ledger so many are sent to in that way at 4,000 a second, and its commits are counted. With --track so many are sent
to over SMTP with ten links in the message, twice each in turn: untracked, and with `--track opens,clicks`.
"""

import argparse
import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from pathlib import Path

from measuring import Run, measure, table

PROGRAM = [sys.executable, "-m", "xpimport"]
LINE = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr.\n"
TEXT = "Hello {{ user_id }}\n" + LINE * 15
HTML = "<p>Hello {{ user_id }}</p>\n" + f"<p>{LINE}</p>" * 15


@contextmanager
def sink() -> Iterator[int]:
    """smtp-sink on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = shutil.which("smtp-sink", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        sys.exit("needs smtp-sink, of Debian's package postfix")
    user = ["-u", "nobody"] if os.getuid() == 0 else []
    running = subprocess.Popen([program, *user, f"127.0.0.1:{port}", "1000"])
    time.sleep(0.5)
    try:
        yield port
    finally:
        running.kill()
        running.wait()


def store(folder: Path, people: int, *campaign: str) -> list[str]:
    """A store whose import `list` sends `hello` to so many people; the command that works on it."""
    with (folder / "list.csv").open("w") as out:
        out.write("user_id,email,email_subscription\n")
        out.writelines(f"u{n},p{n}@example.com,1\n" for n in range(people))
    (folder / "hello.txt").write_text(TEXT)
    (folder / "hello.html").write_text(HTML)
    program = [*PROGRAM, "--db", str(folder / "store.db")]
    hello = ["campaign", "add", "hello", "--subject", "Hi {{ user_id }}", "--text", str(folder / "hello.txt")]
    for arguments in (
        ["init", "--timezone", "UTC"],
        ["settings", "set", "triggers", "on"],
        ["settings", "set", "file.look", "0s"],
        [*hello, "--html", str(folder / "hello.html"), "--from", "news@example.com", *campaign],
        ["import", "add", "list", "--source", str(folder / "list.csv"), "--campaign", "hello"],
    ):
        subprocess.run([*program, *arguments], check=True, capture_output=True)
    return program


def over_smtp(folder: Path, people: int, port: int) -> Run:
    """xpimport: the import, the decision whom to send to, and the send, with its ledger."""
    program = store(folder, people, "--channel", "smtp")
    subprocess.run(
        [*program, "settings", "set", "smtp.url", f"smtp://127.0.0.1:{port}"], check=True, capture_output=True
    )
    return measure("xpimport run-now, ledger on", [*program, "run-now", "list", "--json"])


def mailmerge(folder: Path, people: int, port: int) -> Run | None:
    """mailmerge, where it is on PATH, with the same content."""
    program = shutil.which("mailmerge")
    if program is None:
        print("  mailmerge is not on PATH, and so not measured", file=sys.stderr)
        return None
    (folder / "mm.csv").write_text("user_id,email\n" + "".join(f"u{n},p{n}@example.com\n" for n in range(people)))
    (folder / "mm.txt").write_text(
        "TO: {{email}}\nSUBJECT: Hi {{user_id}}\nFROM: news@example.com\nMIME-Version: 1.0\n"
        'Content-Type: multipart/alternative; boundary="b"\n\n--b\nContent-Type: text/plain; charset="UTF-8"\n\n'
        f'{TEXT}\n--b\nContent-Type: text/html; charset="UTF-8"\n\n{HTML}\n--b--\n'
    )
    (folder / "mm.conf").write_text(f"[smtp_server]\nhost = 127.0.0.1\nport = {port}\n")
    files = ["--template", folder / "mm.txt", "--database", folder / "mm.csv", "--config", folder / "mm.conf"]
    return measure("mailmerge", [program, *map(str, files), "--no-limit", "--no-dry-run", "--output-format", "raw"])


def loop(people: int, port: int) -> Run:
    """smtplib on one connection, one message built for each."""
    print("  smtplib in a loop ...", file=sys.stderr)
    start = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as server:
        for n in range(people):
            message = EmailMessage()
            message["From"], message["To"], message["Subject"] = "news@example.com", f"p{n}@example.com", f"Hi u{n}"
            message.set_content(TEXT.replace("{{ user_id }}", f"u{n}"))
            message.add_alternative(HTML.replace("{{ user_id }}", f"u{n}"), subtype="html")
            server.send_message(message)
    return Run("smtplib in a loop", time.perf_counter() - start, 0)


def source(people: int, port: int) -> Run:
    """smtp-source: ten connections, one message again and again."""
    program = shutil.which("smtp-source", path=os.environ["PATH"] + ":/usr/sbin") or "smtp-source"
    command = [program, "-d", "-s", "10", "-l", "2000", "-m", str(people), f"127.0.0.1:{port}"]
    return measure("smtp-source -d -s 10", command)


def null(folder: Path, people: int) -> None:
    """Rendering and the ledger only, for so many people."""
    program = imported(folder, people)
    before = size(folder)
    subprocess.run([*program, "release-trigger", "1"], check=True, capture_output=True)
    run = measure("xpimport tick, nothing handed over", [*program, "tick"])
    print(
        f"\n{people:,} people, rendering and ledger only: {run.seconds:.1f} s, {people / run.seconds:,.0f} messages/s,"
    )
    print(f"peak {run.memory:.0f} MiB, {(size(folder) - before) / people:.0f} bytes of store a person")


def imported(folder: Path, people: int, *campaign: str) -> list[str]:
    """A store in which a send to so many people waits to be released, and that hands nothing over."""
    program = store(folder, people, "--channel", "outbox", *campaign)
    subprocess.run([*program, "settings", "set", "triggers", "off"], check=True, capture_output=True)
    subprocess.run([*program, "run-now", "list"], check=True, capture_output=True)
    for name, value in (("triggers", "on"), ("outbox.keep", "off")):
        subprocess.run([*program, "settings", "set", name, value], check=True, capture_output=True)
    return program


COUNTING = """
import sys, time
from xpimport.cli import main
from xpimport.sending.delivery import send_loop
from xpimport.store.database import Store
turns, writing, working = [], Store.writing, send_loop.SendLoop.run
Store.writing = lambda *a, **k: turns.append(time.perf_counter()) or writing(*a, **k)
def run(self):
    del turns[:]
    working(self)
    seconds = turns[-1] - turns[0]
    print(f"{len(turns) / seconds:.0f} commits/s, {self.total / len(turns):.1f} messages per commit,"
          f" {self.total / seconds:,.0f} messages/s")
send_loop.SendLoop.run = run
sys.exit(main(sys.argv[1:]))
"""


def ledger(folder: Path, people: int) -> None:
    """The commits of a send at 4,000 messages a second."""
    program = imported(folder, people, "--rate", "4000/s")
    subprocess.run([*program, "release-trigger", "1"], check=True, capture_output=True)
    subprocess.run([sys.executable, "-c", COUNTING, *program[len(PROGRAM) :], "tick"], check=True)


LINKS = "".join(f'<p><a href="https://shop.example.net/{n}?u={{{{ user_id }}}}">Item {n}</a></p>\n' for n in range(10))


def track(folder: Path, people: int, port: int) -> None:
    """The rate with ten links in the message, untracked and tracked; the better of two runs each."""
    (folder / "links.html").write_text(f"<html><body>{HTML}{LINKS}</body></html>")
    best: dict[str, float] = {}
    for turn, tracked in enumerate(("none", "opens,clicks") * 2):
        place = folder / str(turn)
        place.mkdir()
        program = store(place, people, "--channel", "smtp")
        for arguments in (
            ["settings", "set", "smtp.url", f"smtp://127.0.0.1:{port}"],
            ["settings", "set", "web.public_url", "https://t.example.com"],
            ["campaign", "edit", "hello", "--html", str(folder / "links.html"), "--track", tracked],
        ):
            subprocess.run([*program, *arguments], check=True, capture_output=True)
        run = measure(f"run-now, --track {tracked}", [*program, "run-now", "list", "--json"])
        best[tracked] = min(run.seconds, best.get(tracked, run.seconds))
    plain, with_tracking = best["none"], best["opens,clicks"]
    print(
        f"\n{people / plain:,.0f} messages/s untracked, {people / with_tracking:,.0f} tracked: {plain / with_tracking:.2f} of it"
    )


def size(folder: Path) -> int:
    """Bytes of the store with its log written back."""
    import sqlite3

    with sqlite3.connect(folder / "store.db") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return (folder / "store.db").stat().st_size


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--null", type=int, default=0)
    parser.add_argument("--ledger", type=int, default=0)
    parser.add_argument("--track", type=int, default=0)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if chosen.people:
            with sink() as port:
                runs = [
                    source(chosen.people, port),
                    over_smtp(Path(place), chosen.people, port),
                    loop(chosen.people, port),
                    mailmerge(Path(place), chosen.people, port),
                ]
            print(table([run for run in runs if run], chosen.people))
        if chosen.null:
            (Path(place) / "null").mkdir()
            null(Path(place) / "null", chosen.null)
        if chosen.track:
            with sink() as port:
                track(Path(place), chosen.track, port)
        if chosen.ledger:
            ledger(Path(place), chosen.ledger)


if __name__ == "__main__":
    main()
