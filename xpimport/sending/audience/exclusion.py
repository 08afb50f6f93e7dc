"""Who of an audience is not sent to, decided set-based when sending starts; the first reason wins.

The decision is made in a temporary table, without a lock on the store, then set down in short transactions. Until
the last of them nothing has been sent, so an interrupted decision is thrown away and made again.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from xpimport.clock import now, to_text
from xpimport.rules.control_group import in_control_group
from xpimport.rules.definition import ADDRESS, ADDRESS_KEY, MEDIA, SUBSCRIPTION
from xpimport.rules.delivery import BEGUN, LEFT_OUT, REACHED, REDECIDED, sql_in
from xpimport.rules.segments import Segment, parse_segment
from xpimport.rules.values import address_key
from xpimport.sending.audience import already_sent, caps
from xpimport.sending.channels.registry import channel_kind
from xpimport.sending.triggers import Trigger, check_mine
from xpimport.store.claims import heartbeat
from xpimport.store.database import Store

BATCH = 20_000


def decide_exclusions(store: Store, trigger: Trigger, kinds: Mapping[str, str], zone: ZoneInfo) -> None:
    """Set down, for everybody in the audience without a final fate, `excluded` with its reason or `pending`.

    `kinds` are the attributes with their types, for the campaign's segment; `zone` is the store's, whose calendar days
    the caps of a category count.

    Raises:
        ClaimLost: the send was stopped meanwhile.
    """
    # Who was refused in an earlier claim, through no fault of theirs as far as was known, is counted on.
    store.db.execute("DROP TABLE IF EXISTS temp.refused")
    store.db.execute(
        "CREATE TEMP TABLE refused AS SELECT profile_id AS profile, refused_claims AS claims FROM deliveries"
        " WHERE trigger_id = ? AND refused_claims > 0",
        (trigger.id,),
    )
    store.db.execute("CREATE UNIQUE INDEX temp.refused_by_profile ON refused (profile)")
    _clear(store, trigger)
    campaign = store.one("SELECT * FROM campaigns WHERE id = ?", trigger.campaign_id)
    store.db.execute("DROP TABLE IF EXISTS temp.decision")
    store.db.execute(
        "CREATE TEMP TABLE decision (n INTEGER PRIMARY KEY, profile INTEGER NOT NULL, row INTEGER NOT NULL, address TEXT,"
        " key TEXT, reason TEXT)"
    )
    family = already_sent.family(store, trigger.id)
    segment = parse_segment(campaign["segment"], kinds) if campaign["segment"] else Segment("TRUE", {})
    _first_reasons(store, trigger, campaign, family, segment)
    if not channel_kind(campaign["channel"]).by_user_id:
        _duplicates(store, trigger, campaign["medium"], family)
    if campaign["category"]:
        caps.apply(store, trigger.id, campaign, zone)
    if campaign["control_group"]:
        _control_group(store, campaign["id"], campaign["control_group"])
    _write_fates(store, trigger)
    store.db.execute("DROP TABLE temp.decision")
    store.db.execute("DROP TABLE temp.refused")


def _clear(store: Store, trigger: Trigger) -> None:
    """Take back what is not final: people excluded or not yet sent to are decided anew."""
    while True:
        with store.writing():
            check_mine(store, trigger)
            gone = store.db.execute(
                "DELETE FROM deliveries WHERE trigger_id = ? AND profile_id IN (SELECT profile_id FROM deliveries"
                f" WHERE trigger_id = ? AND {sql_in('state', REDECIDED)} LIMIT ?)",
                (trigger.id, trigger.id, BATCH),
            ).rowcount
        if not gone:
            return


def said_no() -> str:
    """SQL for why a profile p is left out where the receiver knows who agreed, or NULL: a no of either medium counts."""
    return f"coalesce({', '.join(blocked(medium, ignore_subscription=False, yes_needed=False) for medium in MEDIA)})"


def blocked(medium: str, *, ignore_subscription: bool, yes_needed: bool = True) -> str:
    """SQL for why a profile p may not be written to now, or NULL; asked again with every message."""
    key, sub = f"p.{ADDRESS_KEY[medium]}", SUBSCRIPTION[medium]
    listed = "EXISTS (SELECT 1 FROM {table} x WHERE x.medium = '{medium}' AND x.address = {key})"
    of_list = f"FROM suppressions x WHERE x.medium = '{medium}' AND x.address = {key}"
    cases = (
        f"WHEN EXISTS (SELECT 1 {of_list}) THEN"
        f" (SELECT CASE x.reason WHEN 'bounced' THEN 'bounced' ELSE 'suppressed' END {of_list})"
    )
    if not ignore_subscription:
        opted_out = listed.format(table="opt_outs", medium=medium, key=key)
        cases += f" WHEN p.{sub} = 0 OR {opted_out} THEN 'unsubscribed'"
        if yes_needed:
            cases += f" WHEN p.{sub} IS NULL THEN 'subscription_unset'"
    return f"CASE {cases} END"


def _first_reasons(store: Store, trigger: Trigger, campaign: Any, family: Sequence[int], segment: Segment) -> None:
    column = ADDRESS[campaign["medium"]]
    cases = f"WHEN p.id IS NULL THEN 'forgotten' {_address(campaign)}"
    outside = f"CASE WHEN NOT {segment.sql} THEN 'outside_segment' END"
    consent = said_no() if channel_kind(campaign["channel"]).keeps_consent else _consent(campaign)
    store.db.execute(
        "INSERT INTO temp.decision (profile, row, address, key, reason)"
        f" SELECT a.profile_id, a.row, p.{column}, p.{ADDRESS_KEY[campaign['medium']]}, CASE {cases}"
        f" ELSE coalesce({consent}, {outside}, CASE WHEN EXISTS (SELECT 1 FROM triggers t"
        " JOIN deliveries d ON d.trigger_id = t.id AND d.profile_id = a.profile_id WHERE t.import_id = :import_id"
        f" AND t.send_at = :send_at AND t.id <> :trigger AND NOT {sql_in('d.state', LEFT_OUT)}"
        " AND t.state IN ('sending', 'sent', 'stopped', 'held')"
        f" AND (t.state IN ('sending', 'sent') OR {sql_in('d.state', REACHED)}))"
        f" OR {already_sent.reached(family)} THEN 'same_send' END) END"
        " FROM audience a LEFT JOIN profiles p ON p.id = a.profile_id WHERE a.task_id = :task"
        " AND NOT EXISTS (SELECT 1 FROM deliveries d WHERE d.trigger_id = :trigger AND d.profile_id = a.profile_id)"
        " ORDER BY a.profile_id",
        {
            "import_id": trigger.import_id,
            "send_at": to_text(trigger.send_at) if trigger.send_at else None,
            "trigger": trigger.id,
            "task": trigger.task,
            **segment.values,
        },
    )


def _address(campaign: Any) -> str:
    """SQL for a profile p that has nothing to be addressed by."""
    if channel_kind(campaign["channel"]).by_user_id:
        return "WHEN p.user_id IS NULL THEN 'no_address'"
    column = ADDRESS[campaign["medium"]]
    sound = f"p.{column} LIKE '%_@_%._%'" if campaign["medium"] == "email" else f"p.{column} NOT GLOB '*[^0-9]*'"
    return f"WHEN p.{column} IS NULL THEN 'no_address' WHEN NOT ({sound}) THEN 'invalid_address'"


def _consent(campaign: Any) -> str:
    return blocked(campaign["medium"], ignore_subscription=bool(campaign["ignore_subscription"]))


def _control_group(store: Store, campaign: int, share: float) -> None:
    store.db.create_function(
        "in_control_group",
        1,
        lambda profile: in_control_group(campaign, profile, share),
        deterministic=True,
    )
    store.db.execute(
        "UPDATE temp.decision SET reason = 'control_group' WHERE reason IS NULL AND in_control_group(profile)"
    )


def _duplicates(store: Store, trigger: Trigger, medium: str, family: Sequence[int]) -> None:
    """Of profiles that share an address, the lowest row is kept; an address this send, or this list's, has reached is done."""
    store.db.create_function("address_key", 1, partial(_key_or_none, medium), deterministic=True)
    store.db.execute(
        "UPDATE temp.decision SET reason = 'duplicate_address' WHERE n IN (SELECT n FROM (SELECT n, row_number() OVER"
        " (PARTITION BY key ORDER BY row, n) AS place FROM temp.decision WHERE reason IS NULL) WHERE place > 1)"
    )
    store.db.execute(
        "UPDATE temp.decision SET reason = 'duplicate_address' WHERE reason IS NULL AND key IN"
        f" (SELECT address_key(address) FROM deliveries WHERE trigger_id = ? AND {sql_in('state', BEGUN)})",
        (trigger.id,),
    )
    if family:
        store.db.execute(
            "UPDATE temp.decision SET reason = 'duplicate_address' WHERE reason IS NULL AND key IN"
            f" (SELECT coalesce(address_key(d.address), p.{ADDRESS_KEY[medium]}) FROM triggers t JOIN deliveries d"
            " ON d.trigger_id = t.id LEFT JOIN profiles p ON p.id = d.profile_id"
            f" WHERE t.id IN ({', '.join(map(str, family))}) AND {already_sent.taken('t', 'd')})"
        )


