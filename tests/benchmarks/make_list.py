"""Write a list of profiles as CSV to stdout, the same bytes for the same arguments.

    python tests/benchmarks/make_list.py --rows 1000000 --seed 7 > big.csv
    python tests/benchmarks/make_list.py --dirty > examples/profiles.csv

Without `--dirty`: ten columns, 2 % of the rows with one bad cell, 0.5 % repeated people, keys in random order. With
it: a BOM, an eleventh column that nobody maps, and the dirt that real lists have. `--expect` prints instead what an
import of that list into an empty store has to find, as JSON.
"""

import argparse
import csv
import io
import itertools
import json
import random
import sys
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

HEADER = [
    "user_id", "email", "email_subscription", "mobile_number", "sms_subscription",
    "language", "timezone", "first_name", "city", "points",
]  # fmt: skip
USER_ID, EMAIL, EMAIL_SUBSCRIPTION, MOBILE, SMS_SUBSCRIPTION, LANGUAGE, TIMEZONE, NAME, CITY, POINTS = range(10)

BATCH = 5_000


@dataclass(frozen=True)
class Region:
    """People of one place: their language, zone, cities, and names as written and as in an address."""

    language: str
    timezone: str
    mobile: str
    cities: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


# The mobile numbers are of ranges kept for fiction; d stands for a digit, "" for nobody with a mobile.
REGIONS = [
    Region("en", "America/New_York", "+1", ("New York", "Washington, DC", "Boston", "Philadelphia"),
           (("Emma", "emma"), ("James", "james"), ("Michael", "michael"), ("D'Angelo", "dangelo"))),
    Region("en-GB", "Europe/London", "+447700900ddd", ("London", "Leeds", "Bath", "Newcastle upon Tyne"),
           (("Amelia", "amelia"), ("George", "george"), ("Siân", "sian"), ("Zoë", "zoe"))),
    Region("en", "Europe/Dublin", "+35320913dddd", ("Dublin", "Cork", "Dún Laoghaire", "Galway"),
           (("Seán", "sean"), ("Aoife", "aoife"), ("Niamh", "niamh"), ("Róisín", "roisin"))),
    Region("fr", "Europe/Paris", "+3363998dddd", ("Paris", "Saint-Étienne", "Besançon", "L'Haÿ-les-Roses"),
           (("Zoé", "zoe"), ("François", "francois"), ("Jean-Luc", "jeanluc"), ("Anaïs", "anais"))),
    Region("de", "Europe/Berlin", "+4917139200dd", ("Berlin", "Köln", "München", "Frankfurt (Oder)"),
           (("Jürgen", "juergen"), ("Anna", "anna"), ("Björn", "bjoern"), ("Groß, Dr. Uwe", "uwe.gross"))),
    Region("es", "America/Mexico_City", "+1", ("Ciudad de México", "León", "Mérida", "Cancún"),
           (("José", "jose"), ("Íñigo", "inigo"), ("Begoña", "begona"), ("Lucía", "lucia"))),
    Region("pl", "Europe/Warsaw", "", ("Łódź", "Kraków", "Gdańsk", "Świnoujście"),
           (("Łukasz", "lukasz"), ("Małgorzata", "malgorzata"), ("Zbigniew", "zbigniew"), ("Żaneta", "zaneta"))),
    Region("sv", "Europe/Stockholm", "+467017406dd", ("Malmö", "Göteborg", "Stockholm", "Örebro"),
           (("Åsa", "asa"), ("Göran", "goran"), ("Linnéa", "linnea"), ("Håkan", "hakan"))),
    Region("el", "Europe/Athens", "", ("Αθήνα", "Θεσσαλονίκη", "Πάτρα"),
           (("Γιώργος", "giorgos"), ("Ελένη", "eleni"), ("Δημήτρης", "dimitris"))),
    Region("uk", "Europe/Kyiv", "", ("Київ", "Львів", "Одеса"),
           (("Олена", "olena"), ("Тарас", "taras"), ("Мар'яна", "maryana"))),
    Region("ja", "Asia/Tokyo", "", ("東京", "大阪市", "札幌"), (("陽菜", "hina"), ("蓮", "ren"), ("さくら", "sakura"))),
    Region("ar", "Africa/Cairo", "", ("القاهرة", "الإسكندرية"), (("ليلى", "layla"), ("يوسف", "youssef"))),
    Region("en", "Australia/Sydney", "+61491570ddd", ("Sydney", "Wagga Wagga", "Hobart"),
           (("Jack", "jack"), ("Matilda", "matilda"), ("Ngaire", "ngaire"))),
]  # fmt: skip

