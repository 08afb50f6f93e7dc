"""A list over http and https, from a real server on the loopback: whole or not at all, and no secret to a stranger."""

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Xp
from servers.http_peer import Peer, http_peer, in_turn, status, whole
from servers.smtp_peer import certificate

from xpimport.importing.sources import http

LIST = "user_id,email,email_subscription\nu1,u1@example.com,1\nu2,u2@example.com,1\n"

pytestmark = pytest.mark.shop(people=None, imports=None)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "PAUSE", 0.0)


@pytest.fixture
def peer() -> Iterator[Peer]:
    with http_peer() as running:
        yield running


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text("hunter2\n")
    path.chmod(0o600)
    return f"file:{path}"


def add(xp: Xp, url: str, *options: str) -> None:
    done = xp("import", "add", "list", "--source", url, *options)
    assert done.code == 0, done.err


def run(xp, *options, now=None):
    """The exit code, and the details of the task that running the import made."""
    done = xp("run-now", "list", *options, "--json", now=now)
    assert done.out, done.err
    assert "hunter2" not in done.out + done.err
    return done.code, done.json()


def failed(xp, code, now=None):
    """The message of the failure with which running the import ends."""
    exit_code, details = run(xp, now=now)
    assert (details["status"], details["error"]["code"]) == ("failed", code), details["error"]
    assert exit_code == (6 if code == "unreachable" else 1)
    return details["error"]["message"]


def authorization(peer):
    return [headers.get("Authorization") for _, headers in peer.requests]


def test_a_list_is_imported_with_one_request(shop, peer):
    peer.answers["/in/vip.csv?part=1"] = whole(LIST)
    add(shop, f"{peer.root}/in/vip.csv?part=1", "--campaign", "hello")
    code, details = run(shop)
    assert (code, details["file"]["name"], details["file"]["location"]) == (0, "vip.csv", f"{peer.root}/in/vip.csv")
    assert details["delivery"]["accepted"] == 2
    assert len(peer.requests) == 1
    assert shop("import", "check", "list", "--json").json()[0]["read"] == 2


def test_a_date_part_names_the_day_of_the_run(shop, peer):
    peer.answers["/2026/vip-11-24.csv?d=24"] = whole(LIST)
    add(shop, peer.root + "/{%Y}/vip-{%m-%d}.csv?d={%d}", "--timezone", "Pacific/Auckland")
    assert run(shop, now="2026-11-23T11:30:00Z")[0] == 0


def test_a_chunked_answer_is_whole_when_its_last_chunk_came(shop, peer):
    def chunks(last):
        def answer(request):
            request.head(200, Transfer_Encoding="chunked")
            request.wfile.write(b"%x\r\n%s\r\n" % (len(LIST), LIST.encode()) + last)

        return answer

    peer.answers["/vip.csv"] = chunks(b"0\r\n\r\n")
    add(shop, f"{peer.root}/vip.csv")
    assert run(shop)[1]["rows"]["read"] == 2
    peer.answers["/vip.csv"] = chunks(b"")
    failed(shop, "truncated_download")


def short(request):
    request.head(200, Content_Length=len(LIST) + 30)
    request.wfile.write(LIST.encode())


def test_a_body_shorter_than_announced_is_refused_after_one_more_try(shop, peer):
    peer.answers["/vip.csv"] = short
    add(shop, f"{peer.root}/vip.csv")
    assert f"{len(LIST)} bytes arrived, and the server announced {len(LIST) + 30}" in failed(shop, "truncated_download")
    assert len(peer.requests) == 2
    peer.answers["/vip.csv"] = in_turn(short, whole(LIST))
    assert run(shop)[1]["rows"]["read"] == 2


def test_a_second_try_takes_no_other_version(shop, peer):
    def first(request):
        request.head(200, Content_Length=len(LIST) + 30, ETag='"1"')
        request.wfile.write(LIST.encode())

    peer.answers["/vip.csv"] = in_turn(first, whole(LIST, ETag='"2"'))
    add(shop, f"{peer.root}/vip.csv")
    assert "was replaced" in failed(shop, "file_changed")


