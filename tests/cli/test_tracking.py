"""`--track` of a campaign: what is refused, what is said of its links, and how it is taken back."""

import pytest

SITE = ("settings", "set", "web.public_url", "https://mail.example.com")
LINKS = """<a href="https://shop.example.net/?a=1&amp;b={{ user_id }}">Sale</a> <a href="www.shop.example.net">home</a>
<a href="{{ unsubscribe_url }}">out</a> <a href="mailto:a@example.com">write</a> <a href="https://shop.example.net">shop.example.net</a>"""
pytestmark = pytest.mark.shop(campaign=("--channel", "outbox", "--from", "news@example.com"))


@pytest.fixture
def page(tmp_path):
    (tmp_path / "hello.html").write_text(LINKS)
    return tmp_path / "hello.html"


def test_nothing_is_tracked_where_nothing_could_come_back(shop, page):
    refused = shop("campaign", "edit", "hello", "--html", page, "--track", "opens")
    assert refused.code == 2
    assert "xpimport settings set web.public_url" in refused.err
    assert "xpimport settings set tracking.url" in refused.err
    assert shop("campaign", "show", "hello", "--json").json()["track"] is None


def test_only_email_with_html_is_tracked(shop, page, tmp_path):
    shop(*SITE)
    assert "needs HTML" in shop("campaign", "edit", "hello", "--track", "opens").err
    (tmp_path / "body.json").write_text("{}")
    webhook = (
        "--channel",
        "webhook",
        "--medium",
        "email",
        "--url",
        "https://example.com/",
        "--text",
        tmp_path / "body.json",
    )
    refused = shop("campaign", "add", "hook", *webhook, "--html", page, "--track", "opens")
    assert (refused.code, "--track is for email" in refused.err) == (2, True)
    assert shop("campaign", "edit", "hello", "--html", page, "--track", "opens").code == 0
    assert "needs HTML" in shop("campaign", "edit", "hello", "--html", "none").err


@pytest.mark.parametrize("typed", ["klicks", "opens,klicks", "opens;clicks", ","])
def test_what_cannot_be_tracked_is_refused(shop, page, typed):
    shop(*SITE)
    refused = shop("campaign", "edit", "hello", "--html", page, "--track", typed)
    assert (refused.code, "opens, clicks or opens,clicks" in refused.err) == (2, True)


@pytest.mark.parametrize("back", [("--track", "none"), ("--track", ""), ("--unset", "track"), ("--unset", "--track")])
def test_tracking_is_taken_back(shop, page, back):
    shop(*SITE)
    assert shop("campaign", "edit", "hello", "--html", page, "--track", "Clicks, opens").code == 0
    assert shop("campaign", "show", "hello", "--json").json()["track"] == "opens,clicks"
    assert shop("campaign", "edit", "hello", *back).code == 0
    assert shop("campaign", "show", "hello", "--json").json()["track"] is None


def test_an_option_that_cannot_be_taken_back_is_refused(shop):
    assert shop("campaign", "edit", "hello", "--unset", "channel").code == 2
    assert shop("campaign", "edit", "hello", "--strict").code == 0
    assert shop("campaign", "edit", "hello", "--unset", "strict", "--unset", "from").code == 0
    shown = shop("campaign", "show", "hello", "--json").json()
    assert (shown["strict"], shown["sender"]) == (False, None)


def test_a_link_that_leads_nowhere_is_named_when_the_campaign_is_kept(shop, page):
    shop(*SITE)
    said = shop("campaign", "edit", "hello", "--html", page, "--track", "clicks").err
    assert "The link www.shop.example.net is not tracked" in said
    assert said.count("is not tracked") == 1


def test_the_preview_lists_where_each_link_leads_and_why_it_is_not_tracked(shop, page):
    assert shop("run-now", "list").code == 0
    shop(*SITE)
    shop("campaign", "edit", "hello", "--html", page)
    assert "Links:" not in shop("campaign", "preview", "hello", "--profile", "u0").out
    shop("campaign", "edit", "hello", "--track", "opens,clicks")
    shown = shop("campaign", "preview", "hello", "--profile", "u0")
    assert shown.out.partition("Links:\n")[2].splitlines() == [
        "  1. https://shop.example.net/?a=1&b={{ user_id }}: tracked",
        "  2. www.shop.example.net: it is no whole address, so nobody knows where it leads: write https:// before it",
        "  3. {{ unsubscribe_url }}: a link to opt out by is never tracked",
        "  4. mailto:a@example.com: it is not a web address",
        "  5. https://shop.example.net: its words are an address: mail filters warn where that is not where it leads",
    ]
    html = shop("campaign", "preview", "hello", "--profile", "u0", "--html", "-").out
    assert "/c/" not in html
    assert 'href="https://shop.example.net/?a=1&amp;b=u0"' in html


def test_a_send_whose_address_was_taken_away_sends_no_half_link(shop, page, tmp_path):
    shop(*SITE)
    shop("campaign", "edit", "hello", "--html", page, "--track", "opens,clicks")
    shop("settings", "unset", "web.public_url")
    said = shop("run-now", "list").err
    assert "xpimport settings set web.public_url" in " ".join(said.split())
    trigger = shop("task", "show", 1, "--json").json()["trigger"]
    assert (trigger["state"], trigger["reason"]) == ("failed", "template_error")
    assert not (tmp_path / "xpimport.db.files" / "outbox").exists()
