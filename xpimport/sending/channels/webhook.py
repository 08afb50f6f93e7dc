"""A JSON POST for each person, signed as in Standard Webhooks 1.0; for SMS and push gateways, and our users' own."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time

from xpimport.errors import Invalid
from xpimport.secrets import resolve
from xpimport.sending.channels import ACCEPTED, Outcome, Outgoing
from xpimport.sending.channels.http_post import ANSWER, Answer, HttpReceiver, NotSent, PerhapsReceived, host_header

_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
_WHO = frozenset({401, 403, 407})


@dataclass(frozen=True)
class Webhook:
    """A receiver; `secret` and `token` are references, `dedupes` that it knows a repeated id."""

    url: str
    secret: str
    token: str
    allow_private: bool
    dedupes: bool
    ca_file: str
    timeout: float
    medium: str = "sms"

    def connect(self) -> "WebhookSession":
        """Look the receiver up, and read the secrets.

        Raises:
            Unreachable: its name cannot be looked up.
            Invalid: a secret cannot be had, or the receiver is in a private network.
        """
        return WebhookSession(self)


class WebhookSession:
    """Posts messages."""

    def __init__(self, webhook: Webhook) -> None:
        """Prepare what all requests have in common."""
        self._webhook = webhook
        self._key = signing_key(resolve(webhook.secret)) if webhook.secret else None
        self._headers = {"Content-Type": "application/json", "User-Agent": "xpimport", "Host": host_header(webhook.url)}
        if webhook.token:
            self._headers["Authorization"] = f"Bearer {resolve(webhook.token)}"
        self._receiver = HttpReceiver(
            webhook.url, allow_private=webhook.allow_private, ca_file=webhook.ca_file, timeout=webhook.timeout
        )

    def send(self, message: Outgoing) -> Outcome:
        """Post one message; its id is the same on every attempt."""
        at = str(int(time()))
        headers = {**self._headers, "webhook-id": message.key, "Idempotency-Key": message.key, "webhook-timestamp": at}
        if self._key is not None:
            headers["webhook-signature"] = signature(self._key, message.key, at, message.body)
        try:
            answer = self._receiver.post(message.body, headers)
        except NotSent as problem:
            return Outcome("retry", "unreachable", str(problem), connection_lost=True)
        except PerhapsReceived as problem:
            return Outcome("retry" if self._webhook.dedupes else "uncertain", "no_answer", str(problem))
        return outcome_of(answer)

    def close(self) -> None:
        """Hang up."""
        self._receiver.close()


def outcome_of(answer: Answer) -> Outcome:
    """What an answer means for the message."""
    if 200 <= answer.status < 300:
        return ACCEPTED
    if 300 <= answer.status < 400:
        detail = f"{answer.said} (redirects are not followed)"
        return Outcome("failed", "redirected", detail, reply=answer.reply)
    if answer.status in _WHO:
        return Outcome("retry", "auth_refused", answer.said, auth=True, reply=answer.reply)
    if answer.status in _LATER:
        return Outcome("retry", "temporary_refusal", answer.said, retry_after=answer.retry_after, reply=answer.reply)
    return Outcome("failed", "rejected_by_server", answer.said, reply=answer.reply)


def signing_key(secret: str) -> bytes:
    """The key of a secret: `whsec_` and base64, or any text."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except Error:
        raise Invalid("The webhook's secret begins with whsec_ but what follows is not base64.") from None


def signature(key: bytes, number: str, at: str, body: bytes) -> str:
    """The webhook-signature header: HMAC-SHA256 over `id.timestamp.body` (Standard Webhooks 1.0)."""
    signed = hmac.digest(key, f"{number}.{at}.".encode() + body, "sha256")
    return "v1," + b64encode(signed).decode("ascii")


def open_webhook(settings: Mapping[str, str], _directory: Path) -> Webhook:
    """The receiver that a campaign names; connects to nothing yet.

    Raises:
        Invalid: there is no URL.
    """
    url = settings.get("url", "")
    if not url.startswith(("https://", "http://")):
        raise Invalid("The campaign has no --url to post to.")
    return Webhook(
        url=url,
        secret=settings.get("secret", ""),
        token=settings.get("token", ""),
        allow_private=settings.get("allow_private") == "on",
        dedupes=settings.get("dedupes") == "on",
        ca_file=settings.get("http.ca_file", ""),
        timeout=float(settings.get("webhook.timeout") or ANSWER),
    )
