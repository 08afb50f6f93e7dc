"""Every setting is set through the command line, and what it says then happens; what is typed wrong is refused."""

import re
import subprocess
import sys
import threading
import time
from base64 import b64encode

import pytest
from servers.api_peer import HANG, api_peer
from servers.http_peer import http_peer, whole
from servers.sftp_peer import sftp_peer
from servers.smtp_peer import HANG as SILENT
from servers.smtp_peer import Script, certificate, smtp_peer
from servers.sshd import key
from shop import people_list

from xpimport.flow.settings import every_setting
from xpimport.sending.delivery.shared_rate import SharedRate

SMTP = pytest.mark.shop(campaign=("--channel", "smtp", "--from", "news@example.com"))
NO_CAMPAIGN = pytest.mark.shop(campaign=None, imports=None)
ENVELOPE = (200, {}, '{"code": 200, "success": true}')

OBEYED: set[str] = set()
"""The settings that a test here sees obeyed."""


def obeys(*names):
    """Mark a test as the one that sets these, and sees what comes of it."""
    OBEYED.update(names)
    return lambda test: test


def put(xp, name, value):
    done = xp("settings", "set", name, value)
    assert done.code == 0, done.err
    return done.err


def delivery(shop, task=1):
    return shop("task", "show", task, "--json").json()["delivery"]


def messages(tmp_path):
    return [path.read_text() for path in (tmp_path / "xpimport.db.files" / "outbox" / "new").iterdir()]


def secret(tmp_path, text):
    path = tmp_path / "secret"
    path.write_text(text)
    path.chmod(0o600)
    return f"file:{path}"


def send(shop, script=None, options=""):
    """Run the import over a scripted mail server; the server afterwards."""
    with smtp_peer(script) as peer:
        put(shop, "smtp.url", f"smtp://127.0.0.1:{peer.port}{options}")
        shop("run-now", "list")
    return peer


def test_every_setting_has_a_test_that_sees_it_obeyed():
    assert [f"{name}: no test here is marked @obeys({name!r})" for name in every_setting() if name not in OBEYED] == []


@obeys("triggers")
def test_the_master_switch_holds_a_send_while_it_is_off(shop, tmp_path):
    put(shop, "triggers", "OFF")
    shop("run-now", "list")
    trigger = shop("task", "show", 1, "--json").json()["trigger"]
    assert (trigger["state"], trigger["reason"]) == ("held", "triggers_off")
    assert not (tmp_path / "xpimport.db.files" / "outbox").exists()


@obeys("timezone")
@NO_CAMPAIGN
def test_the_time_zone_is_that_of_an_import_that_names_none(shop, tmp_path):
    put(shop, "timezone", "Europe/Dublin")
    shop("import", "add", "nightly", "--source", tmp_path / "list.csv", "--schedule", "daily 03:00")
    assert shop("import", "show", "nightly", "--json").json()["timezone"] == "Europe/Dublin"


@obeys("from")
def test_the_from_address_is_that_of_a_campaign_without_one(shop, tmp_path):
    put(shop, "from", "News <news@example.com>")
    shop("run-now", "list")
    assert all("\nFrom: News <news@example.com>\n" in f"\n{message}" for message in messages(tmp_path))
    assert len(messages(tmp_path)) == 3


@obeys("unsubscribe.url")
def test_the_opt_out_address_stands_in_each_message_with_its_token(shop, tmp_path):
    put(shop, "unsubscribe.url", "https://example.com/u/")
    shop("run-now", "list")
    tokens = {re.sub(r"\s", "", message).partition("<https://example.com/u/")[2][:20] for message in messages(tmp_path)}
    assert len(tokens) == 3


def tracked_addresses(shop, tmp_path):
    """What stands before the keys of the links in each message of a campaign whose opens and clicks are tracked."""
    (tmp_path / "hello.html").write_text("<a href=https://shop.example.net/>x</a>")
    done = shop("campaign", "edit", "hello", "--html", tmp_path / "hello.html", "--track", "opens,clicks")
    assert done.code == 0, done.err
    shop("run-now", "list")
    plain = [re.sub("=3D", "=", message.replace("=\n", "")) for message in messages(tmp_path)]
    return {tuple(re.findall(r"(?:href=|src=\")(\S+?/[oc]/)", message)) for message in plain}


@obeys("web.public_url")
def test_tracked_links_lead_to_where_serve_is_seen(shop, tmp_path):
    assert (
        put(shop, "web.public_url", "https://Mail.Example.com/m/")
        == "web.public_url is now https://mail.example.com/m.\n"
    )
    assert tracked_addresses(shop, tmp_path) == {("https://mail.example.com/m/c/", "https://mail.example.com/m/o/")}


