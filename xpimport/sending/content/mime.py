"""A rendered message as RFC 5322 bytes, with exactly one recipient.

`email.message` takes 2 ms to flatten one message. All messages of a campaign have the same structure, so a
`MessageSkeleton` settles it once and fills in the few headers and the bodies. The tests parse what it makes
with the `email` package and compare.
"""

import binascii
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from urllib.parse import quote

from xpimport.errors import Invalid
from xpimport.sending.channels import Outgoing
from xpimport.sending.content.headers import (
    checked_id,
    date_text,
    envelope,
    extra,
    mailbox,
    own_header,
    parse_sender,
    unstructured,
)
from xpimport.sending.content.render import Rendered

# A body cannot hold it: "=" is followed by hex digits or a line end in quoted-printable, and stands only at
# the end in base64.
_BOUNDARY = "=_xpimport_part"
_OUTER = "=_xpimport_whole"


class MessageSkeleton:
    """What all messages from one sender have in common. May be used by several threads."""

    def __init__(
        self,
        sender: str,
        *,
        reply_to: str | None = None,
        headers: Sequence[str] = (),
        attachments: Sequence[tuple[str, str, bytes]] = (),
    ) -> None:
        """Take the From and Reply-To (an address, or a name and an address in angle brackets), `Name: value` lines,
        and files as (name, type, content).

        Raises:
            Invalid: a value is not exactly one address, holds a control character, or is a header of ours.
        """
        name, address = parse_sender(sender)
        self.sender, wide = envelope("From", address)
        if wide:
            raise Invalid(f"From: {address!r} needs ASCII before the @. Use another sender address.")
        self._from = f"From: {mailbox(name, self.sender)}\r\n"
        if reply_to:
            name, address = parse_sender(reply_to)
            self._from += f"Reply-To: {mailbox(name, envelope('Reply-To', address)[0])}\r\n"
        for line in headers:
            self._from += own_header(line)
        self._attached = b"".join(_attachment(*file) for file in attachments)

    def outgoing(
        self,
        rendered: Rendered,
        *,
        key: str,
        to: str,
        message_id: str,
        date: datetime,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Outgoing:
        """Build one message.

        Args:
            rendered: the subject and the parts.
            key: the idempotency key of this person's message.
            to: one bare address; an international domain becomes punycode.
            message_id: `left@right`, with or without angle brackets.
            date: an aware time for the Date header.
            extra_headers: List-Unsubscribe and such; values are text of one line.

        Raises:
            Invalid: a control character in a header value, a NUL or half a surrogate pair in a part, `to`
                is not one address, a header that only this class may write, a naive date.
        """
        address, wide = envelope("To", to)
        headers = "".join(
            (
                self._from,
                f"To: {address}\r\n",
                unstructured("Subject", rendered.subject),
                f"Date: {date_text(date)}\r\nMessage-ID: <{checked_id(message_id)}>\r\n",
                *(extra(name, value) for name, value in (extra_headers or {}).items()),
                "MIME-Version: 1.0\r\n",
            )
        )
        body = headers.encode() + self._content(rendered)
        return Outgoing(key=key, to=address, sender=self.sender, body=body, smtputf8=wide)

    def _content(self, rendered: Rendered) -> bytes:
        if not self._attached:
            return _bodies(rendered)
        border = b"--" + _OUTER.encode()
        head = f'Content-Type: multipart/mixed; boundary="{_OUTER}"\r\n\r\n'.encode()
        return b"".join((head, border, b"\r\n", _bodies(rendered), self._attached, b"\r\n", border, b"--\r\n"))


def _attachment(name: str, kind: str, content: bytes) -> bytes:
    """A part with its border; base64 is made once for all messages."""
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name) or not name.isprintable():
        raise Invalid(f"The file name {name!r} of an attachment holds a control character. Rename the file.")
    if name.isascii() and not set(name) & set('"\\'):
        parameter = f'filename="{name}"'
    else:
        parameter = f"filename*=utf-8''{quote(name, safe='')}"
    head = (
        f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n {parameter}"
    )
    return f"\r\n--{_OUTER}\r\n{head}\r\n\r\n".encode() + _base64_lines(content)


def _bodies(rendered: Rendered) -> bytes:
    text = _part("text", "plain", rendered.text)
    if rendered.html is None:
        return text
    border = b"--" + _BOUNDARY.encode()
    return b"".join(
        (
            f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'.encode(),
            border,
            b"\r\n",
            text,
            b"\r\n",
            border,
            b"\r\n",
            _part("html", "html", rendered.html),
            b"\r\n",
            border,
            b"--\r\n",
        )
    )


def _part(name: str, subtype: str, text: str) -> bytes:
    """One body with its headers; ends with a line end, as every text does."""
    if "\0" in text:
        raise Invalid(f"{name}: a NUL cannot be sent in a message.")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.endswith("\n"):
        text += "\n"
    try:
        octets = text.replace("\n", "\r\n").encode()
    except UnicodeEncodeError:
        raise Invalid(f"{name}: half a surrogate pair cannot be sent in a message.") from None
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: "
    # Quoted-printable triples what is not ASCII; beyond a sixth of the octets, base64 is shorter.
    if len(octets) - len(text) - text.count("\n") > len(octets) // 12:
        return f"{head}base64\r\n\r\n".encode() + _base64_lines(octets)
    return f"{head}quoted-printable\r\n\r\n".encode() + binascii.b2a_qp(octets, istext=True)


def _base64_lines(octets: bytes) -> bytes:
    encoded = b64encode(octets)
    lines = [encoded[start : start + 76] for start in range(0, len(encoded), 76)]
    return b"\r\n".join(lines) + b"\r\n"
