"""Signed keys that name a person's message in a send: in Message-IDs, provider variables and links.

A key is (epoch, trigger, profile) as variable-length numbers, and a short HMAC under its purpose, in base32 of small
letters, which survives folded case and fits the local part of an address. The epoch changes when a store goes on from
an older copy of itself, so that a number that is given out again never makes the same key.
"""

import hashlib
import hmac
import struct
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

_SHORTEST_TAG = 8
_PLAIN = struct.Struct(">II")
_WIDE = struct.Struct(">QQ")
_SIGNED = 16


class Purpose(Enum):
    """What a key may be used for: who sees a Message-ID must not be able to opt that person out."""

    MESSAGE = b"message"
    UNSUBSCRIBE = b"unsubscribe"
    OPEN = b"open"
    CLICK = b"click"


_OCTETS = {Purpose.MESSAGE: 20, Purpose.UNSUBSCRIBE: 25, Purpose.OPEN: 20, Purpose.CLICK: 25}
"""Of a whole key: 32 and 40 letters."""

_NUMBERS = {Purpose.CLICK: 5}
"""How many numbers a key holds, where they are not the three that name a message."""


@dataclass(frozen=True)
class Named:
    """Whom a key names; `epoch` None: a key of a store before there were epochs.

    A click's also names the link, and the how many-th of those (from 0) where a loop of the template made several.
    """

    epoch: int | None
    trigger: int
    profile: int
    link: int = 0
    nth: int = 0


def make_key(secret: bytes, purpose: Purpose, epoch: int, trigger: int, profile: int, *place: int) -> str:
    """The key of one person's message in one send, for one purpose; `place` is a click's link and which of those."""
    if purpose in {Purpose.OPEN, Purpose.CLICK}:
        return TriggerKeys(tracking_secret(secret, epoch, trigger), epoch, trigger).key(purpose, profile, *place)
    return _signed(secret, purpose, _numbers(epoch, trigger, profile))


def tracking_secret(secret: bytes, epoch: int, trigger: int) -> bytes:
    """What signs the opens and clicks of one send: whoever makes its messages elsewhere can sign nothing else with it."""
    return hmac.digest(secret, b"tracking " + _varint(epoch) + _varint(trigger), "sha256")


class TriggerKeys:
    """Makes the keys for opens and clicks of one send."""

    def __init__(self, secret: bytes, epoch: int, trigger: int) -> None:
        """Take the `tracking_secret` of that send."""
        self._secret, self._begins = secret, _varint(epoch) + _varint(trigger)

    def key(self, purpose: Purpose, profile: int, link: int = 0, nth: int = 0) -> str:
        """The key of one person's opens, or of their clicks on one link."""
        plain = self._begins + _varint(profile)
        if purpose is Purpose.CLICK:
            plain += _varint(link) + _varint(nth)
        return _signed(self._secret, purpose, plain)


def _signed(secret: bytes, purpose: Purpose, plain: bytes) -> str:
    length = max(_OCTETS[purpose] - len(plain), _SHORTEST_TAG)
    return b32encode(plain + _tag(secret, purpose, plain)[:length]).decode("ascii").rstrip("=").lower()


def read_key(secret: bytes, purpose: Purpose, key: str) -> Named | None:
    """Whom a key names; None where it is not one of ours for this purpose. Case does not matter."""
    try:
        octets = b32decode(key.upper() + "=" * (-len(key) % 8))
    except (Error, ValueError):
        return None
    numbers, place = [], 0
    for _ in range(_NUMBERS.get(purpose, 3)):
        number, place = _number(octets, place)
        if number is None:
            return None
        numbers.append(number)
    if len(octets) - place != max(_OCTETS[purpose] - place, _SHORTEST_TAG):
        return None
    # The key is made again and compared as it was written: of the last letter's bits not all count.
    made = make_key(secret, purpose, *numbers)
    return Named(*numbers) if hmac.compare_digest(made.encode(), key.lower().encode()) else None


@lru_cache(maxsize=8)  # a person has two keys, one after the other
def _numbers(epoch: int, trigger: int, profile: int) -> bytes:
    return b"".join(map(_varint, (epoch, trigger, profile)))


def _varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)


def _number(octets: bytes, place: int) -> tuple[int | None, int]:
    number = 0
    for shift in range(0, 64, 7):
        if place >= len(octets):
            return None, place
        octet = octets[place]
        number |= (octet & 0x7F) << shift
        place += 1
        if not octet & 0x80:
            return number, place
    return None, place


def _tag(secret: bytes, purpose: Purpose, plain: bytes) -> bytes:
    return hmac.digest(secret, b"key " + purpose.value + b"\0" + plain, "sha256")


def read_unsubscribe_token(secret: bytes, token: str) -> Named | None:
    """Whom an opt-out token names, of whatever age: an opt-out is never refused because its message is old."""
    return read_key(secret, Purpose.UNSUBSCRIBE, token) or _read_old_token(secret, token)


def old_key_of(store_id: str, trigger: int, profile: int) -> str:
    """The key of a person's message in a send that began before keys had epochs; the same on every attempt."""
    return hashlib.sha256(f"{store_id}/{trigger}/{profile}".encode()).hexdigest()[:32]


def make_old_token(secret: bytes, trigger: int, profile: int) -> str:
    """The opt-out token of a send that began before there were epochs, which keeps its tokens to its end."""
    plain = (_PLAIN if max(trigger, profile) < 1 << 32 else _WIDE).pack(trigger, profile)
    return urlsafe_b64encode(plain + _old_signature(secret, plain)).rstrip(b"=").decode("ascii")


def _read_old_token(secret: bytes, token: str) -> Named | None:
    try:
        octets = urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (Error, ValueError):
        return None
    plain, signature = octets[:-_SIGNED], octets[-_SIGNED:]
    if len(plain) not in (_PLAIN.size, _WIDE.size) or not hmac.compare_digest(signature, _old_signature(secret, plain)):
        return None
    if urlsafe_b64encode(octets).rstrip(b"=").decode("ascii") != token:
        return None
    trigger, profile = (_PLAIN if len(plain) == _PLAIN.size else _WIDE).unpack(plain)
    return Named(None, trigger, profile)


def _old_signature(secret: bytes, plain: bytes) -> bytes:
    return hmac.digest(secret, b"unsubscribe" + plain, "sha256")[:_SIGNED]