@obeys("tracking.url")
def test_tracked_links_have_a_domain_of_their_own(shop, tmp_path):
    put(shop, "web.public_url", "https://mail.example.com")
    put(shop, "tracking.url", "https://t.example.com:8443")
    assert tracked_addresses(shop, tmp_path) == {("https://t.example.com:8443/c/", "https://t.example.com:8443/o/")}


@obeys("outbox.keep")
def test_an_outbox_that_keeps_nothing_accepts_every_message(shop, tmp_path):
    put(shop, "outbox.keep", "off")
    shop("run-now", "list")
    assert delivery(shop)["accepted"] == 3
    assert not (tmp_path / "xpimport.db.files" / "outbox" / "new").exists()


@obeys("smtp.url")
@SMTP
def test_the_sending_server_is_where_smtp_url_says(shop):
    assert len(send(shop).messages) == 3


@obeys("smtp.user", "smtp.password")
@SMTP
def test_user_and_password_are_those_that_log_in(shop, tmp_path):
    put(shop, "smtp.user", "me")
    put(shop, "smtp.password", secret(tmp_path, "hunter2"))
    peer = send(shop, Script(extensions=("AUTH PLAIN",)), "?starttls=off")
    assert "AUTH PLAIN " + b64encode(b"\0me\0hunter2").decode() in peer.commands
    assert len(peer.messages) == 3


@obeys("smtp.ca_file")
@SMTP
def test_a_sending_server_is_trusted_by_the_certificate_that_was_named(shop, tmp_path):
    cert, context = certificate(tmp_path / "tls", "127.0.0.1")
    with smtp_peer(Script(tls=context, implicit_tls=True)) as peer:
        put(shop, "smtp.url", f"smtps://127.0.0.1:{peer.port}")
        assert "not trusted" in shop("run-now", "list").err
        put(shop, "smtp.ca_file", cert)
        shop("run-now", "list", "--again")
    assert len(peer.messages) == 3


@obeys("smtp.connections")
@SMTP
def test_a_send_opens_as_many_connections_as_it_may(shop):
    put(shop, "smtp.connections", "2")
    assert send(shop).connections == 2


@obeys("smtp.messages_per_connection")
@SMTP
def test_a_connection_is_made_anew_after_its_messages(shop):
    put(shop, "smtp.connections", "1")
    put(shop, "smtp.messages_per_connection", "2")
    peer = send(shop)
    assert (len(peer.messages), peer.connections) == (3, 2)


@obeys("smtp.timeout")
@pytest.mark.parametrize("typed", ["1", "1s"])
@SMTP
def test_a_mail_server_is_waited_for_as_long_as_was_said_and_no_longer(shop, typed):
    assert put(shop, "smtp.timeout", typed) == "smtp.timeout is now 1s.\n"
    began = time.monotonic()
    send(shop, Script(dot=SILENT))
    assert time.monotonic() - began < 20
    assert delivery(shop)["uncertain"] == 3


@obeys("smtp.rate")
@SMTP
def test_all_sends_together_give_the_server_no_more_than_its_rate(shop, tmp_path):
    put(shop, "smtp.rate", "1/s")
    began = time.monotonic()
    send(shop)
    assert delivery(shop)["accepted"] == 3
    assert 1.5 < time.monotonic() - began < 20
    places = [SharedRate(tmp_path / "rate", 1.0, 0.0) for _ in range(2)]
    assert [place.allowed(5, 10.0) for place in places] == [1, 0]
    assert [place.allowed(5, 11.1) for place in reversed(places)] == [1, 0]


@obeys("smtp.ehlo_name")
@SMTP
def test_this_machine_calls_itself_what_was_said(shop):
    put(shop, "smtp.ehlo_name", "shop.example.com")
    peer = send(shop)
    greetings = {command for command in peer.commands if command.startswith("EHLO")}
    assert greetings == {"EHLO shop.example.com"}


@pytest.fixture
def webhook(shop, tmp_path):
    """Posts the list to a receiver; what became of its people."""

    def run(api):
        (tmp_path / "body.json").write_text('{"to": "{{ email }}"}')
        done = shop("campaign", "edit", "hello", "--channel", "webhook", "--medium", "email", "--text",
                    tmp_path / "body.json", "--url", api.url, "--allow-private")  # fmt: skip
        assert done.code == 0, done.err
        shop("run-now", "list")
        return delivery(shop)

    return run


