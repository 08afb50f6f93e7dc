"""The platform's own API: one execute/campaign call hands over a chunk of people, addressed by user_id.

https://docs.xtremepush.com/reference/campaign-execute. Success means that the call was validated, not that anybody
has the message. Nothing documents that a repeated call is recognised, so one without an answer is not repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xpimport.errors import Invalid
from xpimport.hints import command
from xpimport.rules.refusals import about, is_entered
from xpimport.rules.replies import http_reply, printable
from xpimport.rules.setting_kinds import BASE_URL, SECONDS, SECRET
from xpimport.rules.settings import HTTP_CA_FILE, Setting, Settings
from xpimport.secrets import resolve
from xpimport.sending.channels import ACCEPTED, Outcome, Outgoing
from xpimport.sending.channels.declaration import CampaignOptions, ChannelKind, Content
from xpimport.sending.channels.http_post import Answer, HttpReceiver, NotSent, PerhapsReceived, host_header

URL = Setting("xtremepush.url", "", BASE_URL, "the platform's API, like https://api.xtremepush.com")
TOKEN = Setting("xtremepush.token", "", SECRET, "where the project's API token is: file:PATH or env:NAME")
TIMEOUT = Setting("xtremepush.timeout", "1m", SECONDS, "how long to wait for the platform's answer")

CHUNK = 500
"""People in one call; the documents name no limit."""

PATH = "/api/external/execute/campaign"
_LATER = frozenset({429, 503})


@dataclass(frozen=True)
class Platform:
    """A project of the platform; `token` is a reference."""

    url: str
    token: str
    campaign: str
    ca_file: str
    timeout: float

    def connect(self) -> "PlatformSession":
        """Look the platform up, and read the token.

        Raises:
            Unreachable: its name cannot be looked up.
            Invalid: the token cannot be had.
        """
        return PlatformSession(self)


class PlatformSession:
    """Hands chunks over."""

    def __init__(self, platform: Platform) -> None:
        """Prepare what all calls have in common."""
        self._token = resolve(platform.token)
        self._campaign = platform.campaign
        url = platform.url.rstrip("/") + PATH
        self._headers = {"Content-Type": "application/json", "User-Agent": "xpimport", "Host": host_header(url)}
        # Which address the platform has is the operator's own setting, not a campaign's.
        self._receiver = HttpReceiver(url, allow_private=True, ca_file=platform.ca_file, timeout=platform.timeout)

    def send(self, message: Outgoing) -> Outcome:
        """Hand over one chunk, whose people and variables are the body."""
        number: Any = int(self._campaign) if self._campaign.isdigit() else self._campaign
        call = {
            "apptoken": self._token,
            "id": number,
            "target_by": "user_id",
            "target_with_params": json.loads(message.body),
            "params": {"external_message_id": message.key},
        }
        try:
            answer = self._receiver.post(json.dumps(call, ensure_ascii=False).encode(), self._headers)
        except NotSent as problem:
            return Outcome("retry", "unreachable", str(problem), connection_lost=True)
        except PerhapsReceived as problem:
            return Outcome("uncertain", "no_answer", str(problem))
        return outcome_of(answer, self._token)

    def close(self) -> None:
        """Hang up."""
        self._receiver.close()


def outcome_of(answer: Answer, token: str) -> Outcome:
    """What an answer means for its chunk: the code in the envelope counts, where there is one."""
    envelope = answer.json()
    # An answer that is no envelope is not the platform's: a proxy's page, perhaps.
    known = isinstance(envelope, dict)
    code, said = _told(answer, envelope) if known else (answer.status, f"{answer.status} {answer.text}")
    said = printable(said.replace(token, "***"))
    reply = http_reply(code, said.removeprefix(str(code)).lstrip())
    if 200 <= code < 300:
        if not known:
            return Outcome("uncertain", "unknown_answer", said, reply=reply)
        if envelope.get("success") is False:
            return Outcome("failed", "rejected_by_server", said, reply=reply)
        return ACCEPTED
    if is_entered(reply):
        return Outcome("uncertain", "server_error", said, reply=reply)
    whose, wait = about(reply, retry_after=answer.retry_after is not None), answer.retry_after
    if code in _LATER:
        return Outcome("retry", "temporary_refusal", said, retry_after=wait, reply=reply, about=whose)
    return Outcome("failed", "rejected_by_server", said, reply=reply, about=whose)


def _told(answer: Answer, envelope: Mapping[str, Any]) -> tuple[int, str]:
    """The code of an envelope, and its problem in words."""
    told = envelope.get("code")
    code = told if isinstance(told, int) else answer.status
    problem = envelope.get("message") or envelope.get("errors")
    return code, f"{code} {problem}" if problem else f"{code} {answer.text}"


def open_xtremepush(settings: Settings, options: Mapping[str, Any], _directory: Path) -> Platform:
    """The project that the settings name; connects to nothing yet.

    Raises:
        Invalid: a setting is missing.
    """
    for setting, how in ((URL, "https://api.xtremepush.com"), (TOKEN, "file:/path/to/it")):
        if not settings[setting]:
            raise Invalid(f"The platform needs a setting: {command('settings', 'set', setting.name, how)}")
    return Platform(
        url=settings[URL],
        token=settings[TOKEN],
        campaign=options.get("xtremepush_id", ""),
        ca_file=str(settings[HTTP_CA_FILE] or ""),
        timeout=settings[TIMEOUT],
    )


def _check(campaign: CampaignOptions) -> None:
    if not campaign.xtremepush_id:
        raise Invalid("The platform needs the number of its campaign: --xtremepush-id NUMBER")


CHANNEL = ChannelKind(
    name="xtremepush",
    help="the platform's own API, by user_id",
    media=("email",),
    content=Content.NONE,
    by_user_id=True,
    keeps_consent=True,
    people_a_call=CHUNK,
    # One call after the other: each hands over many people.
    connections=lambda _: 1,
    leaves_machine=False,
    local=False,
    settings=(URL, TOKEN, TIMEOUT),
    own_options=(),
    check=_check,
    open=open_xtremepush,
)
