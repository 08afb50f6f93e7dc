"""Pages of reports: the figures of the other views, in words that are so, and nothing in them that a stranger can run."""

import json
import re
import stat
import subprocess
import sys

import pytest
from html_tables import tables_of
from reporting.runs import DAY, LATER, history_of_runs, ingest, keys_of, page, told
from shop import HEADER, open_shop

HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7*7 }}</title></style></script>\u202e"


@pytest.fixture
def sent(xp, tmp_path):
    """Four runs with events."""
    return history_of_runs(xp, tmp_path)


def lead(text: str) -> str:
    return re.search(r'<p class="lead">(.*?)</p>', text, re.DOTALL)[1]


def test_a_page_begins_with_who_got_it(sent):
    assert lead(page(sent, "report", 4)) == (
        "Of the 26 people on the list 21 got it; 11 opened it and 3 clicked. 3 were excluded and 1 bounced."
        " Of 1 it is not known."
    )


def test_the_funnel_goes_from_rows_to_clicks(sent):
    steps = tables_of(page(sent, "report", 4))["From rows to clicks, each step with what it is of"]
    assert steps.numbers("Number") == {
        "Rows in the file": 28, "People": 26, "Sent to": 23, "Accepted": 23, "Delivered": 21, "Opened": 11, "Clicked": 3,
        "Opened or clicked": 11, "Unsubscribed": 0, "Complained": 0,
    }  # fmt: skip
    assert steps.column("Share")["Opened"] == "52.4 % of delivered"
    assert steps.column("Note")["People"] == "2 rejected"
    assert steps.column("Note")["Opened"] == "12 times. 3 only by machines."


def test_the_hours_have_everybody_who_opened_or_clicked(sent):
    hours = tables_of(page(sent, "report", 4))[
        "People by the hour of their first open and click; hours without any are left out"
    ]
    opened = hours.numbers("Opened")
    assert opened.pop("All") == sum(opened.values()) == 11
    assert (opened["Thu 10:00"], hours.numbers("Clicked")["Thu 11:00"]) == (2, 3)
    assert hours.numbers("Clicked")["All"] == 3


def test_hours_go_by_the_clock_of_the_import_where_it_changes(xp, tmp_path):
    open_shop(xp, tmp_path, timezone="Europe/Dublin", now="2026-10-20T08:00:00Z")
    assert xp("run-now", "list", now="2026-10-24T22:30:00Z").code == 0
    key = keys_of(tmp_path / "xpimport.db")[0]
    ingest(xp, [told(key, "opened", "2026-10-25T01:30:00Z"), told(key, "clicked", "2026-10-25T00:30:00Z")])
    made = page(xp, "report", 1)
    hours = tables_of(made)["People by the hour of their first open and click; hours without any are left out"]
    assert [row[0][0] for row in hours.rows] == ["Sun 01:00", "Sun 01:00 GMT", "All"]
    assert "Sat 24 Oct 2026 23:30 IST" in made


def test_who_came_after_two_days_is_told(sent, tmp_path):
    key = keys_of(tmp_path / "xpimport.db")[19]
    ingest(sent, [told(key, "opened", "2026-11-09T10:00:00Z")])
    made = page(sent, "report", 1)
    assert "1 opened after these 48 hours." in made
    hours = tables_of(made)["People by the hour of their first open and click; hours without any are left out"]
    assert hours.numbers("Opened")["later"] == 1


def test_a_run_stands_beside_those_of_its_import_before_it(sent):
    tables = tables_of(page(sent, "report", 4))
    words = tables["This run beside those before it"].column("In words")
    assert (words["Rows"], words["Accepted"]) == ("higher than all 3", "higher than all 3")
    runs = tables["This run and those before it in numbers"]
    assert [row[0][1] for row in runs.rows] == ["task 4", "task 3", "task 2", "task 1"]
    assert [row[4][0] for row in runs.rows] == ["23", "22", "21", "20"]


def test_a_first_run_has_nothing_beside_it(sent):
    assert "This is the first run of its import; there is nothing to compare it with." in page(sent, "report", 1)
    assert "There is only one earlier run; a comparison takes two." in page(sent, "report", 2)


def test_links_are_listed_with_who_clicked_them(sent):
    links = tables_of(page(sent, "report", 4))["Clicks by link, without machines"]
    assert links.numbers("People") == {
        "https://shop.example.com/offers?a=1&b=2": 3,
        "https://shop.example.com/later": 1,
    }


def test_reasons_stand_with_their_words(sent):
    tables = tables_of(page(sent, "report", 4))
    assert tables["Excluded, by reason"].rows[0][0] == ("unsubscribed", "the person or the address has opted out")
    rejected = tables["Rows that were not imported, by reason"]
    assert rejected.rows[0][0] == ("invalid_email", "no email address")
    assert rejected.column("Some of its lines")["invalid_email"] == "line 28, email: nobodyline 29, email: nobody"


