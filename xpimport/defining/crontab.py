"""The one line that makes cron run `xpimport tick` every minute, and the systemd units that do the same.

A user's crontab is a shared file that others write too, so it is handled as bytes: only the line that ends
with our marker for this store is ours, everything else goes back exactly as it came.
"""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from xpimport.errors import Failed

LONGEST_LINE = 997
"""Bytes. Debian's cron cuts a command at 998 and runs what is left of it."""

TIMEOUT = 30
"""Seconds to wait for `crontab`, which answers at once unless its spool hangs on a dead network disk."""


@dataclass(frozen=True)
class CrontabState:
    """What the user's crontab says about one store.

    Attributes:
        line: the line as it should be, without a line end.
        installed: that line, and no other of this store, is there.
        present_line: the line of this store that is there now, perhaps an outdated one; None: there is none.
        available: this machine has a `crontab` command.
    """

    line: str
    installed: bool
    present_line: str | None
    available: bool


@dataclass(frozen=True)
class Change:
    """What `install` or `remove` did.

    Attributes:
        changed: the crontab was written.
        line: the line of this store, without a line end: to be shown, or added by hand.
        available: this machine has a `crontab` command; without one nothing was done.
    """

    changed: bool
    line: str
    available: bool


def program() -> list[str]:
    """The command that starts this very installation, by absolute path, as cron has no PATH of the user's."""
    python = Path(sys.executable).absolute()
    script = python.parent / "xpimport"
    if os.access(script, os.X_OK) and script.is_file():
        return [str(script)]
    return [str(python), "-m", "xpimport"]


def log_of(db: Path) -> Path:
    """Where the installed line keeps what a tick says when it could not work: beside the store."""
    db = _absolute(db)
    return db.with_name(f"{db.name}.log")


def tick_line(program: Sequence[str], db: Path, log: Path | None) -> str:
    """The crontab line (no line end) that runs `tick` on the store `db` every minute.

    It needs nothing from cron's environment and survives spaces, quotes, `%` and any letters in the paths.
    With `log` what the tick prints is appended there, with None cron mails it.

    Raises:
        Failed: a path has a control character, or the line is longer than cron takes.
    """
    command = " ".join(shlex.quote(word) for word in [*program, "--db", str(_absolute(db)), "tick"])
    if log is not None:
        command += f" >> {shlex.quote(str(_absolute(log)))} 2>&1"
    # To cron an unescaped % ends the command, inside quotes and comments too.
    line = "* * * * * " + command.replace("%", r"\%") + _marker(db)
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in line):
        raise Failed(
            f"No crontab line can be made for {str(db)!r}: a path in it has a control character. "
            "Move the store (or the program) to a folder without one."
        )
    length = len(os.fsencode(line))
    if length > LONGEST_LINE:
        raise Failed(
            f"The crontab line for {db} would be {length} bytes long; cron cuts lines at {LONGEST_LINE + 1}. "
            "Move the store (or the program) to a shorter path."
        )
    return line


def show(db: Path) -> CrontabState:
    """Look up the line of the store `db` in the user's crontab.

    Raises:
        Failed: `crontab` refuses this user or does not work, or no line can be made.
    """
    line = _wanted(db)
    crontab = shutil.which("crontab")
    if crontab is None:
        return CrontabState(line, installed=False, present_line=None, available=False)
    ours = [text for text in _split(_read(crontab, _add_by_hand(line))) if _is_ours(text, db)]
    present = os.fsdecode(ours[0].rstrip(b"\r\n")) if ours else None
    return CrontabState(line, installed=present == line and len(ours) == 1, present_line=present, available=True)


def install(db: Path) -> Change:
    """Put the line of the store `db` into the user's crontab; replace an outdated one where it stands.

    Nothing is written when the line is already as it should be.

    Raises:
        Failed: `crontab` refuses this user, or did not keep what it was given; the message has the line.
    """
    line = _wanted(db)
    crontab = shutil.which("crontab")
    if crontab is None:
        return Change(changed=False, line=line, available=False)
    before = _read(crontab, _add_by_hand(line))
    after = _with_line(before, db, os.fsencode(line) + b"\n")
    if after != before:
        _write(crontab, after, _add_by_hand(line))
    return Change(changed=after != before, line=line, available=True)


def remove(db: Path) -> Change:
    """Take every line of the store `db` out of the user's crontab; a crontab left empty is removed.

    Raises:
        Failed: `crontab` refuses this user, or did not keep what it was given.
    """
    line = _wanted(db)
    crontab = shutil.which("crontab")
    if crontab is None:
        return Change(changed=False, line=line, available=False)
    by_hand = f"Remove the line that ends with this from your crontab by hand:\n{_marker(db).lstrip()}"
    before = _read(crontab, by_hand)
    after = b"".join(text for text in _split(before) if not _is_ours(text, db))
    if after != before:
        _write(crontab, after, by_hand)
    return Change(changed=after != before, line=line, available=True)


def systemd_units(program: Sequence[str], db: Path) -> dict[str, str]:
    """The text of a service and a timer that do what the crontab line does, by file name.

    systemd does not start a service that still runs, and a long import must not delay the sends that fall due
    meanwhile; so the service starts each tick in the background and is done.
    """
    command = " ".join(_systemd_word(word) for word in [*program, "--db", str(_absolute(db)), "tick"])
    start = _systemd_word('"$@" &')
    service = f"""\
[Unit]
Description=xpimport: do what is due

[Service]
Type=oneshot
# The tick goes on in the background after the service has ended.
KillMode=process
ExecStart=/bin/sh -c {start} xpimport {command}
"""
    timer = """\
[Unit]
Description=xpimport: every minute

[Timer]
OnCalendar=*-*-* *:*:00
AccuracySec=1s

[Install]
WantedBy=timers.target
"""
    return {"xpimport.service": service, "xpimport.timer": timer}


