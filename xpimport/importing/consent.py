"""Consent while importing: subscription columns, `--subscribe`, and the ratchet.

An import never turns an opted-out or suppressed address active, unless a mapped `*_subscription_time` is later
than the opt-out (DESIGN, section 4). What it left alone is counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.errors import Refused
from xpimport.importing.tasks import Run
from xpimport.rules.definition import ADDRESS, SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.database import Store


@dataclass(frozen=True)
class Consent:
    """SQL for one medium, over s (the staged row), p (the profile, or nothing), and what `join` looks up."""

    medium: str
    join: str
    final: str
    kept: str
    revived: str
    address: str


def opt_outs_of(store: Store, run: Run, medium: str, attributes: Sequence[str], people: str) -> None:
    """Gather in temp.outs the addresses that opt out in the staged table `people`, with when.

    An opt-out belongs to the address: the one in the file, else the one that the profile has.
    """
    column, key = ADDRESS[medium], "user_id"
    if run.definition.identify_by == "email":
        key = "email_key"
    lower = "lower" if medium == "email" else ""
    given = f"s.{SUBSCRIPTION_TIME[medium]}" if SUBSCRIPTION_TIME[medium] in attributes else "NULL"
    out = f"s.{SUBSCRIPTION[medium]} = 0"
    sources = [
        f"SELECT p.{column} AS address, {given} AS at FROM {people} s JOIN main.profiles p ON p.{key} = s.key WHERE {out}"
    ]
    if column in attributes:
        sources[0] += f" AND s.{column} IS NULL"
        sources.append(f"SELECT s.{column} AS address, {given} AS at FROM {people} s WHERE {out}")
    for source in sources:
        store.db.execute(
            f"INSERT INTO temp.outs SELECT {lower}(address), coalesce(at, ?) FROM ({source}) WHERE address IS NOT NULL"
            " ORDER BY 1 ON CONFLICT (address) DO UPDATE SET at = max(at, excluded.at)",
            (to_text(run.started_at),),
        )


def consent_of(store: Store, medium: str, run: Run, attributes: Sequence[str]) -> Consent:
    """The SQL that decides a medium's subscription for the rows of this run, as the store is in this transaction."""
    column, time_column = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium]
    mapped = column in attributes
    vouched = medium in run.definition.subscribe
    held = (
        f's."{ADDRESS[medium]}", p."{ADDRESS[medium]}"' if ADDRESS[medium] in attributes else f'p."{ADDRESS[medium]}"'
    )
    address = f"coalesce({held})" if "," in held else held
    address = f"lower({address})" if medium == "email" else address
    given = f"s.{time_column}" if time_column in attributes else "NULL"
    if not mapped and not vouched:
        return Consent(medium, "", f"p.{column}", "0", "0", address)
    said = f"s.{column}" if mapped else "NULL"
    wanted = f"coalesce({said}, CASE WHEN p.{column} IS NULL THEN 1 END)" if vouched else said
    join_o, o_address, o_at = _looked_up(store, "opt_outs", medium, address, "opted_out_at")
    join_x, x_address, x_at = _looked_up(store, "suppressions", medium, address, "suppressed_at")
    out = f"(p.{column} IS 0 OR {o_address} IS NOT NULL OR {x_address} IS NOT NULL)"
    since = (
        f"max(coalesce({o_at}, ''), coalesce({x_at}, ''),"
        f" CASE WHEN p.{column} IS 0 THEN coalesce(p.{time_column}, '') ELSE '' END)"
    )
    # A file's times may have whole seconds, ours have fractions.
    later = f"({given} IS NOT NULL AND substr({given}, 1, 19) > substr({since}, 1, 19))"
    # A new profile of an address that opted out starts as opted out, not as unknown.
    left = f"CASE WHEN p.id IS NULL AND {o_address} IS NOT NULL THEN 0 ELSE p.{column} END"
    asked = f"({wanted}) = 1" if not vouched else f"(({wanted}) = 1 OR ({said} IS NOT 0 AND p.{column} IS 0))"
    blocked = f"({asked} AND {out} AND NOT {later})"
    return Consent(
        medium=medium,
        join=f"{join_o} {join_x}",
        final=f"CASE WHEN {said} = 0 THEN 0 WHEN {blocked} THEN {left} WHEN {wanted} = 1 THEN 1 ELSE p.{column} END",
        kept=f"coalesce({blocked}, 0)",
        revived=f"coalesce({wanted} = 1 AND {out} AND {later}, 0)",
        address=address,
    )


def _looked_up(store: Store, table: str, medium: str, address: str, at: str) -> tuple[str, str, str]:
    """Join, address and time of a table of addresses; nothing is joined where it has none of this medium."""
    if not store.scalar(f"SELECT EXISTS (SELECT 1 FROM main.{table} WHERE medium = ?)", medium):
        return "", "NULL", "NULL"
    name = f"{table}_{medium}"
    join = f"LEFT JOIN main.{table} {name} ON {name}.medium = '{medium}' AND {name}.address = {address}"
    return join, f"{name}.address", f"{name}.{at}"


def subscribe(store: Store, profile: int, medium: str) -> bool:
    """Set a profile's subscription by a person's word, taking the address's opt-out back; True if it changed.

    Raises:
        Refused: the profile has no address of that medium.
    """
    return _set(store, profile, medium, 1)


def unsubscribe(store: Store, profile: int, medium: str) -> bool:
    """Opt a profile out, and its address with it; True if it changed."""
    return _set(store, profile, medium, 0)


def _set(store: Store, profile: int, medium: str, value: int) -> bool:
    column, time_column, address_column = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium], ADDRESS[medium]
    at = to_text(now())
    with store.writing():
        row = store.one(f"SELECT {column} AS held, {address_column} AS address FROM profiles WHERE id = ?", profile)
        address = row["address"].lower() if row["address"] else None
        if address is None and value:
            raise Refused(f"This profile has no {address_column}, so it cannot be subscribed to {medium}.")
        before = store.db.total_changes
        store.db.execute(
            f"UPDATE profiles SET {column} = ?, {time_column} = ? WHERE id = ? AND {column} IS NOT ?",
            (value, at, profile, value),
        )
        if address is not None and value:
            store.db.execute("DELETE FROM opt_outs WHERE medium = ? AND address = ?", (medium, address))
        elif address is not None:
            store.db.execute(
                "INSERT OR IGNORE INTO opt_outs (medium, address, opted_out_at, source) VALUES (?, ?, ?, 'by hand')",
                (medium, address, at),
            )
        return store.db.total_changes > before
