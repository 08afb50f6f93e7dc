"""What becomes of each staged person: who it is in the store, whether anything differs, how subscriptions end.

What a person resolves to depends on the store but not on the batches before it (the list's opt-outs were recorded
first, keys are distinct), so another process (`resolver`) resolves the next stretch while the one before is written.
That counts only if nobody else has committed since; otherwise it is resolved again under the lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from xpimport.importing.consent import consent_sql
from xpimport.importing.tasks import Run
from xpimport.rules.definition import SUBSCRIPTION, SUBSCRIPTION_TIME
from xpimport.rules.values import EMAIL_KEY
from xpimport.store.database import Store

RESOLVED = """(
    rank INTEGER PRIMARY KEY, row INTEGER NOT NULL, profile INTEGER, changed INTEGER NOT NULL, kept INTEGER NOT NULL,
    email_final INTEGER, sms_final INTEGER)"""
ADOPTED = "CREATE TEMP TABLE IF NOT EXISTS adopted (rank INTEGER PRIMARY KEY, profile INTEGER NOT NULL)"


@dataclass(frozen=True)
class RankRange:
    """People of the table `people` (of a sorted part) with a rank after `after` and up to `upto`."""

    people: str
    after: int
    upto: int


def plain_attributes(attributes: Sequence[str]) -> list[str]:
    """The attributes that are no subscription and no time of one."""
    special = {*SUBSCRIPTION.values(), *SUBSCRIPTION_TIME.values()}
    return [name for name in attributes if name not in special]


def merged_value(name: str, run: Run) -> str:
    """SQL for the value that an attribute of an existing profile p ends with: a blank cell of s keeps or clears."""
    if run.definition.blank == "clear" and name not in {"user_id", run.definition.identify_by}:
        return f's."{name}"'
    return f'coalesce(s."{name}", p."{name}")'


def resolve(store: Store, run: Run, attributes: Sequence[str], batch: RankRange, resolved: str) -> None:
    """Fill the table `resolved` for one batch; `profile` stays NULL for new people."""
    joins, adopting = _profile(store, run, attributes, batch)
    consents = [consent_sql(store, medium, run, attributes) for medium in SUBSCRIPTION]
    # Joined on user_id it cannot differ; an adopted profile had none. The key of an address differs only with it.
    compared = [name for name in plain_attributes(attributes) if name != EMAIL_KEY and (name != "user_id" or adopting)]
    differs = [f'{merged_value(name, run)} IS NOT p."{name}"' for name in compared]
    differs += [f"({one.final}) IS NOT p.{SUBSCRIPTION[one.medium]}" for one in consents]
    finals = ", ".join(f"({one.final})" for one in consents)
    kept = " OR ".join(one.kept for one in consents)
    store.db.execute(f"DELETE FROM {resolved}")
    store.db.execute(
        f"INSERT INTO {resolved} SELECT s.rank, s.row, p.id, p.id IS NOT NULL AND ({' OR '.join(differs)}), ({kept}), {finals}"
        f" FROM {batch.people} s {joins} {' '.join(one.join for one in consents)} WHERE s.rank > ? AND s.rank <= ?",
        (batch.after, batch.upto),
    )


def adopts(store: Store, run: Run, attributes: Sequence[str]) -> bool:
    """Whether a new user_id may find a profile without user_id by its address."""
    if run.definition.identify_by == "email" or "email" not in attributes:
        return False
    return bool(
        store.scalar("SELECT EXISTS (SELECT 1 FROM main.profiles WHERE user_id IS NULL AND email_key IS NOT NULL)")
    )


def _profile(store: Store, run: Run, attributes: Sequence[str], batch: RankRange) -> tuple[str, bool]:
    """The joins that give each staged row s the profile p that it is about, if there is one; whether some are adopted."""
    if run.definition.identify_by == "email":
        by_email = "(SELECT min(id) FROM main.profiles WHERE email_key = s.key)"
        return f"LEFT JOIN main.profiles p ON p.id = {by_email}", False
    if not adopts(store, run, attributes):
        return "LEFT JOIN main.profiles p ON p.user_id = s.key", False
    # A new user_id adopts the one profile without user_id that has its address; of two such rows, the first.
    store.db.execute(ADOPTED)
    store.db.execute("DELETE FROM temp.adopted")
    store.db.execute(
        "INSERT INTO temp.adopted SELECT min(rank), profile FROM (SELECT s.rank AS rank, min(p.id) AS profile"
        f" FROM {batch.people} s JOIN main.profiles p ON p.user_id IS NULL AND p.email_key = s.email_key"
        " WHERE s.rank > ? AND s.rank <= ? AND NOT EXISTS (SELECT 1 FROM main.profiles WHERE user_id = s.key)"
        " GROUP BY s.rank HAVING count(*) = 1) GROUP BY profile",
        (batch.after, batch.upto),
    )
    known = "coalesce((SELECT id FROM main.profiles WHERE user_id = s.key), a.profile)"
    return f"LEFT JOIN temp.adopted a ON a.rank = s.rank LEFT JOIN main.profiles p ON p.id = {known}", True