def test_what_nobody_reports_is_blank_and_never_nothing(xp, tmp_path):
    open_shop(xp, tmp_path)
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    made = page(xp, "report", 1)
    steps = tables_of(made)["From rows to clicks, each step with what it is of"]
    assert [steps.column("Number")[name] for name in ("Accepted", "Delivered", "Opened", "Clicked")] == [
        "3",
        "",
        "",
        "",
    ]
    assert steps.column("Note")["Opened"] == "Nobody reports opens."
    assert lead(made) == "Of the 3 people on the list 3 got it. Nobody reports opens or clicks."
    assert "Rates are of the 3 accepted less bounced, as nobody reports deliveries." in made
    campaign = page(xp, "campaign", "analytics", "hello")
    assert tables_of(campaign)["All runs together"].column("Recipients")["Opened"] == ""
    assert "3 messages were accepted. Nobody reports opens or clicks." in lead(campaign)


def test_what_is_tracked_and_did_not_happen_is_none_and_what_is_not_tracked_is_blank(xp, tmp_path):
    (tmp_path / "hello.html").write_text('<p>Hello</p><a href="https://shop.example.com/">Shop</a>')
    open_shop(
        xp, tmp_path, settings={"tracking.url": "https://t.example.com"},
        campaign=("--html", tmp_path / "hello.html", "--track", "opens"),
    )  # fmt: skip
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    made = page(xp, "report", 1)
    steps = tables_of(made)["From rows to clicks, each step with what it is of"]
    assert [steps.column("Number")[name] for name in ("Opened", "Clicked", "Opened or clicked")] == ["0", "", "0"]
    assert lead(made) == "Of the 3 people on the list 3 got it; 0 opened it."
    assert "Nobody has opened or clicked yet." in made
    assert "Clicks were not tracked." in made
    campaign = page(xp, "campaign", "analytics", "hello")
    assert lead(campaign) == "Of the recipients 0 % opened it."
    together = tables_of(campaign)["All runs together"].column("Recipients")
    assert (together["Opened"], together["Clicked"]) == ("0", "")


def test_a_send_that_is_due_says_when(xp, tmp_path):
    open_shop(xp, tmp_path, imports=("--send-at", "15:00"), timezone="Europe/Dublin", now=DAY.format(1))
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    made = page(xp, "report", "list", now="2026-11-02T09:05:00Z")
    assert lead(made) == "3 people came in from 3 rows. Nothing is sent yet: it is due Mon 2 Nov 15:00 GMT."
    assert "Opened" not in made


def test_a_send_that_was_not_made_says_why(xp, tmp_path):
    open_shop(xp, tmp_path, imports=("--send-at", "15:00"), now=DAY.format(1))
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    assert xp("stop-trigger", "1", now=DAY.format(2)).code == 0
    assert "Nothing was sent: hello was stopped." in lead(page(xp, "report", 1))


def test_an_import_that_sends_nothing_and_one_that_failed_have_a_page(xp, tmp_path):
    open_shop(xp, tmp_path, campaign=None)
    assert xp("run-now", "list", now=DAY.format(2)).code == 0
    assert lead(page(xp, "report", 1)) == "3 people came in from 3 rows. This import sends nothing."
    (tmp_path / "list.csv").write_text("user_id,email\n\xff", encoding="latin-1")
    assert xp("run-now", "list", now=DAY.format(3)).code == 1
    assert lead(page(xp, "report", 2)).startswith("The import failed: ")


def test_a_page_of_a_report_names_the_task_it_is_about(sent):
    assert sent("report", "4", "--excluded", now=LATER).code == 0
    refused = sent("report", "5", "--html", "-", now=LATER)
    assert (refused.code, "Task 5 is a report about task 4." in refused.err) == (5, True)


def test_a_campaign_has_all_its_runs_their_sums_and_its_links(sent):
    made = page(sent, "campaign", "analytics", "hello")
    tables = tables_of(made)
    assert lead(made) == "Of the recipients 48.7 % opened it and 15.4 % clicked."
    runs = tables["One line a run"]
    assert runs.rows[-1][0][0] == "4 runs"
    for title in ("Rows", "Rejected", "People", "Excluded", "Accepted", "Delivered", "Opened", "Clicked"):
        place = runs.titles.index(title)
        *parts, total = [int(row[place][0]) for row in runs.rows]
        assert sum(parts) == total, title
    assert tables["Clicks by link, without machines"].numbers("Recipients") == {
        "https://shop.example.com/offers?a=1&b=2": 12, "https://shop.example.com/later": 4,
    }  # fmt: skip
    assert len(tables["What the charts show, in numbers"].rows) == 4


