"""Lists over sftp from Debian's sshd: the server must be known, and we must be let in."""

from pathlib import Path

import pytest
from servers.places import over_sftp
from servers.sshd import key, sshd

from xpimport.errors import Unreachable
from xpimport.importing.sources import sftp

pytestmark = [pytest.mark.server("sshd"), pytest.mark.shop(people=None, imports=None)]

LIST = "user_id,email,email_subscription\nu1,u1@example.com,1\n"


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "in"
    path.mkdir()
    (path / "vip.csv").write_text(LIST)
    return path


def add(xp, source, *options):
    done = xp("import", "add", "list", "--source", source, *options)
    assert done.code == 0, done.err


def failed(xp, code):
    """The message of the failure with which running the import ends."""
    done = xp("run-now", "list", "--json")
    assert done.out, done.err
    details = done.json()
    assert (details["status"], details["error"]["code"]) == ("failed", code), details["error"]
    assert done.code == (6 if code == "unreachable" else 1)
    assert "hunter2" not in done.out + done.err
    return details["error"]["message"]


def ok(xp):
    details = xp("run-now", "list", "--json").json()
    return details["status"] == "completed"


def fingerprint(path: Path) -> str:
    import paramiko

    return str(paramiko.Ed25519Key.from_private_key_file(str(path)).fingerprint)


def test_an_unknown_server_is_refused_with_its_fingerprint_and_the_command_that_records_it(shop, folder, ssh_server):
    add(shop, f"{ssh_server.root}{folder}/vip.csv", "--key", f"file:{ssh_server.user_key}")
    message = failed(shop, "host_key")
    assert fingerprint(ssh_server.host_key) in message
    assert f"ssh-keyscan -p {ssh_server.port} -t ed25519 127.0.0.1 >> ~/.ssh/known_hosts" in message
    assert not (Path.home() / ".ssh").exists()
    assert shop("import", "check", "list").code == 1


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
def test_a_server_is_known_by_the_file_of_the_setting_too(shop, folder, ssh_server, tmp_path, hashed):
    import paramiko

    name, rest = ssh_server.known_hosts.split(" ", 1)
    line = f"{paramiko.HostKeys.hash_host(name) if hashed else name} {rest}"
    (tmp_path / "known").write_text(line)
    add(shop, f"{ssh_server.root}{folder}/vip.csv", "--key", f"file:{ssh_server.user_key}")
    assert shop("settings", "set", "sftp.known_hosts", tmp_path / "known").code == 0
    assert ok(shop)


def test_a_server_whose_key_changed_is_refused_with_both_fingerprints(shop, folder, ssh_server, tmp_path):
    ssh_server.be_known()
    other = key(tmp_path / "other")
    known = Path.home() / ".ssh" / "known_hosts"
    mine, theirs = ssh_server.host_key.with_suffix(".pub"), other.with_suffix(".pub")
    known.write_text(known.read_text().replace(mine.read_text().split()[1], theirs.read_text().split()[1]))
    add(shop, f"{ssh_server.root}{folder}/vip.csv", "--key", f"file:{ssh_server.user_key}")
    message = failed(shop, "host_key")
    assert fingerprint(ssh_server.host_key) in message
    assert fingerprint(other) in message
    assert f"ssh-keygen -R '[127.0.0.1]:{ssh_server.port}'" in message


