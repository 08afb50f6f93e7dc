"""What is reported of messages counts once, to its run, whatever the order, and is heeded as people have said since."""

import json
import re
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from xpimport.store.driver import sqlite3

SENT = "2026-11-24T09:00:00Z"
SENT_AT = 1_795_510_800
LATER = "2026-11-24T12:00:00Z"

pytestmark = pytest.mark.shop(people=6, now="2026-11-24T08:00:00Z")


@pytest.fixture
def sent(shop, tmp_path):
    """A shop that has sent `hello` to u0..u5."""
    assert shop("run-now", "list", now=SENT).code == 0
    return shop


@pytest.fixture
def db(tmp_path) -> Path:
    return tmp_path / "xpimport.db"


def ask(db: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(db)) as look:
        return [tuple(row) for row in look.execute(sql)]


@pytest.fixture
def keys(sent, db) -> list[str]:
    """The keys of the messages, by person."""
    found = {}
    for path in Path(f"{db}.files/outbox/new").iterdir():
        text = path.read_text()
        found[re.search(r"^To: (\S+)", text, re.MULTILINE)[1]] = re.search(r"^Message-ID: <(\w+)@", text, re.MULTILINE)[
            1
        ]
    return [found[f"p{number}@example.com"] for number in range(6)]


def said(kind: str, key: str | None, after: float = 60, **more: object) -> dict[str, object]:
    return {"event": kind, "time": SENT_AT + after, **({"key": key} if key else {}), **more}


def ingest(xp, events: Iterable[object], now: str = LATER, *options: str):
    lines = "".join(json.dumps(one) + "\n" for one in events)
    return xp("event", "ingest", "-", "--provider", "xpimport", "--json", *options, stdin=lines, now=now)


def counted(db: Path) -> dict[int, tuple[object, ...]]:
    return {
        row[0]: row[1:]
        for row in ask(
            db, "SELECT kind, total, people, machine_total, machine_people FROM engagement WHERE kind BETWEEN 1 AND 6"
        )
    }


def test_events_count_once_to_the_run_of_their_message(sent, db, keys):
    events = [
        said("delivered", keys[0]), said("opened", keys[0]), said("opened", keys[0], 90), said("opened", keys[1]),
        said("opened", keys[2], machine="apple"), said("clicked", keys[0], 100, url="https://a.example/"),
    ]  # fmt: skip
    first = ingest(sent, events)
    assert first.code == 0
    assert first.json()["new"] == {
        "delivered": 1, "opened": 4, "clicked": 1, "bounced": 0, "unsubscribed": 0, "complained": 0
    }  # fmt: skip
    again = ingest(sent, [*events, *events])
    assert again.json()["known"] == 12
    assert counted(db) == {1: (1, 1, 0, 0), 2: (3, 2, 1, 1), 3: (1, 1, 0, 0)}


def test_a_bounce_suppresses_the_address_that_the_message_went_to_and_no_other(sent, db, keys):
    ingest(
        sent,
        [
            said("bounced", keys[0], status="5.1.1", address="forward@example.com"),
            said("bounced", keys[1], status="5.2.2"),
        ],
    )
    assert ask(db, "SELECT address, reason FROM suppressions") == [("p0@example.com", "bounced")]
    assert counted(db) == {4: (2, 2, 0, 0)}
    assert ask(db, "SELECT DISTINCT state FROM deliveries") == [("accepted",)]


def test_an_opt_out_and_a_complaint_are_heeded(sent, db, keys):
    ingest(sent, [said("unsubscribed", keys[0]), said("complained", keys[1])])
    assert ask(db, "SELECT address FROM opt_outs ORDER BY 1") == [("p0@example.com",), ("p1@example.com",)]
    assert ask(db, "SELECT address, reason FROM suppressions") == [("p1@example.com", "complaint")]
    assert ask(db, "SELECT user_id FROM profiles WHERE email_subscription = 0") == [("u0",), ("u1",)]


