"""What a User-Agent says of who fetched a picture or followed a link: a person, or a machine on the way to one."""

import re

from xpimport.rules.events import Machine

_APPLE = "Mozilla/5.0"
"""Nothing but this: Apple's Mail Privacy Protection, which fetches each picture of each mail, read or not."""

_GMAIL_PREFETCH = ("Edge/12.246 Mozilla/5.0", "Edge/12.246 Gmail-content-sampling")
"""How Gmail's agents end that fetch at the delivery. Its GoogleImageProxy is no machine: it fetches for a reader."""

_SCANNER = re.compile(
    r"(?<!cu)bot\b|crawler|spider|scanner|headless|phantomjs"  # Cubot makes telephones
    r"|barracuda|mimecast|proofpoint|fireeye|urlscan|safebrowsing|slackbot|skypeuripreview|facebookexternalhit"
    r"|^(?:curl|wget|python|go-http-client|java|okhttp|libwww|axios|node|ruby|perl|php)\b",
    re.IGNORECASE,
)


def machine_of(agent: str | None) -> Machine:
    """The machine whose User-Agent that is; NONE where it may be a person's, or is not said."""
    agent = (agent or "").strip()
    if agent == _APPLE:
        return Machine.APPLE
    if agent.endswith(_GMAIL_PREFETCH):
        return Machine.PREFETCH
    return Machine.SCANNER if _SCANNER.search(agent[:1000]) else Machine.NONE