@obeys("webhook.connections")
@pytest.mark.shop(people=6)
def test_a_webhook_has_connections_of_its_own(shop, webhook):
    threads = set()

    def answer(_):
        threads.add(threading.get_ident())
        time.sleep(0.05)
        return 200, {}, "{}"

    put(shop, "smtp.connections", "1")
    put(shop, "webhook.connections", "3")
    with api_peer(answer) as api:
        assert webhook(api)["accepted"] == 6
    # The receiver of this test has a thread a connection.
    assert len(threads) == 3


@obeys("webhook.timeout")
def test_a_receiver_is_waited_for_as_long_as_was_said(shop, webhook):
    put(shop, "webhook.timeout", "1s")
    began = time.monotonic()
    with api_peer(lambda _: HANG) as api:
        assert webhook(api)["uncertain"] == 3
        assert time.monotonic() - began < 4


@pytest.fixture
def platform(shop, tmp_path):
    """Gives the list to the platform; what became of its people."""

    def run(api):
        put(shop, "xtremepush.url", api.url)
        put(shop, "xtremepush.token", secret(tmp_path, "t0ken"))
        done = shop("campaign", "edit", "hello", "--channel", "xtremepush", "--xtremepush-id", "7")
        assert done.code == 0, done.err
        shop("run-now", "list")
        return delivery(shop)

    return run


@obeys("xtremepush.url", "xtremepush.token")
def test_the_platform_is_called_where_and_as_whom_the_settings_say(platform):
    with api_peer(lambda _: ENVELOPE) as api:
        assert platform(api)["accepted"] == 3
    assert api.requests[0].json()["apptoken"] == "t0ken"


@obeys("xtremepush.timeout")
def test_the_platform_is_waited_for_as_long_as_its_own_setting_says(shop, platform):
    put(shop, "webhook.timeout", "1h")
    put(shop, "xtremepush.timeout", "1")
    began = time.monotonic()
    with api_peer(lambda _: HANG) as api:
        assert platform(api)["uncertain"] == 3
        assert time.monotonic() - began < 4


@obeys("workers")
@SMTP
def test_a_cluster_that_is_named_is_asked_for_its_workers(shop, xp_process, free_port):
    put(shop, "smtp.url", f"smtp://127.0.0.1:{free_port}")
    put(shop, "workers", f"dask://127.0.0.1:{free_port}/")
    assert f"No Dask scheduler answers at dask://127.0.0.1:{free_port} " in xp_process("run-now", "list").err
    assert delivery(shop)["unsent"] == 3


@obeys("http.ca_file")
@NO_CAMPAIGN
def test_a_web_server_is_trusted_by_the_certificate_that_was_named(shop, tmp_path):
    cert, context = certificate(tmp_path / "tls", "127.0.0.1")
    with http_peer(context) as peer:
        peer.answers["/list.csv"] = whole(people_list(2))
        shop("import", "add", "list", "--source", f"{peer.root}/list.csv")
        assert shop("run-now", "list").code == 6
        put(shop, "http.ca_file", cert)
        assert shop("run-now", "list").code == 0


@obeys("sftp.known_hosts")
@pytest.mark.server("sshd")
@NO_CAMPAIGN
def test_an_sftp_server_is_known_by_the_file_that_was_named(shop, tmp_path):
    host = key(tmp_path / "host")
    with sftp_peer(host, "ann", "hunter2") as port:
        kind, public, *_ = host.with_suffix(".pub").read_text().split()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {kind} {public}\n")
        shop("import", "add", "list", "--source", f"sftp://ann@127.0.0.1:{port}{tmp_path}/list.csv",
             "--password", secret(tmp_path, "hunter2"))  # fmt: skip
        assert "key is not known" in shop("run-now", "list").err
        put(shop, "sftp.known_hosts", tmp_path / "known")
        assert shop("run-now", "list").code == 0


