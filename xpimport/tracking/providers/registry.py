"""The event providers there are. A provider's file is loaded when it is first asked for."""

from functools import cache
from importlib import import_module

from xpimport.errors import Invalid
from xpimport.tracking.providers.declaration import ProviderKind

PROVIDERS: tuple[str, ...] = ("xpimport", "ses", "sendgrid", "mailgun", "postmark", "xtremepush")
"""The registration: each is a file of this folder."""


@cache
def provider_kind(name: str) -> ProviderKind:
    """What the provider of that name says of itself.

    Raises:
        Invalid: there is none.
    """
    if name not in PROVIDERS:
        raise Invalid(f"There is no provider {name!r}. The providers are: {', '.join(PROVIDERS)}.")
    declared: ProviderKind = import_module(f"{__package__}.{name}").PROVIDER
    return declared
