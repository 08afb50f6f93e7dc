"""The types of attributes: checking and normalising whole columns of cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xpimport.rules.cells import STRING_LENGTH, USER_ID_LENGTH, Value, Verdict, checker
from xpimport.rules.columns import check_cells
from xpimport.rules.emails import email_key

ATTRIBUTE_TYPES = (
    "string", "number", "integer", "boolean", "date", "datetime", "json", "email", "mobile", "language", "timezone",
)  # fmt: skip

SQL_TYPES = dict.fromkeys(ATTRIBUTE_TYPES, "TEXT") | {"number": "REAL", "integer": "INTEGER", "boolean": "INTEGER"}

BUILT_IN = {
    "user_id": "user_id",
    "email": "email",
    "email_subscription": "subscription",
    "email_subscription_time": "datetime",
    "mobile_number": "mobile",
    "sms_subscription": "subscription",
    "sms_subscription_time": "datetime",
    "language": "language",
    "timezone": "timezone",
}

Kinds = dict[str, tuple[str, int | None]]
"""Attribute -> type and, for strings, how many characters it holds."""
EMAIL_KEY = "email_key"
"""The column of profiles by which email addresses are compared; filled from `email`, never by a list."""

REJECTIONS = {
    "missing_identifier": "the cell that says who it is is blank",
    "ambiguous_identifier": "several profiles share the address",
    "wrong_column_count": "the row has more or fewer cells than the header",
    "malformed_row": "the row's quotes do not match",
    "invalid_email": "no email address",
    "invalid_mobile": "no mobile number with country code (E.164), nor, with `--region`, one of that country",
    "invalid_number": "no number",
    "invalid_integer": "no whole number",
    "invalid_boolean": "none of true, false, 1, 0",
    "invalid_date": "no date like 2026-11-24",
    "invalid_datetime": "no time like 2026-11-24T09:00:00+01:00",
    "invalid_json": "no JSON array or object",
    "invalid_timezone": "no zone like Europe/Dublin",
    "invalid_language": "no language like en or pt-BR",
    "too_long": "more characters than the attribute holds",
    "control_character": "characters that are no text",
    "already_exists": "the profile is there already (--mode create)",
    "unknown_profile": "there is no such profile (--mode update)",
}

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class CheckedColumn:
    """A column: for each cell the value to store (None where blank or bad), and index -> code for the bad ones."""

    values: Sequence[Value]
    bad: dict[int, str]


def valid_name(name: str) -> bool:
    """Whether an attribute may be called so."""
    return _NAME.fullmatch(name) is not None


def address_key(medium: str, address: str) -> str:
    """How addresses of a medium are compared."""
    return email_key(address) if medium == "email" else address


def check_column(
    kind: str, cells: Sequence[str], max_length: int | None = None, *, region: str | None = None
) -> CheckedColumn:
    """Check the cells of one column as values of the type `kind`; see `CheckedColumn` for what comes back.

    `max_length` is in characters and for strings only (None: 101). `region` is the country (ISO 3166, two letters)
    whose mobile numbers may stand without country code; None takes numbers in E.164 only.

    Raises:
        Invalid: `region` needs an extra that is not installed.
    """
    limit = _limit(kind, max_length)
    if kind != "mobile":
        region = None
    return CheckedColumn(*check_cells(kind if region is None else "", cells, limit, checker(kind, limit, region)))


def reasons_of(kind: str) -> list[str]:
    """The codes with which cells of this type are rejected."""
    own = {
        "string": ["too_long"],
        "user_id": ["missing_identifier", "too_long"],
        "subscription": ["invalid_boolean"],
    }
    return [*own.get(kind, [f"invalid_{kind}"]), "control_character"]


def check_cell(kind: str, cell: str, max_length: int | None = None, *, region: str | None = None) -> Verdict:
    """What `check_column` finds of a single cell: its value, and the code of its rejection or None."""
    return checker(kind, _limit(kind, max_length), region)(cell)


def _limit(kind: str, max_length: int | None) -> int:
    return USER_ID_LENGTH if kind == "user_id" else max_length or STRING_LENGTH
