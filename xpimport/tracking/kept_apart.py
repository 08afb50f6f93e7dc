"""What was reported and counts nowhere: kept with its reason, so that nothing is lost and somebody may decide."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from xpimport.clock import to_text
from xpimport.rules.events import Kind, Machine, NotUnderstood, Reported, read_time
from xpimport.rules.tokens import Purpose
from xpimport.store.database import Store


@dataclass(frozen=True)
class KeptApart:
    """One of them; instants in UTC text, `at` None where it has no time. `said` None: it was not understood."""

    id: int
    received_at: str
    provider: str
    reason: str
    kind: str | None
    address: str | None
    at: str | None
    body: str
    said: Reported | None


def keep(store: Store, said: Reported | NotUnderstood, reason: str, arrived: int) -> bool:
    """Inside a transaction: keep what arrived at an instant (unix seconds); False where it is kept already."""
    if isinstance(said, Reported):
        provider, kind, address, body = said.provider, said.kind.word, said.address, _text_of(said)
        read = read_time(said.time)
    else:
        provider, kind, address, body, read = said.provider, None, None, said.body or said.why, None
    key = hashlib.blake2b("\0".join((provider, reason, body)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return bool(
        store.db.execute(
            "INSERT INTO rejected_events (event_key, received_at, provider, reason, kind, address, at, body)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (int.from_bytes(key) >> 1, _when(arrived), provider, reason, kind, address, _when(read), body),
        ).rowcount
    )


def _when(seconds: float | None) -> str | None:
    return None if seconds is None else to_text(datetime.fromtimestamp(seconds, UTC))


def _text_of(said: Reported) -> str:
    return json.dumps({**asdict(said), "purpose": said.purpose.name}, ensure_ascii=True, sort_keys=True)


def _said_of(body: str) -> Reported | None:
    try:
        found = json.loads(body)
        words = {
            "kind": Kind(found["kind"]),
            "machine": Machine(found["machine"]),
            "purpose": Purpose[found["purpose"]],
        }
        return Reported(**{**found, **words})
    except (ValueError, TypeError, KeyError):
        return None


def listed(store: Store, limit: int = -1) -> Iterator[KeptApart]:
    """All of them, newest first."""
    rows = store.db.execute(
        "SELECT id, received_at, provider, reason, kind, address, at, body FROM rejected_events ORDER BY id DESC LIMIT ?",
        (limit,),
    )
    for number, received_at, provider, reason, kind, address, at, body in rows:
        said = None if reason == "not_understood" else _said_of(body)
        yield KeptApart(number, received_at, provider, reason, kind, address, at, body, said)


def forget(store: Store, numbers: list[int]) -> None:
    """Inside a transaction: these are decided."""
    store.db.executemany("DELETE FROM rejected_events WHERE id = ?", [(number,) for number in numbers])
