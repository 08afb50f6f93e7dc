"""A store that knows less than it did, or is elsewhere, does nothing by itself, and once adopted sends to nobody twice."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import NamedTemporaryFile

import pytest
from servers.smtp_peer import smtp_peer
from shop import HEADER, people_list

from xpimport.store import database, high_water
from xpimport.store.driver import sqlite3

# With the program's own library: of two on one file, one sees nothing of the other's log.
EVENING = "2026-11-23T18:00:00Z"
REPOSITORY = Path(__file__).parents[2]
NIGHT = datetime(2026, 11, 24, 3, tzinfo=UTC)
PEOPLE = 6

pytestmark = pytest.mark.shop(
    people=PEOPLE, campaign=("--channel", "smtp", "--from", "news@example.com"), imports=("--schedule", "daily 03:00"),
    settings={"smtp.url": "smtp://127.0.0.1:1", "smtp.connections": 2}, now=EVENING,
)  # fmt: skip


@pytest.fixture
def peer():
    with smtp_peer() as server:
        yield server


@pytest.fixture
def nightly(shop, peer):
    """A shop whose list comes each night at three and is sent at once, to `peer`."""
    assert shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}", now=EVENING).code == 0
    return shop


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "xpimport.db"


def at(hours: float, minutes: int = 0) -> str:
    """So long after the night's run is due."""
    return (NIGHT + timedelta(hours=hours, minutes=minutes)).isoformat()


def copied(db: Path) -> bytes:
    """The store as a backup made now has it."""
    with NamedTemporaryFile() as file:
        with closing(sqlite3.connect(db)) as store, closing(sqlite3.connect(file.name)) as copy:
            store.backup(copy)
        return Path(file.name).read_bytes()


def put_back(db: Path, octets: bytes) -> None:
    """A backup in place of the store, in the same file, as `cp` puts it there."""
    for log in ("-wal", "-shm"):
        Path(f"{db}{log}").unlink(missing_ok=True)
    db.write_bytes(octets)


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as look:
        return look.execute(sql).fetchall()


def to(peer) -> Counter[str]:
    return Counter(re.search(rb"^To: (\S+)", message, re.MULTILINE)[1].decode() for message in list(peer.messages))


def tick(xp, hours: float, minutes: int = 0, expect: tuple[int, ...] = (0,)) -> str:
    done = xp("tick", now=at(hours, minutes))
    assert done.code in expect, done
    return " ".join(done.err.split())


def run_the_night(xp) -> None:
    tick(xp, 0)
    tick(xp, 0, 1)


def test_an_older_copy_put_back_sends_nothing_and_says_what_to_do(nightly, db, peer):
    backup = copied(db)
    run_the_night(nightly)
    assert to(peer).total() == PEOPLE
    put_back(db, backup)
    said = tick(nightly, 2, expect=(5,))
    assert "it has no task yet, but its note of Tue 2026-11-24 03:01 (UTC) says that task 1 was there" in said
    assert said.endswith("xpimport adopt")
    assert to(peer).total() == PEOPLE
    assert ask(db, "SELECT count(*) FROM tasks") == [(0,)]


@pytest.mark.parametrize(
    "command",
    [("run-now", "list"), ("release-trigger", "1"), ("resend", "1", "--uncertain"),
     ("campaign", "test", "hello", "--to", "a@example.com")],
    ids=" ".join,
)  # fmt: skip
def test_whatever_sends_or_imports_is_refused_until_the_store_is_adopted(nightly, db, peer, command):
    run_the_night(nightly)
    backup = copied(db)
    assert nightly("run-now", "list", "--again", now=at(1)).code == 0
    put_back(db, backup)
    refused = nightly(*command, now=at(2))
    assert refused.code == 5
    assert "xpimport adopt" in refused.err
    assert to(peer).total() == 2 * PEOPLE