def test_what_a_person_said_since_counts_more_than_a_report_of_before(sent, db, keys):
    sent("profile", "unsubscribe", "u0", now="2026-11-24T09:30:00Z")
    sent("profile", "subscribe", "u0", now="2026-11-24T10:00:00Z")
    sent("suppression", "add", "p1@example.com", now="2026-11-24T09:30:00Z")
    sent("suppression", "remove", "p1@example.com", now="2026-11-24T10:00:00Z")
    ingest(sent, [said("unsubscribed", keys[0], 60), said("bounced", keys[1], 60, status="5.1.1")])
    assert ask(db, "SELECT address FROM opt_outs") == []
    assert ask(db, "SELECT address FROM suppressions") == []
    ingest(sent, [said("unsubscribed", keys[0], 7200), said("bounced", keys[1], 7200, status="5.1.1")])
    assert ask(db, "SELECT address FROM opt_outs") == [("p0@example.com",)]
    assert ask(db, "SELECT address FROM suppressions") == [("p1@example.com",)]


def test_a_providers_word_without_a_key_counts_to_no_run_and_acts_on_the_address(sent, db, keys):
    done = ingest(
        sent, [said("unsubscribed", None, address="P3@example.com"), said("opened", None, address="p4@example.com")]
    )
    assert done.json()["kept_apart"] == {"no_key": 2}
    assert counted(db) == {}
    assert ask(db, "SELECT address FROM opt_outs") == [("p3@example.com",)]
    assert ingest(sent, [said("unsubscribed", None, address="P3@example.com")]).json()["known"] == 1


@pytest.mark.parametrize(
    "change", [lambda key: key[:-1] + ("a" if key[-1] != "a" else "b"), lambda key: "a" * 32], ids=["a letter", "all"]
)
def test_a_key_that_is_not_ours_does_nothing(sent, db, keys, change):
    done = ingest(sent, [said("complained", change(keys[0]), address="p0@example.com")])
    assert done.json()["kept_apart"] == {"wrong_signature": 1}
    assert ask(db, "SELECT address FROM suppressions UNION ALL SELECT address FROM opt_outs") == []


def test_a_time_that_cannot_be_is_kept_apart_and_a_clock_that_is_off_is_forgiven(sent, db, keys):
    done = ingest(sent, [
        said("opened", keys[0], -60), said("opened", keys[1], -86_400), said("opened", keys[2], 10 * 86_400),
        {"event": "opened", "key": keys[3], "time": "1970-01-01T00:00:00Z"}, said("unsubscribed", keys[4], -86_400),
    ])  # fmt: skip
    assert done.json()["kept_apart"] == {"impossible_time": 3}
    assert ask(db, "SELECT at - (SELECT min(changed_at) FROM deliveries) FROM events ORDER BY at") == [(0,), (10_800,)]
    assert ask(db, "SELECT address FROM opt_outs") == [("p4@example.com",)]


def test_a_run_that_is_closed_counts_no_more_but_a_no_of_it_is_heeded(sent, db, keys):
    with closing(sqlite3.connect(db)) as store:
        store.execute("UPDATE triggers SET closed_at = '2026-11-24T11:00:00.000000Z'")
        store.commit()
        store.execute("DELETE FROM deliveries WHERE profile_id > 2")
        store.commit()
    told = [said("opened", keys[0]), said("unsubscribed", keys[1]), said("unsubscribed", keys[3], address="old@example.com"),
            said("complained", keys[4])]  # fmt: skip
    assert ingest(sent, told).json()["kept_apart"] == {"too_old": 4}
    assert counted(db) == {}
    assert ask(db, "SELECT address FROM opt_outs ORDER BY 1") == [
        ("old@example.com",), ("p1@example.com",), ("p4@example.com",)
    ]  # fmt: skip
    assert ask(db, "SELECT address FROM suppressions") == [("p4@example.com",)]


def test_a_profile_tells_what_became_of_each_message(sent, db, keys):
    ingest(
        sent,
        [
            said("delivered", keys[0], 60),
            said("clicked", keys[0], 90, url="https://a.example/"),
            said("unsubscribed", keys[0], 120),
        ],
    )
    story = sent("profile", "show", "u0", "--json").json()["story"]
    assert [(told["what"], told["outcome"]) for told in story] == [
        ("email", "opted out"), ("hello", "unsubscribed"), ("hello", "clicked"), ("hello", "delivered"),
        ("hello", "accepted"), ("list", "created"),
    ]  # fmt: skip
    assert (story[-1]["task"], story[-1]["line"]) == (1, 2)
    shown = sent("profile", "show", "u0").out
    assert "clicked: https://a.example/" in shown


