"""The suppression list: addresses that are never written to, whatever a campaign says, each with its reason."""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.errors import FileRefused, Invalid, NotFound
from xpimport.rules.definition import ADDRESS_KEY, MEDIA
from xpimport.rules.values import address_key, check_column
from xpimport.store.addresses import suppress, unsuppress
from xpimport.store.database import Store

COLUMNS = ("address", "medium", "reason", "suppressed_at")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,39}")
_KINDS = {"email": "email", "sms": "mobile"}


@dataclass(frozen=True)
class Suppression:
    """One address as it is compared, why it is on the list, and since when (UTC text)."""

    address: str
    medium: str
    reason: str
    suppressed_at: str


def checked(address: str, medium: str, reason: str) -> Suppression:
    """An entry, with its address in the form in which addresses are compared.

    Raises:
        Invalid: address, medium or reason cannot be used.
    """
    if medium not in MEDIA:
        raise Invalid(f"There is no medium {medium!r}. The media are: {', '.join(MEDIA)}.")
    found = check_column(_KINDS[medium], [address]).values[0]
    if found is None:
        raise Invalid(f"{address!r} is no {'email address' if medium == 'email' else 'mobile number (+353...)'}.")
    if not _REASON.fullmatch(reason):
        raise Invalid(f"The reason {reason!r} is not one word like manual, complaint or bounced.")
    return Suppression(address_key(medium, str(found)), medium, reason, to_text(now()))


def add(store: Store, entries: Iterable[Suppression]) -> int:
    """Put addresses on the list; those that are on it stay as they are. How many are new."""
    with store.writing():
        before = store.scalar("SELECT count(*) FROM suppressions")
        suppress(store, ((entry.address, entry.medium, entry.reason, entry.suppressed_at) for entry in entries))
        return int(store.scalar("SELECT count(*) FROM suppressions")) - int(before)


def remove(store: Store, address: str, medium: str) -> None:
    """Take an address off the list.

    Raises:
        NotFound: it is not on it.
        Invalid: it is no address.
    """
    key = checked(address, medium, "manual").address
    with store.writing():
        gone = unsuppress(store, medium, key, to_text(now()))
    if not gone:
        raise NotFound(f"{address} is not on the suppression list ({medium}). See: xpimport suppression list")


def of_profile(store: Store, profile: int, medium: str) -> Suppression | None:
    """The entry of a profile's address, if it is on the list."""
    row = store.one(
        f"SELECT {', '.join(f's.{column}' for column in COLUMNS)} FROM profiles p JOIN suppressions s ON s.medium = ?"
        f" AND s.address = p.{ADDRESS_KEY[medium]} WHERE p.id = ?",
        medium,
        profile,
    )
    return None if row is None else Suppression(*row)


def everything(store: Store, limit: int = -1) -> Iterator[Suppression]:
    """The list, newest first."""
    rows = store.db.execute(
        f"SELECT {', '.join(COLUMNS)} FROM suppressions ORDER BY suppressed_at DESC, address LIMIT ?", (limit,)
    )
    return (Suppression(*row) for row in rows)


def read(lines: Iterable[str], name: str, medium: str, reason: str) -> Iterator[tuple[int, Suppression | str]]:
    """The entries of a CSV file with a column `address`, and `medium` and `reason` where it has them.

    Yields each line's number with its entry, or with what is wrong with it.

    Raises:
        FileRefused: there is no column `address`.
    """
    reader = csv.DictReader(lines)
    titles = [title.strip().lower() for title in reader.fieldnames or []]
    if "address" not in titles:
        raise FileRefused(
            f"{name}, line 1: there is no column 'address'; the columns are {', '.join(titles) or '(none)'}.",
            code="missing_column",
        )
    reader.fieldnames = titles
    for row in reader:
        try:
            yield (
                reader.line_num,
                checked((row["address"] or "").strip(), row.get("medium") or medium, row.get("reason") or reason),
            )
        except Invalid as problem:
            yield reader.line_num, problem.message
