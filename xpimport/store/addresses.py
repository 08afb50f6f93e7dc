"""The two lists of addresses, where rows come from several stages: who opted out, and who is never written to.

Everything here is inside the caller's transaction, and in the journal before that commits; addresses are in the form in
which they are compared.
"""

from collections.abc import Iterable

from xpimport.rules.definition import ADDRESS_KEY, SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store import journal
from xpimport.store.database import Store


def opt_out(store: Store, medium: str, address: str, at: str, source: str) -> None:
    """Note that an address opted out at an instant (UTC text) by way of `source`; an earlier opt-out stands."""
    new = store.db.execute(
        "INSERT OR IGNORE INTO opt_outs (medium, address, opted_out_at, source) VALUES (?, ?, ?, ?)",
        (medium, address, at, source),
    ).rowcount
    if new:
        journal.append(store, [(journal.OPT_OUT, medium, at, source, [address])])


def opt_out_person(store: Store, profile: int, medium: str, address: str, at: str, source: str) -> None:
    """As `opt_out`, and the profile with it if it still has that address."""
    column, time_column = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium]
    opt_out(store, medium, address, at, source)
    store.db.execute(
        f"UPDATE profiles SET {column} = 0, {time_column} = ? WHERE id = ? AND {column} IS NOT 0"
        f" AND {ADDRESS_KEY[medium]} = ?",
        (at, profile, address),
    )


def opt_in(store: Store, medium: str, address: str, at: str, user_id: str | None) -> None:
    """Take an address's opt-out back at an instant (UTC text), by the word of the profile of that `user_id`."""
    store.db.execute("DELETE FROM opt_outs WHERE medium = ? AND address = ?", (medium, address))
    _lift(store, "opt_outs", medium, address, at)
    journal.append(store, [(journal.SUBSCRIBE, medium, at, user_id, [address])])


def suppress(store: Store, entries: Iterable[tuple[str, str, str, str]]) -> None:
    """Put addresses on the suppression list, each with medium, reason and instant (UTC text); who is on it stays so."""
    new: dict[tuple[str, str, str], list[str]] = {}
    for address, medium, reason, at in entries:
        added = store.db.execute(
            "INSERT INTO suppressions (address, medium, reason, suppressed_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (address, medium, reason, at),
        ).rowcount
        if added:
            new.setdefault((medium, at, reason), []).append(address)
    journal.append(store, [(journal.SUPPRESS, *said, addresses) for said, addresses in new.items()])


def unsuppress(store: Store, medium: str, address: str, at: str) -> bool:
    """Take an address off the suppression list at an instant (UTC text); False when it is not on it."""
    gone = store.db.execute("DELETE FROM suppressions WHERE medium = ? AND address = ?", (medium, address)).rowcount
    if gone:
        _lift(store, "suppressions", medium, address, at)
        journal.append(store, [(journal.UNSUPPRESS, medium, at, None, [address])])
    return bool(gone)


def _lift(store: Store, list_: str, medium: str, address: str, at: str) -> None:
    store.db.execute(
        "INSERT INTO lifted (list, medium, address, lifted_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET lifted_at = max(lifted_at, excluded.lifted_at)",
        (list_, medium, address, at),
    )


def lifted_since(store: Store, list_: str, medium: str, address: str, at: str) -> bool:
    """Whether a person took an address off the list `opt_outs` or `suppressions` at that instant (UTC text) or later.

    What somebody reports of before then changes nothing.
    """
    found = store.scalar(
        "SELECT lifted_at >= ? FROM lifted WHERE list = ? AND medium = ? AND address = ?", at, list_, medium, address
    )
    return bool(found)
