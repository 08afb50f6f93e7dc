"""Unsubscribe tokens: who got which message, signed, and good for ever, since an opt-out must never be refused."""

import hmac
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error

_PLAIN = struct.Struct(">II")
_WIDE = struct.Struct(">QQ")
_SIGNED = 16


def make_token(secret: bytes, trigger: int, profile: int) -> str:
    """The token of one person's message in one send: letters, digits, `-` and `_`."""
    plain = (_PLAIN if max(trigger, profile) < 1 << 32 else _WIDE).pack(trigger, profile)
    return urlsafe_b64encode(plain + _signature(secret, plain)).rstrip(b"=").decode("ascii")


def read_token(secret: bytes, token: str) -> tuple[int, int] | None:
    """The trigger and the profile that a token names; None where it is not one of ours."""
    try:
        octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Error, ValueError):
        return None
    plain, signature = octets[:-_SIGNED], octets[-_SIGNED:]
    if len(plain) not in (_PLAIN.size, _WIDE.size) or not hmac.compare_digest(signature, _signature(secret, plain)):
        return None
    # Of the last letter's bits not all count: only the way that it was written is ours.
    if urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != token:
        return None
    trigger, profile = (_PLAIN if len(plain) == _PLAIN.size else _WIDE).unpack(plain)
    return trigger, profile


def _signature(secret: bytes, plain: bytes) -> bytes:
    return hmac.digest(secret, b"unsubscribe" + plain, "sha256")[:_SIGNED]
