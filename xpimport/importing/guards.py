"""Limits that a list must keep before anything of it is merged."""

from statistics import median

from xpimport.rules.definition import Definition, over_limit
from xpimport.store.database import Store


def check_guards(
    store: Store, import_id: int, definition: Definition, read: int, rejected: int, *, rest: bool = False
) -> str | None:
    """What is unusual about a list of `read` rows, in a sentence; None when every guard is content.

    The `rest` of a list is as short as it is, so it need not be as long as a whole one.
    """
    if not rest and definition.min_rows is not None and read < definition.min_rows:
        return f"The list has {read} rows; --min-rows asks for at least {definition.min_rows}."
    if definition.max_rows is not None and read > definition.max_rows:
        return f"The list has {read} rows; --max-rows allows {definition.max_rows}."
    if definition.max_rejected is not None and over_limit(rejected, read, definition.max_rejected):
        return f"{rejected} of {read} rows were rejected; --max-rejected allows {definition.max_rejected}."
    if not rest and definition.max_change is not None:
        return _changed_too_much(store, import_id, definition.max_change, read)
    return None


def _changed_too_much(store: Store, import_id: int, share: float, read: int) -> str | None:
    earlier = [
        row["rows_read"]
        for row in store.all(
            "SELECT rows_read FROM tasks WHERE import_id = ? AND status = 'completed' AND rest_of IS NULL"
            " ORDER BY id DESC LIMIT 5",
            import_id,
        )
    ]
    if not earlier:
        return None
    usual = median(earlier)
    if abs(read - usual) <= share * usual:
        return None
    return (
        f"The list has {read} rows; the last {len(earlier)} completed runs had {usual:g} (median), "
        f"and --max-change allows {share:.0%} of difference."
    )
