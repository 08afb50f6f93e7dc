"""A campaign's content, checked once and then filled in for one person after another."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xpimport.errors import Invalid
from xpimport.sending.content.css import inlined, with_preheader
from xpimport.sending.content.plaintext import to_plain_text

if TYPE_CHECKING:
    from jinja2.environment import Template

MAX_PART = 1 << 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class NotPersonalised(Exception):
    """One person's message cannot be made; `detail` says why, without the person's values."""

    def __init__(self, detail: str) -> None:
        """Keep the `detail`."""
        super().__init__(detail)
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Rendered:
    """One person's content: a subject of one line, the plain text, and HTML where the campaign has it."""

    subject: str
    text: str
    html: str | None


@dataclass(frozen=True, slots=True)
class Templates:
    """The compiled parts of one campaign; may be used by several threads. Made by `compile_templates`."""

    subject: "Template"
    text: "Template | None"
    html: "Template | None"
    preheader: "Template | None"
    has_user: bool
    limit: int
    finish: Callable[[str], str] | None = None
    """What is done to a person's HTML before its CSS moves into the elements."""

    def render(self, profile: Mapping[str, object]) -> Rendered:
        """Fill in the attributes of one person (None and absent are the same: no value).

        Raises:
            NotPersonalised: a value is missing and all are asked for, the template does something that
                this person's values do not bear, or a part is longer than the limit or holds a NUL.
        """
        variables = variables_of(self.subject, profile, has_user=self.has_user)
        subject = _CONTROL.sub(" ", self._part("subject", self.subject, variables)).strip()
        html = self._part("html", self.html, variables) if self.html else None
        text = self._part("text", self.text, variables) if self.text else to_plain_text(html or "")
        if html is not None:
            html = self._finished(html, variables)
        return Rendered(subject, text, html)

    def _finished(self, html: str, variables: dict[str, Any]) -> str:
        if self.finish is not None:
            html = self.finish(html)
        try:
            html = inlined(html)
        except ValueError as error:
            raise NotPersonalised(f"html: {error}") from None
        if self.preheader is None:
            return html
        return with_preheader(html, self._part("preheader", self.preheader, variables))

    def _part(self, name: str, template: "Template", variables: dict[str, Any]) -> str:
        from jinja2 import TemplateError

        from xpimport.sending.content.sandbox import pieces

        kept: list[str] = []
        length = 0
        try:
            for piece in pieces(template, variables):
                length += len(piece)
                if length > self.limit:
                    raise NotPersonalised(f"{name}: longer than {self.limit} characters")
                kept.append(piece)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise NotPersonalised(f"{name}{_line(template, error)}: {error}") from None
        except (RecursionError, MemoryError):
            raise NotPersonalised(f"{name}: nested too deeply or too large") from None
        text = "".join(kept)
        if "\0" in text:
            raise NotPersonalised(f"{name}: a value holds a NUL")
        return text


def variables_of(template: "Template", profile: Mapping[str, object], *, has_user: bool) -> dict[str, Any]:
    """What a template may use of one person."""
    from xpimport.sending.content.sandbox import Person

    values = {
        name: int(value) if type(value) is float and value.is_integer() else value
        for name, value in profile.items()
        if value is not None
    }
    variables: dict[str, Any] = {**template.globals, **values}
    if has_user:
        variables["user"] = Person(values)
    return variables


def _line(template: "Template", error: Exception) -> str:
    """Where in the template an error came up, as `, line 3`."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_globals.get("__jinja_template__") is template:
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {line}" if line else ""


def compile_templates(
    *,
    subject: str,
    text: str | None,
    html: str | None,
    names: Collection[str],
    strict: bool,
    preheader: str | None = None,
    limit: int = MAX_PART,
    finish: Callable[[str], str] | None = None,
) -> Templates:
    """Check the content of a campaign.

    Args:
        subject: the template of the subject line.
        text: the template of the plain text; None: it is made from the HTML of each person.
        html: the template of the HTML; None: the message is plain text only.
        names: the attributes that profiles have; `{{ name }}` and `{{ user.name }}` are the same.
        strict: printing a missing value fails the message instead of printing nothing.
        preheader: the template of the line that mail programs show after the subject; the HTML carries it.
        limit: characters of one rendered part.
        finish: what is done to a person's HTML before its CSS moves into the elements.

    Raises:
        Invalid: a preheader without HTML; neither `text` nor `html`; or the part, the line and what is wrong there.
    """
    from xpimport.sending.content.lint import compile_part

    if text is None and html is None:
        raise Invalid("The campaign has no content. Give it --text FILE, --html FILE or both.")

    if preheader and html is None:
        raise Invalid("--preheader stands in the HTML, and the campaign has none. Give it --html FILE.")

    def part(name: str, source: str) -> "Template":
        return compile_part(name, source, autoescape=name == "html", names=names, strict=strict)

    return Templates(
        subject=part("subject", subject),
        text=None if text is None else part("text", text),
        html=None if html is None else part("html", html),
        preheader=part("preheader", preheader) if preheader else None,
        has_user="user" not in names,
        limit=limit,
        finish=finish,
    )
