"""Attributes: the built-in ones and those that the user adds, each a typed column of the profiles."""

from dataclasses import dataclass

from xpimport.clock import now, to_text
from xpimport.errors import Invalid, Refused
from xpimport.rules.cells import STRING_LENGTH
from xpimport.rules.values import ATTRIBUTE_TYPES, BUILT_IN, SQL_TYPES, Kinds, valid_name
from xpimport.store.database import Store

# Columns of our own, and words that a template could not use as a name.
RESERVED = frozenset(
    {"id", "created_task", "changed_task", "email_key", "rowid", "oid", "row", "key", "unsubscribe_url"}
) | frozenset({"user", "loop", "self", "true", "false", "none", "and", "or", "not", "in", "is", "if", "else", "for"})


@dataclass(frozen=True)
class Attribute:
    """A name with a type; `max_length` in characters, for strings only."""

    name: str
    type: str
    max_length: int | None
    built_in: bool


def everything(store: Store) -> dict[str, Attribute]:
    """All attributes by name, the built-in ones first."""
    found = {name: Attribute(name, kind, None, built_in=True) for name, kind in BUILT_IN.items()}
    for row in store.all("SELECT name, type, max_length FROM attributes ORDER BY created_at, name"):
        found[row["name"]] = Attribute(row["name"], row["type"], row["max_length"], built_in=False)
    return found


def add(store: Store, name: str, kind: str, max_length: int | None = None) -> Attribute:
    """Add an attribute: one more column of the profiles.

    Raises:
        Invalid: the name or the type cannot be used.
        Refused: the name is taken.
    """
    if not valid_name(name) or len(name) > 64:
        raise Invalid(
            f"{name!r} is no attribute name: lower-case letters, digits and _, a letter first, like first_name."
        )
    if kind not in ATTRIBUTE_TYPES:
        raise Invalid(f"There is no type {kind!r}. The types are: {', '.join(ATTRIBUTE_TYPES)}.")
    if max_length is not None and (kind != "string" or not 1 <= max_length <= 100_000):
        raise Invalid("--max-length is for strings, from 1 to 100000 characters.")
    if name in RESERVED:
        raise Refused(f"The name {name!r} is reserved. Choose another, like {name}_1.")
    if kind == "string" and max_length is None:
        max_length = STRING_LENGTH
    import sqlite_utils

    with store.writing():
        if name in everything(store):
            raise Refused(f"There is an attribute {name!r} already. See: xpimport attribute list")
        store.db.execute(
            "INSERT INTO attributes (name, type, max_length, created_at) VALUES (?, ?, ?, ?)",
            (name, kind, max_length, to_text(now())),
        )
        profiles = sqlite_utils.Database(store.db, execute_plugins=False).table("profiles")
        profiles.add_column(name, SQL_TYPES[kind])
    return Attribute(name, kind, max_length, built_in=False)


def kinds(store: Store) -> Kinds:
    """All attributes, each with its type and, for strings, how many characters it holds."""
    return {name: (found.type, found.max_length) for name, found in everything(store).items()}


def types(store: Store) -> dict[str, str]:
    """All attributes, each with its type."""
    return {name: found.type for name, found in everything(store).items()}
