"""Each reason for which a person of a list is not sent to, met as a user meets it: one test a reason, named after it."""

import re
import sqlite3
from contextlib import closing

import pytest
from shop import HEADER

from xpimport.rules.delivery import EXCLUSIONS

MORNING = "2026-11-24T08:00:00Z"
NINE = "2026-11-24T09:00:00Z"


def excluded(shop, task=1):
    """The reason by user_id; everybody else has got the message."""
    delivery = shop("task", "show", task, "--json").json()["delivery"]
    reasons = {line["user_id"]: line["reason"] for line in shop("report", task, "--excluded", "--json").json()}
    assert delivery["accepted"] == delivery["audience"] - len(reasons)
    return reasons


def run(shop, *options, now=None):
    done = shop("run-now", "list", *options, now=now)
    assert done.code == 0, done.err


@pytest.mark.shop(people=2, imports=("--send-at", "09:00"), now=MORNING)
def test_forgotten_is_who_left_the_store_between_import_and_send(shop, tmp_path):
    run(shop, now=MORNING)
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as db:
        db.execute("DELETE FROM profiles WHERE user_id = 'u1'")
        db.commit()
    shop("tick", now=NINE)
    assert excluded(shop) == {None: "forgotten"}


@pytest.mark.shop(people=HEADER + "\nu0,,1\nu1,b@example.com,1\n")
def test_no_address_is_who_has_none_of_the_campaigns_medium(shop):
    run(shop)
    assert excluded(shop) == {"u0": "no_address"}


@pytest.mark.shop(people=HEADER + "\nu0,=?a@example.com,1\nu1,b@example.com,1\n")
def test_invalid_address_is_one_that_no_header_can_carry(shop):
    run(shop)
    assert excluded(shop) == {"u0": "invalid_address"}


@pytest.mark.shop(people=2)
def test_suppressed_is_an_address_on_the_suppression_list(shop):
    assert shop("suppression", "add", "p0@example.com").code == 0
    run(shop)
    assert excluded(shop) == {"u0": "suppressed"}


@pytest.mark.shop(people=2)
def test_bounced_is_an_address_from_which_mail_came_back(shop):
    assert shop("suppression", "add", "p0@example.com", "--reason", "bounced").code == 0
    run(shop)
    assert excluded(shop) == {"u0": "bounced"}


@pytest.mark.shop(people=HEADER + "\nu0,a@example.com,0\nu1,b@example.com,1\n")
def test_unsubscribed_is_who_has_opted_out(shop):
    run(shop)
    assert excluded(shop) == {"u0": "unsubscribed"}


@pytest.mark.shop(people=HEADER + "\nu0,a@example.com,\nu1,b@example.com,1\n")
def test_subscription_unset_is_of_whom_nobody_has_said_that_they_agreed(shop):
    run(shop)
    assert excluded(shop) == {"u0": "subscription_unset"}


@pytest.mark.shop(people=2, campaign=("--segment", "user_id = 'u1'"))
def test_outside_segment_is_who_does_not_match_the_campaigns_segment(shop):
    run(shop)
    assert excluded(shop) == {"u0": "outside_segment"}


@pytest.mark.shop(people=2, imports=("--send-at", "09:00", "--same-content", "send"), now=MORNING)
def test_same_send_is_whom_another_trigger_of_the_same_import_and_moment_reaches(shop):
    run(shop, now=MORNING)
    run(shop, now=MORNING)
    shop("tick", now=NINE)
    assert excluded(shop, 1) == {}
    assert excluded(shop, 2) == {"u0": "same_send", "u1": "same_send"}


@pytest.mark.shop(people=HEADER + "\nu0,a@example.com,1\nu1,A@example.com,1\n")
def test_duplicate_address_is_a_second_profile_with_the_address_of_a_first(shop):
    run(shop)
    assert excluded(shop) == {"u1": "duplicate_address"}


@pytest.mark.shop(people=1)
def test_frequency_cap_is_who_had_as_many_messages_of_the_category_as_may_be(shop):
    assert shop("category", "add", "offers", "--per-day", 1).code == 0
    assert shop("campaign", "edit", "hello", "--category", "offers").code == 0
    run(shop)
    run(shop, "--again")
    assert excluded(shop, 1) == {}
    assert excluded(shop, 2) == {"u0": "frequency_cap"}


@pytest.mark.shop(people=100, campaign=("--control-group", "50%"))
def test_control_group_is_a_share_of_the_people(shop):
    run(shop)
    reasons = excluded(shop)
    assert set(reasons.values()) == {"control_group"}
    assert 25 < len(reasons) < 75


def test_every_reason_has_a_test_of_its_name():
    assert {found[1] for name in globals() if (found := re.match(r"test_(\w+?)_is_", name))} == set(EXCLUSIONS)
