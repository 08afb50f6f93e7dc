"""What is refused in a template before anything is sent: syntax, unknown names, Twig that Jinja has not."""

import difflib
import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes  # noqa: TID253 - belongs to sandbox.py, the owner
from jinja2.exceptions import SecurityError  # noqa: TID253
from jinja2.meta import find_undeclared_variables  # noqa: TID253

from xpimport.errors import Invalid
from xpimport.sending.content.sandbox import Environment, Missing, Probe, StrictMissing, environment, pieces

if TYPE_CHECKING:
    from jinja2.environment import Template

# What Twig has and Jinja has not: how it looks, its name, and what to write instead.
_TWIG_ONLY = tuple(
    (re.compile(pattern), name, instead)
    for pattern, name, instead in (
        (r"^-?\s*elseif\b", "elseif", "{% elif ... %}"),
        (r"^-?\s*(?:end)?verbatim\b", "{% verbatim %}", "{% raw %} ... {% endraw %}"),
        (r"\?\?", "??", "{{ a|default(b) }}"),
        (r"\?:", "?:", "{{ a or b }}"),
        (r"\?", "a ? b : c", "{{ b if a else c }}"),
        (r"\w\s*\.\.\s*\w", "1..3", "range(1, 4)"),
        (r"\bstarts\s+with\b", "starts with", "a.startswith(b)"),
        (r"\bends\s+with\b", "ends with", "a.endswith(b)"),
        (r"\bmatches\b", "matches", "==, in, a.startswith(b) or a.endswith(b); there are no regular expressions"),
    )
)
_TAG = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")

_OTHER_FILES = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)


def compile_part(part: str, source: str, *, autoescape: bool, names: Collection[str], strict: bool) -> "Template":
    """Check one part of a message and make it ready to render.

    Raises:
        Invalid: with the part and the line: bad syntax, an unknown filter, test or name, another file
            asked for, something that the sandbox refuses for everybody.
    """
    chosen = environment(autoescape=autoescape, missing=StrictMissing if strict else Missing)
    try:
        tree = chosen.parse(source)
        _check_tree(part, tree, chosen, names)
        template = chosen.from_string(source)
        _try_out(source, autoescape=autoescape)
    except TemplateSyntaxError as error:
        raise Invalid(f"{part}, line {error.lineno}: {_explain(source, error)}") from None
    except SecurityError as error:
        raise Invalid(f"{part}: {error.message}.") from None
    except RecursionError:
        raise Invalid(f"{part}: nested too deeply. Split the expression.") from None
    return template


def _try_out(source: str, *, autoescape: bool) -> None:
    """Render for nobody: what the sandbox refuses whatever the values are, is refused before the first send."""
    template = environment(autoescape=autoescape, missing=Probe).from_string(source)
    try:
        for _ in pieces(template, dict(template.globals)):
            pass
    except SecurityError:
        raise
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return  # it depends on values, and so may work for a person


def _check_tree(part: str, tree: nodes.Template, chosen: Environment, names: Collection[str]) -> None:
    for other in tree.find_all(_OTHER_FILES):
        raise Invalid(
            f"{part}, line {other.lineno}: {type(other).__name__.lower()} needs another file, and a template is one."
            " Write its text here."
        )
    for used in tree.find_all(nodes.Filter):
        _check_known(part, used.lineno, "filter", used.name, chosen.filters)
    for test in tree.find_all(nodes.Test):
        _check_known(part, test.lineno, "test", test.name, chosen.tests)
    for attribute in tree.find_all(nodes.Getattr):
        if attribute.attr.startswith("_"):
            raise Invalid(f"{part}, line {attribute.lineno}: .{attribute.attr} is not for templates.")
    _check_names(part, tree, set(names), set(chosen.globals))


def _check_known(part: str, line: int, kind: str, name: str, known: Mapping[str, Any]) -> None:
    if name not in known:
        hint = "number_format, or the ~ operator" if name == "format" else ""
        raise Invalid(f"{part}, line {line}: there is no {kind} {name!r}. {_close(name, known, hint)}")


def _check_names(part: str, tree: nodes.Template, known: set[str], offered: set[str]) -> None:
    free = find_undeclared_variables(tree) - offered
    for node in tree.find_all(nodes.Name):
        if node.name in free and node.name not in known and node.name != "user":
            raise Invalid(
                f"{part}, line {node.lineno}: no attribute is called {node.name!r}. {_close(node.name, known)}"
            )
    if "user" not in free or "user" in known:
        return
    for line, name in _asked_of_user(tree):
        if name not in known:
            raise Invalid(f"{part}, line {line}: no attribute is called {name!r}. {_close(name, known)}")


def _asked_of_user(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Each `user.name` and `user["name"]`, with its line."""
    for dotted in tree.find_all(nodes.Getattr):
        if isinstance(dotted.node, nodes.Name) and dotted.node.name == "user":
            yield dotted.lineno, dotted.attr
    for item in tree.find_all(nodes.Getitem):
        of_user = isinstance(item.node, nodes.Name) and item.node.name == "user"
        if of_user and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
            yield item.lineno, item.arg.value


def _close(name: str, known: Collection[str], hint: str = "") -> str:
    # Not what only this program calls by name.
    sayable = sorted(one for one in known if one.isidentifier())
    close = difflib.get_close_matches(name, sayable, n=3)
    if hint:
        return f"Write {hint}."
    if close:
        return f"Did you mean {' or '.join(close)}?"
    return f"Known are: {', '.join(sayable)}."


def _explain(source: str, error: TemplateSyntaxError) -> str:
    """Jinja's message, or, for a construct that only Twig has, its name and what to write instead."""
    for tag in _TAG.finditer(source):
        first = source.count("\n", 0, tag.start()) + 1
        last = first + tag.group().count("\n")
        if not first <= error.lineno <= last:
            continue
        code = _QUOTED.sub("''", tag.group(1) or tag.group(2) or "")
        for pattern, name, instead in _TWIG_ONLY:
            if pattern.search(code):
                return f"`{name}` is Twig, which Jinja does not have. Write {instead} instead."
    return f"{(error.message or 'bad syntax').rstrip('.')}."
