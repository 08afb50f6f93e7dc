"""What a mail says of a message of ours: that it did not arrive, that its reader complains, or wants no more.

Anybody can write to the mailbox that this is read from, so nothing is believed without a key that this store signed, and
a key counts only where we put it: people quote our mails in their answers, and programs answer those of their own accord.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from xpimport.rules.events import MAIL, Kind, NotUnderstood, Reported
from xpimport.rules.tokens import Purpose
from xpimport.tracking.mail_bounces import Failure, failures_in_fields, failures_in_words, status_texts, words_of
from xpimport.tracking.mail_keys import answered_key, message_key, opt_out_token
from xpimport.tracking.mail_text import ReadMail, address_in, read_mail

Verified = Callable[[str, Purpose], bool]
"""Whether a key is one of this store for a purpose."""

_SUBJECT_ALONE = re.compile(
    r"(?:(?:re|fwd?|aw|wg)\s*:\s*)*(?:please\s+)?unsubscribe(?:\s+me)?[\s.!:]*(?:[\w-]{20,100})?", re.IGNORECASE
)
_SERVER = re.compile(
    r"mailer-?daemon|postmaster|mail[-_. ]?(?:delivery|system|admin|router|gateway)|deliver|bounce|daemon|no-?reply"
    r"|administrator",
    re.IGNORECASE,
)
_OWN_NAME = re.compile(r"(?:mailer-daemon|postmaster)@", re.IGNORECASE)

_RECEIPT = "message/disposition-notification"
_FEEDBACK = "message/feedback-report"
_FEEDBACK_TYPE = re.compile(r"^Feedback-Type[ \t]*:[ \t]*([\w-]+)", re.IGNORECASE | re.MULTILINE)
_FEEDBACK_FIELD = re.compile(r"^(?:Feedback-Type|User-Agent|Version)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_COMPLAINED_OF = re.compile(r"^Original-Rcpt-To[ \t]*:(.{0,300})", re.IGNORECASE | re.MULTILINE)
_NO_COMPLAINTS = frozenset({"not-spam", "miscategorized", "auth-failure", "dkim", "virus"})
"""What is reported in the form of a complaint, and is none (RFC 5965, RFC 6430, RFC 6591; two are of drafts before these)."""


@dataclass(frozen=True, slots=True)
class NoKey:
    """What a mail says without a key of ours: nothing is done, until a person says so (`no_key`)."""

    kind: Kind
    address: str | None
    time: float | None
    gone: bool = False
    detail: str | None = None


Reports = list[Reported | NoKey]


def parse(octets: bytes, verified: Verified) -> Reports | NotUnderstood | None:
    """What a mail of any bytes reports; None: nothing, as letters of people, automatic answers and advertisements."""
    mail = read_mail(octets)
    if mail is None:
        return NotUnderstood("it is made of parts in a way that cannot be read")
    if token := opt_out_token(mail, lambda token: verified(token, Purpose.UNSUBSCRIBE)):
        # Who wrote it is nothing to go by: the token says whom it opts out.
        return [Reported(Kind.UNSUBSCRIBED, MAIL, mail.time(), token, id=_id(mail), purpose=Purpose.UNSUBSCRIBE)]
    return _reported(mail, octets, lambda key: verified(key, Purpose.MESSAGE))


def _reported(mail: ReadMail, octets: bytes, ours: Callable[[str], bool]) -> Reports | NotUnderstood | None:
    from_server, automatic = _is_from_server(mail), _answers_by_itself(mail)
    status = status_texts(mail, trusted=bool(from_server) and not automatic)
    if status:
        failures = failures_in_fields(status, words_of(mail))
        if failures is None:  # it has fields, but of no recipient: some programs say the rest to people only
            failures = failures_in_words(octets, words_of(mail))
            if not failures:
                return NotUnderstood("it is a delivery report that says of no recipient what became of the message")
        return _bounced(mail, failures, message_key(mail, status, ours) or answered_key(mail, status, ours))
    if (feedback := _feedback(mail)) is not None:
        return _complained(mail, feedback, message_key(mail, (), ours))
    if automatic or _RECEIPT in (part.type for part in mail.parts):
        return None
    if _SUBJECT_ALONE.fullmatch(mail.field("subject")):
        return [NoKey(Kind.UNSUBSCRIBED, address_in(mail.field("from")), mail.time())]
    if from_server is False:
        return None
    return _bounced(mail, failures_in_words(octets, words_of(mail)), message_key(mail, (), ours))


def _bounced(mail: ReadMail, failures: Iterable[Failure], key: str | None) -> Reports | None:
    said: Reports = []
    for number, failure in enumerate(failures):
        address, gone, detail = failure.address, failure.gone, failure.detail
        if key is None:
            said.append(NoKey(Kind.BOUNCED, address, mail.time(), gone, detail))
        else:
            said.append(
                Reported(Kind.BOUNCED, MAIL, mail.time(), key, address, id=_id(mail, number), gone=gone, detail=detail)
            )
    return said or None


# Complaints (RFC 5965)


def _feedback(mail: ReadMail) -> str | None:
    """The fields of an abuse report; None: it is none. In a report some gateways declare them as text."""
    types = (_FEEDBACK, "text/plain") if mail.type == "multipart/report" else (_FEEDBACK,)
    for part in mail.parts:
        if part.type == _FEEDBACK or (part.type in types and len(_FEEDBACK_FIELD.findall(part.text)) > 1):
            return part.text
    return None


def _complained(mail: ReadMail, feedback: str, key: str | None) -> Reports | None:
    """A type that is missing or not known is a complaint too. The address is often hidden, so only our key says who."""
    found = _FEEDBACK_TYPE.search(feedback)
    kind = found[1].lower() if found else ""
    if kind in _NO_COMPLAINTS:
        return None
    if key is not None:
        return [Reported(Kind.COMPLAINED, MAIL, mail.time(), key, id=_id(mail), detail=kind or None)]
    of = _COMPLAINED_OF.search(feedback)
    return [NoKey(Kind.COMPLAINED, address_in(of[1]) if of else None, mail.time(), detail=kind or None)]


# Who wrote it


def _is_from_server(mail: ReadMail) -> bool | None:
    """Whether a mail server wrote this, or somebody with an address; None: nothing says."""
    if _SERVER.search(mail.field("from")):
        return True
    path = mail.field("return-path")
    if path.strip("<> \t"):
        return bool(_SERVER.search(path))
    return True if path else None


def _answers_by_itself(mail: ReadMail) -> bool:
    """Whether a program answers for a person who is away. Mail servers mark their reports in the same way."""
    if "x-failed-recipients" in mail.fields or _OWN_NAME.match(address_in(mail.field("from")) or ""):
        return False
    return (
        mail.field("auto-submitted").lower().startswith("auto-replied")
        or "x-autoreply" in mail.fields
        or "x-autorespond" in mail.fields
        or mail.field("precedence").lower() in ("auto_reply", "auto-reply")
    )


def _id(mail: ReadMail, number: int = 0) -> str | None:
    """What stays the same when a report is read again: its own Message-ID, and which of its recipients."""
    own = mail.field("message-id")[:200]
    return (f"{own} {number}" if number else own) or None
