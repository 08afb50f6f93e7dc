"""Whether a post is from the provider that it says it is from. No network: what is needed is passed in.

What arrived is never to blame for an error: whatever it is, it verifies or it does not. Only a key of ours that cannot be
used is said in words (Invalid).
"""

import hashlib
import hmac
import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from xpimport.errors import Invalid

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

REPLAY_WINDOW = 25 * 3600.0
"""Seconds that a signed time may be away from now: they post again for a day, and clocks differ."""

_AMAZON = r"https://sns\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/"
_CERTIFICATE_URL = re.compile(_AMAZON + r"SimpleNotificationService-[a-z0-9]+\.pem")
_SUBSCRIBE_URL = re.compile(_AMAZON + r"\?Action=ConfirmSubscription&[!-~]+")

_NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED = {
    "Notification": _NOTIFICATION,
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}


def certificate_url(envelope: Mapping[str, object]) -> str | None:
    """Where the certificate of an SNS envelope is to be had; None where that is not Amazon's (and nothing is fetched)."""
    url = envelope.get("SigningCertURL")
    return url if isinstance(url, str) and _CERTIFICATE_URL.fullmatch(url) else None


def subscribe_url(envelope: Mapping[str, object]) -> str | None:
    """Where a subscription to a topic is confirmed; None where that is not Amazon's. For verified envelopes only."""
    url = envelope.get("SubscribeURL")
    return url if isinstance(url, str) and _SUBSCRIBE_URL.fullmatch(url) else None


def verify_sns(envelope: Mapping[str, object], certificate: bytes, now: float) -> bool:
    """Whether an SNS envelope is signed by this certificate (PEM, from its `certificate_url`), which is good at `now`.

    Any AWS account has topics of its own that are signed as well: whose TopicArn it is, is for the caller to look at.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.x509 import load_pem_x509_certificate

    version, signed, signature = (
        envelope.get("SignatureVersion"),
        _sns_text(envelope),
        _base64(envelope.get("Signature")),
    )
    if version not in ("1", "2") or signed is None or not signature or certificate_url(envelope) is None:
        return False
    try:
        loaded = load_pem_x509_certificate(certificate)
        key = loaded.public_key()
        if not isinstance(key, RSAPublicKey):
            return False
        if not loaded.not_valid_before_utc <= datetime.fromtimestamp(now, UTC) <= loaded.not_valid_after_utc:
            return False
        # Version 1 is SNS' default still.
        key.verify(signature, signed, PKCS1v15(), hashes.SHA256() if version == "2" else hashes.SHA1())  # noqa: S303
    except (ValueError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _sns_text(envelope: Mapping[str, object]) -> bytes | None:
    """What SNS signs: the name and value of each field that is there, a line each; None where one is no text."""
    kind = envelope.get("Type")
    names = _SIGNED.get(kind) if isinstance(kind, str) else None
    if names is None:
        return None
    fields = [(name, envelope[name]) for name in names if envelope.get(name) is not None]
    if not all(isinstance(value, str) for _, value in fields):
        return None
    return _octets("".join(f"{name}\n{value}\n" for name, value in fields))


def verify_sendgrid(
    key: str, signature: object, timestamp: object, body: bytes, now: float, window: float = REPLAY_WINDOW
) -> bool:
    """Whether SendGrid signed these headers' time and this body, octet for octet as it came, with the key that it shows.

    Raises:
        Invalid: the key is none.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA

    public, signed, at = _sendgrid_key(key), _base64(signature), _octets(timestamp)
    if not signed or at is None or not _is_recent(timestamp, now, window):
        return False
    try:
        public.verify(signed, at + body, ECDSA(hashes.SHA256()))
    except (ValueError, InvalidSignature):
        return False
    return True


@lru_cache(maxsize=8)
def _sendgrid_key(key: str) -> "EllipticCurvePublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    octets = _base64("".join(re.sub(r"-----[A-Z ]+-----", "", key).split()))
    try:
        public = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        public = None
    if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
        raise Invalid(
            "The verification key of SendGrid cannot be used: it is the line of letters and digits that SendGrid shows for "
            "its signed event webhook. Copy it from there once more."
        )
    return public


def verify_mailgun(key: str, signature: object, now: float, window: float = REPLAY_WINDOW) -> bool:
    """Whether the `signature` object of a Mailgun body is made with this signing key, lately.

    It does not cover the body: it says that who wrote this has seen a post of Mailgun within the window.
    """
    if not isinstance(signature, dict):
        return False
    timestamp, token, given = (signature.get(name) for name in ("timestamp", "token", "signature"))
    if isinstance(timestamp, int) and not isinstance(timestamp, bool) and abs(timestamp) < 1e12:
        timestamp = str(timestamp)
    if not (isinstance(timestamp, str) and isinstance(token, str) and token and _is_recent(timestamp, now, window)):
        return False
    signed = _octets(timestamp + token)
    if signed is None:
        return False
    return _same(given, hmac.new(_secret(key, "signing key of Mailgun"), signed, hashlib.sha256).hexdigest())


def verify_password(authorization: str | None, password: str, user: str | None = None) -> bool:
    """Whether an `Authorization: Basic` header has this password (and user), as it does that stood in the hook's URL."""
    _secret(password, "password")
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    given_user, colon, given = _base64(encoded.strip()).decode("utf-8", "replace").partition(":")
    right = _same(given, password)
    return bool(colon) and right and (user is None or _same(given_user, user))


def verify_header(given: str | None, secret: str) -> bool:
    """Whether a header that the provider was told to send has the value that it was told."""
    _secret(secret, "secret")
    return _same(given, secret)


def _secret(secret: str, name: str) -> bytes:
    """An empty secret would let everybody in."""
    octets = _octets(secret.strip())
    if not octets:
        raise Invalid(f"The {name} is empty or no text. Set it, or nothing can be verified.")
    return octets


def _same(given: object, expected: str) -> bool:
    """Compared in a time that does not say how much of it was right."""
    octets = _octets(given)
    return octets is not None and hmac.compare_digest(octets, expected.encode("utf-8", "replace"))


def _is_recent(timestamp: object, now: float, window: float) -> bool:
    if not isinstance(timestamp, str) or not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return False
    return abs(now - int(timestamp)) <= window


def _base64(text: object) -> bytes:
    """The octets of a text in base64; none where it is not."""
    try:
        return b64decode(text, validate=True) if isinstance(text, str) else b""
    except ValueError:
        return b""


def _octets(text: object) -> bytes | None:
    """None for what is no text, or none that can be sent (a half of a surrogate pair, as JSON may have it)."""
    try:
        return text.encode() if isinstance(text, str) else None
    except UnicodeEncodeError:
        return None