def test_what_is_kept_apart_is_listed_and_tried_again_and_accepted_by_a_person(sent, db, keys):
    ingest(sent, [said("opened", None, address="p4@example.com"), {"event": "pigeon"}, "nothing"])
    with closing(sqlite3.connect(db)) as store:
        store.execute("UPDATE rejected_events SET provider = 'mail'")
        store.commit()
    listed = sent("event", "rejected", "--json").json()
    assert [one["reason"] for one in listed] == ["no_key", "not_understood", "not_understood"]
    assert sent("event", "retry", "--json", now=LATER).json()["kept_apart"] == {"no_key": 1}
    assert len(sent("event", "rejected", "--json").json()) == 3
    assert sent("event", "retry", "--accept", now=LATER).code == 0
    assert len(sent("event", "rejected", "--json").json()) == 2


def test_kept_apart_is_exit_3_only_where_it_is_asked_for(sent):
    assert ingest(sent, [said("opened", None)]).code == 0
    assert ingest(sent, [said("clicked", None)], LATER, "--strict-exit").code == 3


@pytest.mark.parametrize(
    ("text", "code", "delivered"),
    [
        ("", 0, 0), ("\n \n", 0, 0), ("[]", 0, 0), ("[\n]", 0, 0),
        ('{E}\n{E1}\n{"event": "deli', 0, 2), ("[{E},\n {E1}]", 0, 2), ("\ufeff{E}\r\n\r\n{E1}", 0, 2),
        ("[\n{E},\n{E1}\n]", 0, 2), ("{E} {E1}", 0, 2), ("[{E}, {E1}", 0, 2), ('[{E},\n {E1}, {"event', 0, 2),
        ("hello", 1, 0), ("<html>", 1, 0), ("[" * 100_000, 0, 0),
    ],
)  # fmt: skip
def test_a_file_is_one_document_or_a_value_a_line_and_what_is_cut_off_stops_nothing(sent, keys, text, code, delivered):
    for name, key in (("{E1}", keys[1]), ("{E}", keys[0])):
        text = text.replace(name, json.dumps(said("delivered", key)))
    done = sent("event", "ingest", "-", "--provider", "xpimport", "--json", stdin=text, now=LATER)
    assert done.code == code, done.err
    if code == 0:
        assert done.json()["new"]["delivered"] == delivered


REPORT = """From: mailer-daemon@mail.example.net
To: bounces@example.com
Date: Tue, 24 Nov 2026 09:10:00 +0000
Message-ID: <r1@mail.example.net>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

It did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.net

Final-Recipient: rfc822; p0@example.com
Action: failed
Status: 5.1.1
--b
Content-Type: text/rfc822-headers

Message-ID: <KEY@example.com>
--b--
"""


def test_a_mail_without_a_verified_key_changes_nothing_until_a_person_accepts_it(sent, db, keys):
    forged = keys[0][:-1] + ("a" if keys[0][-1] != "a" else "b")
    for key in (forged, "another"):
        done = sent("event", "bounces", "-", "--json", stdin=REPORT.replace("KEY", key), now=LATER)
        assert done.json()["kept_apart"] in ({"no_key": 1}, {}), done
    assert (counted(db), ask(db, "SELECT address FROM suppressions")) == ({}, [])
    assert sent("event", "bounces", "-", stdin=REPORT.replace("KEY", keys[0]), now=LATER).code == 0
    assert (counted(db), ask(db, "SELECT address FROM suppressions")) == ({4: (1, 1, 0, 0)}, [("p0@example.com",)])


def test_mail_that_is_about_no_message_of_ours_is_counted_and_not_kept(sent):
    letter = "From: ann@example.net\nTo: news@example.com\nSubject: Thanks\n\nA nice letter.\n"
    done = sent("event", "bounces", "-", stdin=letter, now=LATER)
    assert "1 mail read, 1 of them about no message of ours." in " ".join(done.err.split())
    assert sent("event", "rejected", "--json").json() == []
