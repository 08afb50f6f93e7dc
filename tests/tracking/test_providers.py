"""No provider's parser breaks, whatever it is given: what it says is an event, or in words why it is none."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from provider_bodies import BODIES

from xpimport.errors import Invalid
from xpimport.rules.events import NotUnderstood, Reported, read_time
from xpimport.rules.replies import MAX_LINE, printable
from xpimport.tracking.providers.registry import PROVIDERS, provider_kind

WORDS = [
    "event", "eventType", "RecordType", "Bounce", "bounce", "Type", "Message", "mail", "headers", "destination", "open",
    "event-data", "failed", "", "\x00", "\ud800", "5.1.1", "<@>", "x@", "[" * 5000, "9" * 5000, "é" * 20_000,
]  # fmt: skip
HUGE = st.sampled_from([10**400, -(10**400)])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(WORDS) | HUGE
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(WORDS) | st.text(), inner, max_size=5)
)  # fmt: skip
PROVIDER = st.sampled_from(PROVIDERS)


def places(value, before=()):
    """The path of every value in a body."""
    yield before
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*before, name))


def put(value, path, new):
    """A body with something else in one place."""
    if not path:
        return new
    value = copy.deepcopy(value)
    inner = value
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = new
    return value


def sound(provider, value):
    """What a parser says of a value, which is held to be an event, or to say why not."""
    said = list(provider_kind(provider).parse(value))
    for one in said:
        if isinstance(one, NotUnderstood):
            assert one.why
            assert printable(one.why) == one.why
            continue
        assert isinstance(one, Reported)
        assert one.provider == provider
        read_time(one.time)
        for text in filter(None, (one.key, one.address, one.id, one.url, one.detail)):
            assert text.encode()
            assert text.strip() == text or provider == "xpimport"
        assert one.detail is None or (printable(one.detail) == one.detail and len(one.detail) <= MAX_LINE)
        assert provider == "xpimport" or not set("<>@") & set(one.key or "")
    return said


@settings(deadline=None)
@given(PROVIDER, JSON)
def test_no_json_value_breaks_a_provider(provider, value):
    sound(provider, value)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_body_with_something_else_in_one_place_breaks_a_provider(data):
    provider = data.draw(PROVIDER)
    body = data.draw(st.sampled_from(BODIES[provider]))
    for _ in range(data.draw(st.integers(1, 3))):
        body = put(body, data.draw(st.sampled_from(list(places(body)))), data.draw(JSON))
    sound(provider, body)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_message_in_an_envelope_breaks_ses(data):
    bodies = [body for body in BODIES["ses"] if "mail" in body]
    body = data.draw(st.sampled_from(bodies))
    body = put(body, data.draw(st.sampled_from(list(places(body)))), data.draw(JSON))
    sound("ses", {"Type": "Notification", "Message": json.dumps(body)})


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_nested_without_an_end_is_said_to_be_no_event(provider):
    nested: object = "x"
    for _ in range(100_000):
        nested = [nested]
    assert [type(one) for one in sound(provider, nested)] == [NotUnderstood]
    for depth in ("[" * 100_000, '{"mail":' * 100_000):
        assert [type(one) for one in sound(provider, {"Type": "Notification", "Message": depth})] == [NotUnderstood]
    while isinstance(nested, list):  # taken apart by hand: freeing it in one go is deep too
        nested = nested.pop()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    "value", [None, 7, "text", True, {}, [None], [["open"]], {"event": 5}, {"event": "no such"}], ids=str
)
def test_what_is_no_event_is_said_to_be_none(provider, value):
    assert [type(one) for one in sound(provider, value)] == [NotUnderstood]


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if name != "xtremepush"])  # its names are guesses
@pytest.mark.parametrize("other", PROVIDERS)
def test_another_providers_bodies_are_no_events(provider, other):
    bodies = [body for body in BODIES[other] if not (isinstance(body, dict) and "Message" in body)]
    said = [type(one) for body in bodies for one in sound(provider, body)]
    assert (set(said) == {NotUnderstood}) is (provider != other)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_empty_list_says_nothing(provider):
    assert sound(provider, []) == []


def test_a_provider_that_is_not_there_is_named_with_those_there_are():
    with pytest.raises(Invalid, match=r"no provider 'brevo'.*xpimport, ses, sendgrid, mailgun, postmark, xtremepush"):
        provider_kind("brevo")
