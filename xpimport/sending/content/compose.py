"""One person's message of a campaign, ready for its channel; the same in this process and in a sender's."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from xpimport.errors import Invalid
from xpimport.rules.definition import ADDRESS
from xpimport.rules.setting_kinds import ADDRESS as FROM_ADDRESS
from xpimport.rules.setting_kinds import BASE_URL
from xpimport.rules.settings import PUBLIC_URL, TRACKING_URL, Setting, Settings, tracking_base
from xpimport.sending.channels import Outgoing
from xpimport.sending.channels.declaration import Content
from xpimport.sending.channels.registry import channel_kind
from xpimport.sending.content.links import Rules, links_of, marked
from xpimport.sending.content.mime import MessageSkeleton
from xpimport.sending.content.render import NotPersonalised, Rendered, Templates, compile_templates
from xpimport.sending.content.tracked import Tracking, count_repeated

DEFAULT_SENDER = "xpimport@localhost"

FROM = Setting("from", "", FROM_ADDRESS, "the From address of campaigns that have none of their own")
UNSUBSCRIBE_URL = Setting(
    "unsubscribe.url", "", BASE_URL, "where one-click opt-outs arrive; the token is put behind it"
)

MessageContent = dict[str, Any]
"""What a campaign's messages are made of, as plain values that go through a pipe."""

Job = tuple[str, dict[str, Any], str, str, str, int]
"""One message to make: its key, the person's values as stored, the address, the moment (ISO 8601), the opt-out token, and
the profile whose opens and clicks are recorded (0: nobody's).
"""

LINK = "unsubscribe_url"
"""What a template calls the address at which its reader can opt out."""


@dataclass(frozen=True)
class Composer:
    """Makes the messages of one campaign. May be used by several threads."""

    content: Content
    templates: Templates
    skeleton: MessageSkeleton
    kinds: Mapping[str, str]
    mailbox: str
    """What stands before a token in a mail to the mailbox for opt-outs, which names who opts out of what (RFC 6068)."""
    link: str = ""
    """What stands before a token in an opt-out link; empty where nothing receives the clicks."""
    prefix: str = ""
    """What a test message has before its subject."""
    tracking: Tracking | None = None

    def rendered(self, values: Mapping[str, Any], token: str = "") -> Rendered:
        """A person's content, from the values as stored.

        Raises:
            NotPersonalised: the template asks for what this person does not have, or a library cannot bear what came out.
        """
        try:
            return self._rendered(values, token)
        except (NotPersonalised, Invalid):
            raise
        except Exception as problem:
            raise _unmade(problem) from problem

    def _rendered(self, values: Mapping[str, Any], token: str) -> Rendered:
        link = (self.link or self.mailbox) + token
        return self.templates.render({LINK: link, **decoded(values, self.kinds)})

    def message(self, job: Job) -> Outgoing:
        """One message.

        Raises:
            NotPersonalised: the template asks for what this person does not have, the body is no JSON, or a library
                cannot bear what came out.
            Invalid: the address cannot be written to.
        """
        try:
            return self._message(job)
        except (NotPersonalised, Invalid):
            raise
        except Exception as problem:
            raise _unmade(problem) from problem

    def _message(self, job: Job) -> Outgoing:
        key, values, to, at, token, profile = job
        rendered = self._rendered(values, token)
        if self.tracking and rendered.html is not None:
            rendered = replace(rendered, html=self.tracking.applied(rendered.html, profile))
        if self.prefix:
            rendered = replace(rendered, subject=self.prefix + rendered.subject)
        if self.content is Content.JSON:
            return Outgoing(key=key, to=to, sender="", body=_json_body(rendered.text))
        return self.skeleton.outgoing(
            rendered,
            key=key,
            to=to,
            message_id=f"{key}@{self.skeleton.sender.rpartition('@')[2]}",
            date=datetime.fromisoformat(at),
            extra_headers=self._opting_out(token),
        )

    def _opting_out(self, token: str) -> dict[str, str]:
        """How mail programs offer an opt-out: a mailbox, and one click where a link is received (RFC 2369, RFC 8058)."""
        mailbox = f"<{self.mailbox}{token}>"
        if not self.link:
            return {"List-Unsubscribe": mailbox}
        return {
            "List-Unsubscribe": f"<{self.link}{token}>, {mailbox}",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }


def _unmade(problem: Exception) -> NotPersonalised:
    """Whatever goes wrong while a message is made is a matter of that message, and nothing of it has left."""
    return NotPersonalised(f"{type(problem).__name__}: {problem}")


def _json_body(text: str) -> bytes:
    try:
        json.loads(text)
    except ValueError as problem:
        raise NotPersonalised(f"text: the body is no JSON ({problem}); write values as {{{{ name|tojson }}}}") from None
    return text.encode()


def content_of(
    row: Any, kinds: Mapping[str, str], settings: Settings, files: Sequence[tuple[str, str, bytes]] = ()
) -> MessageContent:
    """What makes the messages of the campaign in `row`, which has these files attached (name, type, content)."""
    return {
        "channel": row["channel"],
        "subject": row["subject"],
        "text": row["text"],
        "html": row["html"],
        "strict": bool(row["strict"]),
        "sender": row["sender"] or settings[FROM] or DEFAULT_SENDER,
        "kinds": dict(kinds),
        "options": json.loads(row["options"]),
        "files": [tuple(file) for file in files],
        "link": settings[UNSUBSCRIBE_URL],
        "own": [base for base in (settings[PUBLIC_URL], settings[TRACKING_URL]) if base],
        "tracking_url": tracking_base(settings),
    }


def link_rules(content: MessageContent) -> Rules:
    """Which links of a campaign are never tracked."""
    return Rules(frozenset({LINK}), content["link"], content["own"])


def composer(content: MessageContent) -> Composer:
    """Compile a campaign's content.

    Raises:
        Invalid: a template, a header or an address is broken.
    """
    options, kind = content["options"], channel_kind(content["channel"])
    plan, html, finish = content.get("tracking"), content["html"], None
    if plan and plan["clicks"]:
        links = links_of(html, link_rules(content))
        html = marked(html, links, plan["numbers"])
        finish = count_repeated if any(link.repeated for link in links) else None
    skeleton = MessageSkeleton(
        content["sender"],
        reply_to=options.get("reply_to"),
        headers=options.get("headers", ()),
        attachments=content["files"],
    )
    return Composer(
        content=kind.content,
        templates=compile_templates(
            subject=content["subject"],
            text="" if kind.content is Content.NONE else content["text"],
            html=html,
            names=[*content["kinds"], LINK],
            strict=content["strict"],
            preheader=options.get("preheader"),
            finish=finish,
        ),
        skeleton=skeleton,
        kinds=content["kinds"],
        link=content.get("link", ""),
        mailbox=f"mailto:{quote(options.get('unsubscribe') or skeleton.sender, safe='@+')}?subject=unsubscribe%20",
        tracking=Tracking(plan) if plan else None,
    )


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
    from xpimport.sending.content.headers import envelope

    address = values[ADDRESS[medium]]
    if address is None:
        raise Invalid("there is no address")
    return envelope("To", address)[0] if medium == "email" else str(address)