def test_a_send_that_is_due_in_a_copy_is_held_with_its_reason(nightly, db, peer):
    assert nightly("import", "edit", "list", "--send-at", "09:00", now=EVENING).code == 0
    run_the_night(nightly)
    backup = copied(db)
    tick(nightly, 6)
    assert to(peer).total() == PEOPLE
    put_back(db, backup)
    tick(nightly, 6, 5, expect=(5,))
    trigger = nightly("task", "show", "1", "--json").json()["trigger"]
    assert (trigger["state"], trigger["reason"]) == ("held", "restored")
    assert "xpimport adopt" in nightly("task", "show", "1").err
    adopted = nightly("adopt", "--yes", now=at(7))
    assert adopted.code == 0
    assert "xpimport resend 1 --uncertain" in adopted.err
    assert nightly("task", "show", "1", "--json").json()["delivery"]["uncertain"] == PEOPLE
    refused = nightly("release-trigger", "1", now=at(7))
    assert refused.code == 5
    assert "resend 1 --uncertain" in refused.err
    tick(nightly, 7)
    assert to(peer).total() == PEOPLE
    # A person's word: twice, and by another Message-ID.
    assert nightly("resend", "1", "--uncertain", "--yes", now=at(7)).code == 0
    tick(nightly, 7, 1)
    assert set(to(peer).values()) == {2}
    assert len({re.search(rb"^Message-ID: (\S+)", message, re.MULTILINE)[1] for message in peer.messages}) == 12


def test_a_copy_elsewhere_sends_nothing_while_the_original_goes_on(nightly, db, peer, tmp_path):
    run_the_night(nightly)
    other = tmp_path / "other.db"
    other.write_bytes(copied(db))
    (tmp_path / "list.csv").write_text(people_list(3, first=50))
    refused = nightly("tick", db=other, now=at(24))
    assert refused.code == 5
    assert f"at work as {db} on" in " ".join(refused.err.split())
    tick(nightly, 24)
    tick(nightly, 24, 1)
    assert to(peer).total() == PEOPLE + 3
    # Adopted, it goes on, and the original is the copy from then on.
    assert nightly("adopt", "--yes", db=other, now=at(25)).code == 0
    assert nightly("tick", db=other, now=at(25)).code == 0
    assert f"it was adopted since, as {other} on" in tick(nightly, 48, expect=(5,))


@pytest.mark.parametrize("turn", range(4))
def test_of_two_copies_that_tick_at_once_one_sends(nightly, db, peer, tmp_path, turn):
    assert nightly("import", "edit", "list", "--send-at", "09:00", now=EVENING).code == 0
    other = tmp_path / "other.db"
    other.write_bytes(copied(db))
    for hours, minutes in ((0, 0), (0, 1), (6, 0)):
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "xpimport", "--db", str(path), "tick"], stderr=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY), "XPIMPORT_NOW": at(hours, minutes)},
            )
            for path in (db, other)
        ]  # fmt: skip
        for process in running:
            process.communicate(timeout=60)
    assert set(to(peer).values()) == {1}


def test_a_whole_folder_put_back_is_known_by_the_note_in_the_state_directory(nightly, db, peer, tmp_path):
    run_the_night(nightly)
    kept = tmp_path / "kept"
    shutil.copytree(f"{db}.files", kept)
    backup = copied(db)
    (tmp_path / "list.csv").write_text(people_list(3, first=50))
    tick(nightly, 24)
    tick(nightly, 24, 1)
    put_back(db, backup)
    shutil.rmtree(f"{db}.files")
    shutil.copytree(kept, f"{db}.files")
    assert "xpimport adopt" in tick(nightly, 25, expect=(5,))


def test_a_store_that_has_sent_and_has_no_note_is_a_copy(nightly, db):
    run_the_night(nightly)
    shutil.rmtree(f"{db}.files")
    shutil.rmtree(os.environ["XDG_STATE_HOME"])
    assert "no note of how far it got lies beside it" in tick(nightly, 24, expect=(5,))
    assert nightly("adopt", "--yes", now=at(24)).code == 0
    tick(nightly, 24)


def test_a_renamed_store_and_one_with_a_named_home_go_on(nightly, db, tmp_path, monkeypatch):
    run_the_night(nightly)
    renamed = tmp_path / "renamed.db"
    db.rename(renamed)
    Path(f"{db}.files").rename(f"{renamed}.files")
    assert nightly("tick", db=renamed, now=at(24)).code == 0
    monkeypatch.setenv("XPIMPORT_HOME", "volume-1")
    assert nightly("tick", db=renamed, now=at(48)).code == 5
    assert nightly("adopt", "--yes", db=renamed, now=at(48)).code == 0
    shutil.copy(renamed, tmp_path / "moved.db")
    shutil.copytree(f"{renamed}.files", f"{tmp_path / 'moved.db'}.files")
    assert nightly("tick", db=tmp_path / "moved.db", now=at(72)).code == 0


