"""What Xtremepush's webhooks say, as far as their form is public."""

import pytest
from provider_bodies import AT, KEY, xtremepush

from xpimport.rules.events import Kind, NotUnderstood, Reported
from xpimport.tracking.providers.xtremepush import parse


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("message_delivered", Kind.DELIVERED),
        ("message_open", Kind.OPENED),
        ("open", Kind.OPENED),
        ("email_open", Kind.OPENED),
        ("message_unsubscribe", Kind.UNSUBSCRIBED),
    ],
)
def test_an_event_is_read_by_the_word_in_its_name(name, kind):
    assert list(parse(xtremepush(name))) == [Reported(kind, "xtremepush", AT, KEY)]


def test_a_click_has_its_link():
    body = xtremepush("message_click", properties={"external_message_id": KEY, "url": "https://shop.example.com/a"})
    assert list(parse([body])) == [Reported(Kind.CLICKED, "xtremepush", AT, KEY, url="https://shop.example.com/a")]


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"external_message_id": KEY, "properties": {}}, KEY),
        ({"external_message_id": KEY, "properties": {"external_message_id": "other"}}, KEY),
        ({"properties": {"external_message_id": KEY}}, KEY),
        ({"properties": {"email": "eve@example.com"}}, None),
        ({"properties": None}, None),
    ],
    ids=str,
)
def test_our_key_stands_at_the_top_or_in_the_properties_and_an_address_is_not_taken(changed, key):
    assert [(said.key, said.address) for said in parse(xtremepush("message_open", **changed))] == [(key, None)]


@pytest.mark.parametrize(
    ("name", "said", "gone"),
    [
        ("message_bounce", {"reason": "550 5.1.1 unknown"}, True),
        ("message_bounce", {}, False),
        ("hard_bounce", {}, True),
        ("soft_bounce", {"status": "5.1.1"}, False),
        ("message_hard_bounce", {"reason": "5.7.1 blocked"}, False),
    ],
)
def test_a_bounce_is_gone_by_its_words_or_its_name(name, said, gone):
    body = xtremepush(name, properties={"external_message_id": KEY, **said})
    assert [(one.kind, one.gone) for one in parse(body)] == [(Kind.BOUNCED, gone)]


def test_what_was_sent_says_nothing_and_what_is_not_known_is_not_understood():
    assert list(parse(xtremepush("message_sent"))) == []
    assert [type(said) for said in parse(xtremepush("location_enter"))] == [NotUnderstood]