def test_an_answer_whose_end_cannot_be_told_is_refused(shop, peer):
    def endless(request):
        request.head(200, Connection="close")
        request.wfile.write(LIST.encode())

    peer.answers["/vip.csv"] = endless
    add(shop, f"{peer.root}/vip.csv")
    assert "Content-Length" in failed(shop, "length_unknown")


@pytest.mark.parametrize(
    ("number", "code", "requests"),
    [(404, "no_file", 1), (410, "no_file", 1), (401, "not_allowed", 1), (403, "not_allowed", 1),
     (418, "refused_by_server", 1), (500, "unreachable", 2), (503, "unreachable", 2), (429, "unreachable", 2)],
)  # fmt: skip
def test_what_a_server_answers_is_a_missing_file_a_refusal_or_a_bad_moment(shop, peer, number, code, requests):
    peer.answers["/vip.csv"] = status(number)
    add(shop, f"{peer.root}/vip.csv")
    failed(shop, code)
    assert len(peer.requests) == requests


def test_a_bad_moment_is_tried_once_more(shop, peer):
    peer.answers["/vip.csv"] = in_turn(status(503), whole(LIST))
    add(shop, f"{peer.root}/vip.csv")
    assert run(shop)[0] == 0


def test_nobody_listening_is_exit_6_and_so_is_check(shop, free_port):
    add(shop, f"http://127.0.0.1:{free_port}/vip.csv")
    assert "could not be reached" in failed(shop, "unreachable")
    assert shop("import", "check", "list").code == 6


def test_a_tick_waits_for_a_server_until_the_time_of_its_run_is_over(shop, peer):
    peer.answers["/vip.csv"] = status(503)
    options = ("--schedule", "daily 03:00", "--catch-up", "2h")
    done = shop("import", "add", "list", "--source", f"{peer.root}/vip.csv", *options, now="2097-01-01T00:00:00Z")
    assert done.code == 0

    def tick(at):
        assert shop("tick", now=at).code == 0
        details = shop("task", "show", shop("task", "list", "--json").json()[0]["id"], "--json", now=at).json()
        return details["status"], (details["error"] or {}).get("code"), details["waiting_because"]

    status_, _, progress = tick("2097-01-01T03:00:00Z")
    assert status_ == "waiting_for_file"
    assert "the server answers 503" in progress
    peer.answers["/vip.csv"] = whole(LIST)
    assert tick("2097-01-01T03:01:00Z")[0] == "completed"
    peer.answers["/vip.csv"] = status(503)
    assert tick("2097-01-02T03:00:00Z")[0] == "waiting_for_file"
    assert tick("2097-01-02T05:00:00Z")[:2] == ("failed", "unreachable")


def test_max_age_is_held_against_last_modified_and_needs_it(shop, peer):
    peer.answers["/vip.csv"] = whole(LIST, Last_Modified="Tue, 24 Nov 2026 03:00:00 GMT")
    add(shop, f"{peer.root}/vip.csv", "--max-age", "1h")
    assert run(shop, now="2026-11-24T03:59:00Z")[0] == 0
    failed(shop, "file_too_old", now="2026-11-24T04:01:00Z")
    peer.answers["/vip.csv"] = whole(LIST)
    assert "does not say when" in failed(shop, "file_too_old")


def test_a_user_and_a_password_or_a_token_are_sent(shop, peer, secret):
    peer.answers["/vip.csv"] = whole(LIST)
    add(shop, f"http://ann%40example.com@127.0.0.1:{peer.port}/vip.csv", "--password", secret)
    assert run(shop)[0] == 0
    edit = ("import", "edit", "list", "--source", f"{peer.root}/vip.csv", "--password", "", "--token", secret)
    assert shop(*edit).code == 0
    assert run(shop)[0] == 0
    basic = base64.b64encode(b"ann@example.com:hunter2").decode()
    assert authorization(peer) == [f"Basic {basic}", "Bearer hunter2"]


