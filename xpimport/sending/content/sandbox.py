"""The template language: Jinja2 in a sandbox, with the Twig helpers that campaign authors expect.

The one owner of jinja2. Nothing in a template may reach Python's objects or use unbounded memory, whoever
wrote it: what grows a text by an argument (`*`, `+`, `~`, `join`, `replace`, `range`) is bounded, filters
that cannot be bounded are not offered, and methods are those that never return more than they were given.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from jinja2 import ChainableUndefined, UndefinedError, nodes, pass_context  # noqa: TID253
from jinja2.compiler import CodeGenerator, Frame  # noqa: TID253
from jinja2.environment import Template  # noqa: TID253
from jinja2.exceptions import SecurityError  # noqa: TID253
from jinja2.runtime import Context, Undefined  # noqa: TID253
from jinja2.sandbox import ImmutableSandboxedEnvironment  # noqa: TID253

from xpimport.sending.content.filters import FILTERS, MAX_LENGTH, TooLarge, check_length, is_empty

MAX_RANGE = 10_000
MAX_DIGITS = 18
MAX_BITS = 256
MAX_SECONDS = 2.0
"""Of computing for one part of a message; a usual one takes less than a ten-thousandth of it."""

_EACH = "for each"
_running = threading.local()

_KEPT_FILTERS = (
    "abs", "capitalize", "count", "dictsort", "e", "escape", "first", "float", "forceescape", "groupby", "int",
    "items", "last", "length", "list", "lower", "map", "max", "min", "reject", "rejectattr", "reverse", "round",
    "safe", "select", "selectattr", "sort", "string", "striptags", "sum", "title", "trim", "truncate", "unique",
    "upper", "urlencode", "wordcount",
)  # fmt: skip
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        {
            *("startswith", "endswith", "upper", "lower", "title", "capitalize", "strip", "lstrip", "rstrip"),
            *("split", "isdigit", "isalpha", "find", "count"),
        }
    ),
    dict: frozenset({"items", "keys", "values", "get"}),
}


class Person(dict[str, object]):
    """What `user` is in a template: the values that one person has."""

    __slots__ = ()


class _NoValue(ChainableUndefined):
    """A value that a person does not have."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        return self._undefined_hint or f"{self._undefined_name} has no value"


class Missing(_NoValue):
    """Prints as nothing, is false, is neither less nor more than anything, and has no methods."""

    __slots__ = ()

    def __call__(self, *_: Any, **__: Any) -> Any:
        return self

    def __lt__(self, other: Any) -> Any:
        return False

    __le__ = __gt__ = __ge__ = __lt__


class StrictMissing(_NoValue):
    """Where every value is needed: may be asked for (`if`, `default`), but not printed."""

    __slots__ = ()

    def __str__(self) -> str:
        raise UndefinedError(self._undefined_message)


