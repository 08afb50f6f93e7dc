"""Places to import from."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.moto import KEYS, moto
from servers.places import Bucket, Folder, Place, over_sftp
from servers.ports import unused_port
from servers.sshd import Sshd, key, sshd


@pytest.fixture(scope="session")
def ssh_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    with sshd(folder, unused_port(), key(folder / "host"), key(folder / "user")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with moto(unused_port(), tmp_path_factory.mktemp("moto") / "log") as endpoint:
        yield endpoint


@pytest.fixture
def bucket(moto_server: str, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new bucket, and the variables that a user of it has."""
    from obstore.store import S3Store

    for name, value in {**KEYS, "AWS_ENDPOINT_URL": moto_server}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    name = f"lists-{next(_numbers)}"
    urllib.request.urlopen(urllib.request.Request(f"{moto_server}/{name}", method="PUT"), timeout=30).close()
    config: Any = {"endpoint": moto_server, "access_key_id": "testing", "secret_access_key": "testing"}
    return Bucket(name, S3Store(name, config=config, client_options={"allow_http": True}))


_numbers = iter(range(10**6))


@pytest.fixture(
    params=[
        "local",
        pytest.param("sftp", marks=pytest.mark.server("sshd")),
        pytest.param("s3", marks=pytest.mark.server("moto")),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A place for lists, of each kind that can be listed."""
    if request.param == "s3":
        bucket: Bucket = request.getfixturevalue("bucket")
        return bucket
    folder = tmp_path / "in"
    folder.mkdir()
    if request.param == "local":
        return Folder(folder)
    return over_sftp(folder, request.getfixturevalue("ssh_server"))
