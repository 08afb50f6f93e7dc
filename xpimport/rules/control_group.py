"""The control group: people who never get a campaign, always the same ones."""

from hashlib import blake2b


def in_control_group(campaign: int, profile: int, share: float) -> bool:
    """Whether a profile belongs to the `share` (a fraction of 1) of people that a campaign leaves out."""
    place = blake2b(b"%d/%d" % (campaign, profile), digest_size=4).digest()
    return int.from_bytes(place) < share * (1 << 32)
