"""A JSON POST for each person, signed as in Standard Webhooks 1.0; for SMS and push gateways, and our users' own."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Any

from xpimport.errors import Invalid
from xpimport.rules.definition import MEDIA
from xpimport.rules.refusals import about, is_entered
from xpimport.rules.setting_kinds import SECONDS, count
from xpimport.rules.settings import HTTP_CA_FILE, Setting, Settings
from xpimport.secrets import resolve
from xpimport.sending.channels import ACCEPTED, Outcome, Outgoing
from xpimport.sending.channels.declaration import CampaignOptions, ChannelKind, Content
from xpimport.sending.channels.http_post import Answer, HttpReceiver, NotSent, PerhapsReceived, host_header

CONNECTIONS = Setting(
    "webhook.connections", "8", count(1, 64), "how many connections to a receiver a send opens at once"
)
TIMEOUT = Setting("webhook.timeout", "1m", SECONDS, "how long to wait for a receiver's answer")

_LATER = frozenset({408, 425, 429, 503})
_OWN_HEADERS = frozenset(
    {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "idempotency-key",
    }
)


@dataclass(frozen=True)
class Webhook:
    """A receiver; `secret` and `token` are references, `dedupes` that it knows a repeated id.

    `headers` are those of the campaign, by name.
    """

    url: str
    secret: str
    token: str
    allow_private: bool
    dedupes: bool
    ca_file: str
    timeout: float
    headers: Mapping[str, str]

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
        self._headers = {"Content-Type": "application/json", "User-Agent": "xpimport", **webhook.headers}
        self._headers["Host"] = host_header(webhook.url)
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
        return outcome_of(answer, dedupes=self._webhook.dedupes)

    def close(self) -> None:
        """Hang up."""
        self._receiver.close()


def outcome_of(answer: Answer, *, dedupes: bool) -> Outcome:
    """What an answer means for the message."""
    if 200 <= answer.status < 300:
        return ACCEPTED
    reply, wait = answer.reply, answer.retry_after
    if is_entered(reply):
        return Outcome("retry" if dedupes else "uncertain", "server_error", answer.said, retry_after=wait, reply=reply)
    whose = about(reply, retry_after=wait is not None)
    if answer.status in _LATER:
        return Outcome("retry", "temporary_refusal", answer.said, retry_after=wait, reply=reply, about=whose)
    if 300 <= answer.status < 400:
        detail = f"{answer.said} (redirects are not followed)"
        return Outcome("failed", "redirected", detail, reply=reply, about=whose)
    return Outcome("failed", "rejected_by_server", answer.said, reply=reply, about=whose)


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


def open_webhook(settings: Settings, options: Mapping[str, Any], _directory: Path) -> Webhook:
    """The receiver that a campaign names; connects to nothing yet.

    Raises:
        Invalid: there is no URL.
    """
    url = options.get("url", "")
    if not url.startswith(("https://", "http://")):
        raise Invalid("The campaign has no --url to post to.")
    return Webhook(
        url=url,
        secret=options.get("secret", ""),
        token=options.get("token", ""),
        allow_private=bool(options.get("allow_private")),
        dedupes=bool(options.get("dedupes")),
        ca_file=str(settings[HTTP_CA_FILE] or ""),
        timeout=settings[TIMEOUT],
        headers=_own_headers(options.get("headers", ())),
    )


def _own_headers(lines: Iterable[str]) -> dict[str, str]:
    """The headers of a campaign (`Name: value`) but those that the request itself needs."""
    pairs = ((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines))
    return {name: value for name, value in pairs if name.lower() not in _OWN_HEADERS}


def _check(campaign: CampaignOptions) -> None:
    if not campaign.url:
        raise Invalid("A webhook needs to know where it is posted to: --url https://gateway.example.com/messages")
    if not campaign.text:
        raise Invalid("A webhook needs its JSON body, a template: --text FILE")
    if not campaign.url.startswith(("https://", "http://")):
        raise Invalid(f"--url {campaign.url!r} is no https address.")


CHANNEL = ChannelKind(
    name="webhook",
    help="a JSON POST for each person",
    media=MEDIA,
    content=Content.JSON,
    by_user_id=False,
    keeps_consent=False,
    people_a_call=1,
    connections=lambda settings: settings[CONNECTIONS],
    leaves_machine=True,
    local=False,
    settings=(CONNECTIONS, TIMEOUT),
    own_options=("url",),
    check=_check,
    open=open_webhook,
)
