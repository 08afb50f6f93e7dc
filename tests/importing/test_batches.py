"""However the rows of a list fall into transactions, and whoever decides them, the store ends up the same."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from stores import throw_away

from xpimport.importing.merging import merge

ADDRESSES = ["", "a@example.com", "A@Example.com", "b@example.com", "c@example.com"]
TIMES = ["", "2026-01-01T00:00:00Z", "2027-06-01T00:00:00Z"]
ROW = st.tuples(
    st.sampled_from(["u1", "u2", "u3", "u4", "u5"]),
    st.sampled_from(ADDRESSES),
    st.sampled_from(["", "0", "1"]),
    st.sampled_from(TIMES),
    st.sampled_from(["", "Ann", "Bo"]),
)
LIST = st.lists(ROW, min_size=1, max_size=12)
CUTS = {"one by one": (1, 1, 99), "by threes": (3, 3, 99), "at once": (99, 99, 99), "decided ahead": (2, 2, 0)}


def write(path: Path, rows: list[tuple[str, ...]]) -> None:
    head = "user_id,email,email_subscription,email_subscription_time,first_name"
    path.write_text("\n".join([head, *map(",".join, rows)]) + "\n", encoding="utf-8")


def outcome(xp, db: Path, lists: list[Path], options: list[str]) -> tuple[object, ...]:
    """What the store holds, and what the tasks counted, after importing `lists` one after the other."""
    throw_away(db)
    assert xp("init", db=db).code == 0
    assert xp("attribute", "add", "first_name", "string", db=db).code == 0
    assert xp("settings", "set", "file.look", "0s", db=db).code == 0
    # People without user_id, whom a new one may adopt.
    known = db.parent / "known.csv"
    known.write_text("email,email_subscription\nb@example.com,1\nc@example.com,0\n", encoding="utf-8")
    assert xp("import", "add", "known", "--source", known, "--identify-by", "email", db=db).code == 0
    assert xp("run-now", "known", db=db).code == 0
    assert xp("import", "add", "list", "--source", lists[0], *options, db=db).code == 0
    tasks = [xp("run-now", "list", "--source", path, "--json", db=db).json() for path in lists]
    with closing(sqlite3.connect(db)) as look:
        columns = "user_id, email, email_subscription, email_subscription_time IS NULL, first_name"
        people = look.execute(f"SELECT {columns} FROM profiles ORDER BY 1, 2").fetchall()
        opted_out = look.execute("SELECT medium, address FROM opt_outs ORDER BY 1, 2").fetchall()
        rejected = look.execute("SELECT task_id, row, reason FROM rejections ORDER BY 1, 2").fetchall()
    return people, opted_out, rejected, [task["rows"] for task in tasks]


def normal(email: str) -> str:
    """An address as it is stored: its domain in lower case."""
    local, at, domain = email.partition("@")
    return f"{local}{at}{domain.lower()}"


NOW = "2026-12-01T00:00:00Z"


class Model:
    """The rules of consent and merging, one row at a time, without SQL."""

    def __init__(self) -> None:
        self.people: list[dict[str, str | int | None]] = [
            {"user_id": None, "email": "b@example.com", "sub": 1, "time": NOW, "name": None},
            {"user_id": None, "email": "c@example.com", "sub": 0, "time": NOW, "name": None},
        ]
        self.opted_out = {"c@example.com": NOW}

    def find(self, user_id: str, email: str | None) -> dict[str, str | int | None] | None:
        """By user_id, else the one person without user_id who has the address."""
        for one in self.people:
            if one["user_id"] == user_id:
                return one
        same = [
            one for one in self.people if one["user_id"] is None and email and one["email"].lower() == email.lower()
        ]
        return same[0] if len(same) == 1 else None

    def take(self, rows: list[tuple[str, ...]], *, mode: str, vouched: bool, clear: bool) -> int:
        """Import one list; returns how many were kept unsubscribed."""
        # A time ahead proves nothing.
        rows = [(u, normal(email), sub, time if time <= NOW else "", name) for u, email, sub, time, name in rows]
        valid = [row for row in rows if mode == "upsert" or (self.find(row[0], row[1]) is None) == (mode == "create")]
        last = {row[0]: row for row in valid}
        for user_id, email, sub, time, _ in last.values():
            known = next((one for one in self.people if one["user_id"] == user_id), None)
            address = email or (known["email"] if known else None)
            if sub == "0" and address:
                self.opt_out(address, time)
        for row in rows:
            if row[2] == "0" and row is not last.get(row[0]):
                self.opt_out_of_other_row(row, last.get(row[0]))
        kept = sum(self.merge(last[user_id], vouched=vouched, clear=clear) for user_id in sorted(last))
        for user_id, _, sub, time, _ in last.values():
            one = self.find(user_id, None)
            address = (one["email"] or "").lower()
            if sub == "1" and one["sub"] == 1 and time > self.opted_out.get(address, "9"):
                del self.opted_out[address]
        return kept

    def opt_out(self, address: str, time: str) -> None:
        self.opted_out[address.lower()] = max(self.opted_out.get(address.lower(), ""), time or NOW)

    def opt_out_of_other_row(self, row: tuple[str, ...], last: tuple[str, ...] | None) -> None:
        """A row that does not come in, or that a later one of the person replaces, says no."""
        user_id, email, _, time, _ = row
        if last is not None and last[2] == "1" and time and last[3] > time:
            return
        known = next((one for one in self.people if one["user_id"] == user_id), None)
        for address in (email, last[1] if last else None, known["email"] if known else None):
            if address:
                self.opt_out(address, time)

    def merge(self, row: tuple[str, ...], *, vouched: bool, clear: bool) -> int:
        """Merge one person; returns 1 where an opt-out stood against what the row asked for."""
        user_id, email, sub, time, name = row
        one = self.find(user_id, email)
        if one is None:
            one = {"user_id": user_id, "email": None, "sub": None, "time": None, "name": None}
            self.people.append(one)
        address = (email or one["email"] or "").lower()
        since = max(self.opted_out.get(address, ""), (one["time"] or "") if one["sub"] == 0 else "")
        against = (one["sub"] == 0 or address in self.opted_out) and not time > since
        kept, final = 0, one["sub"]
        if sub == "0":
            final = 0
        elif sub == "1" or (vouched and one["sub"] != 1):
            kept = int(against)
            if against:
                final = 0 if address in self.opted_out else one["sub"]
            elif sub == "1" or one["sub"] is None:
                final = 1
        if final != one["sub"]:
            one["time"] = time or NOW
        values = {"email": email or None, "name": name or None}
        for key, value in values.items():
            one[key] = value if value or clear else one[key]
        one["user_id"], one["sub"] = user_id, final
        return kept


# Shrinking would take minutes, and a list of twelve rows can be read.
@settings(max_examples=25, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lists=st.lists(LIST, min_size=1, max_size=2),
    mode=st.sampled_from(["upsert", "create", "update"]),
    vouched=st.booleans(),
    clear=st.booleans(),
)
def test_the_store_is_the_same_however_rows_fall_into_batches(xp, tmp_path, lists, mode, vouched, clear):
    options = ["--mode", mode, "--blank", "clear" if clear else "keep", *(["--subscribe", "email"] * vouched)]
    paths = [tmp_path / f"list-{number}.csv" for number in range(len(lists))]
    for path, rows in zip(paths, lists, strict=True):
        write(path, rows)
    found = {}
    for name, (first, largest, many) in CUTS.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(merge, "FIRST_BATCH", first)
            patch.setattr(merge, "LARGEST_BATCH", largest)
            patch.setattr(merge, "STRETCH", 5)
            patch.setattr(merge, "MANY", many)
            found[name] = outcome(xp, tmp_path / "batches.db", paths, options)
    model = Model()
    kept = [model.take(rows, mode=mode, vouched=vouched, clear=clear) for rows in lists]
    expected = {(one["user_id"], one["email"], one["sub"], one["time"] is None, one["name"]) for one in model.people}
    for name, (people, opted_out, rejected, counts) in found.items():
        assert set(people) == expected, name
        assert [address for _, address in opted_out] == sorted(model.opted_out), name
        assert [count["kept_unsubscribed"] for count in counts] == kept, name
        assert (rejected, counts) == found["at once"][2:], name


@pytest.mark.shop(attributes={"first_name": "string"}, campaign=None)
def test_a_decision_made_ahead_is_made_again_when_somebody_else_has_written(shop, tmp_path, monkeypatch):
    rows = [(f"u{number}", f"p{number}@example.com", "1", "", "Ann") for number in range(8)]
    write(tmp_path / "list.csv", rows)
    for name, value in {"FIRST_BATCH": 2, "LARGEST_BATCH": 2, "STRETCH": 4, "MANY": 0}.items():
        monkeypatch.setattr(merge, name, value)
    covers = merge.Prefetch.covers

    def opting_out(self: merge.Prefetch, batch: merge.RankRange) -> bool:
        decided = covers(self, batch)
        with closing(sqlite3.connect(tmp_path / "xpimport.db")) as other:
            other.execute(
                "INSERT OR IGNORE INTO opt_outs VALUES ('email', 'p1@example.com', '2026-11-24T00:00:00.000000Z', 'test')"
            )
            other.execute("UPDATE settings SET value = value || '' WHERE name = 'timezone'")
            other.commit()
        return decided

    monkeypatch.setattr(merge.Prefetch, "covers", opting_out)
    task = shop("run-now", "list", "--json").json()
    assert task["rows"]["created"] == 8
    assert task["rows"]["kept_unsubscribed"] == 1
    with closing(sqlite3.connect(tmp_path / "xpimport.db")) as look:
        held = dict(look.execute("SELECT user_id, email_subscription FROM profiles").fetchall())
    assert held == {f"u{number}": int(number != 1) for number in range(8)}
