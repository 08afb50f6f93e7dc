"""What is done to a person's HTML before it goes out: the preheader is put in, and CSS moves into the elements."""

import re
from functools import cache
from typing import TYPE_CHECKING

from markupsafe import escape

if TYPE_CHECKING:
    from css_inline import CSSInliner

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)
_STYLE = re.compile(r"<style\b", re.IGNORECASE)
_FOR_OTHERS = re.compile(r"<!(\[(?:if\b|endif)[^\]>]*\])>", re.IGNORECASE)
"""What Outlook reads and others do not see: `<![if !mso]>` and its end."""
_TAG = re.compile(r"<(/?)([a-z][^\s/>]*)", re.IGNORECASE)
# These end by themselves, at the latest with the element around them, and so cannot stand in each other.
_NO_DEPTH = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
    | {"p", "li", "td", "th", "tr", "dt", "dd", "option", "thead", "tbody", "tfoot"}
)
MAX_DEPTH = 512
"""Elements inside each other; the inliner's parser recurses on the native stack, and some 10,000 kill the process."""
_HIDDEN = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all">{}'
    # Mail programs fill the rest of the line with what follows; this is nothing that can be seen.
    + "&#847;&zwnj;&nbsp;" * 40
    + "</div>"
)


@cache
def _inliner() -> "CSSInliner":
    from css_inline import CSSInliner

    # Rules that cannot stand in an element (@media, :hover) stay where they are.
    return CSSInliner(load_remote_stylesheets=False, keep_style_tags=False, keep_at_rules=True)


def with_preheader(html: str, preheader: str) -> str:
    """The HTML with a line that mail programs show after the subject, and nobody sees in the message."""
    if not preheader.strip():
        return html
    hidden = _HIDDEN.format(escape(" ".join(preheader.split())))
    body = _BODY.search(html)
    at = body.end() if body else 0
    return html[:at] + hidden + html[at:]


def inlined(html: str) -> str:
    """The HTML with the rules of its `<style>` elements put into the elements they are about; nothing is fetched.

    Raises:
        ValueError: the CSS cannot be inlined, or elements are nested too deeply.
    """
    if not _STYLE.search(html):
        return html
    if _depth(html) > MAX_DEPTH:
        raise ValueError(f"more than {MAX_DEPTH} elements are nested in each other")
    from css_inline import InlineError

    try:
        return _with_conditions(_inliner().inline(html), html)
    except InlineError as problem:
        raise ValueError(f"its CSS cannot be inlined: {problem}") from None
    except BaseException as problem:
        # A panic of the library is no Exception, though it only says that this HTML was too much for it.
        if type(problem).__name__ != "PanicException":
            raise
        raise ValueError(f"its CSS cannot be inlined: {problem}") from None


def _with_conditions(html: str, before: str) -> str:
    """The inliner makes comments of `<![if !mso]>`, and Outlook would then show what is meant for others."""
    for condition in set(_FOR_OTHERS.findall(before)):
        comment = f"<!--{condition}-->"
        if comment not in before:
            html = html.replace(comment, f"<!{condition}>")
    return html


def _depth(html: str) -> int:
    """How many elements stand in each other at most; a count too high for broken HTML, never too low."""
    depth = deepest = 0
    for found in _TAG.finditer(html):
        if found[2].lower() in _NO_DEPTH:
            continue
        depth = max(0, depth - 1) if found[1] else depth + 1
        deepest = max(deepest, depth)
    return deepest