def test_a_campaign_in_a_span_of_time_says_which(sent):
    made = page(sent, "campaign", "analytics", "hello", "--since", "2026-11-04", "--until", "2026-11-05")
    assert "its runs that began from Wed 4 Nov 2026 00:00 GMT and before Thu 5 Nov 2026 00:00 GMT" in made
    assert "hello: 1 run, 22 recipients" in made
    assert "xpimport campaign analytics hello" in made
    none = page(sent, "campaign", "analytics", "hello", "--until", "2026-11-01")
    assert lead(none) == "It was not sent in that time."


def test_a_campaign_that_was_never_sent_says_so(xp, tmp_path):
    open_shop(xp, tmp_path, imports=None)
    assert lead(page(xp, "campaign", "analytics", "hello")) == "It was never sent."


def test_what_strangers_wrote_is_escaped_and_made_visible(xp, tmp_path):
    name = HOSTILE.replace("/", "") + ".csv"
    header = HOSTILE.replace('"', '""')
    (tmp_path / name).write_text(f'{HEADER},"{header}"\nu1,p1@example.com,1,x\nu2,"{header}",1,x\n"{header}",bad,1,x\n')
    open_shop(xp, tmp_path, people=None, imports=None, now=DAY.format(1))
    added = xp("import", "add", "list", "--source", tmp_path / name, "--campaign", "hello", now=DAY.format(1))
    assert added.code == 0, added.err
    ran = xp("run-now", "list", now=DAY.format(2))
    assert ran.code == 0, ran.err
    key = keys_of(tmp_path / "xpimport.db")[0]
    ingest(xp, [told(key, "clicked", "2026-11-02T10:00:00Z", url=f"https://a.example/{HOSTILE}")])
    for made in (page(xp, "report", 1), page(xp, "campaign", "analytics", "hello")):
        assert "onerror" in made
        assert re.search(r"<(img|script)\b", made) is None
        assert "\u202e" not in made
        assert "\\u202e" in made
        assert "{{ 7*7 }}" in made
        assert tables_of(made)


def test_a_page_allows_nothing_but_its_own_style(sent):
    made = page(sent, "report", 4)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', made)[1]
    assert re.fullmatch(r"default-src 'none'; img-src data:; style-src 'sha256-[\w+/=]+'", policy)
    assert re.findall(r"""\b(?:src|href|style|onload|action)=["'][^"']*["']""", made) == ['href="data:,"']
    assert "<script" not in made


def test_a_page_is_private_and_is_there_whole_or_not_at_all(sent, tmp_path):
    file = tmp_path / "page.html"
    done = sent("report", "4", "--html", file, now=LATER)
    assert (done.code, done.err.splitlines()[-1]) == (0, f"Wrote {file}.")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == page(sent, "report", 4)
    full = sent("report", "4", "--html", "/dev/full", now=LATER)
    assert (full.code, "No space left on device" in full.err) == (1, True)
    refused = sent("report", "4", "--html", tmp_path / "nowhere" / "page.html", now=LATER)
    assert (refused.code, "Cannot write" in refused.err) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".page")) == []


def test_a_page_goes_with_no_other_form(sent):
    for other in (("--excluded",), ("--json",), ("--nl",), ("--output", "f"), ("--format", "csv")):
        refused = sent("report", "4", "--html", "-", *other)
        assert (refused.code, "exclude each other" in refused.err) == (2, True), other
    assert sent("campaign", "analytics", "hello", "--html", "-", "--json").code == 2


def test_what_draws_pages_is_loaded_only_for_a_page():
    code = "import sys, xpimport.cli.report, xpimport.cli.campaign_figures; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert {"jinja2", "xlsxwriter", "statistics", "xpimport.reporting.pages.report"} & set(loaded) == set()


def test_a_chart_has_a_name_a_message_and_the_numbers_beside_it(sent):
    made = page(sent, "report", 4)
    charts = re.findall(r'<svg class="plot".*?</svg>', made, re.DOTALL)
    assert len(charts) == 2
    for chart in charts:
        named = re.search(r'aria-labelledby="(\S+) (\S+)"', chart)
        assert f'<title id="{named[1]}">' in chart
        assert re.search(f'<desc id="{named[2]}">.{{40,}}</desc>', chart)


def test_json_of_analytics_and_page_have_one_source(sent):
    found = json.loads(sent("campaign", "analytics", "hello", "--json", now=LATER).out)
    together = tables_of(page(sent, "campaign", "analytics", "hello"))["All runs together"].numbers("Recipients")
    assert together["Accepted"] == found["delivery"]["accepted"]
    assert together["Opened or clicked"] == found["engagement"]["engaged"]["unique"]
