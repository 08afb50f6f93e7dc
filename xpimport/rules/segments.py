"""Segments: a condition on attributes, parsed into SQL in which every value is bound and every name is known.

A person without a value matches no comparison with it, under `not` neither; `is not set` finds them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from xpimport.errors import Invalid
from xpimport.rules.values import check_column

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,)"
    r"|(?P<word>[A-Za-z0-9_.+:@-]+))"
)
_COMPARISONS = {"=": "=", "!=": "<>", "<>": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ORDERED = {"number", "integer", "date", "datetime", "string"}
_KEYWORDS = {"and", "or", "not", "in", "is", "set", "contains", "starts", "with"}
MAX_LENGTH = 4000
MAX_DEPTH = 50


@dataclass(frozen=True)
class Segment:
    """A parsed condition: SQL about a profile `p` with named values."""

    sql: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_segment(text: str, kinds: Mapping[str, str]) -> Segment:
    """The condition that `text` says, for attributes of these kinds (name -> type).

    `language = 'en' and (points >= 100 or tier in ('gold', 'silver'))`; also `!= < <= >`, `not`, `contains`,
    `starts with`, `is set`, `is not set`. Dates and texts stand in quotes.

    Raises:
        Invalid: where it goes wrong (character, from 1) and what would fit there.
    """
    if len(text) > MAX_LENGTH:
        raise Invalid(f"The segment is longer than {MAX_LENGTH} characters.")
    parser = _Parser(_tokens(text), kinds)
    return Segment(f"(({parser.whole()}) IS TRUE)", parser.values)


def _tokens(text: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise Invalid(f"The segment, character {at + 1}: {text[at]!r} cannot stand here. Texts stand in quotes.")
        found.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup) + 1))
        at = match.end()
    return [*found, _Token("end", "", len(text) + 1)]


class _Parser:
    def __init__(self, tokens: list[_Token], kinds: Mapping[str, str]) -> None:
        self._tokens, self._kinds = tokens, kinds
        self._place = 0
        self._depth = 0
        self.values: dict[str, object] = {}

    def whole(self) -> str:
        sql = self._any()
        if self._here.kind != "end":
            raise self._wrong("`and`, `or` or the end")
        return sql

    @property
    def _here(self) -> _Token:
        return self._tokens[self._place]

    def _wrong(self, wanted: str) -> Invalid:
        here = self._here
        found = repr(here.text) if here.text else "the end"
        return Invalid(f"The segment, character {here.at}: {wanted} should stand here, not {found}.")

    def _take(self, *texts: str) -> bool:
        """Step over these words or signs, if they stand here."""
        following = self._tokens[self._place : self._place + len(texts)]
        if [token.text.lower() for token in following if token.kind != "text"] != list(texts):
            return False
        self._place += len(texts)
        return True

    def _any(self) -> str:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise Invalid("The segment is nested too deeply.")
        parts = [self._all()]
        while self._take("or"):
            parts.append(self._all())
        self._depth -= 1
        return parts[0] if len(parts) == 1 else f"({' OR '.join(parts)})"

    def _all(self) -> str:
        parts = [self._one()]
        while self._take("and"):
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else f"({' AND '.join(parts)})"

    def _one(self) -> str:
        if self._take("not"):
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise Invalid("The segment is nested too deeply.")
            inner = self._one()
            self._depth -= 1
            return f"(NOT {inner})"
        if self._take("("):
            inner = self._any()
            if not self._take(")"):
                raise self._wrong("a closing bracket")
            return inner
        return self._comparison()

    def _comparison(self) -> str:
        name = self._attribute()
        column, kind = f'p."{name}"', self._kinds[name]
        if self._take("is", "not", "set"):
            return f"({column} IS NULL)"
        if self._take("is", "set"):
            return f"({column} IS NOT NULL)"
        if self._take("contains"):
            return f"(instr(lower({column}), lower({self._literal('string')})) > 0)"
        if self._take("starts", "with"):
            literal = self._literal("string")
            return f"(substr({column}, 1, length({literal})) = {literal})"
        if self._take("in"):
            return f"({column} IN ({self._list(kind)}))"
        if self._take("not", "in"):
            return f"({column} NOT IN ({self._list(kind)}))"
        sign = self._here
        if sign.kind != "sign" or sign.text not in _COMPARISONS:
            raise self._wrong("one of = != < <= > >= in, contains, starts with, is set")
        if sign.text not in {"=", "!=", "<>"} and kind not in _ORDERED:
            raise Invalid(f"The segment, character {sign.at}: a {kind} has no order. Write = or !=.")
        self._place += 1
        return f"({column} {_COMPARISONS[sign.text]} {self._literal(kind)})"

    def _attribute(self) -> str:
        name = self._here
        if name.kind != "word" or name.text.lower() in _KEYWORDS:
            raise self._wrong("an attribute")
        if name.text not in self._kinds:
            import difflib

            close = difflib.get_close_matches(name.text, self._kinds, n=1)
            hint = f"Did you mean {close[0]}?" if close else f"There are: {', '.join(sorted(self._kinds))}."
            raise Invalid(f"The segment, character {name.at}: no attribute is called {name.text!r}. {hint}")
        self._place += 1
        return name.text

    def _list(self, kind: str) -> str:
        if not self._take("("):
            raise self._wrong("an opening bracket")
        literals = [self._literal(kind)]
        while self._take(","):
            literals.append(self._literal(kind))
        if not self._take(")"):
            raise self._wrong("a comma or a closing bracket")
        return ", ".join(literals)

    def _literal(self, kind: str) -> str:
        here = self._here
        if here.kind == "text":
            quote = here.text[0]
            raw = here.text[1:-1].replace(quote * 2, quote)
        elif here.kind == "word" and kind in {"number", "integer", "boolean"}:
            raw = here.text
        else:
            raise self._wrong("a number" if kind in {"number", "integer"} else "a value in quotes")
        value: object = raw
        if kind not in {"string", "json"}:
            value = check_column(kind, [raw]).values[0]
            if value is None:
                raise Invalid(f"The segment, character {here.at}: {raw!r} is no {kind}.")
        self._place += 1
        name = f"segment_{len(self.values)}"
        self.values[name] = value
        return f":{name}"