DOMAINS = [
    "example.com", "example.org", "example.net", "mail.example.com", "post.example.org", "users.example.net",
    "home.example.com", "web.example.net", "office.example.org",
]  # fmt: skip
IDN_DOMAINS = ["bücher.example.com", "пошта.example.org", "例え.example.net", "café.example.net"]

BAD_ADDRESSES: list[Callable[[str], str]] = [
    lambda email: email.replace("@", " at "),
    lambda email: email.replace("@", "@@"),
    lambda email: email.replace("@", ""),
    lambda email: f"{email}.",
    lambda email: email.replace(".", "..", 1),
    lambda email: email.replace("@", " @"),
    lambda email: email.split("@")[0] + "@example",
    lambda email: email.split("@")[0] + "@",
    lambda email: "@" + email.split("@")[1],
    lambda email: email.replace("@", "@-"),
    lambda email: email[: email.rindex(".")] + ",com",
    lambda email: f"{email};{email}",
    lambda _: "n/a",
    lambda _: "unknown",
]
BAD_MOBILES = ["12", "not given", "+44 call the office", "+1234567890123456789", "07x00900123", "#N/A"]
BAD_ZONES = ["Mars/Phobos", "Europe/Atlantis", "Dublin time", "UTC+25"]
BAD_POINTS = ["many", "12.5", "1 2OO", "N/A", "#REF!", "ten"]

NOTES = [
    "",
    "",
    "VIP",
    "prefers mail, not SMS",
    'says "call me after six"',
    "moved house\nask for the new address",
    'Complained once.\n\nSettled, 2025-11-03; see ticket "A-113"',
    "first line\r\nsecond line, from a spreadsheet",
    "=SUM(A1:A3)",
    '"',
]

Row = list[str]


@dataclass(frozen=True)
class Dirt:
    """One way in which a row is bad, and the reason with which an import rejects it."""

    reason: str
    spoil: Callable[[Row, random.Random], Row]


def _with(column: int, value: Callable[[Row, random.Random], str]) -> Callable[[Row, random.Random], Row]:
    def spoil(row: Row, rng: random.Random) -> Row:
        return [*row[:column], value(row, rng), *row[column + 1 :]]

    return spoil


def _one_of(values: list[str]) -> Callable[[Row, random.Random], str]:
    return lambda _, rng: values[int(rng.random() * len(values))]


def _bad_address(row: Row, rng: random.Random) -> str:
    return BAD_ADDRESSES[int(rng.random() * len(BAD_ADDRESSES))](row[EMAIL] or "nobody.here@example.com")


BAD_CELLS = [
    Dirt("invalid_email", _with(EMAIL, _bad_address)),
    Dirt("invalid_email", _with(EMAIL, _bad_address)),
    Dirt("invalid_mobile", _with(MOBILE, _one_of(BAD_MOBILES))),
    Dirt("invalid_timezone", _with(TIMEZONE, _one_of(BAD_ZONES))),
    Dirt("invalid_integer", _with(POINTS, _one_of(BAD_POINTS))),
    Dirt("missing_identifier", _with(USER_ID, lambda _, rng: "  " if rng.random() < 0.2 else "")),
]
BAD_ROWS = [
    *BAD_CELLS,
    Dirt("too_long", _with(CITY, lambda row, _: ", formerly ".join([row[CITY]] * 40))),
    Dirt("control_character", _with(NAME, lambda row, _: f"{row[NAME]}\x07")),
    Dirt("wrong_column_count", lambda row, rng: row[: 3 + int(rng.random() * 6)]),
    Dirt("wrong_column_count", lambda row, _: [*row, "", "stray"]),
]


