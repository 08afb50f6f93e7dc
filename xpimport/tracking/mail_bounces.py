"""Whom a mail says that a message did not reach: in the fields of RFC 3464, else in the words of a program of old."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xpimport.rules.bounces import Bounce, bounce_of
from xpimport.tracking.mail_text import ReadMail, address_in, unix_lines

_STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
_RECIPIENT = re.compile(r"^(?:Final|Original)-Recipient[ \t]*:", re.IGNORECASE | re.MULTILINE)
_ACTION = re.compile(r"^Action[ \t]*:", re.IGNORECASE | re.MULTILINE)
_FIELD = re.compile(r"^([!-9;-~]+)[ \t]*:[ \t]*(.*(?:\n[ \t]+\S.*)*)", re.MULTILINE)
_BEGINS = frozenset({"original-recipient", "final-recipient", "action"})
_FAILED = ("fail", "error")  # OpenSMTPD wrote error

_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPLY_4 = re.compile(r"(?<![\d.:])4[25]\d(?=[ -])")
_REPLY_5 = re.compile(r"(?<![\d.:])5[05]\d(?=[ -])")
_UNCLEAR = ("", "5.0.0")
_EXPIRED = "5.4.7"

_COPY = re.compile(
    r"^[ \t]{0,20}-{2,80}.{0,80}?(?:copy|original|returned|unsent|undelivered|message (?:follows|header|text))"
    r"|^(?:Received|Return-Path|Message-ID):",
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_WORDS = 1 << 16
_LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """A recipient whom a message did not reach for good, as the mail has it; `gone`: nobody reads there any more."""

    address: str | None
    gone: bool
    detail: str


# RFC 3464 (RFC 6533 where addresses are not ASCII)


def status_texts(mail: ReadMail, *, trusted: bool) -> list[str]:
    """The fields of a delivery report; none: it is no such report.

    Some gateways declare them as text, where they count if the mail is a report or else from a mail server (`trusted`).
    """
    declared = list(mail.texts(*_STATUS_TYPES))
    if declared or not (trusted or mail.type == "multipart/report"):
        return declared
    plain = mail.texts("text/plain", "application/octet-stream", mail.type)
    return [text for text in plain if _RECIPIENT.search(text) and _ACTION.search(text)]


def failures_in_fields(texts: Iterable[str], words: str) -> list[Failure] | None:
    """The recipients who failed, by the fields of a report; None: the fields say nothing of any.

    `words`: what the report says to people, which is asked where one recipient failed and the fields are not clear.
    """
    blocks = [
        block for text in texts for block in _blocks(text[:_LONGEST_WORDS]) if "action" in block or "status" in block
    ]
    if not blocks:
        return None
    failed = [block for block in blocks if _has_failed(block)]
    found = (_failure(block, words if len(failed) == 1 else "") for block in failed)
    return _once(failure for failure in found if failure)


def _once(failures: Iterable[Failure]) -> list[Failure]:
    """One for each address, which some programs name once for each time that they tried; gone if any says so."""
    by_address: dict[str, Failure] = {}
    for failure in failures:
        name = (failure.address or "").lower()
        if name not in by_address or failure.gone > by_address[name].gone:
            by_address[name] = failure
    return list(by_address.values())


def _blocks(text: str) -> Iterator[dict[str, str]]:
    """The fields by recipient: an empty line is between two, or is missing."""
    for paragraph in re.split(r"\n[ \t]*\n", text):
        block: dict[str, str] = {}
        for field in _FIELD.finditer(paragraph):
            name = field[1].lower()
            if name in block and name in _BEGINS:
                yield block
                block = {}
            block.setdefault(name, " ".join(field[2].split()))
        yield block


def _has_failed(block: dict[str, str]) -> bool:
    action = block.get("action", "").lower()
    return action.startswith(_FAILED) if action else _status(block).startswith("5")


def _status(block: dict[str, str]) -> str:
    found = _ENHANCED.search(block.get("status", ""))
    return found[1] if found else ""


def _failure(block: dict[str, str], words: str) -> Failure | None:
    diagnostic = block.get("diagnostic-code", "")
    status = _status(block)
    if status in _UNCLEAR:
        status = _clearer(status, diagnostic)
    address = address_in(block.get("original-recipient", "")) or address_in(block.get("final-recipient", ""))
    about = diagnostic or (address and _about(address, words)) or words
    bounce = bounce_of(status, about)
    return None if bounce is None else Failure(address, bounce is Bounce.GONE, _detail(status, about))


def _clearer(status: str, diagnostic: str) -> str:
    """The code in a server's reply where the report's own says nothing; what was given up after a 4.x.x has expired."""
    inner = code_in(diagnostic)
    return _EXPIRED if status and inner.startswith("4") else inner or status


def code_in(text: str) -> str:
    """The enhanced code that a text has, a final one first; 4.0.0 for a temporary reply without one; else empty."""
    codes = [found[1] for found in _ENHANCED.finditer(text)]
    final = next((code for code in codes if code.startswith("5")), "")
    if final or _REPLY_5.search(text):
        return final
    return next((code for code in codes if code.startswith("4")), "4.0.0" if _REPLY_4.search(text) else "")


def _detail(status: str, text: str) -> str:
    words = " ".join(text.split())
    return (words if status and status in words else f"{status} {words}").strip()[:_LONGEST_DETAIL]


# Programs that write for people only


def words_of(mail: ReadMail) -> str:
    """What a mail says to people, without the copy of a message below it."""
    text = "\n".join(mail.texts("text/plain", mail.type))[:_LONGEST_WORDS]
    copy = _COPY.search(text)
    return text[: copy.start()] if copy else text


def failures_in_words(octets: bytes, words: str) -> list[Failure]:
    """The recipients who failed, as flufl.bounce finds them in the words of a report that has no fields.

    It calls final what is not: a code of 4.x.x beside the address is believed before it, and without a code or words that
    say so the address is not taken for gone.
    """
    failures = []
    found = _final(octets)
    for address in sorted(found):
        about = _about(address, words) or (words if len(found) == 1 else "")
        status = code_in(about)
        bounce = bounce_of(status, about)
        if bounce is not None:
            failures.append(Failure(address, bounce is Bounce.GONE, _detail(status, about)))
    return failures


def _final(octets: bytes) -> set[str]:
    import logging
    from email import message_from_bytes

    from flufl.bounce import all_failures

    logger = logging.getLogger("flufl.bounce")
    if not logger.handlers:  # it writes what it stumbles over to the screen else
        logger.addHandler(logging.NullHandler())
    try:
        temporary, final = all_failures(message_from_bytes(unix_lines(octets[:_LONGEST_WORDS])))
    except Exception:  # noqa: BLE001 - guesses of many kinds over bytes that anybody may send
        return set()
    addresses = {address.decode("ascii", "replace").strip("<> ") for address in final - temporary}
    return {address for address in addresses if address_in(address) == address}


def _about(address: str, words: str) -> str:
    """The paragraphs that name an address."""
    wanted = address.lower()
    return "\n\n".join(one for one in re.split(r"\n[ \t]*\n", words) if wanted in one.lower())
