"""Where a templated link leads one person: made at the click, by the engine that makes the messages."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from xpimport.sending.content.compose import decoded
from xpimport.sending.content.links import BEGIN, END
from xpimport.sending.content.markup import constructs
from xpimport.sending.content.urls import as_browsers_read, value_of

if TYPE_CHECKING:
    from jinja2.environment import Template

_ADDRESS = re.compile(f"{BEGIN}([^{BEGIN}{END}]*){END}")


def filled(template: str, values: Mapping[str, Any], kinds: Mapping[str, str], nth: int = 0) -> str:
    """The address that a link's template makes of a person's values as stored; `nth` of those that a loop makes.

    What cannot be made for this person, who may have changed since or be forgotten, is made for nobody in particular: a
    link in somebody's mailbox leads to its host for ever.
    """
    found = _rendered(template, decoded(values, kinds), kinds)
    if BEGIN not in template:
        return _read(found) if found is not None else _fixed(template)
    made = _ADDRESS.findall(found or "")
    if nth < len(made):
        return _read(made[nth])
    alone = template.partition(BEGIN)[2].partition(END)[0]
    found = _rendered(alone, {}, kinds)
    return _read(found) if found is not None else _fixed(alone)


def _rendered(template: str, values: Mapping[str, object], kinds: Mapping[str, str]) -> str | None:
    from xpimport.sending.content.render import variables_of
    from xpimport.sending.content.sandbox import pieces

    try:
        compiled = _compiled(template)
        return "".join(pieces(compiled, variables_of(compiled, values, has_user="user" not in kinds)))
    except Exception:  # noqa: BLE001 - whatever a template does with a person's values
        return None


@lru_cache(maxsize=500)
def _compiled(template: str) -> "Template":
    from xpimport.sending.content.sandbox import Missing, environment

    return environment(autoescape=True, missing=Missing).from_string(template)


def _read(written: str) -> str:
    return as_browsers_read(value_of(written))


def _fixed(template: str) -> str:
    """What of a link's template is the same for everybody."""
    first = next((start for _, start, _ in constructs(template)), len(template))
    return _read(template[:first])
