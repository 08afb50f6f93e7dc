"""Consent while importing: subscription columns, `--subscribe`, and the ratchet.

An import never turns an opted-out or suppressed address active, unless a mapped `*_subscription_time` is later
than the opt-out. What it left alone is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xpimport.clock import to_text
from xpimport.importing.tasks import Run
from xpimport.rules.definition import ADDRESS_KEY, SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.rules.emails import folded_key
from xpimport.rules.values import EMAIL_KEY
from xpimport.store import journal
from xpimport.store.database import Store


@dataclass(frozen=True)
class Consent:
    """SQL for one medium, over s (the staged row), p (the profile, or nothing), and what `join` looks up."""

    medium: str
    join: str
    final: str
    kept: str


def not_ahead(run: Run, column: str) -> str:
    """SQL for a time of consent, or NULL where it is later than the run's start: a time ahead proves nothing."""
    return f"CASE WHEN substr({column}, 1, 19) <= '{to_text(run.started_at)[:19]}' THEN {column} END"


def _opted_out_at(run: Run, attributes: Sequence[str], medium: str) -> str:
    """SQL for when the row s opted out by its list, or NULL: as of the start where the list says nothing, or later."""
    column = SUBSCRIPTION_TIME[medium]
    return not_ahead(run, f"s.{column}") if column in attributes else "NULL"


def _person_key(run: Run) -> str:
    """The column of profiles by which the staged key of a row, s.key, finds its person."""
    return "email_key" if run.definition.identify_by == "email" else "user_id"


def _gather(store: Store, run: Run, source: str, known: str = "") -> None:
    """Add a query's addresses to temp.outs: of each the latest `at`, the run's start where it has none."""
    store.db.execute(
        f"INSERT INTO temp.outs SELECT address, coalesce(at, ?) FROM ({source}) found"
        f" WHERE address IS NOT NULL{known} ORDER BY 1 ON CONFLICT (address) DO UPDATE SET at = max(at, excluded.at)",
        (to_text(run.started_at),),
    )


def collect_opt_outs(store: Store, run: Run, medium: str, attributes: Sequence[str], people: str) -> None:
    """Gather in temp.outs the addresses that opt out in the staged table `people`, with when.

    An opt-out belongs to the address: the one in the file, else the one that the profile has.
    """
    column, key = ADDRESS_KEY[medium], _person_key(run)
    given = _opted_out_at(run, attributes, medium)
    out = f"s.{SUBSCRIPTION[medium]} = 0"
    sources = [
        f"SELECT p.{column} AS address, {given} AS at FROM {people} s JOIN main.profiles p ON p.{key} = s.key WHERE {out}"
    ]
    if column in attributes:
        sources[0] += f" AND s.{column} IS NULL"
        sources.append(f"SELECT s.{column} AS address, {given} AS at FROM {people} s WHERE {out}")
    # A list without times that says 0 again tells nothing new; with times, an opt-out is as late as it says.
    known = (
        ""
        if given != "NULL"
        else (f" AND NOT EXISTS (SELECT 1 FROM main.opt_outs WHERE medium = '{medium}' AND address = found.address)")
    )
    for source in sources:
        _gather(store, run, source, known)


def find_last_rows(store: Store, attributes: Sequence[str], parts: Sequence[str]) -> None:
    """Gather in temp.last_rows what stands of the people who say no in another row; in one pass over all, for every medium."""
    subscriptions = [name for name in SUBSCRIPTION.values() if name in attributes]
    wanted = {*SUBSCRIPTION.values(), *SUBSCRIPTION_TIME.values(), *ADDRESS_KEY.values()} & set(attributes)
    names = ", ".join(["key", *sorted(wanted)])
    store.db.execute("CREATE TEMP TABLE others (key TEXT PRIMARY KEY) WITHOUT ROWID")
    store.db.execute(f"CREATE TEMP TABLE last_rows AS SELECT {names} FROM {parts[0]}.people WHERE FALSE")
    for part in parts:
        for table in ("replaced", "opting_out"):
            for subscription in subscriptions:
                store.db.execute(
                    f"INSERT OR IGNORE INTO temp.others SELECT key FROM {part}.{table}"
                    f" WHERE {subscription} = 0 AND key IS NOT NULL"
                )
    if store.scalar("SELECT EXISTS (SELECT 1 FROM temp.others)"):
        for part in parts:
            store.db.execute(
                f"INSERT INTO temp.last_rows SELECT {names} FROM {part}.people WHERE key IN (SELECT key FROM temp.others)"
            )
    store.db.execute("DROP TABLE temp.others")