def _key_or_none(medium: str, address: str | None) -> str | None:
    return None if address is None else address_key(medium, address)


def _write_fates(store: Store, trigger: Trigger) -> None:
    last = store.scalar("SELECT coalesce(max(n), 0) FROM temp.decision")
    at = int(now().timestamp())
    claims = "coalesce((SELECT claims FROM temp.refused WHERE profile = decision.profile), 0)"
    if not store.scalar("SELECT EXISTS (SELECT 1 FROM temp.refused)"):
        # As a rule nobody was: then nobody is looked up.
        claims = "0"
    for start in range(0, last, BATCH):
        with store.writing():
            check_mine(store, trigger)
            store.db.execute(
                "INSERT INTO deliveries (trigger_id, profile_id, state, reason, address, changed_at, refused_claims)"
                " SELECT ?, profile,"
                " CASE WHEN reason IS NULL THEN 'pending' ELSE 'excluded' END, reason,"
                " CASE WHEN reason IS NULL THEN NULL ELSE address END, ?,"
                f" {claims} FROM temp.decision WHERE n > ? AND n <= ?",
                (trigger.id, at, start, start + BATCH),
            )
            store.db.execute("UPDATE triggers SET heartbeat = ? WHERE id = ?", (heartbeat(), trigger.id))
        time.sleep(0.002)
    with store.writing():
        check_mine(store, trigger)
        store.db.execute("UPDATE triggers SET decided_at = ? WHERE id = ?", (to_text(now()), trigger.id))
