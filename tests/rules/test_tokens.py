"""Keys name a person's message, for one purpose, in one epoch, and cannot be made up."""

import re

from hypothesis import given
from hypothesis import strategies as st

from xpimport.rules.tokens import (
    Named,
    Purpose,
    TriggerKeys,
    make_key,
    make_old_token,
    read_key,
    read_unsubscribe_token,
    tracking_secret,
)

SECRET = b"s" * 32
numbers = st.integers(0, 2**40)
keys = st.tuples(st.integers(0, 300), numbers, numbers)


@given(keys, st.sampled_from(Purpose))
def test_a_key_is_read_back_in_any_case(key, purpose):
    made = make_key(SECRET, purpose, *key)
    assert read_key(SECRET, purpose, made) == Named(*key)
    assert read_key(SECRET, purpose, made.upper()) == Named(*key)


@given(st.integers(1, 100), st.integers(1, 10**6), st.integers(1, 10**9))
def test_a_key_has_few_letters_that_fit_an_address(epoch, trigger, profile):
    assert re.fullmatch("[a-z2-7]{32}", make_key(SECRET, Purpose.MESSAGE, epoch, trigger, profile))
    assert re.fullmatch("[a-z2-7]{40}", make_key(SECRET, Purpose.UNSUBSCRIBE, epoch, trigger, profile))
    assert re.fullmatch("[a-z2-7]{32}", make_key(SECRET, Purpose.OPEN, epoch, trigger, profile))
    assert re.fullmatch("[a-z2-7]{40}", make_key(SECRET, Purpose.CLICK, epoch, trigger, profile, 400, 99))


@given(keys, st.integers(0, 1000), st.integers(0, 10_000))
def test_a_click_names_its_link_and_which_of_those_a_loop_made(key, link, nth):
    made = make_key(SECRET, Purpose.CLICK, *key, link, nth)
    assert read_key(SECRET, Purpose.CLICK, made) == Named(*key, link, nth)


@given(keys)
def test_who_signs_the_clicks_of_one_send_can_sign_nothing_else(key):
    epoch, trigger, profile = key
    part = tracking_secret(SECRET, epoch, trigger)
    assert TriggerKeys(part, epoch, trigger).key(Purpose.OPEN, profile) == make_key(SECRET, Purpose.OPEN, *key)
    for purpose in Purpose:
        assert read_key(SECRET, purpose, make_key(part, purpose, *key)) is None
        assert (
            purpose in {Purpose.OPEN, Purpose.CLICK} or read_key(part, purpose, make_key(SECRET, purpose, *key)) is None
        )
    forged = TriggerKeys(part, epoch, trigger + 1).key(Purpose.OPEN, profile)
    assert read_key(SECRET, Purpose.OPEN, forged) is None


@given(keys, keys)
def test_no_two_messages_have_one_key(one, other):
    same = make_key(SECRET, Purpose.MESSAGE, *one) == make_key(SECRET, Purpose.MESSAGE, *other)
    assert same == (one == other)


@given(keys)
def test_a_key_is_good_for_its_own_purpose_and_store_alone(key):
    for purpose in Purpose:
        made = make_key(SECRET, purpose, *key)
        assert [other for other in Purpose if read_key(SECRET, other, made)] == [purpose]
        assert purpose is Purpose.UNSUBSCRIBE or read_unsubscribe_token(SECRET, made) is None
        assert read_key(b"t" * 32, purpose, made) is None


@given(keys, st.integers(0, 39), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_key_with_another_letter_is_not_ours(key, place, letter):
    made = make_key(SECRET, Purpose.UNSUBSCRIBE, *key)
    place %= len(made)
    changed = made[:place] + letter + made[place + 1 :]
    assert changed == made or read_key(SECRET, Purpose.UNSUBSCRIBE, changed) is None


@given(st.text(max_size=60))
def test_any_text_is_read_without_an_error(text):
    assert read_unsubscribe_token(SECRET, text) is None


@given(st.integers(0, 2**33), st.integers(0, 2**33))
def test_tokens_of_sends_before_there_were_epochs_stay_good(trigger, profile):
    assert read_unsubscribe_token(SECRET, make_old_token(SECRET, trigger, profile)) == Named(None, trigger, profile)
