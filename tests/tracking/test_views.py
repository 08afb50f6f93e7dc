"""Every view has the same figures: details, lists, analytics, run by run, and the reports by person."""

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from conftest import in_this_process
from html_tables import tables_of
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from shop import HEADER, open_shop

from xpimport.rules.events import Kind
from xpimport.store.driver import sqlite3

DAY = "2026-11-{:02}T09:00:00Z"
LATER = "2026-11-30T09:00:00Z"
EVENT = st.tuples(st.sampled_from(list(Kind)), st.integers(0, 9), st.integers(0, 5), st.sampled_from([None, "apple"]))


def keys_of(db: Path) -> list[str]:
    """The keys of all messages in the outbox, in the order of their runs."""
    messages = [path.read_text() for path in Path(f"{db}.files").glob("outbox/new/*")]
    return sorted(re.search(r"^Message-ID: <(\w+)@", text, re.MULTILINE)[1] for text in messages)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def check_task(xp, task: int) -> dict[str, object]:
    """One task's details, held against its reports by person."""
    details = xp("task", "show", str(task), "--json", now=LATER).json()
    delivery, came = details["delivery"], details["engagement"]
    assert delivery["audience"] == sum(
        delivery[fate] for fate in ("accepted", "failed", "excluded", "uncertain", "unsent")
    )
    outcomes = Counter(row["outcome"] for row in rows(xp("report", str(task), "--excluded", now=LATER).out))
    expected = {fate: delivery[fate] for fate in ("excluded", "failed", "uncertain")} | {
        "bounced": came["bounced"]["of_accepted"]
    }
    assert outcomes == +Counter(expected)
    assert len(rows(xp("report", str(task), "--who", now=LATER).out)) == delivery["accepted"]
    for kind in ("opened", "clicked", "bounced", "unsubscribed"):
        listed = rows(xp("report", str(task), f"--{kind}", now=LATER).out)
        human = [row["user_id"] for row in listed if not row["machine"]]
        assert (len(human), len(set(human))) == (came[kind]["total"], came[kind]["unique"]), kind
    engaged = {
        row["user_id"]
        for kind in ("opened", "clicked")
        for row in rows(xp("report", str(task), f"--{kind}", now=LATER).out)
        if not row["machine"]
    }
    assert len(engaged) == came["engaged"]["unique"]
    check_page(xp("report", str(task), "--html", "-", now=LATER).out, details)
    return details


EVENTS = {
    "Delivered": "delivered", "Opened": "opened", "Clicked": "clicked", "Opened or clicked": "engaged",
    "Unsubscribed": "unsubscribed", "Complained": "complained",
}  # fmt: skip
"""The rows of a page that have people by kind."""


def check_page(page: str, details: dict[str, object]) -> None:
    """A run's page has the numbers of its details in its tables; what nobody reports is blank there, and 0 here."""
    tables = tables_of(page)
    delivery, came, rows_ = details["delivery"], details["engagement"], details["rows"]
    steps = tables["From rows to clicks, each step with what it is of"].numbers("Number")
    assert (steps["Rows in the file"], steps["People"]) == (rows_["read"], delivery["audience"])
    if "Accepted" not in steps:
        assert delivery["accepted"] == 0
        return
    sent_to = steps.get("Sent to", steps.get("To be sent to"))
    assert (sent_to, steps["Accepted"]) == (delivery["audience"] - delivery["excluded"], delivery["accepted"])
    assert {name: steps.get(name, 0) for name in EVENTS} == {
        name: came[kind]["unique"] for name, kind in EVENTS.items()
    }
    for fate in ("excluded", "failed"):
        told = tables.get(f"{fate.capitalize()}, by reason")
        found = told.numbers("People") if told else {fate.capitalize(): 0}
        assert found.pop(fate.capitalize()) == sum(found.values()) == delivery[fate]
        assert found == {one["reason"]: one["count"] for one in delivery[f"{fate}_by_reason"]}
    hours = tables.get("People by the hour of their first open and click; hours without any are left out")
    for title in ("Opened", "Clicked") if hours else ():
        by_hour = hours.numbers(title)
        assert by_hour.pop("All") == sum(by_hour.values()) == steps[title]
    assert "does not hold" not in page