def test_a_store_put_back_as_it_stood_goes_on(nightly, db):
    run_the_night(nightly)
    put_back(db, copied(db))
    tick(nightly, 24)
    nothing = nightly("adopt", now=at(24))
    assert (nothing.code, "Nothing is in doubt" in nothing.err) == (0, True)


def test_adopting_asks_and_without_a_terminal_wants_yes(nightly, db):
    backup = copied(db)
    run_the_night(nightly)
    put_back(db, backup)
    refused = nightly("adopt", now=at(2))
    assert refused.code == 2
    assert "xpimport adopt --yes" in refused.err
    assert "list, task 1 was sent; who got it is not known here" in " ".join(refused.out.split())
    assert ask(db, "SELECT count(*) FROM tasks") == [(0,)]


def test_what_people_said_in_between_is_taken_from_the_journal(nightly, db, tmp_path):
    (tmp_path / "list.csv").write_text(
        f"{HEADER}\nu1,a@example.com,1\nu2,b@example.com,1\nu3,c@example.com,0\nu4,d@example.com,1\n"
    )
    run_the_night(nightly)
    nightly("suppression", "add", "x@example.com", now=at(1))
    backup = copied(db)
    nightly("profile", "unsubscribe", "u1", now=at(2))
    nightly("profile", "unsubscribe", "u2", now=at(2))
    nightly("profile", "subscribe", "u2", now=at(3))
    nightly("profile", "subscribe", "u3", now=at(3))
    nightly("suppression", "remove", "x@example.com", now=at(3))
    nightly("suppression", "add", "y@example.com", "--reason", "complaint", now=at(3))
    # An opt-out of a list.
    (tmp_path / "list.csv").write_text(f"{HEADER}\nu4,d@example.com,0\nu9,new@example.com,0\n")
    assert nightly("run-now", "list", now=at(4)).code == 0
    put_back(db, backup)
    adopted = nightly("adopt", "--yes", now=at(5))
    assert "3 opt-outs and 1 suppression and 2 words taken back taken in" in " ".join(adopted.out.split())
    assert ask(db, "SELECT address FROM opt_outs ORDER BY 1") == [
        ("a@example.com",),
        ("d@example.com",),
        ("new@example.com",),
    ]
    assert ask(db, "SELECT address, reason FROM suppressions") == [("y@example.com", "complaint")]
    assert ask(db, "SELECT user_id, email_subscription FROM profiles ORDER BY 1") == [
        ("u1", 0),
        ("u2", 1),
        ("u3", 1),
        ("u4", 0),
    ]


def test_opt_outs_of_a_list_are_taken_from_the_journal_with_their_times(nightly, db, tmp_path):
    run_the_night(nightly)
    backup = copied(db)
    title = f"{HEADER},email_subscription_time"
    rows = ["u0,p0@example.com,0,2026-11-20T10:00:00Z", "u1,p1@example.com,0,"]
    (tmp_path / "list.csv").write_text("\n".join([title, *rows]) + "\n")
    assert nightly("run-now", "list", now=at(4)).code == 0
    told = ask(db, "SELECT address, substr(opted_out_at, 1, 19) FROM opt_outs ORDER BY 1")
    put_back(db, backup)
    assert nightly("adopt", "--yes", now=at(5)).code == 0
    assert ask(db, "SELECT address, substr(opted_out_at, 1, 19) FROM opt_outs ORDER BY 1") == told
    assert [address for address, _ in told] == ["p0@example.com", "p1@example.com"]


def test_no_number_and_no_token_means_two_people(nightly, db, peer, tmp_path):
    """Also where nobody knows how far the other copy got."""
    run_the_night(nightly)
    backup = copied(db)
    (tmp_path / "list.csv").write_text(people_list(3, first=50))
    tick(nightly, 24)
    tick(nightly, 24, 1)
    lost = ask(db, "SELECT max(id) FROM triggers")[0][0]
    token = re.search(rb"unsubscribe%20(\w+)", list(peer.messages)[-1])[1].decode()
    shutil.rmtree(f"{db}.files")
    shutil.rmtree(os.environ["XDG_STATE_HOME"])
    put_back(db, backup)
    assert nightly("adopt", "--yes", now=at(25)).code == 0
    (tmp_path / "list.csv").write_text(people_list(3, first=70))
    tick(nightly, 48)
    tick(nightly, 48, 1)
    assert ask(db, "SELECT max(id) FROM triggers")[0][0] == lost
    # The other copy's token has the numbers of somebody else here.
    refused = nightly("unsubscribe", token, now=at(49))
    assert (refused.code, "suppression add ADDRESS" in refused.err) == (4, True)
    tokens = {re.search(rb"unsubscribe%20(\w+)", message)[1] for message in peer.messages}
    assert len(tokens) == to(peer).total() == PEOPLE + 6


