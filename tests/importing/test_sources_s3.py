"""Lists in a bucket of moto's server: the version that was listed, with the credentials of AWS's own places."""

from pathlib import Path

import pytest
from servers.moto import KEYS

from xpimport.importing.sources import s3

pytestmark = [pytest.mark.server("moto"), pytest.mark.shop(people=None, imports=None)]

LIST = "user_id,email,email_subscription\nu1,u1@example.com,1\n"


def add(xp, source, *options):
    done = xp("import", "add", "list", "--source", source, *options)
    assert done.code == 0, done.err


def run(xp):
    done = xp("run-now", "list", "--json")
    assert done.out, done.err
    return done.json()


def failed(xp, code):
    """The message of the failure with which running the import ends."""
    done = xp("run-now", "list", "--json")
    details = done.json()
    assert (details["status"], details["error"]["code"]) == ("failed", code), details["error"]
    assert done.code == (6 if code == "unreachable" else 1)
    return details["error"]["message"]


def test_an_object_overwritten_between_listing_and_reading_is_refused(shop, bucket, monkeypatch):
    bucket.put("vip.csv", LIST)
    add(shop, bucket.source("vip*.csv"))
    fetch = s3.S3.fetch

    def overwritten(self, *arguments):
        bucket.put("vip.csv", LIST.replace("u1", "u2"))
        return fetch(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(s3.S3, "fetch", overwritten)
        assert "was replaced while it was read" in failed(shop, "file_changed")
    assert run(shop)["status"] == "completed"


def test_an_object_deleted_between_listing_and_reading_is_refused(shop, bucket, monkeypatch):
    import obstore

    bucket.put("vip.csv", LIST)
    add(shop, bucket.source("vip.csv"))
    fetch = s3.S3.fetch

    def deleted(self, *arguments):
        obstore.delete(bucket.store, "in/vip.csv")
        return fetch(self, *arguments)

    monkeypatch.setattr(s3.S3, "fetch", deleted)
    failed(shop, "no_file")


def test_an_object_of_many_pieces_arrives_as_it_was(shop, bucket, monkeypatch):
    import hashlib

    monkeypatch.setattr(s3, "PIECE", 1000)
    text = "user_id\n" + "".join(f"user-{number}\n" for number in range(2000))
    bucket.put("vip.csv", text)
    add(shop, bucket.source("vip.csv"))
    assert run(shop)["file"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_a_pattern_looks_into_its_own_folder_only(shop, bucket):
    bucket.put("old/vip-2.csv", LIST)
    add(shop, bucket.source("vip-*.csv"))
    failed(shop, "no_file")
    bucket.put("vip-1.csv", LIST)
    assert run(shop)["file"]["name"] == "vip-1.csv"


def test_a_missing_object_and_a_missing_bucket_are_no_file(shop, bucket):
    add(shop, bucket.source("vip.csv"))
    assert bucket.location("vip.csv") in failed(shop, "no_file")
    assert shop("import", "edit", "list", "--source", "s3://not-there/vip*.csv").code == 0
    failed(shop, "no_file")


def test_nobody_listening_is_exit_6(shop, bucket, monkeypatch, free_port):
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port}")
    add(shop, bucket.source("vip.csv"))
    message = failed(shop, "unreachable")
    assert message.startswith(f"{bucket.location('vip.csv')} could not be reached: ")
    print(message)
    assert "testing" not in message


def test_endpoint_and_keys_may_stand_in_a_profile(shop, bucket, moto_server, monkeypatch):
    bucket.put("vip.csv", LIST)
    for name in (*KEYS, "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    folder = Path.home() / ".aws"
    folder.mkdir()
    (folder / "config").write_text(
        f"[profile nightly]\nregion = eu-west-1\nendpoint_url = {moto_server}\n[profile sso]\n"
    )
    (folder / "credentials").write_text("[nightly]\naws_access_key_id = AKIDNIGHTLY\naws_secret_access_key = s3cr3t\n")
    monkeypatch.setenv("AWS_PROFILE", "nightly")
    add(shop, bucket.source("vip.csv"))
    assert run(shop)["status"] == "completed"
    assert s3.configuration({"AWS_PROFILE": "nightly"}) == {
        "endpoint": moto_server,
        "region": "eu-west-1",
        "access_key_id": "AKIDNIGHTLY",
        "secret_access_key": "s3cr3t",
    }
    monkeypatch.setenv("AWS_PROFILE", "absent")
    assert "no profile 'absent'" in failed(shop, "not_allowed")
    (folder / "config").write_text("[profile sso]\nsso_session = x\n")
    monkeypatch.setenv("AWS_PROFILE", "sso")
    assert "logins, roles and programs are not followed" in failed(shop, "not_allowed")


def test_variables_win_over_the_profile(monkeypatch):
    folder = Path.home() / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text("[default]\naws_access_key_id = A\naws_secret_access_key = B\nregion = r\n")
    assert s3.configuration({}) == {"region": "r", "access_key_id": "A", "secret_access_key": "B"}
    given = {
        "AWS_ACCESS_KEY_ID": "C",
        "AWS_DEFAULT_REGION": "q",
        "AWS_ENDPOINT_URL": "http://a",
        "AWS_ENDPOINT_URL_S3": "http://b",
    }
    assert s3.configuration(given) == {"region": "q", "endpoint": "http://b"}
