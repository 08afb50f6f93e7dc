"""A campaign before its send: checked as a whole when it is kept, looked at, tried on one address."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xpimport.clock import now
from xpimport.defining import attributes, campaigns, categories, settings
from xpimport.defining.campaigns import Attached, Campaign
from xpimport.errors import Invalid, Refused
from xpimport.flow import adopt
from xpimport.rules.definition import ADDRESS
from xpimport.rules.segments import parse_segment
from xpimport.rules.settings import tracking_base
from xpimport.rules.throttle import parse_rate, parse_window
from xpimport.sending.channels import Outcome
from xpimport.sending.channels.declaration import Content
from xpimport.sending.channels.registry import channel_kind, check_campaign, check_may_leave, open_channel
from xpimport.sending.content.compose import DEFAULT_SENDER, FROM, LINK, Composer, link_rules, select_profile
from xpimport.sending.content.frozen_links import NOWHERE
from xpimport.sending.content.headers import envelope
from xpimport.sending.content.links import NO_SCHEME, links_of
from xpimport.sending.content.mime import MessageSkeleton
from xpimport.sending.content.render import NotPersonalised, Templates, compile_templates
from xpimport.sending.content.tracked import CLICKS
from xpimport.sending.content.trial import refuse_what_fails_for_everybody
from xpimport.sending.delivery.config import SendConfig, content_now, load_config
from xpimport.store.database import Store


def keep_campaign(store: Store, campaign: Campaign, files: Sequence[Attached] | None = None) -> Campaign:
    """Add a campaign, or change the one that its id names, once its templates compile and make a message.

    Raises:
        Invalid: a template is broken, names what no attribute has or fails for everybody, or a value does not fit.
        Refused: the name is taken.
    """
    content = channel_kind(campaign.channel).content
    templates = None if content is Content.NONE else _compiled(store, campaign)
    sender = campaign.sender or settings.get(store, FROM)
    check_sending(replace(campaign, sender=sender))
    if campaign.track:
        check_tracking(store, campaign)
    if campaign.category:
        categories.get(store, campaign.category)
    if campaign.segment:
        parse_segment(campaign.segment, attributes.types(store))
    attached = [(file.name, file.type, file.content) for file in files or ()]
    skeleton = MessageSkeleton(
        sender or DEFAULT_SENDER, reply_to=campaign.reply_to, headers=campaign.headers, attachments=attached
    )
    if campaign.unsubscribe:
        envelope("--unsubscribe-to", campaign.unsubscribe)
    if templates is not None:
        kinds = attributes.types(store)
        opting_out = campaign.unsubscribe or skeleton.sender
        refuse_what_fails_for_everybody(Composer(content, templates, skeleton, kinds, opting_out))
    return campaigns.change(store, campaign, files) if campaign.id else campaigns.add(store, campaign, files or ())


def _compiled(store: Store, campaign: Campaign) -> Templates:
    return compile_templates(
        subject=campaign.subject,
        text=campaign.text,
        html=campaign.html,
        names=[*attributes.everything(store), LINK],
        strict=campaign.strict,
        preheader=campaign.preheader,
    )


def check_sending(campaign: Campaign) -> None:
    """Refuse what a campaign's channel cannot do, and values that cannot be read.

    Raises:
        Invalid: saying which option, and how to write it.
    """
    if campaign.rate:
        parse_rate(campaign.rate)
    if campaign.window:
        parse_window(campaign.window)
    for option, value in (("--secret", campaign.secret), ("--token", campaign.token)):
        if value and not value.startswith(("env:", "file:")):
            raise Invalid(f"{option} takes a reference only: file:/path/to/it (mode 0600) or env:NAME.")
    check_campaign(campaign)


def check_tracking(store: Store, campaign: Campaign) -> None:
    """Refuse to track what cannot be: nobody opening it would be taken for true.

    Raises:
        Invalid: it is no email, has no HTML, or there is no address at which opens and clicks arrive.
    """
    if channel_kind(campaign.channel).content is not Content.MAIL:
        raise Invalid(
            f"--track is for email, and nothing is tracked over {campaign.channel}. Take it away: --track none"
        )
    if campaign.html is None:
        raise Invalid(
            "--track needs HTML, and the campaign has none. Give it --html FILE, or take it away: --track none"
        )
    if not tracking_base(settings.load(store)):
        raise Invalid(f"--track cannot work yet. {NOWHERE}")


@dataclass(frozen=True)
class Target:
    """Where a link leads, what is filled in for a person as the template has it; and why it is not tracked, if so."""

    url: str
    why_not: str


def targets(store: Store, campaign: Campaign) -> list[Target]:
    """The links of a campaign whose clicks are tracked; of any other, none."""
    if campaign.html is None or CLICKS not in (campaign.track or ""):
        return []
    content = content_now(store, campaign.id, attributes.types(store), settings.load(store))
    return [Target(link.url, link.why_not) for link in links_of(campaign.html, link_rules(content))]


def unclear_links(store: Store, campaign: Campaign) -> list[str]:
    """The links of a tracked campaign of which nobody knows where they lead."""
    return [found.url for found in targets(store, campaign) if found.why_not == NO_SCHEME]


@dataclass(frozen=True)
class Preview:
    """A message as one profile would get it: headers by name, the text or JSON body, the HTML, and what is attached.

    `attached` has name, type and bytes of each file. The HTML is that of an untracked message; of one that is tracked,
    `links` says where its links lead.
    """

    headers: list[tuple[str, str]]
    text: str
    html: str | None
    attached: list[tuple[str, str, int]]
    links: list[Target] = field(default_factory=list)


def preview(store: Store, name: str, profile: int) -> Preview:
    """Make the message of one profile; nothing is sent and nothing is recorded.

    Raises:
        NotFound: no such campaign.
        Refused: the profile has no address, or the template asks for what it does not have.
    """
    plan, values = _planned(store, name, profile)
    address = ADDRESS[plan.campaign.medium]
    if values.get(address) is None:
        raise Refused(f"This profile has no {address}, so it would be excluded as no_address.")
    try:
        rendered = plan.compose.rendered(values, "TOKEN")
        message = plan.compose.message(("preview", values, str(values[address]), now().isoformat(), "TOKEN", 0))
    except NotPersonalised as problem:
        raise Refused(f"This profile's message cannot be made: {problem.detail}.") from None
    if plan.kind.content is Content.JSON:
        headers = [("Posted to", plan.options["url"]), ("Content-Type", "application/json")]
        return Preview(headers, message.body.decode(), None, [])
    made = _preview_of_mail(message.body, rendered.text, rendered.html)
    return replace(made, links=targets(store, campaigns.get(store, name)))


def _preview_of_mail(body: bytes, text: str, html: str | None) -> Preview:
    from email import message_from_bytes, policy

    read = message_from_bytes(body, policy=policy.default)
    attached = [
        (part.get_filename() or "", part.get_content_type(), len(part.get_payload(decode=True)))
        for part in read.iter_attachments()
    ]
    return Preview([(name, str(value)) for name, value in read.items()], text, html, attached)


def send_test(store: Store, name: str, to: str) -> Outcome:
    """Send one campaign to one address, filled with the newest profile's values; the ledger is not touched.

    Raises:
        NotFound: no such campaign.
        Invalid: `to` is no address.
        Unreachable: no connection could be made.
        Refused: the template asks for what the newest profile does not have, or the store is in doubt.
    """
    import secrets

    adopt.check(store)
    plan, values = _planned(store, name, None)
    compose = replace(plan.compose, prefix="[test] ")
    values[ADDRESS[plan.campaign.medium]] = to
    try:
        message = compose.message(("test-" + secrets.token_hex(8), values, to, now().isoformat(), "TOKEN", 0))
    except NotPersonalised as problem:
        raise Refused(f"The newest profile's message cannot be made: {problem.detail}.") from None
    check_may_leave(plan.kind.name)
    session = open_channel(plan.kind.name, plan.settings, plan.place, plan.options).connect()
    try:
        return session.send(message)
    finally:
        session.close()


def _planned(store: Store, name: str, profile: int | None) -> "tuple[SendConfig, dict[str, Any]]":
    campaign = campaigns.get(store, name)
    if channel_kind(campaign.channel).content is Content.NONE:
        raise Refused("The platform has the content of this campaign; look at it and try it there.")
    kinds = attributes.types(store)
    which = "p.id = ?" if profile is not None else "p.email IS NOT NULL ORDER BY p.id DESC LIMIT 1"
    bound = () if profile is None else (profile,)
    row = store.one(f"SELECT {select_profile(kinds)} FROM profiles p WHERE {which}", *bound)
    plan = load_config(store, campaign.id, kinds, settings.load(store))
    return plan, dict.fromkeys(kinds) if row is None else {kind: row[kind] for kind in kinds}
