"""One person's message of a campaign, ready for its channel; the same in this process and in a sender's."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from xpimport.errors import Invalid
from xpimport.rules.definition import ADDRESS
from xpimport.sending.channels import Outgoing
from xpimport.sending.mime import MessageSkeleton
from xpimport.sending.render import NotPersonalised, Rendered, Templates, compile_templates

DEFAULT_SENDER = "xpimport@localhost"
WEBHOOK = "webhook"

Content = dict[str, Any]
"""What a campaign's messages are made of, as plain values that go through a pipe."""

Job = tuple[str, dict[str, Any], str, str]
"""One message to make: its key, the person's values as stored, the address, and the moment (ISO 8601)."""


@dataclass(frozen=True)
class Composer:
    """Makes the messages of one campaign. May be used by several threads."""

    channel: str
    templates: Templates
    skeleton: MessageSkeleton
    kinds: Mapping[str, str]
    unsubscribe: str
    prefix: str = ""
    """What a test message has before its subject."""

    def rendered(self, values: Mapping[str, Any]) -> Rendered:
        """A person's content, from the values as stored.

        Raises:
            NotPersonalised: the template asks for what this person does not have.
        """
        return self.templates.render(decoded(values, self.kinds))

    def message(self, job: Job) -> Outgoing:
        """One message.

        Raises:
            NotPersonalised: the template asks for what this person does not have, or the body is no JSON.
            Invalid: the address cannot be written to.
        """
        key, values, to, at = job
        rendered = self.rendered(values)
        if self.prefix:
            rendered = replace(rendered, subject=self.prefix + rendered.subject)
        if self.channel == WEBHOOK:
            return Outgoing(key=key, to=to, sender="", body=_json_body(rendered.text))
        return self.skeleton.outgoing(
            rendered,
            key=key,
            to=to,
            message_id=f"{key}@{self.skeleton.sender.rpartition('@')[2]}",
            date=datetime.fromisoformat(at),
            extra_headers={"List-Unsubscribe": f"<mailto:{self.unsubscribe}?subject=unsubscribe>"},
        )


def _json_body(text: str) -> bytes:
    try:
        json.loads(text)
    except ValueError as problem:
        raise NotPersonalised(f"text: the body is no JSON ({problem}); write values as {{{{ name|tojson }}}}") from None
    return text.encode()


def content_of(row: Any, kinds: Mapping[str, str], settings: Mapping[str, str]) -> Content:
    """What makes the messages of the campaign in `row`."""
    return {
        "channel": row["channel"],
        "subject": row["subject"],
        "text": row["text"],
        "html": row["html"],
        "strict": bool(row["strict"]),
        "sender": row["sender"] or settings.get("from") or DEFAULT_SENDER,
        "kinds": dict(kinds),
        "options": json.loads(row["options"]),
    }


def composer(content: Content) -> Composer:
    """Compile a campaign's content.

    Raises:
        Invalid: a template, a header or an address is broken.
    """
    skeleton = MessageSkeleton(content["sender"])
    return Composer(
        channel=content["channel"],
        templates=compile_templates(
            subject=content["subject"],
            text=content["text"],
            html=content["html"],
            names=list(content["kinds"]),
            strict=content["strict"],
        ),
        skeleton=skeleton,
        kinds=content["kinds"],
        unsubscribe=content["options"].get("unsubscribe") or skeleton.sender,
    )


def key_of(store_id: str, trigger: int, profile: int) -> str:
    """The idempotency key of a person's message in a send: the same on every attempt, different in every store."""
    return hashlib.sha256(f"{store_id}/{trigger}/{profile}".encode()).hexdigest()[:32]


def select_profile(kinds: Mapping[str, str]) -> str:
    """The columns of a profile p that a template may use."""
    return ", ".join(f'p."{name}"' for name in kinds)


def decoded(values: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, object]:
    """A profile's attributes as a template sees them: JSON as lists and maps, the rest as stored."""
    return {
        name: json.loads(value) if value is not None and kinds[name] == "json" else value
        for name, value in values.items()
    }


def address_of(values: Mapping[str, Any], medium: str) -> str:
    """The address that a person's message goes to.

    Raises:
        Invalid: it cannot be written to.
    """
    from xpimport.sending.headers import envelope

    address = values[ADDRESS[medium]]
    if address is None:
        raise Invalid("there is no address")
    return envelope("To", address)[0] if medium == "email" else str(address)
