"""Lists in an S3 bucket, with the credentials that AWS's own tools would use."""

import configparser
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from posixpath import basename, dirname, join
from typing import TYPE_CHECKING, Any

from xpimport.errors import FileRefused, Unreachable
from xpimport.importing.sources.local import fetched, private
from xpimport.importing.sources.source import SMALL, Fetching, Listed, SourceFile, SourceKind, as_given, missing_extra
from xpimport.rules.locations import Location
from xpimport.rules.names import FIXED, Names

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import S3Store

PIECE = 8 << 20
"""Bytes asked for at a time: each request has its own time-out, and all are held to one version."""
REQUEST = timedelta(seconds=60)
CONNECT = timedelta(seconds=10)


def open_s3(location: Location, names: Names) -> "S3":
    """The bucket of a location; nothing is asked yet.

    Raises:
        FileRefused: obstore is missing (`missing_extra`), or the profile cannot be used (`not_allowed`).
    """
    try:
        from obstore.store import S3Store
    except ImportError:
        raise FileRefused(missing_extra("s3", "obstore"), code="missing_extra") from None

    config = configuration(os.environ)
    plain = str(config.get("endpoint", "")).startswith("http://")
    # obstore adds the AWS_* variables that it knows, and the role of the machine where there are no keys.
    store = S3Store(
        location.host,
        config=config,  # type: ignore[arg-type]
        client_options={"allow_http": plain, "connect_timeout": CONNECT, "timeout": REQUEST},
        retry_config={"max_retries": 1, "retry_timeout": REQUEST},
    )
    return S3(store, location, names)


def configuration(environment: Mapping[str, str]) -> dict[str, str]:
    """Endpoint, region and keys: from AWS_* variables, else from the profile in ~/.aws.

    Raises:
        FileRefused: AWS_PROFILE names no profile, or one whose credentials are made by a login (`not_allowed`).
    """
    profile = _profile(environment)
    found = {
        "endpoint": environment.get("AWS_ENDPOINT_URL_S3")
        or environment.get("AWS_ENDPOINT_URL")
        or environment.get("AWS_ENDPOINT")
        or profile.get("endpoint_url"),
        "region": environment.get("AWS_REGION")
        or environment.get("AWS_DEFAULT_REGION")
        or profile.get("region")
        or "us-east-1",
    }
    if not environment.get("AWS_ACCESS_KEY_ID"):
        found["access_key_id"] = profile.get("aws_access_key_id")
        found["secret_access_key"] = profile.get("aws_secret_access_key")
        found["session_token"] = profile.get("aws_session_token")
    return {name: value for name, value in found.items() if value}


def _profile(environment: Mapping[str, str]) -> dict[str, str]:
    """What the two files say of the profile; of the same key in both, the credentials file's holds."""
    name = environment.get("AWS_PROFILE") or "default"
    home = Path("~/.aws").expanduser()
    config = _sections(environment.get("AWS_CONFIG_FILE") or home / "config")
    keys = _sections(environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / "credentials")
    found = {**config.get(name if name == "default" else f"profile {name}", {}), **keys.get(name, {})}
    if not environment.get("AWS_PROFILE") or environment.get("AWS_ACCESS_KEY_ID"):
        return found
    if not found:
        raise FileRefused(f"AWS_PROFILE: there is no profile {name!r} in {home}.", code="not_allowed")
    if "aws_access_key_id" not in found:
        raise FileRefused(
            f"AWS_PROFILE: the profile {name!r} holds no keys; logins, roles and programs are not followed. "
            "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            code="not_allowed",
        )
    return found


def _sections(path: str | Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(Path(path).expanduser(), encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError):
        raise FileRefused(f"{path} cannot be read as AWS's tools write it.", code="not_allowed") from None
    return {name: dict(parser[name]) for name in parser.sections()}


@contextmanager
def _plainly(shown: str) -> Iterator[None]:
    """Say what a bucket answers in our own words; FileNotFoundError is left to the caller."""
    from obstore import exceptions

    try:
        yield
    except exceptions.PreconditionError:
        raise FileRefused(f"{shown} was replaced while it was read. Run it again.", code="file_changed") from None
    except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError):
        raise FileRefused(
            f"{shown}: the server does not let us in. Look at the AWS_* variables, AWS_PROFILE and the bucket's rules.",
            code="not_allowed",
        ) from None
    except (exceptions.BaseError, ValueError) as problem:
        raise _said(problem, shown) from None


