import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import which
from hypothesis import given
from hypothesis import strategies as st

from xpimport.defining import crontab
from xpimport.errors import Failed

# A program that keeps its table in a file, refuses what Debian's refuses, lists a carriage return as Debian's
# does, and logs how it was called.
FAKE = r"""#!/bin/sh
dir=$(dirname "$0")
echo "$1" >> "$dir/calls"
case $1 in
-l) if [ -f "$dir/denied" ]; then
        echo 'You (ann) are not allowed to use this program (crontab)' >&2; exit 1; fi
    if [ -f "$dir/table" ]; then
        sed 's/\r/\\r/g' "$dir/table"
    else echo 'no crontab for ann' >&2; exit 1; fi ;;
-)  cat > "$dir/new"
    [ ! -f "$dir/deaf" ] || exit 0
    if [ -n "$(tail -c1 "$dir/new")" ]; then echo 'new crontab file is missing newline' >&2; exit 1; fi
    mv "$dir/new" "$dir/table" ;;
-r) rm "$dir/table" ;;
-e) $VISUAL "$dir/table" ;;
*)  "$0" - < "$1" ;;
esac
"""


class Fake:
    """The fake `crontab` on PATH, with its table and its log of calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir(exist_ok=True)
        script = folder / "crontab"
        script.write_text(FAKE)
        script.chmod(0o755)

    @property
    def table(self) -> bytes | None:
        path = self.folder / "table"
        return path.read_bytes() if path.exists() else None

    @table.setter
    def table(self, content: bytes | None) -> None:
        path = self.folder / "table"
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_bytes(content)

    def calls(self) -> list[str]:
        path = self.folder / "calls"
        return path.read_text().split() if path.exists() else []


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    fake = Fake(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}:/usr/bin:/bin")
    return fake


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "store" / "xp.db"


def as_cron_runs(line: str) -> bytes:
    """The command that cron hands to the shell: `\\%` is a percent sign, a bare one ends the command."""
    command = os.fsencode(line).split(b" ", 5)[5]
    return re.split(rb"(?<!\\)%", command)[0].replace(rb"\%", b"%")


def test_the_line_names_program_store_and_log_by_absolute_paths_and_ends_with_the_marker():
    line = crontab.tick_line(["/opt/xp/bin/xpimport"], Path("/srv/xp.db"), Path("/srv/xp.log"))
    assert line == ("* * * * * /opt/xp/bin/xpimport --db /srv/xp.db tick >> /srv/xp.log 2>&1 # xpimport /srv/xp.db")


def test_without_a_log_cron_mails_what_the_tick_says():
    line = crontab.tick_line(["/opt/xpimport"], Path("/srv/xp.db"), None)
    assert line == "* * * * * /opt/xpimport --db /srv/xp.db tick # xpimport /srv/xp.db"


def test_a_relative_store_is_written_from_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert f"--db {tmp_path}/xp.db tick" in crontab.tick_line(["/x"], Path("sub/../xp.db"), None)


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "it's",
        'say "hi"',
        "100%",
        "a%b%",
        r"back\%slash",
        "$HOME",
        "`id`",
        "naïve-名簿",
        "#x",
        "*",
        "~",
    ],
)
def test_the_shell_that_cron_starts_gets_the_very_paths(name: str, tmp_path: Path):
    folder = tmp_path / name
    folder.mkdir()
    program = folder / "show arguments"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    line = crontab.tick_line([str(program)], folder / "xp.db", folder / "xp.log")
    environment = {"HOME": "/", "LOGNAME": "root", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}
    done = subprocess.run(["/bin/sh", "-c", as_cron_runs(line)], env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")
    assert (folder / "xp.log").read_text() == f"--db\n{folder}/xp.db\ntick\n"


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="/"), min_size=1, max_size=40))
def test_no_name_of_a_store_changes_what_the_shell_is_told(name: str):
    line = crontab.tick_line(["/opt/xpimport"], Path("/srv") / f"x{name}", None)
    words = shlex.split(as_cron_runs(line).decode(), comments=True)
    assert words == ["/opt/xpimport", "--db", f"/srv/x{name}", "tick"]


@pytest.mark.parametrize("name", ["two\nlines", "carriage\rreturn", "bell\a", "delete\x7f"])
def test_a_control_character_in_a_path_is_refused(name: str):
    with pytest.raises(Failed, match="control character"):
        crontab.tick_line(["/opt/xpimport"], Path("/srv") / name, None)


def test_a_line_longer_than_cron_takes_is_refused_and_the_longest_one_is_not():
    def of_length(length: int) -> str:
        rest = len(crontab.tick_line(["/x"], Path("/a"), None)) - 2
        return crontab.tick_line(["/x" + "x" * ((length - rest) % 2)], Path("/" + "a" * ((length - rest) // 2)), None)

    assert len(of_length(997)) == 997
    with pytest.raises(Failed, match="998 bytes long"):
        of_length(998)


def test_the_length_is_counted_in_bytes():
    with pytest.raises(Failed, match="shorter path"):
        crontab.tick_line(["/x"], Path("/" + "é" * 300), None)


def test_install_into_no_crontab_writes_one_line_and_remove_leaves_no_crontab(fake: Fake, db: Path):
    change = crontab.install(db)
    assert change.changed
    assert change.available
    assert fake.table == change.line.encode() + b"\n"
    assert change.line.endswith(f"--db {db} tick >> {db}.log 2>&1 # xpimport {db}")
    assert crontab.remove(db).changed
    assert fake.table is None


def test_install_warns_of_a_secret_that_cron_would_not_find(fake: Fake, xp):
    assert xp("init").code == 0
    source = ("--source", "https://host/vip.csv", "--token", "env:TOKEN")
    assert xp("import", "add", "list", *source).code == 0
    assert "--token of the import list is env:TOKEN" in xp("crontab", "install").err


def test_install_twice_changes_nothing_and_does_not_even_write(fake: Fake, db: Path):
    crontab.install(db)
    before = fake.table
    (fake.folder / "calls").unlink()
    assert not crontab.install(db).changed
    assert fake.table == before
    assert fake.calls() == ["-l"]


def test_remove_where_there_is_nothing_of_ours_does_not_write(fake: Fake, db: Path):
    fake.table = b"0 1 * * * backup\n"
    assert not crontab.remove(db).changed
    assert fake.calls() == ["-l"]


foreign_lines = st.lists(
    st.one_of(
        st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
        st.sampled_from(
            [
                b"",
                b"MAILTO=ann",
                b"# caf\xe9",
                b"0 1 * * * backup\r",
                b"* * * * * x # xpimport /other.db",
                b"\t",
            ]
        ),
    ),
    max_size=6,
)


@given(before=foreign_lines, after=foreign_lines, ours=st.integers(0, 3), last_newline=st.booleans())
def test_foreign_lines_are_kept_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[bytes],
    after: list[bytes],
    ours: int,
    last_newline: bool,
):
    fake = Fake(tmp_path_factory.getbasetemp() / "fake-crontab")
    db = Path("/srv/list of people/xp.db")
    outdated = os.fsencode(crontab.tick_line(["/old/xpimport"], db, None))
    table = b"\n".join([*before, *[outdated] * ours, *after]) + (b"\n" if last_newline else b"")
    fake.table = table
    foreign = [line for line in table.split(b"\n") if line != outdated]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{fake.folder}:/usr/bin:/bin")
        line = os.fsencode(crontab.install(db).line)
        installed = fake.table or b""
        removed = crontab.remove(db)
    assert removed.changed
    assert installed.split(b"\n").count(line) == 1
    kept = [text for text in installed.split(b"\n") if text != line]
    # Cron refuses a last line without a line end, so that one gets it.
    assert kept in (foreign, [*foreign, b""])
    if ours:
        assert installed.split(b"\n").index(line) == table.split(b"\n").index(outdated)
    assert b"\n".join(kept) == (fake.table or b"")


def test_an_outdated_line_is_replaced_where_it_stands(fake: Fake, db: Path):
    old = crontab.tick_line(["/old/venv/bin/xpimport"], db, None)
    fake.table = f"MAILTO=ann\n{old}\n0 1 * * * backup\n".encode()
    state = crontab.show(db)
    assert (state.installed, state.present_line) == (False, old)
    line = crontab.install(db).line
    assert fake.table == f"MAILTO=ann\n{line}\n0 1 * * * backup\n".encode()
    state = crontab.show(db)
    assert (state.installed, state.present_line, state.line) == (True, line, line)


def test_a_line_that_the_user_commented_out_stays_the_users(fake: Fake, db: Path):
    off = f"#{crontab.tick_line(['/x'], db, None)}\n".encode()
    fake.table = off
    line = crontab.install(db).line
    assert fake.table == off + line.encode() + b"\n"
    crontab.remove(db)
    assert fake.table == off


def test_two_stores_have_a_line_each_even_when_one_name_ends_like_the_other(fake: Fake, tmp_path: Path):
    one, two = Path("/b"), Path("/a # xpimport /b")
    crontab.install(two)
    first = fake.table
    assert not crontab.show(one).installed
    crontab.install(one)
    assert (fake.table or b"").count(b"\n") == 2
    crontab.remove(one)
    assert fake.table == first


def test_without_a_crontab_command_the_line_is_given_and_nothing_is_done(
    tmp_path: Path, db: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PATH", str(tmp_path))
    state = crontab.show(db)
    assert (state.available, state.installed, state.present_line) == (False, False, None)
    for change in (crontab.install(db), crontab.remove(db)):
        assert (change.available, change.changed, change.line) == (False, False, state.line)


def test_a_user_whom_cron_allow_denies_is_told_the_line_to_add(fake: Fake, db: Path):
    (fake.folder / "denied").touch()
    line = crontab.tick_line(crontab.program(), db, crontab.log_of(db))
    with pytest.raises(Failed, match="not allowed to use this program") as caught:
        crontab.install(db)
    assert caught.value.message.endswith(f"by hand (crontab -e):\n{line}")
    assert fake.table is None


def test_a_crontab_that_did_not_keep_what_it_was_given_is_noticed(fake: Fake, db: Path):
    (fake.folder / "deaf").touch()
    with pytest.raises(Failed, match="not what was just written") as caught:
        crontab.install(db)
    assert f"# xpimport {db}" in caught.value.message


@pytest.mark.server("strace")
@pytest.mark.parametrize("command", ["install", "remove"])
@pytest.mark.parametrize("call", ["write", "fsync", "unlink", "vfork,clone,clone3"])
def test_a_kill_at_any_write_leaves_the_whole_crontab(fake: Fake, db: Path, command: str, call: str):
    lines = "".join(f"{minute} 1 * * * backup --of /srv/{minute:0200}\n" for minute in range(60)).encode()
    ours = crontab.tick_line(crontab.program(), db, crontab.log_of(db)).encode() + b"\n"
    before, after = (lines, lines + ours) if command == "install" else (lines + ours, lines)
    code = f"import sys; from pathlib import Path; from xpimport.defining import crontab; crontab.{command}(Path(sys.argv[1]))"
    for nth in range(1, 40):
        fake.table = before
        strace = [which("strace"), "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={nth}"]
        done = subprocess.run([*strace, sys.executable, "-c", code, str(db)], capture_output=True, check=False)
        wait_for_orphans(fake)
        assert fake.table in (before, after), f"killed at {call} {nth}"
        if done.returncode == 0:
            break
    assert (done.returncode, fake.table) == (0, after), done.stderr
    assert nth > 1, f"there was no {call}"


def wait_for_orphans(fake: Fake) -> None:
    """A killed command's own `crontab` goes on; wait until no process runs this fake any more."""
    mine = os.fsencode(fake.folder / "crontab")
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(mine in _command(number) for number in Path("/proc").glob("[0-9]*")):
        time.sleep(0.02)