class Probe(Missing):
    """Stands for any value at all, so that a trial gets past what is done with it."""

    __slots__ = ()

    def _absorb(self, *_: Any, **__: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _absorb
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __neg__ = __pos__ = _absorb


def _check_time() -> None:
    # The thread's own time: a machine that sleeps or is busy makes nobody's message fail.
    if time.thread_time() > getattr(_running, "until", float("inf")):
        raise SecurityError(f"more than {MAX_SECONDS:g} seconds of computing")


@pass_context
def _each(_: Context, items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        _check_time()
        yield item


class _Generator(CodeGenerator):
    """Sends `a ~ b` and the rounds of loops through the environment, which bounds them."""

    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        for loop in list(node.find_all(nodes.For)):
            loop.iter = nodes.Filter(loop.iter, _EACH, [], [], None, None, lineno=loop.lineno)
        super().visit_Template(node, frame)

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802 - Jinja's name
        self.write("environment.joined(context, (")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox for one kind of part."""

    intercepted_binops = frozenset({"*", "**", "+", "%"})
    code_generator_class = _Generator

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ARG002
        """Compute `left operator right`; refuses what would be longer than a message may be."""
        _check_time()
        if isinstance(left, Undefined) or isinstance(right, Undefined):
            return self.binop_table[operator](left, right)
        if operator == "%" and not isinstance(left, int | float):
            raise SecurityError("% works on numbers only")
        if operator == "**":
            _check_power(left, right)
        if operator == "*":
            _check_product(left, right)
        result = self.binop_table[operator](left, right)
        return check_length(result) if hasattr(result, "__len__") else result

    def joined(self, context: Context, parts: tuple[Any, ...]) -> Any:
        """`a ~ b`: the parts as text, in one text."""
        _check_time()
        finalize = self.finalize or str
        texts = [finalize(part) for part in parts]
        length = sum(len(text) for text in texts if isinstance(text, str))
        if length > MAX_LENGTH:
            raise TooLarge
        if context.eval_ctx.autoescape:
            from jinja2.runtime import markup_join

            return markup_join(texts)
        return "".join(map(str, texts))

    def call(self, context: Context, obj: Any, *arguments: Any, **named: Any) -> Any:
        """Call a macro, a method or a function, as long as there is time."""
        _check_time()
        return super().call(context, obj, *arguments, **named)

    def call_filter(self, *arguments: Any, **named: Any) -> Any:
        """Apply a filter to one item of many (`map`, `select`), as long as there is time."""
        _check_time()
        return super().call_filter(*arguments, **named)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`obj.attribute`: a key before a method; a person has no methods, but may have an attribute `items`."""
        if isinstance(obj, Person):
            return obj[attribute] if attribute in obj else self.undefined(name=attribute)
        if isinstance(obj, dict) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def wrap_str_format(self, value: Any) -> None:
        """Offer no `format`: a width in it makes a text of any length."""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Allow the listed methods of texts and mappings, and the public attributes of Jinja's own objects."""
        if isinstance(obj, Undefined):
            return not attr.startswith("_")
        for kind, allowed in _METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return type(obj).__module__.startswith("jinja2.") and super().is_safe_attribute(obj, attr, value)

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse at once: an undefined value would print as nothing."""
        raise SecurityError(f"{attribute!r} of a {type(obj).__name__} is not for templates")


def _check_power(left: Any, right: Any) -> None:
    if abs(left) > 1 and right * len(str(int(abs(left)))) > MAX_DIGITS:
        raise SecurityError("the result of ** is too large")


def _check_product(left: Any, right: Any) -> None:
    for one, other in ((left, right), (right, left)):
        if hasattr(one, "__len__") and isinstance(other, int) and len(one) * other > MAX_LENGTH:
            raise TooLarge
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > MAX_BITS:
        raise SecurityError("the result of * is too large")


def _bounded_range(*arguments: int) -> range:
    numbers = range(*arguments)
    try:
        length = len(numbers)
    except OverflowError:
        length = MAX_RANGE + 1
    if length > MAX_RANGE:
        raise SecurityError(f"range() of more than {MAX_RANGE} numbers")
    return numbers


def shown(value: Any) -> Any:
    """What is printed for a value: nothing for None, 3 for 3.0, never a whole list or mapping."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, list | tuple | dict | set):
        raise TypeError("a list or mapping cannot be printed; print its items, or use join")
    if type(value) is float and value.is_integer():
        return int(value)
    return value


def _shown_strictly(value: Any) -> Any:
    if value is None:
        raise UndefinedError("an expression has no value")
    return shown(value)


@cache
def environment(*, autoescape: bool, missing: type[Undefined]) -> Environment:
    """The sandbox with or without HTML escaping, and with what stands for a missing value."""
    made = Environment(
        autoescape=autoescape,
        undefined=missing,
        finalize=_shown_strictly if missing is StrictMissing else shown,
        keep_trailing_newline=True,
        cache_size=0,
    )
    made.filters = {name: made.filters[name] for name in _KEPT_FILTERS} | FILTERS | {_EACH: _each}
    made.tests |= {"empty": is_empty, "null": made.tests["none"]}
    made.globals = {"range": _bounded_range, "namespace": made.globals["namespace"], "null": None}
    return made


def pieces(template: Template, variables: dict[str, Any]) -> Iterator[str]:
    """The rendered text piece by piece; `variables` must hold the globals of the template too.

    Raises `SecurityError` after `MAX_SECONDS`; the clock of a thread is set again with each part that it begins.
    """
    _running.until = time.thread_time() + MAX_SECONDS
    context = Context(template.environment, variables, None, template.blocks)
    return template.root_render_func(context)
