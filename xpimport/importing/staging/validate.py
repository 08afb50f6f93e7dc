"""Checks records column by column and parts the good rows from the rejected ones."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any

from xpimport.importing.formats import Malformed
from xpimport.importing.formats.blocks import ColumnBlock
from xpimport.rules.definition import SUBSCRIPTION
from xpimport.rules.emails import email_keys
from xpimport.rules.values import EMAIL_KEY, CheckedColumn, check_column

Row = tuple[object, ...]
"""Row number, key, and a value for each attribute of the layout; for `email_key` "" where it is the address."""


@dataclass(frozen=True)
class Column:
    """A column that is taken: its place and title in the file, the attribute it fills, how a cell is checked."""

    index: int
    title: str
    attribute: str
    kind: str
    max_length: int | None


@dataclass(frozen=True)
class RowLayout:
    """How the records of one file become rows.

    Attributes:
        columns: those that are taken, in the order of the file.
        attributes: what a row holds, in this order; a file may lack some of them.
        identify_by: the attribute that says who is who.
        base: added to a line to make the number of a row.
        region: the country of mobile numbers without one, or None.
    """

    columns: Sequence[Column]
    attributes: Sequence[str]
    identify_by: str
    base: int
    region: str | None = None


@dataclass(frozen=True)
class ValidatedBlock:
    """Records that were checked.

    Attributes:
        keys: of all of them, None where there is none.
        rows: the good ones.
        rejected: (row number, column, value, code, cells as JSON).
        opting_out: those of the rejected ones that say no, as rows with what is good of them.
    """

    keys: Sequence[Any]
    rows: Iterable[Row]
    rejected: list[Row]
    opting_out: list[Row]


class RowValidator:
    """Checks the records of one file."""

    def __init__(self, layout: RowLayout) -> None:
        self._layout = layout
        self._identifier = next(column for column in layout.columns if column.attribute == layout.identify_by)

    def _checked(self, column: Column, cells: Sequence[str]) -> CheckedColumn:
        return check_column(column.kind, cells, column.max_length, region=self._layout.region)

    def check(self, found: ColumnBlock) -> ValidatedBlock:
        """Part records into good rows and rejected ones."""
        bad: dict[int, tuple[Column, str]] = {}
        values: dict[str, Sequence[object]] = {}
        for column in self._layout.columns:
            checked = self._checked(column, found.cells[column.index])
            values[column.attribute] = checked.values
            for index, reason in checked.bad.items():
                bad.setdefault(index, (column, reason))
        keys = values[self._layout.identify_by]
        self._put_identifier_first(keys, found, bad)
        if "email" in values:
            emails: Sequence[Any] = values["email"]
            email_key = email_keys(emails)
            # Not None, which costs SQLite's driver more than a text.
            values[EMAIL_KEY] = (
                [""] * len(keys)
                if email_key is emails
                else ["" if key == own else key for key, own in zip(email_key, emails, strict=True)]
            )
            if self._layout.identify_by == "email":
                keys = email_key
        rejected = [self._rejection(found, index, *why) for index, why in bad.items()]
        rejected += [self._malformed(one) for one in found.malformed]
        return ValidatedBlock(
            keys, self._rows(found, keys, values, bad), rejected, self._opting_out(found, keys, values, bad)
        )

    def _opting_out(
        self,
        found: ColumnBlock,
        keys: Sequence[object],
        values: dict[str, Sequence[object]],
        bad: Mapping[int, object],
    ) -> list[Row]:
        """Rejected rows that say no: an opt-out counts, whatever else is wrong with its row."""
        said = [values[name] for name in SUBSCRIPTION.values() if name in values]
        nothing: Sequence[object] = [None] * len(keys)
        laid = [values.get(name, nothing) for name in self._layout.attributes]
        return [
            (self._layout.base + found.lines[index], keys[index], *(column[index] for column in laid))
            for index in bad
            if any(column[index] == 0 and column[index] is not None for column in said)
        ]

    def _put_identifier_first(
        self, keys: Sequence[object], found: ColumnBlock, bad: dict[int, tuple[Column, str]]
    ) -> None:
        if all(keys):
            return
        for index in [index for index, key in enumerate(keys) if key is None]:
            bad[index] = (self._identifier, self._why_no_key(found.cells[self._identifier.index][index]))

    def _why_no_key(self, cell: str) -> str:
        checked = self._checked(self._identifier, [cell])
        return checked.bad.get(0, "missing_identifier")

    def _rows(
        self,
        found: ColumnBlock,
        keys: Sequence[object],
        values: dict[str, Sequence[object]],
        bad: dict[int, tuple[Column, str]],
    ) -> Iterable[Row]:
        base = self._layout.base
        numbers: Iterable[int] = [base + line for line in found.lines] if base else found.lines
        nothing: Sequence[object] = [None] * len(keys)
        laid = [values.get(name, nothing) for name in self._layout.attributes]
        # Not a list: what takes one row after the other has each made in the place of the one before.
        rows = zip(numbers, keys, *laid, strict=True)
        if not bad:
            return rows
        good = bytearray(b"\1") * len(keys)
        for index in bad:
            good[index] = 0
        return compress(rows, good)

    def _rejection(self, found: ColumnBlock, index: int, column: Column, reason: str) -> Row:
        record = [cells[index] for cells in found.cells]
        cells = json.dumps(record, ensure_ascii=False)
        return (self._layout.base + found.lines[index], column.title, record[column.index], reason, cells)

    def _malformed(self, found: Malformed) -> Row:
        """The identifier comes first here too: a row too short to have one is missing it."""
        cells = json.dumps(found.cells, ensure_ascii=False)
        row = self._layout.base + found.line
        place = self._identifier
        if found.reason == "wrong_column_count":
            cell = found.cells[place.index] if place.index < len(found.cells) else ""
            checked = self._checked(place, [cell])
            if checked.values[0] is None:
                return (row, place.title, cell, checked.bad.get(0, "missing_identifier"), cells)
        return (row, None, found.detail, found.reason, cells)