def _said(problem: Exception, shown: str) -> FileRefused | Unreachable:
    """An answer that obstore has no name for: by its status, which it only writes into its text."""
    import re

    text = str(problem)
    found = re.search(r"status code: (\d{3})", text)
    status = int(found[1]) if found else 0
    if status == 404 or "NoSuchBucket" in text:
        return FileRefused(f"There is no bucket for {shown}.", code="no_file")
    if 300 <= status < 500 and status not in {408, 429}:
        hint = " The bucket may be in another region: set AWS_REGION." if status in {301, 307, 400} else ""
        return FileRefused(f"{shown}: the server answers {status}.{hint}", code="refused_by_server")
    # What stands before is a dump of the request, what comes after one of the error's inside.
    words = text.partition("\n")[0].partition(" - ")[2] or type(problem).__name__
    said = f"the server answers {status}" if status else re.sub(r"\s*\(?https?://\S+", "", words)[:200].rstrip(".: ")
    return Unreachable(f"{shown} could not be reached: {said}.")


class S3:
    """A folder of a bucket: the keys up to a slash. An object appears whole or not at all."""

    looks = 1

    def __init__(self, store: "S3Store", location: Location, names: Names) -> None:
        """Look for `names` in a bucket."""
        self.names = names
        self.wanted = location.shown(names.path)
        self._store, self._location = store, location

    def list(self) -> list[Listed]:
        """The objects that are asked for; raises FileRefused (`not_allowed`, ...)."""
        import obstore

        folder = self.names.folder.strip("/")
        if self.names.kind == FIXED:
            found = self._head(join(folder, self.names.text))
            return [] if found is None else [found]
        with _plainly(self.wanted):
            try:
                listing = obstore.list_with_delimiter(self._store, folder or None)
            except FileNotFoundError:
                raise FileRefused(f"There is no bucket {self._location.root}.", code="no_file") from None
        objects = [self._listed(meta) for meta in listing["objects"]]
        return sorted((one for one in objects if self.names.matches(one.name)), key=lambda one: one.name)

    def _listed(self, meta: "ObjectMeta") -> Listed:
        key = meta["path"]
        return Listed(
            name=basename(key),
            where=key,
            location=self._location.shown(f"/{key}"),
            bytes=meta["size"],
            modified=int(meta["last_modified"].timestamp() * 1000) * 10**6,
            version=meta["e_tag"],
        )

    def _head(self, key: str) -> Listed | None:
        import obstore

        with _plainly(self._location.shown(f"/{key}")):
            try:
                return self._listed(obstore.head(self._store, key))
            except FileNotFoundError:
                return None

    def beside(self, file: Listed, named: str) -> Listed | None:
        """The object of that name in the same folder."""
        return self._head(join(dirname(file.where), named))

    def read(self, file: Listed) -> bytes:
        """The beginning of an object."""
        return self._range(file, 0, min(file.bytes, SMALL)) if file.bytes else b""

    def _range(self, file: Listed, start: int, end: int) -> bytes:
        import obstore

        options: Any = {"range": (start, end)}
        if file.version is not None:
            options["if_match"] = file.version
        with _plainly(file.location):
            try:
                return bytes(obstore.get(self._store, file.where, options=options).bytes())
            except FileNotFoundError:
                raise FileRefused(f"{file.location} is gone. Run it again.", code="no_file") from None

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        """Bring the very version here that was listed.

        Raises:
            FileRefused: it was replaced (`file_changed`), is gone (`no_file`) or came short (`truncated_download`).
        """
        done = 0
        with os.fdopen(private(target), "wb") as copy:
            while done < file.bytes:
                piece = self._range(file, done, min(done + PIECE, file.bytes))
                if not piece:
                    raise FileRefused(
                        f"{file.location} came short: {done} of {file.bytes} bytes arrived.", code="truncated_download"
                    )
                copy.write(piece)
                done += len(piece)
                fetching(done, file.bytes)
        if file.version is None and not self.unchanged(file):
            raise FileRefused(f"{file.location} was replaced while it was read. Run it again.", code="file_changed")
        return fetched(file, target)

    def unchanged(self, file: Listed) -> bool:
        """Whether it is still the version that was listed."""
        return self._head(file.where) == file

    def move(self, file: Listed, where: str) -> bool:
        """Copy to another key and delete the old one; S3 has no rename."""
        import obstore

        key = where.lstrip("/")
        if self._head(key) is not None:
            return False
        with _plainly(file.location):
            obstore.copy(self._store, file.where, key)
            obstore.delete(self._store, file.where)
        return True

    def delete(self, file: Listed) -> None:
        """Remove the object."""
        import obstore

        with _plainly(file.location):
            obstore.delete(self._store, file.where)

    def close(self) -> None:
        """Nothing is kept open."""


SOURCE = SourceKind(
    schemes=("s3",),
    title="an {scheme} source",
    credentials=(),
    instead=" Its credentials are those of the AWS_* variables or of AWS_PROFILE.",
    package="obstore",
    has_folder=True,
    has_companions=True,
    check=as_given,
    open=lambda location, names, _definition, _settings: open_s3(location, names),
    settings=(),
)
