"""The two lists of addresses, where rows come from several stages: who opted out, and who is never written to.

Everything here is inside the caller's transaction; addresses are in the form in which they are compared.
"""

from collections.abc import Iterable

from xpimport.store.database import Store


def opt_out(store: Store, medium: str, address: str, at: str, source: str) -> None:
    """Note that an address opted out at an instant (UTC text) by way of `source`; an earlier opt-out stands."""
    store.db.execute(
        "INSERT OR IGNORE INTO opt_outs (medium, address, opted_out_at, source) VALUES (?, ?, ?, ?)",
        (medium, address, at, source),
    )


def suppress(store: Store, entries: Iterable[tuple[str, str, str, str]]) -> None:
    """Put addresses on the suppression list, each with medium, reason and instant (UTC text); who is on it stays so."""
    store.db.executemany(
        "INSERT INTO suppressions (address, medium, reason, suppressed_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        entries,
    )
