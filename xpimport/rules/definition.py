"""What an import is told to do, as one value that its tasks keep a copy of."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from xpimport.errors import FileRefused, Invalid
from xpimport.hints import command

FORMATS = ("csv", "tsv", "jsonl", "xlsx", "parquet")
MEDIA = ("email", "sms")
ADDRESS = {"email": "email", "sms": "mobile_number"}
ADDRESS_KEY = {"email": "email_key", "sms": "mobile_number"}
"""Medium -> the column by which its addresses are compared."""
SUBSCRIPTION = {"email": "email_subscription", "sms": "sms_subscription"}
SUBSCRIPTION_TIME = {"email": "email_subscription_time", "sms": "sms_subscription_time"}


@dataclass(frozen=True)
class Definition:
    """The part of an import that says how a file is found, read, checked and merged.

    Durations are seconds, shares are fractions of 1. `mapping` is column -> attribute; empty means that headers
    which equal attribute names are taken.
    """

    source: str
    mapping: Mapping[str, str] = field(default_factory=dict)
    identify_by: str = "user_id"
    mode: str = "upsert"
    blank: str = "keep"
    subscribe: Sequence[str] = ()
    take: str = "newest"
    marker: str | None = None
    count_file: str | None = None
    max_age: int | None = None
    same_content: str = "hold"
    same_people: float | None = None
    after: str = "leave"
    format: str | None = None
    sheet: str | None = None
    region: str | None = None
    password: str | None = None
    key: str | None = None
    token: str | None = None
    min_rows: int | None = None
    max_rows: int | None = None
    max_rejected: str | None = None
    max_change: float | None = None
    on_guard: str = "fail"
    delimiter: str = ","
    quote: str = '"'
    encoding: str | None = None
    grace: int = 15 * 60
    catch_up: int = 6 * 3600
    retry_for: int = 4 * 3600
    require_approval: bool = False
    canary: float | None = None
    canary_wait: int = 15 * 60
    canary_max_failed: float = 0.05

    def to_json(self) -> str:
        """The definition as JSON text, for the store."""
        return json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Definition":
        """What `to_json` wrote; unknown keys of a newer version are left out."""
        known = {item.name for item in fields(Definition)}
        values: dict[str, Any] = {name: value for name, value in json.loads(text).items() if name in known}
        return Definition(**values)


def check_mapping(mapping: Mapping[str, str], identify_by: str, attributes: Collection[str]) -> None:
    """Refuse a mapping that names an unknown attribute, one attribute twice, or no identifier.

    Raises:
        Invalid: saying which column and how to go on.
    """
    seen: dict[str, str] = {}
    for column, attribute in mapping.items():
        if attribute not in attributes:
            raise Invalid(
                f"--map {column}={attribute}: there is no attribute {attribute!r}. "
                f"Add it with: {command('attribute', 'add', attribute, 'string')}"
            )
        if attribute in seen:
            raise Invalid(f"--map: the columns {seen[attribute]!r} and {column!r} both go to {attribute!r}.")
        seen[attribute] = column
    if mapping and identify_by not in seen:
        raise Invalid(
            f"--map names no column for {identify_by!r}, which says who is who. Add --map COLUMN={identify_by}"
        )
    if identify_by == "email" and "user_id" in seen:
        raise Invalid("--identify-by email and a column mapped to user_id exclude each other. Leave one out.")


def choose_columns(
    header: Sequence[str], definition: Definition, attributes: Sequence[str], name: str
) -> dict[str, int]:
    """Which column of a file fills which attribute: attribute -> index, in the order of the columns.

    Raises:
        FileRefused: a mapped column or the identifier's column is missing (`missing_column`).
    """
    places = {title.casefold(): index for index, title in reversed(list(enumerate(header)))}
    if definition.mapping:
        chosen = {}
        for column, attribute in definition.mapping.items():
            index = places.get(column.strip().casefold())
            if index is None:
                raise _missing(column, header, name)
            chosen[attribute] = index
    else:
        chosen = {title: places[title] for title in attributes if title in places}
        if definition.identify_by == "email":
            chosen.pop("user_id", None)
    if definition.identify_by not in chosen:
        raise _missing(definition.identify_by, header, name)
    return dict(sorted(chosen.items(), key=lambda item: item[1]))


def _missing(column: str, header: Sequence[str], name: str) -> FileRefused:
    titles = ", ".join(title or "(blank)" for title in header[:12]) + (", ..." if len(header) > 12 else "")
    parted = next((mark for mark in ";\t|" if len(header) == 1 and mark in header[0]), None)
    fix = "Correct the file, or map the right one with: xpimport import edit NAME --map COLUMN=ATTRIBUTE"
    if parted is not None:
        edit = command("import", "edit", "NAME", "--delimiter", "tab" if parted == "\t" else parted)
        fix = f"Its cells seem to be parted by another mark: {edit}"
    return FileRefused(
        f"{name}, line 1: there is no column {column!r}; the columns are {titles}. " + fix,
        code="missing_column",
    )


def consent_missing(targets: Sequence[str], definition: Definition, medium: str) -> bool:
    """Whether nothing tells who of this list may be written to: no subscription column and nobody vouches."""
    return SUBSCRIPTION[medium] not in targets and medium not in definition.subscribe


def consent_message(medium: str, campaign: str) -> str:
    """Why an import without consent is refused, naming both ways to go on."""
    return (
        f"Campaign {campaign!r} sends {medium}, and nothing says who on this list agreed to it. Either map a column "
        f"to {SUBSCRIPTION[medium]} (1 or 0 a row), or vouch for the whole list with --subscribe {medium}."
    )


def share_or_count(text: str, option: str) -> str:
    """Check a limit such as `5%` or `200` and give it back normalised.

    Raises:
        Invalid: neither a whole number nor a percentage from 0 to 100.
    """
    bare = text.strip().removesuffix("%").strip()
    try:
        number = float(bare)
    except ValueError:
        number = -1.0
    percent = text.strip().endswith("%")
    if number < 0 or (percent and number > 100) or (not percent and not number.is_integer()):
        raise Invalid(f"{option} {text!r} is neither a number of rows (200) nor a share (5%).")
    return f"{number:g}%" if percent else str(int(number))


def over_limit(count: int, total: int, limit: str) -> bool:
    """Whether `count` of `total` is more than a `share_or_count` limit."""
    if limit.endswith("%"):
        return count * 100 > float(limit[:-1]) * total
    return count > int(limit)
