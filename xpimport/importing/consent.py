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
    """SQL for one medium, over s (the staged row), p (the profile, or nothing), o and x (opt-out, suppression)."""

    medium: str
    join: str
    final: str
    kept: str
    revived: str
    address: str
    given: str
    mapped: bool

    def record_opt_outs(self, store: Store, run: Run, after: int, upto: int) -> None:
        """Inside a transaction: an opt-out in the file belongs to the address too."""
        key = "user_id" if run.definition.identify_by == "user_id" else "email_key"
        store.db.execute(
            "INSERT INTO opt_outs (medium, address, opted_out_at, source)"
            f" SELECT ?, {self.address}, coalesce({self.given}, ?), ? FROM staging.ranked r"
            f" JOIN staging.people s ON s.row = r.row LEFT JOIN main.profiles p ON p.{key} = s.key"
            f" WHERE r.rank > ? AND r.rank <= ? AND s.{SUBSCRIPTION[self.medium]} = 0 AND {self.address} IS NOT NULL"
            " ON CONFLICT (medium, address) DO UPDATE SET opted_out_at = max(opted_out_at, excluded.opted_out_at)",
            (self.medium, to_text(run.started_at), f"import {run.import_name}, task {run.task}", after, upto),
        )

    def take_back(self, store: Store) -> None:
        """Inside a merging transaction: a consent later than an address's opt-out takes it back."""
        store.db.execute(
            f"DELETE FROM opt_outs WHERE medium = ? AND address IN (SELECT {self.address} FROM temp.who w"
            " JOIN staging.people s ON s.row = w.row LEFT JOIN main.profiles p ON p.id = w.profile"
            f" WHERE w.{self.medium}_revived)",
            (self.medium,),
        )


def consent_of(medium: str, run: Run, attributes: Sequence[str]) -> Consent:
    """The SQL that decides a medium's subscription for the rows of this run."""
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
        return Consent(medium, "", f"p.{column}", "0", "0", address, given, mapped=False)
    said = f"s.{column}" if mapped else "NULL"
    wanted = f"coalesce({said}, CASE WHEN p.{column} IS NULL THEN 1 END)" if vouched else said
    o, x = f"o_{medium}", f"x_{medium}"
    join = (
        f"LEFT JOIN main.opt_outs {o} ON {o}.medium = '{medium}' AND {o}.address = {address} "
        f"LEFT JOIN main.suppressions {x} ON {x}.medium = '{medium}' AND {x}.address = {address}"
    )
    out = f"(p.{column} IS 0 OR {o}.address IS NOT NULL OR {x}.address IS NOT NULL)"
    since = (
        f"max(coalesce({o}.opted_out_at, ''), coalesce({x}.suppressed_at, ''),"
        f" CASE WHEN p.{column} IS 0 THEN coalesce(p.{time_column}, '') ELSE '' END)"
    )
    # A file's times may have whole seconds, ours have fractions.
    later = f"({given} IS NOT NULL AND substr({given}, 1, 19) > substr({since}, 1, 19))"
    # A new profile of an address that opted out starts as opted out, not as unknown.
    left = f"CASE WHEN p.id IS NULL AND {o}.address IS NOT NULL THEN 0 ELSE p.{column} END"
    asked = f"({wanted}) = 1" if not vouched else f"(({wanted}) = 1 OR ({said} IS NOT 0 AND p.{column} IS 0))"
    blocked = f"({asked} AND {out} AND NOT {later})"
    return Consent(
        medium=medium,
        join=join,
        final=f"CASE WHEN {said} = 0 THEN 0 WHEN {blocked} THEN {left} WHEN {wanted} = 1 THEN 1 ELSE p.{column} END",
        kept=f"coalesce({blocked}, 0)",
        revived=f"coalesce({wanted} = 1 AND {out} AND {later}, 0)",
        address=address,
        given=given,
        mapped=mapped,
    )


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
