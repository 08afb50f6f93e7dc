"""The options of an import, which `import add` and `import edit` share: said once, given to both."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Annotated, Any

import typer

from xpimport.cli.options import with_options
from xpimport.errors import Invalid
from xpimport.rules.definition import Definition, share_or_count
from xpimport.rules.durations import parse_duration


def _text(option: str, help: str) -> Any:
    return Annotated[str | None, typer.Option(option, help=help)]


def _texts(option: str, help: str) -> Any:
    return Annotated[list[str] | None, typer.Option(option, help=help)]


def _count(option: str, help: str) -> Any:
    return Annotated[int | None, typer.Option(option, min=0, help=help)]


OPTIONS: dict[str, Any] = {
    "mapping": _texts("--map", "COLUMN=ATTRIBUTE; may be repeated."),
    "identify_by": _text("--identify-by", "user_id, or email for lists of addresses."),
    "mode": _text("--mode", "upsert, create or update."),
    "blank": _text("--blank", "A blank cell keeps or clears what is stored."),
    "schedule": _text("--schedule", "'daily 03:00', 'weekly mon 03:00', 'monthly 1 03:00' or cron."),
    "timezone": _text("--timezone", "The zone of schedule and send time."),
    "subscribe": _texts("--subscribe", "Vouch for the list: email or sms."),
    "campaign": _text("--campaign", "The campaign to send to the list's people."),
    "send_at": _text("--send-at", "HH:MM or cron; without it, as soon as the import completes."),
    "grace": _text("--grace", "How late a send may begin (15m)."),
    "catch_up": _text("--catch-up", "How late a missed run still runs (6h)."),
    "retry_for": _text("--retry-for", "How long refused messages are retried (4h)."),
    "require_approval": Annotated[
        bool | None,
        typer.Option(
            "--require-approval/--no-require-approval", help="Only sent if approved before.", show_default=False
        ),
    ],
    "canary": _text("--canary", "A share of the people goes first: 1%."),
    "canary_wait": _text("--canary-wait", "How long until the others follow (15m)."),
    "canary_max_failed": _text("--canary-max-failed", "More failures than this hold the rest (5%)."),
    "min_rows": _count("--min-rows", "Fewer rows are unusual."),
    "max_rows": _count("--max-rows", "More rows are unusual."),
    "max_rejected": _text("--max-rejected", "More rejected rows are unusual: 200 or 5%."),
    "max_change": _text("--max-change", "A share, like 30%, off the last runs' median."),
    "on_guard": _text("--on-guard", "An unusual list fails, or holds the trigger: fail, hold."),
    "take": _text("--take", "Which of several files: newest, oldest or all."),
    "marker": _text("--marker", "A file that says the list is finished: .done or READY."),
    "count_file": _text("--count-file", "A file with the number of rows: .count."),
    "max_age": _text("--max-age", "An older file is not taken."),
    "same_content": _text("--same-content", "The same list again: hold or send."),
    "same_people": _text("--same-people", "Hold the send when so many were in the last run too: 95%."),
    "after": _text("--after", "What becomes of an imported file: leave, rename:.done, move:FOLDER, delete."),
    "format": _text("--format", "csv, tsv, jsonl, xlsx or parquet, where the name does not say."),
    "sheet": _text("--sheet", "The sheet of a workbook; else its first."),
    "delimiter": _text("--delimiter", "Between cells: , or ; or tab."),
    "quote": _text("--quote", 'Around cells: " .'),
    "encoding": _text("--encoding", "The text's encoding, where it is not UTF-8."),
    "region": _text("--region", "The country of mobile numbers without one: IE."),
    "password": _text("--password", "The source's password: file:PATH or env:NAME."),
    "key": _text("--key", "The private key for sftp: file:PATH or env:NAME."),
    "token": _text("--token", "The bearer token for https: file:PATH or env:NAME."),
}

_DURATIONS = ("grace", "catch_up", "retry_for", "max_age", "canary_wait")
_SHARES = ("max_change", "same_people", "canary", "canary_max_failed")


def with_import_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an import; it gets them as one mapping, `options` (name -> what was typed)."""
    return with_options(function, OPTIONS)


def definition_changes(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as fields of a Definition.

    Raises:
        Invalid: a value cannot be read.
    """
    known = {item.name for item in fields(Definition)}
    given = {name: value for name, value in options.items() if name in known and value not in (None, [])}
    for name in _DURATIONS:
        if name in given:
            given[name] = int(parse_duration(given[name]).total_seconds())
    for name in _SHARES:
        if name in given:
            given[name] = _share(given[name], "--" + name.replace("_", "-"))
    if "mapping" in given:
        given["mapping"] = _mapping(given["mapping"])
    if "max_rejected" in given:
        given["max_rejected"] = share_or_count(given["max_rejected"], "--max-rejected")
    if given.get("delimiter") in {"tab", "\\t"}:
        given["delimiter"] = "\t"
    return given


def _mapping(pairs: list[str]) -> dict[str, str]:
    mapping = {}
    for pair in pairs:
        column, found, attribute = pair.rpartition("=")
        if not found or not column.strip() or not attribute.strip():
            raise Invalid(f"--map {pair!r} is not COLUMN=ATTRIBUTE, like --map Vorname=first_name")
        if column.strip() in mapping:
            raise Invalid(f"--map names the column {column.strip()!r} twice.")
        mapping[column.strip()] = attribute.strip()
    return mapping


def _share(text: str, option: str) -> float:
    checked = share_or_count(text, option)
    if not checked.endswith("%"):
        raise Invalid(f"{option} {text!r} is not a share. Write it like 30%.")
    return float(checked[:-1]) / 100
