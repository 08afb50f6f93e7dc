"""Addresses are stored as written and compared by a key that merges no two letters."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.rules.emails import email, email_key, email_keys, folded_key

ODD = ["weiß@example.com", "ιωάννης@example.com", "ﬁsh@example.com", "İsmail@example.com", "Müller@example.com"]


@pytest.mark.parametrize("address", ODD)
def test_a_local_part_is_stored_as_it_was_written(address):
    assert email(address) == address


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Ann@Example.com", "ann@example.com", True),
        ("MÜLLER@example.com", "müller@example.com", True),
        ("mu\u0308ller@example.com", "müller@example.com", True),
        ("weiß@example.com", "weiss@example.com", False),
        ("ﬁsh@example.com", "fish@example.com", False),
        ("ıan@example.com", "ian@example.com", False),
        ("ann@bücher.example.com", "ann@xn--bcher-kva.example.com", True),
    ],
)
def test_addresses_are_the_same_where_case_and_composition_alone_differ(one, other, same):
    assert (email_key(str(email(one))) == email_key(str(email(other)))) is same


local = st.text(st.characters(categories=("L", "N", "M"), exclude_characters="\u0130"), min_size=1, max_size=20).map(
    lambda text: f"{text}@example.com"
)


@given(local)
def test_a_key_is_its_own_key_and_as_long_as_the_composed_address(address):
    key = email_key(address)
    assert email_key(key) == key
    assert len(key) == len(unicodedata.normalize("NFC", address))


@given(st.lists(st.none() | local | st.sampled_from(["a@b.example", "A@B.example"]), max_size=20))
def test_a_column_has_the_keys_of_its_cells(addresses):
    assert list(email_keys(addresses)) == [None if one is None else email_key(one) for one in addresses]


@pytest.mark.parametrize(
    ("address", "before"), list(zip(ODD, ["weiss", "ιωάννησ", "fish", "i̇smail", "müller"], strict=True))
)
def test_the_key_of_older_schemas_is_known_still(address, before):
    assert folded_key(address) == f"{before}@example.com"
