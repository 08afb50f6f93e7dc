"""Who of a list is not sent to: segments, caps, control groups, the suppression list, opt-outs by token."""

import re

import pytest
from servers.smtp_peer import Script, smtp_peer

pytestmark = pytest.mark.shop(
    attributes={"points": "integer", "tier": "string"},
    text="Hello {{ user_id }}, {{ unsubscribe_url }}",
    people=None,
    imports=("--same-content", "send"),
)


@pytest.fixture
def send(shop, tmp_path):
    moments = (f"2026-11-24T08:{minute:02}:00+00:00" for minute in range(60))

    def run(rows, now=None):
        now = now or next(moments)
        lines = ["user_id,email,email_subscription,points,tier", *rows]
        (tmp_path / "list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        done = shop("run-now", "list", "--json", now=now)
        assert done.code == 0, done.err
        delivery = done.json()["delivery"]
        return delivery["accepted"], {one["reason"]: one["count"] for one in delivery["excluded_by_reason"]}

    return run


ROWS = [
    "u1,a@example.com,1,10,gold",
    "u2,b@example.com,1,200,silver",
    "u3,c@example.com,1,,",
    "u4,d@example.com,0,5,gold",
]


def test_a_segment_leaves_out_who_does_not_match_and_who_has_no_value(shop, send):
    assert shop("campaign", "edit", "hello", "--segment", "points >= 10 and not (tier = 'silver')").code == 0
    assert send(ROWS) == (1, {"outside_segment": 2, "unsubscribed": 1})
    shop("campaign", "edit", "hello", "--segment", "points is not set")
    assert send(ROWS) == (1, {"outside_segment": 2, "unsubscribed": 1})
    assert shop("campaign", "edit", "hello", "--segment", "none").code == 0
    assert send(ROWS) == (3, {"unsubscribed": 1})


@pytest.mark.parametrize(
    ("segment", "said"),
    [
        ("ponits > 3", "character 1: no attribute is called 'ponits'. Did you mean points?"),
        ("points > ", "character 10: a number should stand here, not the end"),
        ("points > 3 3", "character 12: `and`, `or` or the end"),
        ("tier = gold", "character 8: a value in quotes"),
        ("points = 'x' or 1 = 1", "character 10: 'x' is no integer"),
        ("tier = 'a' ; DROP TABLE profiles", "character 12: ';' cannot stand here"),
        ("(points = 1", "a closing bracket should stand here"),
    ],
)
def test_a_segment_that_cannot_be_read_is_refused_with_its_place(shop, segment, said):
    refused = shop("campaign", "edit", "hello", "--segment", segment)
    assert refused.code == 2
    assert said in refused.err


def test_a_category_caps_messages_by_calendar_days_over_all_its_campaigns(shop, send, tmp_path):
    assert shop("category", "add", "offers", "--per-day", 1, "--per-week", 2).code == 0
    assert shop("campaign", "edit", "hello", "--category", "offers").code == 0
    shop("campaign", "add", "other", "--subject", "Hi", "--text", tmp_path / "hello.txt", "--category", "offers")
    people = ["u1,a@example.com,1,,", "u2,b@example.com,1,,"]
    assert send(people, "2026-11-20T08:00:00+00:00")[0] == 2
    assert send(people, "2026-11-20T23:59:00+00:00") == (0, {"frequency_cap": 2})
    shop("import", "edit", "list", "--campaign", "other")
    # A minute earlier than yesterday: another day all the same.
    assert send([*people, "u3,c@example.com,1,,"], "2026-11-21T07:59:00+00:00")[0] == 3
    assert send(people, "2026-11-26T08:00:00+00:00") == (0, {"frequency_cap": 2})
    assert send(people, "2026-11-27T00:00:01+00:00")[0] == 2
    refused = shop("category", "remove", "offers", "--yes")
    assert (refused.code, "campaign edit" in refused.err) == (5, True)
    assert shop("campaign", "edit", "hello", "--category", "nothing").code == 4


@pytest.mark.parametrize(
    ("cool_down", "too_early", "late_enough"),
    [
        ("2d", "2026-11-21T23:59:00+00:00", "2026-11-22T00:00:01+00:00"),
        ("48h", "2026-11-22T07:59:00+00:00", "2026-11-22T08:00:01+00:00"),
    ],
    ids=["whole days are calendar days", "hours are hours"],
)
def test_a_cool_down_leaves_time_between_two_messages_of_a_category(shop, send, cool_down, too_early, late_enough):
    shop("category", "add", "offers", "--cool-down", cool_down)
    shop("campaign", "edit", "hello", "--category", "offers")
    people = ["u1,a@example.com,1,,"]
    assert send(people, "2026-11-20T08:00:00+00:00")[0] == 1
    assert send(people, too_early) == (0, {"frequency_cap": 1})
    assert send(people, late_enough)[0] == 1


def test_a_control_group_is_its_share_of_the_people_and_always_the_same_ones(shop, send):
    shop("campaign", "edit", "hello", "--control-group", "25%")
    people = [f"u{n},p{n}@example.com,1,," for n in range(400)]
    accepted, excluded = send(people)
    assert accepted + excluded["control_group"] == 400
    assert 60 < excluded["control_group"] < 140
    left_out = shop("report", 1, "--excluded", "--json").json()
    assert send(people) == (accepted, excluded)
    again = shop("report", 3, "--excluded", "--json").json()
    assert {one["user_id"] for one in left_out} == {one["user_id"] for one in again}


def test_suppressed_and_bounced_addresses_are_not_written_to_even_by_a_service_message(shop, send):
    shop("campaign", "edit", "hello", "--ignore-subscription")
    assert shop("suppression", "add", "A@Example.com", "--reason", "complaint").code == 0
    assert shop("suppression", "add", "b@example.com", "--reason", "bounced").code == 0
    assert send(ROWS) == (2, {"suppressed": 1, "bounced": 1})
    assert shop("suppression", "remove", "a@example.com").code == 0
    assert shop("suppression", "remove", "a@example.com").code == 4
    assert send(ROWS) == (3, {"bounced": 1})


def test_an_address_whose_mailbox_the_server_does_not_know_is_a_bounced_one_from_then_on(shop, send):
    shop("campaign", "edit", "hello", "--channel", "smtp", "--from", "news@example.com")
    with smtp_peer(Script(rcpt="550 5.1.1 no such user")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert send(ROWS[:1]) == (0, {})
    assert send(ROWS[:1]) == (0, {"bounced": 1})
    assert [one["reason"] for one in shop("suppression", "list", "--json").json()] == ["bounced"]


def test_a_refusal_for_another_reason_does_not_make_an_address_a_bounced_one(shop, send):
    shop("campaign", "edit", "hello", "--channel", "smtp", "--from", "news@example.com")
    with smtp_peer(Script(rcpt="550 5.7.1 blocked by policy")) as peer:
        shop("settings", "set", "smtp.url", f"smtp://127.0.0.1:{peer.port}")
        assert send(ROWS[:1]) == (0, {})
    assert shop("suppression", "list", "--json").json() == []


def test_the_suppression_list_goes_out_and_in_again_and_names_bad_lines(shop, tmp_path):
    source = tmp_path / "list-in.csv"
    source.write_text(
        "address,reason,medium\nA@example.com,complaint,\nnonsense,,\n+353850123456,,sms\n", encoding="utf-8"
    )
    done = shop("suppression", "import", source)
    assert done.code == 1
    assert f"{source}, line 3: 'nonsense' is no email address" in done.err
    exported = shop("suppression", "export").out
    assert "a@example.com,email,complaint," in exported
    assert ",sms,imported," in exported
    (tmp_path / "out.csv").write_text(exported, encoding="utf-8")
    again = shop("suppression", "import", tmp_path / "out.csv")
    assert again.code == 0
    assert "2 were on the list already" in again.err


def message(tmp_path):
    return next(iter(tmp_path.rglob("new/*"))).read_text(encoding="utf-8")


def test_a_token_opts_its_address_out_for_ever_and_a_forged_one_does_not(shop, send, tmp_path):
    shop("settings", "set", "unsubscribe.url", "https://example.com/u/")
    assert send(ROWS[:1])[0] == 1
    text = message(tmp_path).replace("\n ", " ")
    assert "List-Unsubscribe-Post: List-Unsubscribe=One-Click" in text
    (header,) = re.findall(r"^List-Unsubscribe: (.*)$", text, re.MULTILINE)
    token = re.match(r"<https://example.com/u/([\w-]+)>, <mailto:", header)[1]
    forged = ("a" if token[0].lower() != "a" else "b") + token[1:]  # read in any case
    assert shop("unsubscribe", forged).code == 4
    assert send(ROWS[:1])[0] == 1
    assert "has opted out" in shop("unsubscribe", token).err
    assert "had opted out already" in shop("unsubscribe", token).err
    assert send(["u1,a@example.com,1,,", "u9,A@example.com,1,,"]) == (0, {"unsubscribed": 2})


def test_without_a_base_url_the_way_out_is_a_mailbox(shop, send, tmp_path):
    shop("campaign", "edit", "hello", "--unsubscribe-to", "bye@example.com")
    assert send(ROWS[:1])[0] == 1
    text = message(tmp_path).replace("\n ", " ").replace("=\n", "").replace("=3D", "=")
    (address,) = re.findall(r"^List-Unsubscribe: <(mailto:.*)>$", text, re.MULTILINE)
    token = re.fullmatch(r"mailto:bye@example\.com\?subject=unsubscribe%20([\w-]+)", address)[1]
    assert f"Hello u1, {address}" in text
    assert "List-Unsubscribe-Post" not in text
    assert "has opted out" in shop("unsubscribe", token).err
    assert shop("settings", "set", "unsubscribe.url", "http://example.com/").code == 2
    assert shop("campaign", "edit", "hello", "--unsubscribe-to", "bye&%c+d@example.com").code == 0
    assert "<mailto:bye%26%25c+d@example.com?subject=unsubscribe%20TOKEN>" in preview(shop)


def preview(shop):
    return shop("campaign", "preview", "hello", "--profile", "u1").out
