"""Who of an audience is not sent to, decided set-based when sending starts; the first reason wins.

The decision is made in a temporary table, without a lock on the store, then set down in short transactions. Until
the last of them nothing has been sent, so an interrupted decision is thrown away and made again.
"""

import time
from collections.abc import Sequence

from xpimport.clock import now, to_text
from xpimport.rules.definition import ADDRESS, SUBSCRIPTION
from xpimport.sending import rest
from xpimport.sending.triggers import Trigger
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store

REASONS = {
    "not_live": "the campaign is paused",
    "forgotten": "the profile is no longer in the store",
    "no_address": "the profile has no address of this medium",
    "invalid_address": "the address cannot be written to",
    "suppressed": "the address is on the suppression list",
    "unsubscribed": "the person or the address has opted out",
    "subscription_unset": "nobody has said whether the person agreed",
    "same_send": "another trigger of the same import and moment, or of the same list, sends to this person",
    "duplicate_address": "another profile of this send has the same address",
}
"""In the order in which they are looked at (DESIGN, section 4)."""

BATCH = 20_000


def decide(store: Store, trigger: Trigger) -> None:
    """Set down, for everybody in the audience without a final fate, `excluded` with its reason or `pending`."""
    _clear(store, trigger)
    campaign = store.one("SELECT * FROM campaigns WHERE id = ?", trigger.campaign_id)
    store.db.execute("DROP TABLE IF EXISTS temp.decision")
    store.db.execute(
        "CREATE TEMP TABLE decision (n INTEGER PRIMARY KEY, profile INTEGER NOT NULL, row INTEGER NOT NULL, address TEXT,"
        " reason TEXT)"
    )
    family = rest.family(store, trigger.id)
    _first_reasons(
        store, trigger, campaign["medium"], family, live=campaign["live"], ignore=campaign["ignore_subscription"]
    )
    _duplicates(store, trigger, campaign["medium"], family)
    _set_down(store, trigger)
    store.db.execute("DROP TABLE temp.decision")


def _clear(store: Store, trigger: Trigger) -> None:
    """Take back what is not final: people excluded or not yet sent to are decided anew."""
    while True:
        with store.writing():
            gone = store.db.execute(
                "DELETE FROM deliveries WHERE trigger_id = ? AND profile_id IN (SELECT profile_id FROM deliveries"
                " WHERE trigger_id = ? AND state IN ('excluded', 'pending', 'retry') LIMIT ?)",
                (trigger.id, trigger.id, BATCH),
            ).rowcount
        if not gone:
            return


def blocked(medium: str, *, ignore_subscription: bool) -> str:
    """SQL for why a profile p may not be written to at this moment, or NULL; asked again with every message."""
    column, sub = ADDRESS[medium], SUBSCRIPTION[medium]
    key = f"lower(p.{column})" if medium == "email" else f"p.{column}"
    listed = "EXISTS (SELECT 1 FROM {table} x WHERE x.medium = '{medium}' AND x.address = {key})"
    cases = f"WHEN {listed.format(table='suppressions', medium=medium, key=key)} THEN 'suppressed'"
    if not ignore_subscription:
        opted_out = listed.format(table="opt_outs", medium=medium, key=key)
        cases += f" WHEN p.{sub} = 0 OR {opted_out} THEN 'unsubscribed' WHEN p.{sub} IS NULL THEN 'subscription_unset'"
    return f"CASE {cases} END"


def _first_reasons(
    store: Store, trigger: Trigger, medium: str, family: Sequence[int], *, live: bool, ignore: bool
) -> None:
    column = ADDRESS[medium]
    sound = f"p.{column} LIKE '%_@_%._%'" if medium == "email" else f"p.{column} NOT GLOB '*[^0-9]*'"
    store.db.execute(
        "INSERT INTO temp.decision (profile, row, address, reason)"
        f" SELECT a.profile_id, a.row, p.{column}, CASE WHEN NOT :live THEN 'not_live' WHEN p.id IS NULL THEN 'forgotten'"
        f" WHEN p.{column} IS NULL THEN 'no_address' WHEN NOT ({sound}) THEN 'invalid_address'"
        f" ELSE coalesce({blocked(medium, ignore_subscription=ignore)}, CASE WHEN EXISTS (SELECT 1 FROM triggers t"
        " JOIN deliveries d ON d.trigger_id = t.id AND d.profile_id = a.profile_id WHERE t.import_id = :import_id"
        " AND t.send_at = :send_at AND t.id <> :trigger AND d.state NOT IN ('excluded', 'failed')"
        " AND t.state IN ('sending', 'sent', 'stopped', 'held')"
        " AND (t.state IN ('sending', 'sent') OR d.state IN ('accepted', 'uncertain')))"
        f" OR {rest.reached(family)} THEN 'same_send' END) END"
        " FROM audience a LEFT JOIN profiles p ON p.id = a.profile_id WHERE a.task_id = :task"
        " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.trigger_id = :trigger AND d.profile_id = a.profile_id)"
        " ORDER BY a.profile_id",
        {
            "live": live,
            "import_id": trigger.import_id,
            "send_at": to_text(trigger.send_at) if trigger.send_at else None,
            "trigger": trigger.id,
            "task": trigger.task,
        },
    )


def _duplicates(store: Store, trigger: Trigger, medium: str, family: Sequence[int]) -> None:
    """Of profiles that share an address, the lowest row is kept; an address this send, or this list's, has reached is done."""
    store.db.execute(
        "UPDATE temp.decision SET reason = 'duplicate_address' WHERE n IN (SELECT n FROM (SELECT n, row_number() OVER"
        " (PARTITION BY lower(address) ORDER BY row, n) AS place FROM temp.decision WHERE reason IS NULL) WHERE place > 1)"
    )
    store.db.execute(
        "UPDATE temp.decision SET reason = 'duplicate_address' WHERE reason IS NULL AND lower(address) IN"
        " (SELECT lower(address) FROM deliveries WHERE trigger_id = ? AND state IN ('accepted', 'uncertain', 'attempting'))",
        (trigger.id,),
    )
    if family:
        store.db.execute(
            "UPDATE temp.decision SET reason = 'duplicate_address' WHERE reason IS NULL AND lower(address) IN"
            f" (SELECT lower(coalesce(d.address, p.{ADDRESS[medium]})) FROM triggers t JOIN deliveries d"
            " ON d.trigger_id = t.id LEFT JOIN profiles p ON p.id = d.profile_id"
            f" WHERE t.id IN ({', '.join(map(str, family))}) AND {rest.taken('t', 'd')})"
        )


def _set_down(store: Store, trigger: Trigger) -> None:
    last = store.scalar("SELECT coalesce(max(n), 0) FROM temp.decision")
    at = int(now().timestamp())
    for start in range(0, last, BATCH):
        with store.writing():
            store.db.execute(
                "INSERT INTO deliveries (trigger_id, profile_id, state, reason, address, changed_at) SELECT ?, profile,"
                " CASE WHEN reason IS NULL THEN 'pending' ELSE 'excluded' END, reason,"
                " CASE WHEN reason IS NULL THEN NULL ELSE address END, ? FROM temp.decision WHERE n > ? AND n <= ?",
                (trigger.id, at, start, start + BATCH),
            )
            store.db.execute("UPDATE triggers SET heartbeat = ? WHERE id = ?", (heartbeat(), trigger.id))
        time.sleep(0.002)
    with store.writing():
        store.db.execute("UPDATE triggers SET decided_at = ? WHERE id = ?", (to_text(now()), trigger.id))