def test_the_default_key_of_the_user_is_tried_where_none_is_named(shop, folder, ssh_server, monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    ssh_server.be_known()
    add(shop, f"{ssh_server.root}{folder}/vip.csv")
    assert "Give --key or --password" in failed(shop, "not_allowed")
    (Path.home() / ".ssh" / "id_ed25519").write_bytes(ssh_server.user_key.read_bytes())
    assert ok(shop)


def test_a_key_may_have_a_passphrase_and_must_be_private(shop, folder, tmp_path, free_port):
    mine = key(tmp_path / "mine", passphrase="hunter2")
    secret = tmp_path / "passphrase"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    with sshd(tmp_path, free_port, key(tmp_path / "host"), mine) as server:
        place = over_sftp(folder, server)
        add(shop, place.source("vip.csv"), *place.options)
        assert "has a passphrase" in failed(shop, "invalid")
        assert shop("import", "edit", "list", "--password", f"file:{secret}").code == 0
        assert ok(shop)
        mine.chmod(0o644)
        assert "chmod 600" in failed(shop, "invalid")


def test_a_password_is_sent_and_a_wrong_one_is_said_without_it(shop, folder, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2\n")
    secret.chmod(0o600)
    from servers.sftp_peer import sftp_peer

    host = key(tmp_path / "host")
    with sftp_peer(host, "ann", "hunter2") as port:
        kind, public, *_ = host.with_suffix(".pub").read_text().split()
        (Path.home() / ".ssh").mkdir()
        (Path.home() / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{port} {kind} {public}\n")
        add(shop, f"sftp://ann@127.0.0.1:{port}{folder}/vip.csv", "--password", f"file:{secret}")
        assert ok(shop)
        secret.write_text("hunter2hunter2\n")
        assert "does not let us in" in failed(shop, "not_allowed")


def test_a_path_may_begin_in_the_folder_of_the_user(shop, ssh_server, tmp_path):
    import os
    import pwd

    home = Path(pwd.getpwuid(os.geteuid()).pw_dir)
    ssh_server.be_known()
    name = f"xpimport-{tmp_path.name}.csv"
    path = home / name
    path.write_text(LIST)
    try:
        add(shop, f"{ssh_server.root}/~/{name}", "--key", f"file:{ssh_server.user_key}")
        details = shop("run-now", "list", "--json").json()
    finally:
        path.unlink()
    assert details["file"]["location"] == f"sftp://127.0.0.1:{ssh_server.port}/~/{name}"


def test_nobody_listening_is_exit_6(shop, free_port):
    add(shop, f"sftp://127.0.0.1:{free_port}/vip.csv")
    assert "could not be reached" in failed(shop, "unreachable")


def test_a_server_that_says_nothing_is_unreachable(shop, monkeypatch):
    import socket

    monkeypatch.setattr(sftp, "CONNECT", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        add(shop, f"sftp://127.0.0.1:{silent.getsockname()[1]}/vip.csv")
        failed(shop, "unreachable")


def test_a_server_that_is_away_for_a_minute_does_not_lose_the_first_look(shop, folder, ssh_server, monkeypatch):
    place = over_sftp(folder, ssh_server)
    options = (*place.options, "--schedule", "daily 03:00")
    done = shop("import", "add", "list", "--source", place.source("vip.csv"), *options, now="2097-01-01T00:00:00Z")
    assert done.code == 0, done.err

    def unreachable(*_):
        raise Unreachable("It could not be reached.")

    def tick(minute):
        assert shop("tick", now=f"2097-01-01T03:0{minute}:00Z").code == 0
        return shop("task", "show", 1, "--json", now=f"2097-01-01T03:0{minute}:00Z").json()

    assert tick(0)["status"] == "waiting_for_file"
    with monkeypatch.context() as away:
        away.setattr(sftp.Sftp, "list", unreachable)
        assert "could not be reached" in tick(1)["waiting_because"]
    assert tick(2)["status"] == "completed"


def test_a_file_that_changes_while_it_is_fetched_is_refused(shop, folder, ssh_server, monkeypatch):
    place = over_sftp(folder, ssh_server)
    add(shop, place.source("vip.csv"), *place.options)
    unchanged = sftp.Sftp.unchanged

    def then_look(self, file):
        place.put("vip.csv", LIST.replace("u1", "u2"), age=300)
        return unchanged(self, file)

    monkeypatch.setattr(sftp.Sftp, "unchanged", then_look)
    failed(shop, "file_changed")


def test_a_long_file_arrives_as_it_was(shop, folder, ssh_server):
    import hashlib

    place = over_sftp(folder, ssh_server)
    text = "user_id\n" + "".join(f"user-{number:07}\n" for number in range(300_000))
    place.put("vip.csv", text)
    add(shop, place.source("vip.csv"), *place.options)
    details = shop("run-now", "list", "--json").json()
    assert details["file"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    assert details["rows"]["created"] == 300_000
