"""Every mail of a mailbox is read once, whatever kind it is, and none is moved."""

import gzip
import io
import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mails import recipient, report, verified

from xpimport.errors import FileRefused
from xpimport.tracking.mail_reports import parse
from xpimport.tracking.mailboxes import LONGEST_MAIL, messages

FROM = b"From MAILER-DAEMON Sun Nov 22 09:00:00 2026\n"


def read(source, stdin=b""):
    return list(messages(str(source), io.BytesIO(stdin)))


def octets(source, stdin=b""):
    return [mail for _, mail in read(source, stdin)]


def write(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"Subject: {path.name}\n\n".encode())
    return folder


# Folders


def test_of_a_maildir_new_and_cur_are_read_and_nothing_is_moved(tmp_path):
    box = write(tmp_path, "new/2.host", "new/1.host", "cur/0.host:2,S", "tmp/3.host", "new/.hidden")
    before = sorted(box.rglob("*"))
    assert [name for name, _ in read(box)] == ["new/1.host", "new/2.host", "cur/0.host:2,S"]
    assert sorted(box.rglob("*")) == before


def test_of_a_plain_folder_the_eml_files_are_read(tmp_path):
    assert [name for name, _ in read(write(tmp_path, "b.eml", "a.EML", "readme.txt"))] == ["a.EML", "b.eml"]


def test_an_empty_maildir_has_no_mails(tmp_path):
    (tmp_path / "new").mkdir()
    assert read(tmp_path) == []


def test_what_is_no_file_in_a_maildir_is_passed_by(tmp_path):
    box = write(tmp_path, "new/1")
    os.mkfifo(box / "new/2")
    (box / "new/3").mkdir()
    assert [name for name, _ in read(box)] == ["new/1"]


def test_a_mail_that_a_mail_program_moves_meanwhile_is_read_where_it_is(tmp_path):
    box = write(tmp_path, "new/1", "new/2", "new/3", "cur/0:2,")
    mails = messages(str(box), io.BytesIO())
    next(mails)
    (box / "new/2").rename(box / "cur/2:2,S")
    (box / "new/3").unlink()
    assert [mail for _, mail in mails] == [b"Subject: 2\n\n", b"Subject: 0:2,\n\n"]


def test_a_mail_that_cannot_be_read_is_told_of_after_the_others(tmp_path, monkeypatch):
    box = write(tmp_path, "new/1", "new/2")
    (box / "new/1").unlink()
    (box / "new/1").symlink_to("1")  # which leads to itself
    mails = messages(str(box), io.BytesIO())
    assert next(mails)[0] == "new/2"
    with pytest.raises(FileRefused, match="new/1"):
        next(mails)


# Files and pipes


def test_a_single_mail_is_read_from_a_file_and_from_a_pipe(tmp_path):
    text = report().encode()
    (tmp_path / "a.eml").write_bytes(text)
    assert octets(tmp_path / "a.eml") == octets("-", text) == [text]


def test_a_mail_with_a_from_line_is_read_from_a_pipe():
    assert octets("-", FROM + report().encode()) == [report().encode()]


def test_each_mail_of_an_mbox_is_read(tmp_path):
    mails = [report(recipient(f"u{n}@example.com")).encode() for n in range(3)]
    (tmp_path / "box").write_bytes(b"".join(FROM + mail + b"\n" for mail in mails))
    found = read(tmp_path / "box")
    assert [name for name, _ in found] == [f"{tmp_path}/box, mail {n}" for n in (1, 2, 3)]
    assert [parse(mail, verified)[0].address for _, mail in found] == [f"u{n}@example.com" for n in range(3)]


def test_a_line_that_begins_with_from_does_not_begin_a_mail():
    body = b"Subject: a\n\nsaid:\n\nFrom here on nothing was delivered.\nFrom x Sun Nov 22 09:00:00 2026\n"
    assert octets("-", FROM + body) == [body]


@given(st.lists(st.sampled_from([b"From ", b">From ", b">>From ", b"a", b"\n", b"\n\n", FROM]), max_size=12))
def test_escaped_lines_come_back_as_they_were_written(pieces):
    mail = b"Subject: a\n\n" + b"".join(pieces)
    lines = mail.split(b"\n")
    escaped = b"\n".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in lines)
    assert octets("-", FROM + escaped + b"\n\n" + FROM + b"Subject: b\n") == [mail + b"\n\n", b"Subject: b\n"]


def test_an_mbox_of_another_system_is_read():
    box = (FROM + b"Subject: a\n\nx\n\n" + FROM + b"Subject: b\n\ny\n").replace(b"\n", b"\r\n")
    assert octets("-", b"\xef\xbb\xbf\r\n" + box) == [b"Subject: a\r\n\r\nx\r\n\r\n", b"Subject: b\r\n\r\ny\r\n"]


@pytest.mark.parametrize("empty", [b"", b"\n", b" \r\n\n"])
def test_an_empty_mailbox_has_no_mails(tmp_path, empty):
    (tmp_path / "box").write_bytes(empty)
    assert read(tmp_path / "box") == read("-", empty) == []


def test_a_large_mbox_is_read_in_little_memory(tmp_path):
    with (tmp_path / "box").open("wb") as box:
        for _ in range(12):
            box.write(FROM + b"Subject: a\n\n" + (b"x" * 99 + b"\n") * 50_000 + b"y" * 1_000_000 + b"\n\n")
    tracemalloc.start()
    lengths = [len(mail) for _, mail in messages(str(tmp_path / "box"), io.BytesIO())]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(lengths) == 12
    assert max(lengths) < LONGEST_MAIL + 100_000
    assert most < 6 * LONGEST_MAIL


# What is no mailbox


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"user_id,email\nu1,u1@example.com\n", "begins with 'user_id,email'"),
        (b'{"event": "bounced"}\n', "no mailbox"),
        (b"\x89PNG\r\n\x1a\n\0\0", "no mailbox"),
        (b"\0" * 100_000, "no mailbox"),
        (gzip.compress(report().encode()), "zcat"),
    ],
)
def test_what_is_no_mailbox_is_refused_in_words(tmp_path, content, says):
    (tmp_path / "file").write_bytes(content)
    for source, stdin in ((tmp_path / "file", b""), ("-", content)):
        with pytest.raises(FileRefused, match=says):
            read(source, stdin)


def test_a_folder_without_mails_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="neither new nor cur"):
        read(write(tmp_path, "readme.txt"))


def test_a_mailbox_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileRefused, match="There is no mailbox") as refused:
        read(tmp_path / "none")
    assert refused.value.code == "no_file"