# How often, and which cells of a valid row are otherwise than on a form, yet no errors.
WEATHER: list[tuple[float, Callable[[Row], dict[int, str]]]] = [
    (0.06, lambda _: {EMAIL_SUBSCRIPTION: ""}),
    (0.05, lambda _: {EMAIL: ""}),
    (0.04, lambda _: {NAME: ""}),
    (0.03, lambda _: {SMS_SUBSCRIPTION: "", MOBILE: ""}),
    (0.02, lambda row: {USER_ID: f" {row[USER_ID]} "}),
    (0.02, lambda row: {EMAIL: row[EMAIL].split("@")[0] + "@" + IDN_DOMAINS[len(row[NAME]) % len(IDN_DOMAINS)]}),
    (0.03, lambda _: {POINTS: ""}),
    (0.04, lambda row: {MOBILE: row[MOBILE].removeprefix("+")}),
    (0.02, lambda _: {LANGUAGE: "", TIMEZONE: ""}),
    (0.02, lambda row: {EMAIL: row[EMAIL].upper()}),
]


class People:
    """Draws people; `number` makes each one's key and address unlike every other's."""

    def __init__(self, rng: random.Random, *, steady: bool = False) -> None:
        self.rng = rng
        self.steady = steady

    def clean(self, number: int) -> Row:
        """A valid row."""
        # One draw a row, cut into pieces: a draw for each cell would take half of the time.
        bits = self.rng.getrandbits(56)
        if self.steady:
            # Who somebody is follows from the number; what may change from list to list does not.
            bits = (number * 0x9E3779B97F4A7C15 >> 8) & 0xFFFFFFFFF | bits >> 36 << 36
        region = REGIONS[(bits & 255) % len(REGIONS)]
        first, local = region.names[(bits >> 8 & 255) % len(region.names)]
        return [
            f"C{number:07d}",
            f"{local}{number}@{DOMAINS[(bits >> 16 & 255) % len(DOMAINS)]}",
            "1" if bits >> 24 & 7 else "0",
            self._mobile(region.mobile, number),
            "1" if bits >> 27 & 1 else "0",
            region.language,
            region.timezone,
            first,
            region.cities[(bits >> 28 & 255) % len(region.cities)],
            str((bits >> 36 & 0xFFFFF) % 20_000),
        ]

    def _mobile(self, pattern: str, number: int) -> str:
        """A number of nobody else's on the list, as an opt-out belongs to the number too."""
        if not pattern:
            return ""
        digits = pattern.count("d")
        if digits and number < 10**digits:
            return f"{pattern[:-digits]}{number:0{digits}d}"
        # No area code of North America has 9 as its second digit.
        area = number % 80
        return f"+1{2 + area % 8}9{area // 8}{5550000 + number // 80}"

    def weathered(self, row: Row) -> Row:
        """A valid row, sometimes with what lists have besides errors."""
        draw = self.rng.random()
        for share, change in WEATHER:
            draw -= share
            if draw < 0:
                return [value for _, value in sorted({**dict(enumerate(row)), **change(row)}.items())]
        return row

    def note(self) -> str:
        """A cell of the column that nobody maps."""
        return NOTES[int(self.rng.random() * len(NOTES))] if self.rng.random() < 0.3 else ""

    def again(self, row: Row) -> Row:
        """The same person once more: as before, or with a newer answer or city."""
        draw = self.rng.random()
        row = list(row)
        if draw < 0.3:
            row[POINTS] = str(int(self.rng.random() * 20_000))
        elif draw < 0.5:
            row[EMAIL_SUBSCRIPTION] = "0"
        elif draw < 0.6:
            row[CITY] = ""
        return row