def _systemd_word(word: str) -> str:
    """`word` as one argument in a unit's command, safe from specifiers (%) and variables ($)."""
    for letter, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$"), ("\n", "\\n")):
        word = word.replace(letter, escaped)
    return f'"{word}"'


def _absolute(path: Path) -> Path:
    """`path` from the root, without `..`, links kept: a link may be what stays when the target moves."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - Path.resolve would follow links


def _marker(db: Path) -> str:
    """What the line of the store `db` ends with, and no other line does: quoting rules out other stores."""
    return " # xpimport " + shlex.quote(str(_absolute(db))).replace("%", r"\%")


def _wanted(db: Path) -> str:
    return tick_line(program(), db, log_of(db))


def _add_by_hand(line: str) -> str:
    return f"Add this line to a crontab by hand (crontab -e):\n{line}"


def _split(table: bytes) -> list[bytes]:
    """The lines of `table`, each with its own line end; only LF ends a line, as in cron."""
    return [part + b"\n" for part in table.split(b"\n")[:-1]] + [part for part in table.split(b"\n")[-1:] if part]


def _is_ours(text: bytes, db: Path) -> bool:
    """Whether the crontab line `text` is the one of the store `db`; one commented out is the user's."""
    return not text.lstrip().startswith(b"#") and text.rstrip(b" \t\r\n").endswith(os.fsencode(_marker(db)))


def _with_line(table: bytes, db: Path, line: bytes) -> bytes:
    """`table` with `line` once: in place of the first line of this store, else at the end."""
    kept: list[bytes] = []
    placed = False
    for text in _split(table):
        if not _is_ours(text, db):
            kept.append(text)
        elif not placed:
            kept.append(line)
            placed = True
    if not placed:
        if kept and not kept[-1].endswith(b"\n"):
            kept[-1] += b"\n"
        kept.append(line)
    return b"".join(kept)


def _run(crontab: str, arguments: list[str], by_hand: str) -> subprocess.CompletedProcess[bytes]:
    """Run `crontab` in the C locale, so that "no crontab for" is said in these words."""
    try:
        return subprocess.run(  # noqa: S603 - the user's own crontab command, no shell
            [crontab, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=TIMEOUT,
            env={**os.environ, "LC_ALL": "C", "VISUAL": "cat", "EDITOR": "cat"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{crontab} does not work: {error}. {by_hand}", code="crontab_failed") from error


def _read(crontab: str, by_hand: str) -> bytes:
    """The user's crontab; empty when there is none."""
    result = _run(crontab, ["-l"], by_hand)
    if result.returncode == 0:
        return _exact(crontab, result.stdout, by_hand)
    said = result.stderr.lower()
    # The second wording is Busybox's.
    if b"no crontab for" in said or (b"can't open" in said and b"no such file" in said):
        return b""
    raise Failed(f"crontab -l was refused: {_said(result)}. {by_hand}", code="crontab_failed")


def _exact(crontab: str, listing: bytes, by_hand: str) -> bytes:
    r"""The crontab as it is kept, given what `crontab -l` printed.

    Debian's prints a carriage return as backslash and r, and a line that has these two looks the same. An
    editor sees the bytes themselves, so one that only prints them is asked where it matters.
    """
    if rb"\r" not in listing:
        return listing
    seen = _run(crontab, ["-e"], by_hand).stdout
    return seen if seen.replace(b"\r", rb"\r") == listing else listing


def _write(crontab: str, table: bytes, by_hand: str) -> None:
    """Make `table` the user's crontab and look whether it is; a last line without an end gets one."""
    if table and not table.endswith(b"\n"):
        table += b"\n"
    if table:
        with _whole_file(table, by_hand) as file:
            result = _run(crontab, [file], by_hand)
    else:
        result = _run(crontab, ["-r"], by_hand)
    if result.returncode != 0:
        raise Failed(f"The crontab could not be changed: {_said(result)}. {by_hand}", code="crontab_failed")
    if _read(crontab, by_hand) != table:
        raise Failed(
            "The crontab is not what was just written to it (does something else change it?). "
            f"Look at it with: crontab -l. {by_hand}",
            code="crontab_failed",
        )


@contextmanager
def _whole_file(table: bytes, by_hand: str) -> Iterator[str]:
    """A private file that holds `table`, for the time of one `crontab FILE`.

    `crontab -` installs what has come when its input ends, which is nothing or half of it where we are killed.
    """
    import tempfile

    name = ""
    try:
        try:
            handle, name = tempfile.mkstemp(prefix="xpimport-crontab-")
            with os.fdopen(handle, "wb") as file:
                file.write(table)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Failed(
                f"The crontab was left as it was, since no temporary file can be written: {error.strerror}. {by_hand}",
                code="crontab_failed",
            ) from error
        yield name
    finally:
        with suppress(OSError):
            Path(name).unlink()


def _said(result: subprocess.CompletedProcess[bytes]) -> str:
    text = (result.stderr or result.stdout).decode("utf-8", "replace").strip().rstrip(".")
    return text or f"it ended with {result.returncode}"