@obeys("imports.at_once")
@pytest.mark.shop(campaign=None)
def test_no_more_imports_run_at_once_than_may(shop, tmp_path):
    put(shop, "imports.at_once", "1")
    shop("import", "add", "other", "--source", tmp_path / "list.csv")
    command = [sys.executable, "-m", "xpimport", "--db", tmp_path / "xpimport.db", "run-now", "other", "--source", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 30
        while not shop("task", "list", "--status", "running", "--json").json():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        refused = shop("run-now", "list")
        shop("settings", "unset", "imports.at_once")
        assert shop("run-now", "list").code == 0
        running.communicate(people_list(1).encode(), timeout=30)
    assert (refused.code, "1 imports run already" in refused.err) == (5, True)


@obeys("journal.keep")
@NO_CAMPAIGN
def test_the_journal_is_dropped_by_months_after_its_time(shop, tmp_path):
    put(shop, "journal.keep", "60d")
    for month in (9, 10, 11, 12):
        shop("suppression", "add", f"m{month}@example.com", now=f"2026-{month:02}-20T00:00:00Z")
    months = sorted(file.stem for file in (tmp_path / "xpimport.db.files").rglob("*.jsonl"))
    assert months == ["2026-10", "2026-11", "2026-12"]


@obeys("reports.keep")
def test_files_of_reports_are_dropped_after_their_time(shop, tmp_path):
    put(shop, "reports.keep", "30d")
    assert shop("run-now", "list", now="2026-09-01T08:00:00Z").code == 0
    for month in (9, 10, 11):
        assert shop("report", "1", "--excluded", "--new", now=f"2026-{month:02}-10T00:00:00Z").code == 0
    names = sorted(file.name for file in (tmp_path / "xpimport.db.files" / "reports").iterdir())
    assert names == ["excluded-1-4.csv"]
    assert shop("report", "2").code == 4


@obeys("file.look")
@pytest.mark.shop(campaign=None)
def test_the_two_looks_at_a_file_are_as_far_apart_as_was_said(shop):
    put(shop, "file.look", "1s")
    began = time.monotonic()
    assert shop("run-now", "list").code == 0
    assert 1 <= time.monotonic() - began < 10


def shown(xp, name):
    return next(row for row in xp("settings", "list", "--json").json() if row["name"] == name)


@pytest.mark.parametrize(
    ("name", "value", "said", "default"),
    [
        ("smtp.timeout", "30", "smtp.timeout is back to its default: empty.", ""),
        ("webhook.timeout", "2m", "webhook.timeout is back to its default: 1m.", "1m"),
        ("imports.at_once", "5", "imports.at_once is back to its default: 2.", "2"),
        ("from", "news@example.com", "from is back to its default: empty.", ""),
        ("triggers", "on", "Sending is off, which is the default.", "off"),
    ],
)
def test_a_setting_that_is_unset_is_back_to_its_default_and_says_what_that_is(xp, name, value, said, default):
    xp("init")
    put(xp, name, value)
    assert shown(xp, name)["default"] is False
    for _ in range(2):
        assert said in xp("settings", "unset", name).err
        assert (shown(xp, name)["value"], shown(xp, name)["default"]) == (default, True)


def test_there_is_nothing_to_unset_of_a_name_that_is_no_setting(xp):
    xp("init")
    assert xp("settings", "unset", "store.secret").code == 4


@pytest.mark.parametrize("name", ["smtp.timeout", "webhook.timeout", "xtremepush.timeout"])
@pytest.mark.parametrize(
    ("typed", "kept"), [("30", "30s"), ("30s", "30s"), ("2m", "2m"), ("90s", "1m30s"), ("3600", "1h"), ("007", "7s")]
)
def test_a_wait_is_typed_as_a_duration_or_as_seconds_and_kept_alike(xp, name, typed, kept):
    xp("init")
    assert put(xp, name, typed) == f"{name} is now {kept}.\n"
    assert shown(xp, name)["value"] == kept


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("triggers", "yes"),
        ("timezone", "Mars"),
        ("from", "news"),
        ("unsubscribe.url", "http://example.com/u/"),
        ("web.public_url", "http://mail.example.com"),
        ("web.public_url", "http://127.0.0.1.example.com"),
        ("tracking.url", "https://t.example.com/?a=1"),
        ("tracking.url", "https://me:hunter2@t.example.com"),
        ("tracking.url", "https://"),
        ("outbox.keep", ""),
        ("smtp.url", "smtp://me:hunter2@mail.example.com"),
        ("smtp.password", "hunter2"),
        ("smtp.password", "file:"),
        ("smtp.connections", "0"),
        ("smtp.connections", "65"),
        ("smtp.messages_per_connection", "0"),
        ("smtp.timeout", "0s"),
        ("smtp.timeout", "2h"),
        ("smtp.timeout", "soon"),
        ("smtp.timeout", "-1"),
        ("smtp.ehlo_name", "a name"),
        ("smtp.rate", "fast"),
        ("webhook.timeout", ""),
        ("workers", "tcp://host:8786"),
        ("file.look", "2"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_changes_nothing(xp, name, value):
    xp("init")
    before = shown(xp, name)
    refused = xp("settings", "set", "--", name, value)
    assert refused.code == 2
    assert refused.err.startswith("Error: ")
    assert "hunter2" not in refused.err
    assert shown(xp, name) == before


def test_every_default_is_a_value_of_its_setting_in_its_normal_form():
    for setting in every_setting().values():
        assert setting.kind.show(setting.kind.parse(setting.default)) == setting.default, setting.name