def check_campaign_page(page: str, over_all: dict[str, object]) -> None:
    """A campaign's page has the sums of `campaign analytics`, and run by run what they are of."""
    tables = tables_of(page)
    if not over_all["runs"]:
        return
    delivery, came = over_all["delivery"], over_all["engagement"]
    together = tables["All runs together"].numbers("Recipients")
    assert together["Accepted"] == delivery["accepted"]
    assert {name: together[name] for name in EVENTS} == {name: came[kind]["unique"] for name, kind in EVENTS.items()}
    runs = tables["One line a run"]
    wanted = {
        "People": delivery["audience"], "Excluded": delivery["excluded"], "Accepted": delivery["accepted"],
        "Delivered": came["delivered"]["unique"], "Opened": came["opened"]["unique"], "Clicked": came["clicked"]["unique"],
    }  # fmt: skip
    for title, whole in wanted.items():
        *parts, total = [int(row[runs.titles.index(title)][0].replace(",", "") or 0) for row in runs.rows]
        assert total == sum(parts) == whole, title
    linked = tables.get("Clicks by link, without machines")
    assert (linked.numbers("Recipients") if linked else {}) == {one["url"]: one["people"] for one in over_all["links"]}
    assert "does not hold" not in page


@pytest.mark.timeout(900)
# Not shrunk: an example takes a second.
@settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.explicit, Phase.generate]
)
@given(
    lists=st.lists(
        st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=8), min_size=1, max_size=3
    ),
    events=st.lists(EVENT, max_size=25),
    resend=st.booleans(),
)
def test_all_views_have_the_same_sums_over_any_history(tmp_path_factory, lists, events, resend):
    folder = tmp_path_factory.mktemp("views")
    db = folder / "xpimport.db"
    xp = open_shop(
        in_this_process(db), folder, people=None, imports=("--same-content", "send"), now="2026-11-01T08:00:00Z"
    )
    for day, people in enumerate(lists, 2):
        text = "".join(f"u{number},p{number}@example.com,{int(yes)}\n" for number, yes in people)
        (folder / "list.csv").write_text(f"{HEADER}\n{text}")
        assert xp("run-now", "list", now=DAY.format(day)).code == 0
    keys = keys_of(db)
    if resend and keys:
        with closing(sqlite3.connect(db)) as store:
            store.execute(
                "UPDATE deliveries SET state = 'uncertain', reason = 'interrupted' WHERE state = 'accepted' AND trigger_id = 1"
            )
            store.execute("DELETE FROM delivery_counts")
            store.commit()
        xp("resend", "1", "--uncertain", "--yes", now=LATER)
        assert xp("tick", now=LATER).code == 0
    told = [
        {"event": kind.word, "key": keys[who % len(keys)], "time": DAY.format(20 + day), "machine": machine, "status": "5.1.1",
         "url": "https://a.example/"}
        for kind, who, day, machine in events
        if keys
    ]  # fmt: skip
    ingested = xp("event", "ingest", "-", "--provider", "xpimport", stdin="\n".join(map(json.dumps, told)), now=LATER)
    assert ingested.code == 0
    shown = {task["id"]: task for task in xp("task", "list", "--type", "profile_import", "--json", now=LATER).json()}
    details = {task: check_task(xp, task) for task in shown}
    for task, one in details.items():
        assert (shown[task]["delivery"], shown[task]["engagement"]) == (one["delivery"], one["engagement"])
    by_run = xp("campaign", "import-triggers", "hello", "--json", now=LATER).json()
    assert {line["id"]: (line["delivery"], line["engagement"]) for line in by_run} == {
        task: (one["delivery"], one["engagement"]) for task, one in details.items()
    }
    over_all = xp("campaign", "analytics", "hello", "--json", now=LATER).json()
    for fate in ("audience", "accepted", "failed", "excluded", "uncertain", "unsent"):
        assert over_all["delivery"][fate] == sum(one["delivery"][fate] for one in details.values()), fate
    for kind in Kind:
        for figure in ("total", "unique", "machine"):
            sums = sum(one["engagement"][kind.word][figure] for one in details.values())
            assert over_all["engagement"][kind.word][figure] == sums, (kind, figure)
    check_campaign_page(xp("campaign", "analytics", "hello", "--html", "-", now=LATER).out, over_all)
    listed = rows(xp("campaign", "import-triggers", "hello", "--csv", now=LATER).out)
    assert sum(int(line["accepted"] or 0) for line in listed) == over_all["delivery"]["accepted"]


