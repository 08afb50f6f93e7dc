"""Taking the journal in: what people said while this store, an older copy, was not there to hear it."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from xpimport.rules.definition import ADDRESS_KEY, MEDIA, SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.store.database import Store
from xpimport.store.journal import OPT_OUT, SUBSCRIBE, SUPPRESS, UNSUBSCRIBE, UNSUPPRESS, Entry, know, known, last, read

_MAY_WRITE = {SUBSCRIBE: 1, UNSUPPRESS: 1, OPT_OUT: 0, UNSUBSCRIBE: 0, SUPPRESS: 0}

SAID = """
CREATE TEMP TABLE said (
    list TEXT NOT NULL, medium TEXT NOT NULL, address TEXT NOT NULL, user_id TEXT NOT NULL,
    at TEXT NOT NULL, may_write INTEGER NOT NULL, detail TEXT,
    PRIMARY KEY (list, medium, address, user_id)
) WITHOUT ROWID
"""

# Of two things said at one instant the one counts by which nobody is written to.
KEEP_LATER = """
INSERT INTO temp.said VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at, detail = excluded.detail,
    may_write = excluded.may_write WHERE (excluded.at, -excluded.may_write) > (at, -may_write)
"""


@dataclass(frozen=True)
class TakenIn:
    """What the journal told that the store did not know: so many opt-outs, suppressions, and words taken back."""

    opt_outs: int
    suppressions: int
    lifted: int


def take_in(store: Store, other: Callable[[Entry], None]) -> TakenIn:
    """Make the store know its whole journal, in one transaction; of each address the later word counts.

    What is about sends goes to `other`.
    """
    with store.writing(), _gathered(store, 0, other):
        lifted = sum(_subscribe(store, medium) for medium in MEDIA) + _unsuppress(store)
        return TakenIn(sum(_opt_out(store, medium) for medium in MEDIA), _suppress(store), lifted)


def take_in_refusals(store: Store) -> None:
    """Make the store know by whom the journal says that nobody is to write to them, where it is ahead of the store.

    It is, where the store was put back from a copy that lacks nothing else, or a transaction was cut off.
    """
    if last(store) <= known(store):
        return
    # Asked again under the lock: another process may just have been about to commit.
    with store.writing(), _gathered(store, known(store), lambda _: None):
        _suppress(store)
        for medium in MEDIA:
            _opt_out(store, medium)


@contextmanager
def _gathered(store: Store, after: int, other: Callable[[Entry], None]) -> Iterator[None]:
    """Inside a transaction: the later word on each address, of the journal after a number, in the table temp.said."""
    store.db.execute("DROP TABLE IF EXISTS temp.said")
    store.db.execute(SAID)
    store.db.executemany(KEEP_LATER, _rows(read(store, after), other))
    yield
    store.db.execute("DROP TABLE temp.said")
    know(store, last(store))


def _rows(entries: Iterable[Entry], other: Callable[[Entry], None]) -> Iterator[tuple[object, ...]]:
    for entry in entries:
        if entry[0] not in _MAY_WRITE:
            other(entry)
            continue
        kind, medium, at, detail, addresses = entry
        list_ = "suppression" if kind in {SUPPRESS, UNSUPPRESS} else "consent"
        if kind == UNSUBSCRIBE:
            yield "person", medium, "", detail, _whole(at), 0, None
        for item in addresses:
            address, when = (item, at) if isinstance(item, str) else item
            yield list_, medium, address, "", _whole(when), _MAY_WRITE[kind], detail


def _whole(at: str) -> str:
    """A time of a list may have whole seconds; so it compares with ours."""
    return at if "." in at else at[:19] + ".000000Z"


def _said(list_: str, may_write: int) -> str:
    return f"FROM temp.said s WHERE s.list = '{list_}' AND s.may_write = {may_write} AND s.medium = ?"


def _opt_out(store: Store, medium: str) -> int:
    column, time_column, key = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium], ADDRESS_KEY[medium]
    new = store.db.execute(
        "INSERT INTO opt_outs (medium, address, opted_out_at, source)"
        f" SELECT s.medium, s.address, s.at, s.detail {_said('consent', 0)} ON CONFLICT DO NOTHING",
        (medium,),
    ).rowcount
    for which, matching in (("consent", f"s.address = profiles.{key}"), ("person", "s.user_id = profiles.user_id")):
        store.db.execute(
            f"UPDATE profiles SET {column} = 0, {time_column} = (SELECT s.at {_said(which, 0)} AND {matching})"
            f" WHERE {column} IS NOT 0 AND EXISTS (SELECT 1 {_said(which, 0)} AND {matching}"
            f" AND s.at >= coalesce(profiles.{time_column}, ''))",
            (medium, medium),
        )
    return new


def _subscribe(store: Store, medium: str) -> int:
    column, time_column, key = SUBSCRIPTION[medium], SUBSCRIPTION_TIME[medium], ADDRESS_KEY[medium]
    lifted = store.db.execute(
        f"DELETE FROM opt_outs WHERE medium = ? AND EXISTS (SELECT 1 {_said('consent', 1)}"
        " AND s.address = opt_outs.address AND s.at > opt_outs.opted_out_at)",
        (medium, medium),
    ).rowcount
    # `detail` is the user_id of whoever said so, of several with that address.
    theirs = f"{_said('consent', 1)} AND s.address = profiles.{key} AND s.detail IS profiles.user_id"
    store.db.execute(
        f"UPDATE profiles SET {column} = 1, {time_column} = (SELECT s.at {theirs}) WHERE {column} IS NOT 1"
        f" AND EXISTS (SELECT 1 {theirs} AND s.at > coalesce(profiles.{time_column}, ''))",
        (medium, medium),
    )
    store.db.execute(
        "INSERT INTO lifted (list, medium, address, lifted_at)"
        f" SELECT 'opt_outs', s.medium, s.address, s.at {_said('consent', 1)}"
        " ON CONFLICT DO UPDATE SET lifted_at = max(lifted_at, excluded.lifted_at)",
        (medium,),
    )
    # Their yes counts also where an older schema's folded opt-out would come back with the next list.
    store.db.execute(
        f"INSERT OR IGNORE INTO folded_addresses (medium, address) SELECT s.medium, s.address {_said('consent', 1)}",
        (medium,),
    )
    return lifted


def _suppress(store: Store) -> int:
    return store.db.execute(
        "INSERT INTO suppressions (medium, address, reason, suppressed_at) SELECT s.medium, s.address, s.detail, s.at"
        " FROM temp.said s WHERE s.list = 'suppression' AND s.may_write = 0 ON CONFLICT DO NOTHING"
    ).rowcount


def _unsuppress(store: Store) -> int:
    store.db.execute(
        "INSERT INTO lifted (list, medium, address, lifted_at) SELECT 'suppressions', s.medium, s.address, s.at"
        " FROM temp.said s WHERE s.list = 'suppression' AND s.may_write = 1"
        " ON CONFLICT DO UPDATE SET lifted_at = max(lifted_at, excluded.lifted_at)"
    )
    return store.db.execute(
        "DELETE FROM suppressions WHERE EXISTS (SELECT 1 FROM temp.said s WHERE s.list = 'suppression'"
        " AND s.may_write = 1 AND s.medium = suppressions.medium AND s.address = suppressions.address"
        " AND s.at >= suppressions.suppressed_at)"
    ).rowcount
