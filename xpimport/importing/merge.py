"""The second half of an import: staged rows become profiles, in short write transactions.

The order is that of the identifier, so that neighbouring rows touch neighbouring pages of the store's index.
Each transaction also records what became of its rows, so a killed import goes on where it stopped.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from xpimport.clock import to_text
from xpimport.errors import Refused
from xpimport.importing.consent import Consent, consent_of
from xpimport.importing.tasks import Run
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.claims import heartbeat, me
from xpimport.store.database import Store

LONGEST = 0.2
"""Seconds that one write transaction aims to stay under, so that other commands get their turn."""

PAUSE = 0.004
"""Seconds between two of them, in which somebody who polls for the lock finds it free."""

FIRST_BATCH, LARGEST_BATCH = 2_000, 50_000
OPT_OUT_BATCH = 50_000


@dataclass(frozen=True)
class Settled:
    """What is known of a staged file before merging: rows that another row of the same person replaces, and bad ones."""

    merged: int
    rejected: int
    people: int


def attach(store: Store, path: Path) -> None:
    """Let the store's connection see the staging file."""
    store.db.execute("ATTACH DATABASE ? AS staging", (str(path),))
    store.db.execute("PRAGMA staging.synchronous = OFF")
    store.db.execute("PRAGMA staging.journal_mode = OFF")


def detach(store: Store) -> None:
    """Let go of the staging file."""
    store.db.execute("DETACH DATABASE staging")


def settle(store: Store, run: Run, attributes: Sequence[str]) -> Settled:
    """Reject what only the store can tell, then keep the last valid row of each person.

    A run that is taken up again takes the rejections it has recorded, since by now its own rows are in the store.
    """
    db = store.db
    db.execute("CREATE INDEX IF NOT EXISTS staging.people_by_key ON people (key, row)")
    if run.stage == "merging":
        db.execute(
            "DELETE FROM staging.people WHERE row IN (SELECT row FROM main.rejections WHERE task_id = ?)", (run.task,)
        )
    else:
        _reject_by_store(store, run, attributes)
    db.execute("CREATE TABLE staging.ranked (rank INTEGER PRIMARY KEY, row INTEGER NOT NULL)")
    db.execute("INSERT INTO staging.ranked (row) SELECT max(row) FROM staging.people GROUP BY key ORDER BY key")
    people = store.scalar("SELECT count(*) FROM staging.ranked")
    rows = store.scalar("SELECT count(*) FROM staging.people")
    return Settled(rows - people, store.scalar("SELECT count(*) FROM staging.rejected"), people)


def _reject_by_store(store: Store, run: Run, attributes: Sequence[str]) -> None:
    mine = "user_id = s.key" if run.definition.identify_by == "user_id" else "email_key = s.key"
    known = f"EXISTS (SELECT 1 FROM main.profiles WHERE {mine})"
    if run.definition.identify_by == "user_id" and "email" in attributes:
        known = f"({known} OR 1 = (SELECT count(*) FROM main.profiles WHERE user_id IS NULL AND email_key = lower(s.email)))"
    elif run.definition.identify_by == "email":
        _reject(store, run, "(SELECT count(*) FROM main.profiles WHERE email_key = s.key) > 1", "ambiguous_identifier")
    if run.definition.mode == "create":
        _reject(store, run, known, "already_exists")
    elif run.definition.mode == "update":
        _reject(store, run, f"NOT {known}", "unknown_profile")


def _reject(store: Store, run: Run, condition: str, reason: str) -> None:
    cells = ", ".join(f's."{name}"' for name in _staged_columns(store))
    column = run.definition.identify_by
    store.db.execute(
        f"INSERT INTO staging.rejected SELECT s.row, ?, s.key, ?, json_array({cells}) FROM staging.people s"
        f" WHERE {condition}",
        (column, reason),
    )
    store.db.execute("DELETE FROM staging.people WHERE row IN (SELECT row FROM staging.rejected)")


def _staged_columns(store: Store) -> list[str]:
    rows = store.all("SELECT name FROM pragma_table_info('people', 'staging')")
    return [row["name"] for row in rows if row["name"] not in {"row", "key"}]


def record_rejections(store: Store, run: Run) -> None:
    """Copy the rejections into the store, a short transaction at a time; what an earlier attempt left goes first."""
    while True:
        with store.writing():
            gone = store.db.execute(
                "DELETE FROM rejections WHERE task_id = ? AND row IN"
                " (SELECT row FROM rejections WHERE task_id = ? LIMIT 20000)",
                (run.task, run.task),
            ).rowcount
        if not gone:
            break
    last = -1
    while True:
        upto = store.scalar(
            "SELECT max(row) FROM (SELECT row FROM staging.rejected WHERE row > ? ORDER BY row LIMIT 20000)", last
        )
        if upto is None:
            return
        with store.writing():
            store.db.execute(
                'INSERT INTO rejections (task_id, row, "column", value, reason, cells)'
                ' SELECT ?, row, "column", value, reason, cells FROM staging.rejected WHERE row > ? AND row <= ?',
                (run.task, last, upto),
            )
            store.db.execute("UPDATE tasks SET heartbeat = ? WHERE id = ?", (heartbeat(), run.task))
        last = upto
        time.sleep(PAUSE)