def test_a_campaign_that_was_never_sent_says_so(xp, tmp_path):
    open_shop(xp, tmp_path, imports=None)
    assert xp("campaign", "analytics", "hello").out == "hello was never sent.\n"
    assert "No import has triggered hello yet." in xp("campaign", "import-triggers", "hello").err


def test_a_date_range_takes_the_sends_that_began_in_it(xp, tmp_path):
    open_shop(xp, tmp_path, imports=("--same-content", "send"), now="2026-11-01T08:00:00Z")
    for day in (2, 10, 20):
        assert xp("run-now", "list", now=DAY.format(day)).code == 0
    span = ("--since", "2026-11-05", "--until", "2026-11-15")
    found = xp("campaign", "analytics", "hello", *span, "--json", now=LATER).json()
    assert [run["id"] for run in found["runs"]] == [2]
    assert [line["id"] for line in xp("campaign", "import-triggers", "hello", *span, "--json", now=LATER).json()] == [2]
    assert xp("campaign", "analytics", "hello", "--since", "soon").code == 2


def test_an_excluded_users_report_of_an_unchanged_state_is_the_same_one_again(xp, tmp_path):
    open_shop(xp, tmp_path, people=f"{HEADER}\nu1,a@example.com,0\nu2,b@example.com,1\n")
    assert xp("run-now", "list").code == 0
    first = xp("report", "1", "--excluded")
    again = xp("report", "1", "--excluded")
    assert (first.out, "Kept as task 2:" in first.err) == (again.out, True)
    assert "Kept as task 2, unchanged since:" in again.err
    assert "Kept as task 3:" in xp("report", "1", "--excluded", "--new").err
    assert [path.name for path in sorted((tmp_path / "xpimport.db.files" / "reports").iterdir())] == [
        "excluded-1-2.csv", "excluded-1-3.csv"
    ]  # fmt: skip
    # Fetched again, as they were made; by their number.
    assert xp("report", "2").out == first.out
    assert xp("report", "2", "--excluded").code == 5
    (tmp_path / "xpimport.db.files" / "reports" / "excluded-1-2.csv").unlink()
    gone = xp("report", "2")
    assert (gone.code, "report 1 --excluded --new" in gone.err) == (4, True)


def test_the_events_of_a_send_are_listed(xp, tmp_path):
    open_shop(xp, tmp_path, now="2026-11-01T08:00:00Z")
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    assert "Nothing has come back of task 1 yet." in xp("event", "list").err
    key = keys_of(tmp_path / "xpimport.db")[0]
    told = [
        {"event": kind, "time": DAY.format(3), "key": key, "url": "https://a.example/"}
        for kind in ("opened", "clicked")
    ]
    xp("event", "ingest", "-", "--provider", "xpimport", stdin="\n".join(map(json.dumps, told)), now=LATER)
    assert [(one["event"], one["url"]) for one in xp("event", "list", "1", "--json").json()] == [
        ("opened", None), ("clicked", "https://a.example/")
    ]  # fmt: skip
    assert [one["event"] for one in xp("event", "list", "list", "--kind", "clicked", "--json").json()] == ["clicked"]
    assert xp("event", "list", "--kind", "pigeon").code == 2


def test_tasks_are_chosen_by_the_state_of_their_trigger(xp, tmp_path):
    open_shop(xp, tmp_path, now="2026-11-01T08:00:00Z")
    for day in (2, 3):
        assert xp("run-now", "list", now=DAY.format(day)).code == 0
    assert [task["id"] for task in xp("task", "list", "--trigger", "sent", "--json").json()] == [1]
    assert [task["id"] for task in xp("task", "list", "--trigger", "held", "--json").json()] == [2]
    assert xp("task", "list", "--trigger", "gone").code == 2


def test_the_list_of_tasks_is_watched_until_ctrl_c(xp, tmp_path):
    open_shop(xp, tmp_path)
    assert xp("run-now", "list").code == 0
    assert xp("task", "list", "--watch").code == 2
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "xpimport", "--db", str(tmp_path / "xpimport.db"), "task", "list", "--watch"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TERM": "xterm"}
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs, env=environment) as process:
        os.close(theirs)
        told = b""
        while told.count(b"\x1b[2J") < 2:
            told += os.read(ours, 4096)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 0
    os.close(ours)
    assert b"Traceback" not in told
