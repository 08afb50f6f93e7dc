"""Templates into one page that needs nothing beside itself: its style within, no script, and a policy that holds it to that."""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from xpimport.rules.visible import visible

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

_TEMPLATES = Path(__file__).parent / "templates"


def rendered(template: str, page: object) -> str:
    """The page as HTML. Everything in it is escaped, and what would not be seen of it is made visible."""
    from markupsafe import Markup

    style = (_TEMPLATES / "page.css").read_text(encoding="utf-8")
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return _templates().get_template(template).render(page=page, style=Markup(style), style_hash=digest)  # noqa: S704


@cache
def _templates() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    found = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )
    found.filters |= {"breaking": _breaking, "command": _command, "percent": _percent}
    return found


def _finished(value: object) -> object:
    from markupsafe import Markup

    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _percent(value: float) -> str:
    """A place or width in SVG."""
    return f"{value:.2f}%"


def _breaking(url: str) -> "Markup":
    """An address that may be broken behind a slash."""
    from markupsafe import Markup, escape

    return Markup("/<wbr>").join(escape(visible(part)) for part in url.split("/"))


def _command(text: str) -> "Markup":
    """A command whose options are never broken."""
    from markupsafe import Markup

    words = [
        Markup('<span class="nb">{}</span>').format(visible(word))
        if word.startswith("--")
        else Markup("{}").format(visible(word))
        for word in text.split(" ")
    ]
    return Markup(" ").join(words)