def test_an_opt_out_link_of_a_send_that_the_copy_does_not_know_works_for_people_whom_it_knows(nightly, db, peer):
    run_the_night(nightly)
    backup = copied(db)
    assert nightly("run-now", "list", "--again", now=at(1)).code == 0
    put_back(db, backup)
    assert nightly("adopt", "--yes", now=at(2)).code == 0
    token = re.search(rb"unsubscribe%20(\w+)", list(peer.messages)[-1])[1].decode()
    assert nightly("unsubscribe", token, now=at(3)).code == 0
    last = re.search(rb"^To: (\S+)", list(peer.messages)[-1], re.MULTILINE)[1].decode()
    assert ask(db, "SELECT address FROM opt_outs") == [(last,)]


def test_an_opt_out_link_works_in_a_copy_that_had_not_sent_yet(nightly, db, peer):
    assert nightly("import", "edit", "list", "--send-at", "09:00", now=EVENING).code == 0
    run_the_night(nightly)
    armed = copied(db)
    tick(nightly, 6)
    token = re.search(rb"unsubscribe%20(\w+)", list(peer.messages)[-1])[1].decode()
    put_back(db, armed)
    assert nightly("adopt", "--yes", now=at(7)).code == 0
    assert nightly("unsubscribe", token, now=at(8)).code == 0


def test_what_comes_back_of_a_send_that_the_copy_does_not_know_is_heeded(nightly, db, peer):
    run_the_night(nightly)
    backup = copied(db)
    assert nightly("run-now", "list", "--again", now=at(1)).code == 0
    keys = sorted(
        (
            re.search(rb"^To: (\S+)", text, re.MULTILINE)[1],
            re.search(rb"^Message-ID: <(\w+)@", text, re.MULTILINE)[1].decode(),
        )
        for text in list(peer.messages)[PEOPLE:]
    )
    put_back(db, backup)
    assert nightly("adopt", "--yes", now=at(2)).code == 0
    kinds = ({"event": "unsubscribed"}, {"event": "complained"}, {"event": "bounced", "status": "5.1.1"})
    told = [{**kind, "time": at(1.5), "key": key} for kind, (_, key) in zip(kinds, keys, strict=False)]
    lines = "\n".join(map(json.dumps, told))
    done = nightly("event", "ingest", "-", "--provider", "xpimport", "--json", stdin=lines, now=at(3))
    assert done.json()["kept_apart"] == {"unknown_message": 3}
    assert ask(db, "SELECT address FROM opt_outs ORDER BY 1") == [("p0@example.com",), ("p1@example.com",)]
    assert ask(db, "SELECT address FROM suppressions ORDER BY 1") == [("p1@example.com",), ("p2@example.com",)]


def test_an_event_of_a_send_that_another_copy_made_is_of_its_time(nightly, db, peer):
    assert nightly("import", "edit", "list", "--send-at", "09:00", now=EVENING).code == 0
    run_the_night(nightly)
    armed = copied(db)
    tick(nightly, 6)
    key = re.search(rb"^Message-ID: <(\w+)@", next(iter(peer.messages)), re.MULTILINE)[1].decode()
    put_back(db, armed)
    assert nightly("adopt", "--yes", now=at(7)).code == 0
    event = json.dumps({"event": "delivered", "time": at(6.1), "key": key})
    done = nightly("event", "ingest", "-", "--provider", "xpimport", "--json", stdin=event, now=at(8))
    assert done.json()["new"]["delivered"] == 1
    assert ask(db, "SELECT state, changed_at >= unixepoch('2026-11-24') FROM deliveries WHERE state = 'accepted'") == [
        ("accepted", 1)
    ]


@dataclass(frozen=True)
class Step:
    """A moment of a night: a backup made then, the notes and the journal as they were, and what people had got."""

    name: str
    store: bytes
    notes: Path
    got: list[bytes]

    def put_back(self, db: Path, peer, notes: Path | None = None) -> None:
        """The backup in place of the store, beside these `notes`, else those of the moment."""
        put_back(db, self.store)
        for place, kept in places(db).items():
            shutil.rmtree(place, ignore_errors=True)
            shutil.copytree((notes or self.notes) / kept, place)
        peer.messages[:] = self.got


