"""Pages in a real browser: they load nothing, say nothing on the console, fit every width, and axe finds nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from conftest import in_this_process, which
from reporting.runs import DAY, LATER, history_of_runs
from shop import open_shop

pytestmark = [pytest.mark.server("chromium"), pytest.mark.timeout(300), pytest.mark.xdist_group("browser")]

LONG = "https://shop.example.com/" + "offers-without-a-place-to-break" * 5
WIDTHS = (320, 360, 760, 761, 1040, 1041, 1280)
PAGES = ("report", "report-first", "report-unread", "report-due", "analytics", "analytics-unread", "analytics-never")


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, Path]:
    """A page of each kind, with names as long as they may be."""
    folder = tmp_path_factory.mktemp("pages")
    found = {name: folder / f"{name}.html" for name in PAGES}

    def shop(name: str, *commands: tuple[object, ...], now: str = LATER, **special):
        place = folder / name
        place.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XPIMPORT_NOW_SENDS", "yes")
            xp = in_this_process(place / "xpimport.db")
            if special.pop("runs", False):
                history_of_runs(xp, place, runs=5, url=LONG)
            else:
                open_shop(xp, place, now=DAY.format(1), **special)
                if special.get("imports") is not None:
                    assert xp("run-now", "list", now=DAY.format(2)).code == 0
            for command in commands:
                done = xp(*map(str, command), now=now)
                assert done.code == 0, done.err

    shop(
        "sent",
        ("report", 5, "--html", found["report"]),
        ("report", 1, "--html", found["report-first"]),
        ("campaign", "analytics", "hello", "--html", found["analytics"]),
        runs=True,
    )
    shop(
        "unread",
        ("report", 1, "--html", found["report-unread"]),
        ("campaign", "analytics", "hello", "--html", found["analytics-unread"]),
        imports=(),
    )
    due = ("report", 1, "--html", found["report-due"])
    shop("due", due, now=DAY.format(2), imports=("--send-at", "15:00"))
    shop("never", ("campaign", "analytics", "hello", "--html", found["analytics-never"]), imports=None)
    return found


@dataclass
class Visit:
    """An open page, and what the browser had to say."""

    page: object
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser():
    # Where the tests need no browser, its package is not needed either.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Chromium makes no sandbox for root, as who CI runs.
        opened = playwright.chromium.launch(executable_path=which("chromium"), args=["--no-sandbox"])
        yield opened
        opened.close()


@contextmanager
def visit(browser, file: Path, **options) -> Iterator[Visit]:
    page = browser.new_page(**options)
    found = Visit(page)
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    page.goto(file.as_uri())
    yield found
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_for_nothing_and_nothing_goes_wrong_in_it(browser, pages, name):
    with visit(browser, pages[name]) as found:
        found.page.wait_for_load_state("networkidle")
        assert found.said == []
        assert [url for url in found.asked if not url.startswith("data:")] == [pages[name].as_uri()]
        # The policy lets the style through: without it the page would be white.
        assert found.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(247, 247, 245)"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(browser, pages, name, width, scheme):
    from axe_playwright_python.sync_playwright import Axe

    with visit(browser, pages[name], viewport={"width": width, "height": 900}, color_scheme=scheme) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        results = Axe().run(found.page)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("name", PAGES)
def test_nothing_scrolls_sideways_at_any_width(browser, pages, name):
    with visit(browser, pages[name]) as found:
        found.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        for width in WIDTHS:
            found.page.set_viewport_size({"width": width, "height": 900})
            assert found.page.evaluate("document.documentElement.scrollWidth") == width, width


def test_paper_is_light_whatever_the_screen_is(browser, pages):
    with visit(browser, pages["report"], color_scheme="dark") as found:
        background = "getComputedStyle(document.body).backgroundColor"
        assert found.page.evaluate(background) == "rgb(19, 21, 23)"
        found.page.emulate_media(media="print")
        assert found.page.evaluate(background) == "rgb(255, 255, 255)"


def test_a_reader_without_colours_hears_each_table_and_chart_by_name(browser, pages):
    with visit(browser, pages["report"], viewport={"width": 360, "height": 900}) as found:
        # Stacked on a phone, and a table all the same.
        assert found.page.get_by_role("table", name="From rows to clicks").count() == 1
        assert found.page.get_by_role("img", name="Opened, people, in the hour of their first open").count() == 1
        assert found.page.get_by_role("rowheader", name="Accepted").count() >= 1