def record_opt_outs(store: Store, run: Run, attributes: Sequence[str], people: int) -> None:
    """Before anything is merged, so that what a row finds does not depend on how the rows fall into batches."""
    for medium, column in SUBSCRIPTION.items():
        if column not in attributes:
            continue
        consent = consent_of(medium, run, attributes)
        for start in range(0, people, OPT_OUT_BATCH):
            with store.writing():
                consent.record_opt_outs(store, run, start, start + OPT_OUT_BATCH)
                store.db.execute("UPDATE tasks SET heartbeat = ? WHERE id = ?", (heartbeat(), run.task))
            time.sleep(PAUSE)


def merge(store: Store, run: Run, attributes: Sequence[str], people: int, progress: Callable[[int, int], None]) -> None:
    """Merge all people that are staged, from the task's cursor on. `progress` gets people done and in all.

    Raises:
        Refused: the task is no longer this process's.
    """
    store.db.execute(
        "CREATE TEMP TABLE IF NOT EXISTS who (rank INTEGER PRIMARY KEY, row INTEGER NOT NULL, profile INTEGER,"
        " is_new INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0,"
        " email_final INTEGER, sms_final INTEGER, email_revived INTEGER, sms_revived INTEGER)"
    )
    size = FIRST_BATCH
    done = store.scalar("SELECT cursor FROM tasks WHERE id = ?", run.task)
    while done < people:
        began = time.monotonic()
        with store.writing():
            done = _merge_batch(store, run, attributes, done, min(done + size, people))
        took = time.monotonic() - began
        progress(done, people)
        size = int(max(200, min(LARGEST_BATCH, size * min(2.0, LONGEST / max(took, 0.001)))))
        time.sleep(PAUSE)


def _merge_batch(store: Store, run: Run, attributes: Sequence[str], after: int, upto: int) -> int:
    db = store.db
    if store.scalar("SELECT owner FROM tasks WHERE id = ? AND status = 'running'", run.task) != me():
        raise Refused(f"Task {run.task} was taken over by another process.")
    db.execute("DELETE FROM temp.who")
    _identify(store, run, attributes, after, upto)
    consents = [consent_of(medium, run, attributes) for medium in ("email", "sms")]
    _decide(store, run, attributes, consents)
    _number_new(store)
    for consent in consents:
        if consent.given != "NULL":
            consent.take_back(store)
    _update(store, run, attributes)
    _insert(store, run, attributes)
    db.execute(
        "INSERT INTO audience (task_id, profile_id, row) SELECT ?, profile, row FROM temp.who ORDER BY profile",
        (run.task,),
    )
    counts = store.one(
        "SELECT count(*) AS n, sum(is_new) AS new, sum(changed) AS changed, sum(kept) AS kept FROM temp.who"
    )
    db.execute(
        "UPDATE tasks SET cursor = ?, rows_created = rows_created + ?, rows_updated = rows_updated + ?,"
        " rows_unchanged = rows_unchanged + ?, kept_unsubscribed = kept_unsubscribed + ?, heartbeat = ?"
        " WHERE id = ?",
        (
            upto,
            counts["new"],
            counts["changed"],
            counts["n"] - counts["new"] - counts["changed"],
            counts["kept"],
            heartbeat(),
            run.task,
        ),
    )
    return upto


def _identify(store: Store, run: Run, attributes: Sequence[str], after: int, upto: int) -> None:
    """Find the profile of each person, if there is one."""
    column = run.definition.identify_by if run.definition.identify_by == "user_id" else "email_key"
    store.db.execute(
        "INSERT INTO temp.who (rank, row, profile) SELECT r.rank, r.row, p.id FROM staging.ranked r"
        " JOIN staging.people s ON s.row = r.row"
        f" LEFT JOIN main.profiles p ON p.{column} = s.key WHERE r.rank > ? AND r.rank <= ? GROUP BY r.rank",
        (after, upto),
    )
    if run.definition.identify_by != "user_id" or "email" not in attributes:
        return
    if not store.scalar("SELECT EXISTS (SELECT 1 FROM profiles WHERE user_id IS NULL)"):
        return
    # A new user_id adopts the one profile without user_id that has its address; of two such rows, the first.
    store.db.execute(
        "UPDATE temp.who SET is_new = -1, profile = (SELECT min(p.id) FROM main.profiles p JOIN staging.people s"
        " ON p.email_key = lower(s.email) WHERE s.row = who.row AND p.user_id IS NULL HAVING count(*) = 1)"
        " WHERE profile IS NULL"
    )
    store.db.execute(
        "UPDATE temp.who SET profile = NULL WHERE is_new = -1 AND rank > (SELECT min(o.rank) FROM temp.who o"
        " WHERE o.profile = who.profile)"
    )
    store.db.execute("UPDATE temp.who SET is_new = 0 WHERE is_new = -1")


