"""Cells become values or have a reason, and the quick ways over whole columns are never of another opinion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpimport.rules import emails
from xpimport.rules.characters import HAZARDS, TEXTS
from xpimport.rules.values import ATTRIBUTE_TYPES, BUILT_IN, REJECTIONS, check_cell, check_column, reasons_of

KINDS = sorted({*ATTRIBUTE_TYPES, *BUILT_IN.values()})

GOOD = [
    ("email", " Ann@EXAMPLE.com ", "Ann@example.com"),
    ("email", "o'neill+list@mail.example.com", "o'neill+list@mail.example.com"),
    ("email", "ann@bücher.example.com", "ann@xn--bcher-kva.example.com"),
    ("email", "ann@xn--bcher-kva.example.com", "ann@xn--bcher-kva.example.com"),
    ("email", "ANN@BÜCHER。example.com", "ANN@xn--bcher-kva.example.com"),
    ("email", "Jürgen@example.com", "Jürgen@example.com"),
    ("email", "a@b.c", "a@b.c"),
    ("mobile", "+353850123456", "353850123456"),
    ("mobile", "353850123456", "353850123456"),
    ("mobile", "\u200e+353850123456\u200e", "353850123456"),
    ("number", "1.50", 1.5),
    ("number", "-.5e3", -500.0),
    ("number", "007", 7.0),
    ("integer", "-7", -7),
    ("integer", "+0012", 12),
    ("integer", str(2**63 - 1), 2**63 - 1),
    ("boolean", "TRUE", 1),
    ("boolean", "false", 0),
    ("boolean", "1", 1),
    ("subscription", "0", 0),
    ("date", "2024-02-29", "2024-02-29"),
    ("datetime", "2026-02-28", "2026-02-28T00:00:00Z"),
    ("datetime", "2026-02-28T09:00", "2026-02-28T09:00:00Z"),
    ("datetime", "2026-02-28 09:00:00", "2026-02-28T09:00:00Z"),
    ("datetime", "2026-02-28 09:00:00 +01:00", "2026-02-28T08:00:00Z"),
    ("datetime", "2026-02-28 09:00:00+00", "2026-02-28T09:00:00Z"),
    ("datetime", "2026-03-01T00:30:00+0530", "2026-02-28T19:00:00Z"),
    ("datetime", "2026-12-31T23:30:00-01:00", "2027-01-01T00:30:00Z"),
    ("datetime", "20260228T090000Z", "2026-02-28T09:00:00Z"),
    ("datetime", "2026-02-28t09:00:00.120z", "2026-02-28T09:00:00.12Z"),
    ("datetime", "2026-02-28T09:00:00,1234567Z", "2026-02-28T09:00:00.123456Z"),
    ("datetime", "0999-01-01T00:00:00Z", "0999-01-01T00:00:00Z"),
    ("json", '{"a": [1, 2], "b": "é"}', '{"a":[1,2],"b":"é"}'),
    ("json", '["two\\nlines"]', '["two\\nlines"]'),
    ("language", "PT-br", "pt-BR"),
    ("language", "zh_hant_tw", "zh-Hant-TW"),
    ("language", "es-419", "es-419"),
    ("timezone", "europe/dublin", "Europe/Dublin"),
    ("timezone", "UTC", "UTC"),
    ("string", "01234", "01234"),
    ("string", " two\r\nlines\t", "two\r\nlines"),
    ("string", "x" * 101, "x" * 101),
    ("user_id", " u 1 ", "u 1"),
    ("user_id", "Ä" * 255, "Ä" * 255),
]

BAD = [
    ("email", "a@example.com, b@example.com", "invalid_email"),
    ("email", "a@example.com;b@example.com", "invalid_email"),
    ("email", "Ann <a@example.com>", "invalid_email"),
    ("email", '"ann"@example.com', "invalid_email"),
    ("email", "ann@[127.0.0.1]", "invalid_email"),
    ("email", "a@localhost", "invalid_email"),
    ("email", "a@shop.local", "invalid_email"),
    ("email", "ann@example.com.", "invalid_email"),
    ("email", "ann..b@example.com", "invalid_email"),
    ("email", "ann@ex--ample.com", "invalid_email"),
    ("email", "ann@xn--a.com", "invalid_email"),
    ("email", "n/a", "invalid_email"),
    ("email", f"{'a' * 250}@example.com", "invalid_email"),
    ("email", f"a@{'b-' * 40}b.example.com", "invalid_email"),
    ("email", f"{'a' * 150}@{'ü.' * 20}de", "invalid_email"),
    ("email", "a\u200bb@example.com", "control_character"),
    ("email", "a@exa\u00admple.com", "control_character"),
    ("mobile", "0850123456", "invalid_mobile"),
    ("mobile", "00353850123456", "invalid_mobile"),
    ("mobile", "+353 85 012", "invalid_mobile"),
    ("mobile", "3.5385E+11", "invalid_mobile"),
    ("mobile", "1234567890123456", "invalid_mobile"),
    ("mobile", "٣٥٣٨٥٠١٢٣٤٥٦", "invalid_mobile"),
    ("number", "1,5", "invalid_number"),
    ("number", "nan", "invalid_number"),
    ("number", "1e999", "invalid_number"),
    ("number", "1_000", "invalid_number"),
    ("number", "٣", "invalid_number"),
    ("integer", "5.0", "invalid_integer"),
    ("integer", "²", "invalid_integer"),
    ("integer", str(2**63), "invalid_integer"),
    ("integer", "9" * 5000, "invalid_integer"),
    ("boolean", "yes", "invalid_boolean"),
    ("boolean", "01", "invalid_boolean"),
    ("subscription", "2", "invalid_boolean"),
    ("date", "2026-02-29", "invalid_date"),
    ("date", "28.02.2026", "invalid_date"),
    ("date", "2026-02-28T09:00:00Z", "invalid_date"),
    ("datetime", "today", "invalid_datetime"),
    ("datetime", "2026-02-28T24:00:00Z", "invalid_datetime"),
    ("datetime", "2026-02-30T09:00:00Z", "invalid_datetime"),
    ("datetime", "2026-02-28T09:00:00+24:00", "invalid_datetime"),
    ("datetime", "0001-01-01T00:00:00+01:00", "invalid_datetime"),
    ("datetime", "1772269200", "invalid_datetime"),
    ("json", "1", "invalid_json"),
    ("json", "{'a': 1}", "invalid_json"),
    ("json", '{"a": NaN}', "invalid_json"),
    ("json", '{"a": 1e999}', "invalid_json"),
    ("json", '{"a": "\\u0000"}', "control_character"),
    ("json", '{"\\u202e": 1}', "control_character"),
    ("json", '["\\ud800"]', "control_character"),
    ("json", "[" * 50_000, "invalid_json"),
    ("language", "english", "invalid_language"),
    ("language", "en_GB.UTF-8", "invalid_language"),
    ("timezone", "Mars/Base", "invalid_timezone"),
    ("timezone", "europe/\u212aiev", "invalid_timezone"),
    ("timezone", "localtime", "invalid_timezone"),
    ("string", "x" * 102, "too_long"),
    ("string", "a\x1b[0m", "control_character"),
    ("string", "a\ud800", "control_character"),
    ("user_id", " \u200b ", "missing_identifier"),
    ("user_id", "x" * 256, "too_long"),
    ("user_id", "u\n1", "control_character"),
]


@pytest.mark.parametrize(("kind", "cell", "value"), GOOD)
def test_a_good_cell_is_stored_normalised(kind, cell, value):
    assert check_cell(kind, cell) == (value, None)
    checked = check_column(kind, [cell, "\0", "", cell])
    stored, nothing = [checked.values[0], checked.values[3]], checked.values[1:3]
    assert (stored, list(nothing)) == ([value, value], [None, None])
    assert type(stored[0]) is type(value)
    assert checked.bad == {1: "control_character"} | ({2: "missing_identifier"} if kind == "user_id" else {})


@pytest.mark.parametrize(("kind", "cell", "reason"), BAD)
def test_a_bad_cell_has_its_reason(kind, cell, reason):
    checked = check_column(kind, [cell])
    assert (list(checked.values), checked.bad) == ([None], {0: reason})
    assert check_cell(kind, cell) == (None, reason)


def test_every_reason_of_a_type_is_shown_by_a_bad_cell():
    shown = {kind: {reason for one, _, reason in BAD if one == kind} for kind in KINDS}
    for kind in KINDS:
        assert shown[kind] <= set(reasons_of(kind)), kind
        assert set(reasons_of(kind)) - {"control_character"} <= shown[kind], kind
        assert set(reasons_of(kind)) <= set(REJECTIONS), kind


@pytest.mark.parametrize("kind", KINDS)
def test_blank_and_invisible_cells_are_blank(kind):
    cells = ["", " ", "\t", "\u200b", "\ufeff \u00a0", "\u2003\u200e"]
    checked = check_column(kind, cells)
    assert list(checked.values) == [None] * len(cells)
    expected = dict.fromkeys(range(len(cells)), "missing_identifier") if kind == "user_id" else {}
    assert checked.bad == expected


EXAMPLE = {
    "string": "ab", "user_id": "ab", "number": "12", "integer": "12", "boolean": "true", "subscription": "true",
    "date": "2026-02-28", "datetime": "2026-02-28T09:00:00Z", "json": '["ab"]', "email": "ab@example.com",
    "mobile": "353850123456", "language": "en-GB", "timezone": "Europe/Dublin",
}  # fmt: skip

SAMPLES = {
    "control": "\0\x07\x0b\x1b\x7f\x85\x9b\ud800",
    "override": "\u202a\u202e\u2066\u2069",
    "line end": "\t\n\r\u2028\u2029",
    "direction mark": "\u200e\u200f\u061c",
    "joiner": "\u200c\u200d",
    "zero-width space": "\u200b\u2060\ufeff",
    "invisible": "\u00ad\u3164\ufe0f\U000e0067",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", HAZARDS)
def test_hidden_characters_are_taken_refused_or_trimmed_as_the_table_says(name, kind):
    hazard, good = HAZARDS[name], EXAMPLE[kind]
    half = len(good) - len(good) // 2
    for character in SAMPLES[name]:
        value, reason = check_cell(kind, good[:half] + character + good[half:])
        if not (hazard.in_text if kind in TEXTS else hazard.elsewhere):
            assert (value, reason) == (None, "control_character"), f"U+{ord(character):04X}"
        elif kind == "string":
            assert (value, reason) == (good[:half] + character + good[half:], None), f"U+{ord(character):04X}"
        else:
            # JSON has its own opinion of line ends between quotes.
            assert reason in {None, "invalid_json"}, f"U+{ord(character):04X}"
        around = check_cell(kind, f"{character}{good}{character}")
        assert (around == check_cell(kind, good)) == (character in hazard.trimmed), f"U+{ord(character):04X}"


def test_texts_keep_what_their_script_and_emoji_need():
    for text in ("می\u200cخواهم", "👩\u200d💻 ❤\ufe0f", "🏴\U000e0067\U000e0062\U000e007f", "שלום!\u200f כן"):
        assert check_cell("string", text) == (text, None)


PIECES = st.sampled_from([
    "", " ", "0", "1", "12", "9" * 19, "-", "+", "+353", "850123456", ".", "..", ",", ":", "a", "Ann", "é", "@", "<", '"',
    "example.com", "EXAMPLE.org", "bücher.de", "xn--", "--", ".test", "true", "FALSE", "2026-02-28", "2024-02-29", "T",
    "2026-11-31", "1000-01-01", "9999-12-31", "09:00:00", "23:59:59", "24:00:00", "Z", "+02:00", "-05:30", "e5", "_", "|",
    "\n", "\r", "\t", "\0", "\x1b", "\u200b", "\u200d", "\u202e", "\u00a0", "\ud800", "\u3164", "١", "²", "[", "]", "{",
    "en", "pt-br", "Europe/Dublin", "x" * 101, "x" * 255,
])  # fmt: skip
CELL = st.one_of(
    st.lists(PIECES, max_size=5).map("".join),
    st.sampled_from([cell for _, cell, _ in GOOD] + [cell for _, cell, _ in BAD if len(cell) < 1000]),
    st.text(max_size=12),
)


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(CELL, max_size=40), st.sampled_from([1, 1, 9]), st.sampled_from([None, 3, 300]))
def test_whole_columns_are_judged_as_their_cells_are(kind, cells, times, max_length):
    cells = tuple(cells * times)
    checked = check_column(kind, cells, max_length)
    verdicts = [check_cell(kind, cell, max_length) for cell in cells]
    assert list(checked.values) == [value for value, _ in verdicts]
    assert [type(value) for value in checked.values] == [type(value) for value, _ in verdicts]
    assert checked.bad == {index: reason for index, (_, reason) in enumerate(verdicts) if reason is not None}


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_columns_of_one_type_are_judged_as_their_cells_are(kind, data):
    """Mostly good cells, as in a real column, so that the quick ways carry them."""
    own = st.sampled_from([cell for one, cell, _ in GOOD + BAD if one == kind and len(cell) < 1000] + [""])
    if kind == "datetime":
        zones = st.sampled_from(["", "Z", "+02:00", "-00:30", "+05:45", "+14:00"])
        own = st.one_of(own, st.tuples(st.datetimes().map(lambda at: at.isoformat(" ")[:19]), zones).map("".join))
    elif kind == "date":
        own = st.one_of(own, st.dates().map(str))
    cells = tuple(data.draw(st.lists(own, max_size=200)))
    checked = check_column(kind, cells)
    verdicts = [check_cell(kind, cell) for cell in cells]
    assert list(checked.values) == [value for value, _ in verdicts]
    assert checked.bad == {index: reason for index, (_, reason) in enumerate(verdicts) if reason is not None}


CLEAN = {
    "string": "name {}", "user_id": "C{}", "email": "ann{}@example.com", "mobile": "3538512345{:02}", "integer": "{}",
    "number": "{}.5", "date": "20{:02}-01-28", "datetime": "20{:02}-01-28T09:00:00Z", "json": "[{}]",
    "boolean": "1", "subscription": "1", "language": "en", "timezone": "Europe/Dublin",
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_one_odd_cell_among_clean_ones_is_seen(kind):
    clean = [CLEAN[kind].format(number) for number in range(100)]
    odd = [cell for one, cell, _ in GOOD + BAD if one == kind] + [
        f"{clean[0]} ",
        f" {clean[0]}",
        f"{clean[0]}\n",
        " ",
        "",
    ]
    for cell in odd:
        for place in (0, 50, 99):
            cells = [*clean[:place], cell, *clean[place + 1 :]]
            checked = check_column(kind, cells)
            assert (checked.values[place], checked.bad.get(place)) == check_cell(kind, cell), (cell, place)
            assert set(checked.bad) <= {place}
            rest = [value for index, value in enumerate(checked.values) if index != place]
            assert rest == [check_cell(kind, one)[0] for index, one in enumerate(clean) if index != place]


@pytest.mark.parametrize("rest", ["", "T23:30:00Z", " 23:30:00", "T23:30:00-01:00", "T00:30:00+01:00"])
def test_every_day_there_is_or_is_not_is_judged_alike_in_a_column_and_alone(rest):
    days = [
        (year, month, day) for year in (0, 1, 1900, 2000, 2024, 2026, 9999) for month in range(14) for day in range(33)
    ]
    cells = [f"{year:04}-{month:02}-{day:02}{rest}" for year, month, day in days]
    for kind in ("date", "datetime"):
        # A good cell first, so that it sets the column's layout.
        column = [f"2026-01-01{rest}", *cells]
        checked = check_column(kind, column)
        for index, cell in enumerate(column):
            assert (checked.values[index], checked.bad.get(index)) == check_cell(kind, cell), cell
        if kind == "datetime":
            assert len(cells) - len(checked.bad) in {2191, 2192}


@pytest.mark.parametrize("kind", ["string", "user_id", "email", "mobile", "integer", "date"])
def test_every_character_there_is_is_judged_alike_in_a_column_and_alone(kind):
    good = EXAMPLE[kind]
    for template in (f"{good[:1]}%s{good[1:]}", f"%s{good}"):
        cells = [
            template.replace("%s", chr(code)) for code in range(0x110000 if kind in {"string", "user_id"} else 0x3000)
        ]
        checked = check_column(kind, cells)
        for index, cell in enumerate(cells):
            assert (checked.values[index], checked.bad.get(index)) == check_cell(kind, cell), f"U+{index:04X}"


@pytest.mark.parametrize(
    ("kind", "template"),
    [
        ("string", "name {}"), ("user_id", "C{}"), ("email", "ann{}@mail.example.com"), ("date", "2{:03}-01-28"),
        ("datetime", "2{:03}-01-28T09:00:00Z"),
    ],
)  # fmt: skip
def test_a_clean_column_is_given_back_as_it_is_without_a_look_at_its_cells(kind, template):
    class Cell(str):
        def strip(self, *_: object) -> str:
            raise AssertionError("a look at a single cell")

    cells = tuple(Cell(template.format(number)) for number in range(500))
    checked = check_column(kind, cells)
    assert checked.values is cells
    assert checked.bad == {}


def refused_by_email_validator(address):
    from email_validator import EmailNotValidError, validate_email

    try:
        validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return True
    return False


ADDRESS_PIECES = st.sampled_from([
    "a", "B", "7", "ann", "-", "--", ".", "..", "@", "＠", "<", ">", '"', "\\", " ", "'", "+", "_", "(", ")", ",", ";", "[",
    "]", "é", "e\u0301", "\u0338", "ß", "。", "．", "א", "1", "xn--", "xn--bcher-kva", "XN--80ak6aa92e", "ab--c", "bücher",
    "例え", "example", ".com", ".COM", ".c", ".c1", ".1c", ".test", ".Local", ".arpa", ".onion", "localhost", "x" * 60,
    "y" * 64,
])  # fmt: skip
ADDRESSES = st.one_of(
    st.from_regex(r"[a-zA-Z0-9.+_-]{1,12}@[a-zA-Z0-9.-]{1,16}\.[a-zA-Z]{1,6}", fullmatch=True),
    st.lists(ADDRESS_PIECES, max_size=8).map("".join),
    st.tuples(st.lists(ADDRESS_PIECES, max_size=4), st.lists(ADDRESS_PIECES, max_size=6)).map(
        lambda halves: "".join(halves[0]) + "@" + "".join(halves[1]) + ".com"
    ),
    st.text(max_size=10).map(lambda text: f"{text}@example.com"),
    st.text(max_size=10).map(lambda text: f"a@{text}.com"),
)


@given(ADDRESSES)
def test_an_address_is_taken_if_and_only_if_email_validator_takes_it(address):
    assert (emails.email(address) is None) == refused_by_email_validator(address)


@given(ADDRESSES)
def test_what_is_stored_of_an_address_is_an_address_that_is_stored_as_it_is(address):
    stored = emails.email(address)
    if stored is not None:
        assert emails.email(stored) == stored


def test_addresses_that_are_surely_none_do_not_bother_email_validator():
    kinds = [
        "{}",
        "ann{} at example.com",
        "ann{}@@example.com",
        "ann.{}.@example.com",
        "a b{}@example.com",
        "ann{}@example",
    ]
    kinds += ["ann{}@exa_mple.com", "ann@shop{}.local", "ann@{}-.com", "a@example.com;b{}@example.com", "Ünal {}@x.com"]
    before = emails._domain.cache_info().misses, emails._judged.cache_info().misses
    cells = [kind.format(number) for kind in kinds for number in range(1000)]
    assert len(check_column("email", cells).bad) == len(cells)
    assert (emails._domain.cache_info().misses, emails._judged.cache_info().misses) == before


def test_a_domain_in_another_script_is_judged_once_for_all_its_addresses():
    before = emails._domain.cache_info().misses
    checked = check_column("email", [f"ann{number}@straße{number % 7}.example.com" for number in range(1000)])
    assert checked.values[8] == "ann8@xn--strae1-eta.example.com"
    assert emails._domain.cache_info().misses - before <= 7
