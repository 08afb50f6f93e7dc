"""The figures of a message are a function of the set of its events."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.rules.engagement import BOUNCED_LATER, ENGAGED, MOST, Event, Tally, settled, state_after, tallies
from xpimport.rules.events import Kind, Machine

SENT = 1_000_000
LATER = SENT + 3600
MACHINES = st.sampled_from([Machine.NONE, Machine.NONE, Machine.NONE, Machine.APPLE, Machine.PROVIDER])
EVENTS = st.lists(
    st.builds(
        Event, st.sampled_from(list(Kind)), st.integers(1, 60), st.integers(SENT - 10, SENT + 90), MACHINES,
        link=st.integers(1, 4), gone=st.booleans(),
    ),
    max_size=30,
)  # fmt: skip


def event(kind: Kind, key: int = 1, at: int = LATER, machine: Machine = Machine.NONE, **more: object) -> Event:
    return Event(kind, key, at, machine, **more)


@given(EVENTS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_it_does_not_matter_how_often_or_in_which_order_events_are_told(events, order: random.Random, pieces):
    # A provider's number stands for one event, told at one time.
    events = list({(one.kind, one.key): one for one in events}.values())
    expected = sorted(settled(events, SENT))
    kept: list[Event] = []
    told = [*events, *events]
    order.shuffle(told)
    for start in range(pieces):
        kept = settled([*kept, *told[start::pieces]], SENT)
    assert sorted(kept) == expected
    assert tallies(kept, "accepted") == tallies(expected, "accepted")


def test_of_many_events_of_a_kind_the_earliest_are_kept_and_the_first_of_a_person():
    machines = [event(Kind.OPENED, n, LATER + n, Machine.APPLE) for n in range(60)]
    kept = settled([*machines, event(Kind.OPENED, 99, LATER + 99)], SENT)
    assert len(kept) == MOST
    assert kept[-1].key == 99
    assert tallies(kept, "accepted") == {
        Kind.OPENED: Tally(total=1, people=1, machine_total=MOST - 1),
        ENGAGED: Tally(people=1),
    }


@pytest.mark.parametrize(
    ("clicks", "people"),
    [
        ([(900, 1), (901, 2), (902, 3)], 0),  # every link within two seconds
        ([(900, 1), (901, 2), (909, 3)], 1),
        ([(900, 1), (901, 1), (902, 1)], 1),  # a person who presses one link again
        ([(4, 1)], 0),  # as soon as it was handed over
        ([(3600, 1)], 1),
    ],
)
def test_a_click_by_a_scanner_is_told_by_its_haste(clicks, people):
    told = [event(Kind.CLICKED, n, SENT + at, link=link) for n, (at, link) in enumerate(clicks)]
    found = tallies(settled(told, SENT), "accepted")
    assert found[Kind.CLICKED].people == people
    assert found[Kind.CLICKED].machine_people == 1 - people


@pytest.mark.parametrize(
    ("state", "reason", "kinds", "expected"),
    [
        ("uncertain", "interrupted", [Kind.DELIVERED], ("accepted", None)),
        ("retry", "temporary_refusal", [Kind.OPENED], ("accepted", None)),
        ("uncertain", "interrupted", [Kind.BOUNCED], ("failed", BOUNCED_LATER)),
        ("retry", "temporary_refusal", [Kind.BOUNCED], ("retry", "temporary_refusal")),
        ("failed", BOUNCED_LATER, [Kind.BOUNCED, Kind.OPENED], ("accepted", None)),
        ("failed", "rejected_by_server", [Kind.OPENED], ("failed", "rejected_by_server")),
        ("accepted", None, [Kind.BOUNCED], ("accepted", None)),
        ("uncertain", "interrupted", [], ("uncertain", "interrupted")),
    ],
)
def test_what_events_prove_of_a_delivery(state, reason, kinds, expected):
    assert state_after(state, reason, [event(kind, gone=True) for kind in kinds]) == expected


def test_a_bounce_that_is_not_about_the_mailbox_settles_nothing():
    assert state_after("uncertain", "interrupted", [event(Kind.BOUNCED)]) == ("uncertain", "interrupted")