def numbered(count: int, rng: random.Random, first: int, among: int | None) -> "array[int]":
    """The numbers of the people on a list, in random order: from `first` on, or drawn from the first `among`."""
    numbers = array("Q", rng.sample(range(1, among + 1), count) if among else range(first, first + count))
    rng.shuffle(numbers)
    return numbers


def rows(
    count: int,
    seed: int,
    *,
    bad: float,
    repeated: float,
    dirty: bool,
    first: int = 1,
    among: int | None = None,
    steady: bool = False,
) -> Iterator[tuple[Row, str | None]]:
    """`count` rows, each with the reason with which an import rejects it (None: it is valid)."""
    rng = random.Random(seed)
    people = People(rng, steady=steady)
    numbers = numbered(count, rng, first, among)
    fresh = iter(numbers)
    kinds = BAD_ROWS if dirty else BAD_CELLS
    recent: list[Row] = []
    for index in range(count):
        draw = rng.random()
        if draw < repeated and recent:
            row = people.again(recent[int(rng.random() * len(recent))])
        else:
            row = people.clean(next(fresh))
            if dirty:
                row = people.weathered(row)
                if rng.random() < 0.01 and recent:
                    # A couple with one mailbox.
                    row[EMAIL] = recent[int(rng.random() * len(recent))][EMAIL]
        reason = None
        whole = [*row, people.note()] if dirty else row
        if draw > 1 - bad:
            # In turn, so that even a short list has every kind.
            kind = kinds[index % len(kinds)]
            whole, reason = kind.spoil(whole, rng), kind.reason
        elif len(recent) < 1_000:
            recent.append(row)
        else:
            recent[index % 1_000] = row
        yield whole, reason


def expected(lines: Iterator[tuple[Row, str | None]]) -> dict[str, object]:
    """What an import of `lines` into an empty store finds."""
    reasons: Counter[str] = Counter()
    valid = 0
    last: dict[str, Row] = {}
    for row, reason in lines:
        if reason is None:
            valid += 1
            last[row[USER_ID].strip()] = row
        else:
            reasons[reason] += 1
    return {
        "read": valid + reasons.total(),
        "created": len(last),
        "merged": valid - len(last),
        "rejected": reasons.total(),
        "rejections": dict(reasons.most_common()),
    }


def main() -> None:
    """Read the arguments and write the list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000, help="rows under the header (4000)")
    parser.add_argument("--seed", type=int, default=2026, help="another number, another list (2026)")
    parser.add_argument("--dirty", action="store_true", help="BOM, column notes, all the dirt of real lists")
    parser.add_argument("--bad", type=float, default=0.02, metavar="SHARE", help="rows to be rejected (0.02)")
    parser.add_argument("--repeated", type=float, metavar="SHARE", help="repeated people (0.005; dirty: 0.02)")
    parser.add_argument("--first", type=int, default=1, help="the number of the first person (1)")
    parser.add_argument("--among", type=int, help="draw the people from the first so many instead")
    parser.add_argument(
        "--steady", action="store_true", help="the same names and addresses in every list; points differ"
    )
    parser.add_argument("--expect", action="store_true", help="print what an import finds instead of the list")
    chosen = parser.parse_args()
    repeated = chosen.repeated if chosen.repeated is not None else (0.02 if chosen.dirty else 0.005)
    who = {"first": chosen.first, "among": chosen.among, "steady": chosen.steady}
    lines = rows(chosen.rows, chosen.seed, bad=chosen.bad, repeated=repeated, dirty=chosen.dirty, **who)
    if chosen.expect:
        print(json.dumps(expected(lines), indent=1))
        return
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8-sig" if chosen.dirty else "utf-8", newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*HEADER, "notes"] if chosen.dirty else HEADER)
    while batch := list(itertools.islice(lines, BATCH)):
        writer.writerows(row for row, _ in batch)
    out.flush()


if __name__ == "__main__":
    main()
