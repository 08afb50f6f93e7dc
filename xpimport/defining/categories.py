"""Categories: kinds of campaigns, each with how often a person may get one."""

from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.defining.campaigns import check_name
from xpimport.errors import Invalid, NotFound, Refused
from xpimport.hints import command
from xpimport.store.database import Store


@dataclass(frozen=True)
class Category:
    """Caps count messages of calendar days: today, the last 7, the last 30, today included, in the store's zone.

    The time between two messages is `cool_down` in seconds or `cool_down_days` in calendar days.
    """

    name: str
    per_day: int | None = None
    per_week: int | None = None
    per_month: int | None = None
    cool_down: int | None = None
    cool_down_days: int | None = None


_COLUMNS = "name, per_day, per_week, per_month, cool_down, cool_down_days"


def add(store: Store, draft: Category) -> Category:
    """Keep a new category.

    Raises:
        Invalid: the name cannot be used, or nothing is limited.
        Refused: the name is taken.
    """
    name = check_name(draft.name, "a category")
    limits = (draft.per_day, draft.per_week, draft.per_month, draft.cool_down, draft.cool_down_days)
    if all(limit is None for limit in limits):
        raise Invalid("A category limits something: --per-day N, --per-week N, --per-month N or --cool-down 2d.")
    with store.writing():
        if store.scalar("SELECT 1 FROM categories WHERE name = ?", name):
            raise Refused(f"There is a category {name!r} already. See: xpimport category list")
        store.db.execute(
            f"INSERT INTO categories ({_COLUMNS}, created_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, *limits, to_text(now())),
        )
    return get(store, name)


def get(store: Store, name: str) -> Category:
    """The category of that name.

    Raises:
        NotFound: there is none.
    """
    row = store.one(f"SELECT {_COLUMNS} FROM categories WHERE name = ?", name)
    if row is None:
        raise NotFound(
            f"There is no category {name!r}. Add it with: {command('category', 'add', name, '--per-week', 2)}"
        )
    return Category(*row)


def everything(store: Store) -> list[Category]:
    """All categories, newest first."""
    return [Category(*row) for row in store.all(f"SELECT {_COLUMNS} FROM categories ORDER BY created_at DESC, name")]


def remove(store: Store, name: str) -> None:
    """Take a category away.

    Raises:
        NotFound: there is none.
        Refused: a campaign is of it.
    """
    get(store, name)
    with store.writing():
        user = store.scalar("SELECT name FROM campaigns WHERE category = ? AND removed_at IS NULL", name)
        if user is not None:
            raise Refused(
                f"The campaign {user!r} is of this category. First: {command('campaign', 'edit', user, '--category', 'none')}"
            )
        store.db.execute("DELETE FROM categories WHERE name = ?", (name,))