def _command(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def test_the_program_is_the_script_beside_the_interpreter_else_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    python = tmp_path / "venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(python))
    assert crontab.program() == [str(python), "-m", "xpimport"]
    script = python.with_name("xpimport")
    script.touch(0o755)
    assert crontab.program() == [str(script)]


def test_the_systemd_units_start_a_tick_every_minute_without_waiting_for_it():
    units = crontab.systemd_units(["/opt/x p/xp"], Path('/srv/100%/"$a"\\.db'))
    assert set(units) == {"xpimport.service", "xpimport.timer"}
    assert "OnCalendar=*-*-* *:*:00\nAccuracySec=1s\n" in units["xpimport.timer"]
    assert "Type=oneshot\n" in units["xpimport.service"]
    command = next(line for line in units["xpimport.service"].splitlines() if line.startswith("ExecStart="))
    assert command == (
        r'ExecStart=/bin/sh -c "\"$$@\" &" xpimport "/opt/x p/xp" "--db" "/srv/100%%/\"$$a\"\\.db" "tick"'
    )


@pytest.fixture
def real_crontab() -> Iterator[str]:
    """The real `crontab` command; root's own table is put back as it was."""
    program = which("crontab")
    assert program is not None
    before = subprocess.run([program, "-l"], capture_output=True, check=False)
    subprocess.run([program, "-r"], capture_output=True, check=False)
    yield program
    if before.returncode == 0:
        subprocess.run([program, "-"], input=before.stdout, check=True)
    else:
        subprocess.run([program, "-r"], capture_output=True, check=False)


@pytest.mark.server("cron")
@pytest.mark.parametrize("name", ["xp.db", "it's 100% naïve # xpimport 名簿.db", "x" * 200])
def test_debians_crontab_takes_the_line_and_gives_everything_else_back(name: str, real_crontab: str, tmp_path: Path):
    def table() -> bytes:
        # What an editor sees; crontab -l prints a carriage return as two characters.
        editor = {**os.environ, "VISUAL": "cat"}
        return subprocess.run([real_crontab, "-e"], env=editor, capture_output=True, check=True).stdout

    db = tmp_path / name
    db.parent.mkdir(exist_ok=True)
    foreign = b'# caf\xe9 of the user\'s\r\n# and \\r\nMAILTO=""\n\n0 1 1 1 * true\t\n'
    subprocess.run([real_crontab, "-"], input=foreign, check=True)
    line = crontab.install(db).line
    assert table() == foreign + os.fsencode(line) + b"\n"
    assert crontab.show(db).installed
    assert not crontab.install(db).changed
    assert crontab.remove(db).changed
    assert table() == foreign


@pytest.mark.server("cron")
def test_debians_crontab_ends_absent_when_it_held_nothing_else(real_crontab: str, db: Path):
    assert crontab.install(db).changed
    assert crontab.remove(db).changed
    done = subprocess.run([real_crontab, "-l"], capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"")