def collect_opt_outs_of_other_rows(
    store: Store, run: Run, medium: str, attributes: Sequence[str], parts: Sequence[str]
) -> None:
    """Gather in temp.outs the addresses of people who opt out in a row that is rejected, or that a later row replaces.

    Their no counts for the address in that row, for the one that the person ends with in this list (`find_last_rows`
    comes first), and for the one that the profile has; unless the person says yes in this list at a later time.
    """
    column, subscription, time_column = ADDRESS_KEY[medium], SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium]
    key = _person_key(run)
    address = f"s.{column}" if column in attributes else "NULL"
    store.db.execute("CREATE TEMP TABLE noes (key TEXT, address TEXT, at TEXT)")
    for part in parts:
        for table in ("replaced", "opting_out"):
            store.db.execute(
                f"INSERT INTO temp.noes SELECT s.key, {address}, {_opted_out_at(run, attributes, medium)}"
                f" FROM {part}.{table} s WHERE s.{subscription} = 0"
            )
    if store.scalar("SELECT EXISTS (SELECT 1 FROM temp.noes)"):
        store.db.execute("CREATE INDEX temp.noes_by_key ON noes (key)")
        again = "temp.last_rows s JOIN temp.noes n ON n.key = s.key"
        if time_column in attributes:
            store.db.execute(
                f"DELETE FROM temp.noes WHERE rowid IN (SELECT n.rowid FROM {again}"
                f" WHERE s.{subscription} = 1 AND n.at IS NOT NULL AND {not_ahead(run, f's.{time_column}')} > n.at)"
            )
        sources = [
            "SELECT n.address AS address, n.at AS at FROM temp.noes n",
            # CROSS: the few rows first, never all profiles.
            f"SELECT p.{column} AS address, n.at AS at FROM temp.noes n CROSS JOIN main.profiles p ON p.{key} = n.key",
        ]
        if column in attributes:
            sources.append(f"SELECT {address} AS address, n.at AS at FROM {again}")
        for source in sources:
            _gather(store, run, source)
    store.db.execute("DROP TABLE temp.noes")


def match_folded(store: Store, attributes: Sequence[str], people: str) -> None:
    """Hold addresses that come for the first time against opt-outs and suppressions that an older schema folded.

    There `weiß@` was kept as `weiss@`; who has an address that folds so is left out, too, until a person says otherwise.
    """
    folds = store.scalar("SELECT EXISTS (SELECT 1 FROM settings WHERE name = 'store.folded')")
    if not folds or EMAIL_KEY not in attributes:
        return
    store.db.create_function("folded_key", 1, folded_key, deterministic=True)
    new = (
        f"FROM {people} s JOIN main.{{}} o ON o.medium = 'email' AND o.address = folded_key(s.email)"
        f" WHERE s.email GLOB '*[^ -~]*' AND NOT EXISTS"
        " (SELECT 1 FROM folded_addresses f WHERE f.medium = 'email' AND f.address = s.email_key)"
    )
    with store.writing():
        store.db.execute(
            "INSERT OR IGNORE INTO opt_outs (medium, address, opted_out_at, source)"
            f" SELECT 'email', s.email_key, o.opted_out_at, o.source {new.format('opt_outs')}"
        )
        store.db.execute(
            "INSERT OR IGNORE INTO suppressions (medium, address, reason, suppressed_at)"
            f" SELECT 'email', s.email_key, o.reason, o.suppressed_at {new.format('suppressions')}"
        )
        store.db.execute(
            "INSERT OR IGNORE INTO folded_addresses (medium, address)"
            f" SELECT 'email', s.email_key FROM {people} s WHERE s.email GLOB '*[^ -~]*'"
        )


