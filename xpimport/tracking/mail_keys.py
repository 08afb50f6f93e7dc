"""Where a mail may have a key of ours: where we put it, or where a report puts the Message-ID of what it returns.

Not in References, nor in what people quote: answers have it there too. Each place is asked in turn whether what stands
there is ours; a forged key is none.
"""

import re
from collections.abc import Callable, Iterable, Iterator

from xpimport.tracking.mail_text import ReadMail

_KEY = r"([A-Za-z2-7]{32,100})"
_MESSAGE_ID = re.compile(rf"^Message-ID[ \t]*:\s*(?:<?{_KEY}@)?", re.IGNORECASE | re.MULTILINE)
_PASTED = re.compile(rf"^[ \t>|]*(?:X-)?(?:Original-)?Message-ID[ \t]*:\s*<?{_KEY}@", re.IGNORECASE | re.MULTILINE)
_OF_REPORT = re.compile(
    rf"^(?:X-)?Original-(?:Message|Envelope)-ID[ \t]*:\s*(?:<?{_KEY}(?:@|>|\s|$))?", re.IGNORECASE | re.MULTILINE
)
_OTHER = re.compile(r"^(?:X-)?Original-Message-ID[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ONE_ID = re.compile(rf"<{_KEY}@[^<>\s]+>")
_TAGGED = re.compile(rf"\+{_KEY}@")

_TOKEN = r"([A-Za-z0-9_-]{20,100})"  # noqa: S105 - a pattern
_SUBJECT = re.compile(rf"unsubscribe(?:%20|[\s:+=])+<?{_TOKEN}", re.IGNORECASE)
_TAGGED_TOKEN = re.compile(rf"\+{_TOKEN}@")

_RECIPIENTS = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to")
_RETURNED = (
    "message/rfc822",
    "message/global",
    "text/rfc822-headers",
    "message/rfc822-headers",
    "message/global-headers",
)

Ours = Callable[[str], bool]


def opt_out_token(mail: ReadMail, ours: Ours) -> str | None:
    """The token that List-Unsubscribe of our message made a mail program send back, in the subject or the recipient.

    Not every program takes the `%20` of a link for a space.
    """
    found = [token[1] for token in _SUBJECT.finditer(mail.field("subject"))]
    return next((token for token in [*found, *_tags(mail, _TAGGED_TOKEN)] if ours(token)), None)


def message_key(mail: ReadMail, status: Iterable[str], ours: Ours) -> str | None:
    """The key of the message that a report is about; `status`: the fields of a delivery report.

    A mail to the bounce address of one message is about that message. Else the message that was returned says, and where
    it has an id of its own, nothing below it does: somebody may have answered our message there.
    """
    ids = [*_returned(mail), *_of_report(mail, status)]
    if not ids:
        ids = [found[1] for text in _pasted(mail) for found in _PASTED.finditer(text)]
    return next((key.lower() for key in [*_tags(mail, _TAGGED), *ids] if key and ours(key)), None)


def answered_key(mail: ReadMail, status: Iterable[str], ours: Ours) -> str | None:
    """The key in In-Reply-To of a delivery report that returns nothing of the message, as Exchange writes: there it is
    the id of what was returned.

    Not in References, which has what that message answered as well.
    """
    if any(part.type in _RETURNED for part in mail.parts) or any(map(_OTHER.search, status)):
        return None
    found = _ONE_ID.fullmatch(mail.field("in-reply-to"))
    return found[1].lower() if found and ours(found[1]) else None


def _tags(mail: ReadMail, pattern: re.Pattern[str]) -> Iterator[str]:
    for name in _RECIPIENTS:
        for value in mail.fields.get(name, ()):
            yield from (found[1] for found in pattern.finditer(value))


def _returned(mail: ReadMail) -> list[str | None]:
    """The ids of the returned messages, as their heads say; None for one that is not like ours."""
    heads = (text.lstrip("\n").partition("\n\n")[0] for text in mail.texts(*_RETURNED))
    return [found[1] for head in heads for found in _MESSAGE_ID.finditer(head)]


def _of_report(mail: ReadMail, status: Iterable[str]) -> list[str | None]:
    """The ids that the fields of a report name, or those of the mail that it came in."""
    own = (f"{name}: {value}" for name, values in mail.fields.items() for value in values)
    return [found[1] for text in [*status, *own] for found in _OF_REPORT.finditer(text)]


def _pasted(mail: ReadMail) -> Iterator[str]:
    return (part.text for part in mail.parts if not part.type.startswith("message/"))
