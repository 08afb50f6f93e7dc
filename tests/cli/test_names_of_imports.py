"""An import's name in place of a task's number: its newest task, never one behind it."""

import pytest
from shop import people_list

pytestmark = pytest.mark.shop(imports=("--send-at", "09:00"), now="2026-11-24T00:00:00Z")

YESTERDAY, TODAY = "2026-11-24T03:00:00Z", "2026-11-25T03:00:00Z"


@pytest.fixture
def two_days(shop, tmp_path):
    """Yesterday's send was missed, today's import failed."""
    shop("run-now", "list", now=YESTERDAY)
    shop("tick", now="2026-11-24T12:00:00Z")
    (tmp_path / "list.csv").write_text('user_id,email\n"broken')
    shop("run-now", "list", now=TODAY)
    return shop


@pytest.mark.parametrize("verb", [("release-trigger",), ("approve-trigger",), ("resend", "--failed")])
def test_an_older_list_is_never_sent_by_its_imports_name(two_days, verb):
    refused = two_days(verb[0], "list", *verb[1:], now=TODAY)
    assert refused.code == 5
    assert "The newest task of import 'list' is 2" in refused.err
    assert ("xpimport release-trigger 1" in refused.err) == (verb == ("release-trigger",))
    two_days("tick", now=TODAY)
    assert two_days("task", "show", 1, "--json").json()["trigger"]["state"] == "missed"


def test_a_report_by_name_is_of_the_newest_task_and_names_the_one_that_has_begun(shop, tmp_path):
    shop("run-now", "list", now=YESTERDAY)
    shop("tick", now="2026-11-24T09:00:00Z")
    (tmp_path / "list.csv").write_text(people_list(3, 5))
    shop("run-now", "list", now=TODAY)
    assert shop("task", "show", "list", "--json").json()["id"] == 2
    assert shop("report", "list", "--json").json()[0]["id"] == 2
    refused = shop("report", "list", "--excluded", now=TODAY)
    assert refused.code == 5
    assert "xpimport report 1" in refused.err


def test_the_newest_task_is_released_by_its_imports_name(shop):
    shop("run-now", "list", now=TODAY)
    shop("stop-trigger", "list", now=TODAY)
    assert shop("release-trigger", "list", now=TODAY).code == 0
    assert shop("release-trigger", "nobody").code == 4