def consent_sql(store: Store, medium: str, run: Run, attributes: Sequence[str]) -> Consent:
    """The SQL that decides a medium's subscription for the rows of this run, as the store is in this transaction."""
    column, time_column = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium]
    mapped = column in attributes
    vouched = medium in run.definition.subscribe
    key = ADDRESS_KEY[medium]
    address = f"coalesce(s.{key}, p.{key})" if key in attributes else f"p.{key}"
    given = not_ahead(run, f"s.{time_column}") if time_column in attributes else "NULL"
    if not mapped and not vouched:
        return Consent(medium, "", f"p.{column}", "0")
    said = f"s.{column}" if mapped else "NULL"
    asked = f"({said} IS NOT 0 AND ({said} = 1 OR p.{column} IS NOT 1))" if vouched else f"{said} = 1"
    # Where nothing is asked for, NULL keeps SQLite from looking anything up.
    sought = f"CASE WHEN {asked} THEN {address} END"
    join_o, o_address, o_at = _looked_up(store, "opt_outs", medium, sought, "opted_out_at")
    join_x, x_address, x_at = _looked_up(store, "suppressions", medium, sought, "suppressed_at")
    out = f"(p.{column} IS 0 OR {o_address} IS NOT NULL OR {x_address} IS NOT NULL)"
    blocked = f"({asked} AND {out})"
    if time_column in attributes:
        since = (
            f"max(coalesce({o_at}, ''), coalesce({x_at}, ''),"
            f" CASE WHEN p.{column} IS 0 THEN coalesce(p.{time_column}, '') ELSE '' END)"
        )
        # A file's times may have whole seconds, ours have fractions.
        later = f"({given} IS NOT NULL AND substr({given}, 1, 19) > substr({since}, 1, 19))"
        blocked = f"({asked} AND {out} AND NOT {later})"
    # Whoever has an address that opted out is opted out, not unknown, and not subscribed.
    left = f"CASE WHEN {o_address} IS NOT NULL THEN 0 ELSE p.{column} END"
    keeps = f"p.{column}" if not mapped else f"CASE WHEN {said} = 0 THEN 0 ELSE p.{column} END"
    # Vouching is for those who said nothing; a time without a word does not take an opt-out back.
    silent = f" WHEN {said} IS NOT 1 AND p.{column} IS 0 THEN 0" if vouched else ""
    return Consent(
        medium=medium,
        join=f"{join_o} {join_x}",
        final=f"CASE WHEN NOT coalesce({asked}, 0) THEN {keeps} WHEN {blocked} THEN {left}{silent} ELSE 1 END",
        kept=f"coalesce({blocked}, 0)",
    )


def lift_opt_outs(store: Store, run: Run, medium: str, attributes: Sequence[str], people: str) -> None:
    """After merging: a consent of the staged table `people` that is later than its address's opt-out takes that back.

    Not before, so that what a row finds does not depend on how the rows fall into batches.
    """
    column, time_column, address = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium], ADDRESS_KEY[medium]
    if column not in attributes or time_column not in attributes:
        return
    given = not_ahead(run, f"s.{time_column}")
    with store.writing():
        lifted = store.all(
            f"SELECT o.address, {given} AS at, p.user_id FROM {people} s JOIN main.profiles p ON p.{_person_key(run)} = s.key"
            f" JOIN main.opt_outs o ON o.medium = ? AND o.address = p.{address} WHERE s.{column} = 1 AND p.{column} = 1"
            f" AND substr({given}, 1, 19) > substr(o.opted_out_at, 1, 19)",
            medium,
        )
        journal.append(
            store, [(journal.SUBSCRIBE, medium, one["at"], one["user_id"], [one["address"]]) for one in lifted]
        )
        store.db.executemany(
            "DELETE FROM opt_outs WHERE medium = ? AND address = ?", [(medium, one["address"]) for one in lifted]
        )


def _looked_up(store: Store, table: str, medium: str, address: str, at: str) -> tuple[str, str, str]:
    """Join, address and time of a table of addresses; nothing is joined where it has none of this medium."""
    if not store.scalar(f"SELECT EXISTS (SELECT 1 FROM main.{table} WHERE medium = ?)", medium):
        return "", "NULL", "NULL"
    name = f"{table}_{medium}"
    join = f"LEFT JOIN main.{table} {name} ON {name}.medium = '{medium}' AND {name}.address = {address}"
    return join, f"{name}.address", f"{name}.{at}"