def places(db: Path) -> dict[Path, str]:
    return {Path(f"{db}.files"): "beside", Path(os.environ["XDG_STATE_HOME"]): "state"}


def look(db: Path, peer, folder: Path, name: str) -> Step:
    for place, kept in places(db).items():
        shutil.copytree(place, folder / name / kept)
    return Step(name, copied(db), folder / name, list(peer.messages))


@pytest.fixture
def steps(nightly, db, peer, tmp_path, monkeypatch) -> list[Step]:
    """The moments of a night, before each commit and on both sides of each note; the last is after an opt-out in the morning."""
    found: list[Step] = []
    write, begin = high_water.Noting.write, database.Store.writing
    folder = tmp_path / "steps"
    for place in places(db):
        place.mkdir(parents=True, exist_ok=True)

    def step(name: str) -> None:
        found.append(look(db, peer, folder, f"{len(found)} {name}"))

    def noted(noting, **how):
        step("before a note")
        write(noting, **how)
        step("after a note")

    def written(store, patience=database.PATIENCE):
        step("before a commit")
        return begin(store, patience)

    with monkeypatch.context() as patch:
        patch.setattr(high_water.Noting, "write", noted)
        patch.setattr(database.Store, "writing", written)
        run_the_night(nightly)
    step("after the night")
    assert nightly("profile", "unsubscribe", "u2", now=at(1)).code == 0
    step("after an opt-out")
    assert len({step.store for step in found}) > 12
    assert to(peer).total() == PEOPLE
    return found


def go_on_for_two_days(xp, folder: Path, known: str = "") -> None:
    """Adopted if need be, with the list of the first night once more, and then with new people, and one who is `known`."""
    (folder / "list.csv").write_text(people_list(PEOPLE))
    tick(xp, 2, expect=(0, 5))
    assert xp("adopt", "--yes", now=at(2)).code == 0
    for hours in (3, 6, 21, 24, 24.1):
        tick(xp, hours)
    (folder / "list.csv").write_text(people_list(3, first=50) + known)
    for hours in (45, 48, 48.1):
        tick(xp, hours)


KEYS = {"tasks": "import_id", "triggers": "task_id", "profiles": "user_id"}


def numbered(db: Path) -> dict[str, dict[object, object]]:
    """What each number was given to."""
    return {table: dict(ask(db, f"SELECT id, {key} FROM {table}")) for table, key in KEYS.items()}


@pytest.mark.timeout(900)
def test_a_copy_made_at_any_step_of_a_send_put_back_and_adopted_sends_to_nobody_twice(
    nightly, db, peer, tmp_path, steps
):
    end = steps[-1]
    given = numbered(db)
    for step in {step.store: step for step in steps}.values():
        end.put_back(db, peer)
        step.put_back(db, peer, end.notes)
        peer.messages[:] = end.got
        go_on_for_two_days(nightly, tmp_path, "u2,p2@example.com,1\n")
        assert to(peer) == {f"p{number}@example.com": 1 for number in (*range(PEOPLE), 50, 51, 52)}, step.name
        ids = [re.search(rb"^Message-ID: (\S+)", message, re.MULTILINE)[1] for message in peer.messages]
        assert len(set(ids)) == len(ids), step.name
        for table, numbers in numbered(db).items():
            assert {number: what for number, what in numbers.items() if given[table].get(number, what) != what} == {}
        assert ask(db, "SELECT reason FROM deliveries d JOIN profiles p ON p.id = d.profile_id WHERE user_id = 'u2'"
                       " ORDER BY trigger_id DESC LIMIT 1") == [("unsubscribed",)]  # fmt: skip


@pytest.mark.timeout(900)
def test_a_copy_put_back_after_the_send_was_killed_sends_to_nobody_twice(nightly, db, peer, tmp_path, steps):
    """The note is never behind a message: the copy may be as little as one step old."""
    for before, killed in pairwise(steps):
        if before.store == killed.store:
            continue
        before.put_back(db, peer, killed.notes)
        peer.messages[:] = killed.got
        with closing(sqlite3.connect(db)) as store:
            # Whoever was at work is gone: here it was this process.
            store.execute("UPDATE tasks SET owner = NULL")
            store.execute("UPDATE triggers SET owner = NULL")
            store.commit()
        go_on_for_two_days(nightly, tmp_path)
        assert max(to(peer).values()) == 1, killed.name
        assert {"p50@example.com", "p51@example.com", "p52@example.com"} <= set(to(peer)), killed.name
