"""Which User-Agents are machines, and which only look like one."""

import pytest

from xpimport.rules.agents import machine_of
from xpimport.rules.events import Machine

CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36"


@pytest.mark.parametrize(
    ("agent", "machine"),
    [
        ("Mozilla/5.0", Machine.APPLE),
        (" Mozilla/5.0 ", Machine.APPLE),
        (f"{CHROME} Edge/12.246 Mozilla/5.0", Machine.PREFETCH),
        (f"{CHROME} Edge/12.246 Gmail-content-sampling", Machine.PREFETCH),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", Machine.SCANNER),
        ("BarracudaCentral/1.0", Machine.SCANNER),
        ("python-requests/2.32.0", Machine.SCANNER),
        ("curl/8.5.0", Machine.SCANNER),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", Machine.SCANNER),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36", Machine.SCANNER),
    ],
)
def test_a_machine_is_known_by_its_agent(agent, machine):
    assert machine_of(agent) is machine


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        CHROME,
        f"{CHROME} Edge/12.246",
        "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
        "Mozilla/5.0 (Linux; Android 13; CUBOT X70) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36",
        "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; Microsoft Outlook 16.0.9126; ms-office; MSOffice 16)",
        "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html",
    ],
)
def test_a_reader_is_none_also_behind_the_proxy_of_a_mailbox(agent):
    assert machine_of(agent) is Machine.NONE