def _plain(attributes: Sequence[str]) -> list[str]:
    special = {*SUBSCRIPTION.values(), *SUBSCRIPTION_TIME.values()}
    return [name for name in attributes if name not in special]


def _merged(name: str, run: Run) -> str:
    """The value that an attribute of an existing profile ends with: a blank cell keeps or clears."""
    if run.definition.blank == "clear" and name not in {"user_id", run.definition.identify_by}:
        return f's."{name}"'
    return f'coalesce(s."{name}", p."{name}")'


def _decide(store: Store, run: Run, attributes: Sequence[str], consents: Sequence[Consent]) -> None:
    """Work out, for each person, the subscriptions they end with and whether anything stored differs."""
    differs = [f'{_merged(name, run)} IS NOT p."{name}"' for name in _plain(attributes)]
    columns, values = ["changed", "kept"], []
    kept = " OR ".join(consent.kept for consent in consents)
    for consent in consents:
        differs.append(f"({consent.final}) IS NOT p.{SUBSCRIPTION[consent.medium]}")
        columns += [f"{consent.medium}_final", f"{consent.medium}_revived"]
        values += [consent.final, consent.revived]
    found = f"p.id IS NOT NULL AND ({' OR '.join(differs)})"
    joins = " ".join(consent.join for consent in consents)
    store.db.execute(
        f"UPDATE temp.who SET ({', '.join(columns)}) = (v.c0, v.c1, v.c2, v.c3, v.c4, v.c5) FROM ("
        f"SELECT w.rank, {found} AS c0, ({kept}) AS c1,"
        f" {', '.join(f'({value}) AS c{place}' for place, value in enumerate(values, 2))}"
        " FROM temp.who w JOIN staging.people s ON s.row = w.row LEFT JOIN main.profiles p ON p.id = w.profile"
        f" {joins}) v WHERE v.rank = who.rank"
    )


def _number_new(store: Store) -> None:
    """Give new people their numbers, so that one pass can set down profile and audience."""
    last = store.scalar("SELECT seq FROM main.sqlite_sequence WHERE name = 'profiles'") or 0
    store.db.execute(
        "UPDATE temp.who SET is_new = 1, profile = ? + n.n FROM (SELECT rank, row_number() OVER (ORDER BY rank) AS n"
        " FROM temp.who WHERE profile IS NULL) n WHERE n.rank = who.rank",
        (last,),
    )


def _update(store: Store, run: Run, attributes: Sequence[str]) -> None:
    sets = [f'"{name}" = {_merged(name, run)}' for name in _plain(attributes)]
    for medium, column in SUBSCRIPTION.items():
        time_column = SUBSCRIPTION_TIME[medium]
        given = f"s.{time_column}" if time_column in attributes else "NULL"
        sets.append(f"{column} = w.{medium}_final")
        sets.append(
            f"{time_column} = CASE WHEN w.{medium}_final IS p.{column} THEN p.{time_column} ELSE coalesce({given}, ?) END"
        )
    store.db.execute(
        f"UPDATE main.profiles AS t SET {', '.join(sets)}, changed_task = ?"
        " FROM temp.who w JOIN staging.people s ON s.row = w.row JOIN main.profiles p ON p.id = w.profile"
        " WHERE w.changed AND t.id = w.profile",
        (to_text(run.started_at), to_text(run.started_at), run.task),
    )


def _insert(store: Store, run: Run, attributes: Sequence[str]) -> None:
    plain = _plain(attributes)
    names = "".join(f', "{name}"' for name in plain)
    values = "".join(f', s."{name}"' for name in plain)
    bound: list[object] = []
    for medium, column in SUBSCRIPTION.items():
        time_column = SUBSCRIPTION_TIME[medium]
        given = f"s.{time_column}" if time_column in attributes else "NULL"
        names += f", {column}, {time_column}"
        values += f", w.{medium}_final, CASE WHEN w.{medium}_final IS NOT NULL THEN coalesce({given}, ?) END"
        bound.append(to_text(run.started_at))
    store.db.execute(
        f"INSERT INTO main.profiles (id, created_task, changed_task{names}) SELECT w.profile, ?, ?{values}"
        " FROM temp.who w JOIN staging.people s ON s.row = w.row WHERE w.is_new ORDER BY w.profile",
        (run.task, run.task, *bound),
    )