def test_another_place_gets_no_credentials_by_redirect_or_by_a_source_for_one_run(shop, peer, secret):
    with http_peer() as stranger:
        stranger.answers["/vip.csv"] = whole(LIST)
        peer.answers["/vip.csv"] = status(302, Location="/here.csv")
        peer.answers["/here.csv"] = status(307, Location=f"{stranger.root}/vip.csv")
        add(shop, f"{peer.root}/vip.csv", "--token", secret)
        assert run(shop)[0] == 0
        assert authorization(peer) == ["Bearer hunter2"] * 2
        assert run(shop, "--source", f"{stranger.root}/vip.csv")[0] == 0
        assert authorization(stranger) == [None, None]


def test_redirects_end_after_five(shop, peer):
    for number in range(1, 8):
        peer.answers[f"/{number}.csv"] = status(301, Location=f"/{number + 1}.csv")
    peer.answers["/6.csv"] = whole(LIST)
    add(shop, f"{peer.root}/1.csv")
    assert run(shop)[0] == 0
    peer.answers["/6.csv"] = status(301, Location="/7.csv")
    assert "more than 5 times" in failed(shop, "refused_by_server")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Peer, Path]]:
    cert, context = certificate(tmp_path / "tls", "127.0.0.1")
    with http_peer(context) as running:
        running.answers["/vip.csv"] = whole(LIST)
        yield running, cert


def test_a_certificate_must_be_trusted_by_the_system_or_by_the_setting(shop, secure):
    peer, cert = secure
    add(shop, f"{peer.root}/vip.csv")
    message = failed(shop, "unreachable")
    assert "its certificate is not trusted" in message
    assert "http.ca_file" in message
    assert peer.requests == []
    assert shop("settings", "set", "http.ca_file", cert).code == 0
    assert run(shop)[0] == 0


def test_a_redirect_from_https_to_http_is_not_followed(shop, secure, peer):
    there, cert = secure
    peer.answers["/vip.csv"] = whole(LIST)
    there.answers["/vip.csv"] = status(302, Location=f"{peer.root}/vip.csv")
    assert shop("settings", "set", "http.ca_file", cert).code == 0
    add(shop, f"{there.root}/vip.csv")
    assert "from https to http" in failed(shop, "refused_by_server")
    assert peer.requests == []


@pytest.mark.parametrize(
    ("source", "module", "package"),
    [("sftp://127.0.0.1:9/vip.csv", "paramiko", "xpimport[sftp]"), ("s3://bucket/vip.csv", "obstore", "xpimport[s3]")],
)
def test_without_its_extra_a_source_names_the_command_that_installs_it(shop, tmp_path, source, module, package):
    add(shop, source)
    code = (
        f"import sys; sys.modules[{module!r}] = None; sys.argv[0] = 'xpimport'\n"
        "from xpimport.__main__ import main; sys.exit(main())"
    )

    def without(*arguments):
        command = [sys.executable, "-c", code, "--db", tmp_path / "xpimport.db", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    ran = without("run-now", "list")
    assert (ran.returncode, f"pip install '{package}'" in ran.stderr) == (1, True), ran.stderr
    added = without("import", "add", "other", "--source", source)
    assert (added.returncode, f"pip install '{package}'" in added.stderr) == (2, True), added.stderr


def test_a_local_run_loads_no_library_of_other_places(shop, tmp_path):
    (tmp_path / "vip.csv").write_text(LIST)
    add(shop, str(tmp_path / "vip.csv"))
    code = "import sys\nfrom xpimport.__main__ import main\nassert main() == 0\nprint(*sys.modules)"
    command = [sys.executable, "-c", code, "--db", tmp_path / "xpimport.db", "run-now", "list"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.split(".")[0] for name in ran.stdout.split()}
    assert loaded & {"urllib3", "paramiko", "obstore", "re2"} == set()
