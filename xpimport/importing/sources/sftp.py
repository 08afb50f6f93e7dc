"""Lists on an SFTP server whose key is known."""

import getpass
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from posixpath import basename, dirname, join
from typing import TYPE_CHECKING, Any

from xpimport.errors import FileRefused, Invalid, Unreachable
from xpimport.importing.sources.local import fetched, private
from xpimport.importing.sources.source import SMALL, Fetching, Listed, SourceFile, SourceKind, as_given, missing_extra
from xpimport.rules.definition import Definition
from xpimport.rules.locations import Location
from xpimport.rules.names import FIXED, Names
from xpimport.rules.setting_kinds import PATH
from xpimport.rules.settings import Setting, Settings
from xpimport.secrets import resolve

if TYPE_CHECKING:
    from paramiko import PKey, SFTPAttributes, SFTPClient, SSHClient

CONNECT, ANSWER = 15.0, 60.0
"""Seconds to wait for a connection, and for each answer."""
PIECE = 1 << 18
AHEAD = 64
"""Pieces of 32 kB that are asked for before they are needed."""
SYSTEM_KEYS = "/etc/ssh/ssh_known_hosts"
KNOWN_HOSTS = Setting("sftp.known_hosts", "", PATH, "a file of host keys, besides ~/.ssh/known_hosts and /etc/ssh")


def open_sftp(location: Location, names: Names, definition: Definition, settings: Settings) -> "Sftp":
    """Connect and log in.

    Raises:
        FileRefused: paramiko is missing (`missing_extra`), the server's key is unknown or changed (`host_key`), or
            it does not let us in (`not_allowed`).
        Unreachable: no connection.
        Invalid: a password or key is not to be had.
    """
    try:
        import paramiko
    except ImportError:
        raise FileRefused(missing_extra("sftp", "paramiko"), code="missing_extra") from None

    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(_refusing(location))
    try:
        _load_keys(client, settings[KNOWN_HOSTS])
        with _plainly(location):
            client.connect(
                location.host,
                location.port,
                location.user or getpass.getuser(),
                timeout=CONNECT,
                banner_timeout=CONNECT,
                auth_timeout=ANSWER,
                channel_timeout=ANSWER,
                **_credentials(definition),
            )
            sftp = client.open_sftp()
            channel = sftp.get_channel()
            if channel is not None:
                channel.settimeout(ANSWER)
    except BaseException:
        client.close()
        raise
    return Sftp(client, sftp, location, names)


def _credentials(definition: Definition) -> dict[str, Any]:
    """A key (its passphrase is the password), or a password; without either the agent and the user's own keys."""
    if definition.key:
        passphrase = resolve(definition.password) if definition.password else None
        return {"pkey": _private_key(definition.key, passphrase), "allow_agent": False, "look_for_keys": False}
    if definition.password:
        return {"password": resolve(definition.password), "allow_agent": False, "look_for_keys": False}
    return {}


def _private_key(reference: str, passphrase: str | None) -> "PKey":
    import io

    import paramiko

    text = resolve(reference) + "\n"
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(text), password=passphrase)
        except paramiko.PasswordRequiredException:
            raise Invalid(f"--key {reference}: the key has a passphrase. Give it with --password file:PATH") from None
        except (paramiko.SSHException, ValueError):
            continue
    wrong = " or its passphrase is another" if passphrase else ""
    raise Invalid(f"--key {reference}: this is no private key of a known kind (ed25519, ecdsa, rsa){wrong}.")


def _load_keys(client: "SSHClient", own: Path | None) -> None:
    """The keys of the user and of the system; a file that is not there holds none."""
    for path in (str(Path("~/.ssh/known_hosts").expanduser()), SYSTEM_KEYS):
        if Path(path).is_file():
            client.load_system_host_keys(path)
    if own:
        try:
            client.load_system_host_keys(str(own))
        except OSError as problem:
            raise Invalid(f"sftp.known_hosts: {own}: {problem.strerror}.") from None


def _refusing(location: Location) -> Any:
    from paramiko import MissingHostKeyPolicy

    class Refusing(MissingHostKeyPolicy):
        def missing_host_key(self, client: "SSHClient", hostname: str, key: "PKey") -> None:  # noqa: ARG002
            kind = key.get_name().removeprefix("ssh-")
            kind = "ecdsa" if kind.startswith("ecdsa") else kind
            raise FileRefused(
                f"{location.root}: the server's key is not known, so it could be any server. Its {kind} key has the "
                f"fingerprint {key.fingerprint}. If its owner confirms that, record it: "
                f"ssh-keyscan -p {location.port} -t {kind} {location.host} >> ~/.ssh/known_hosts",
                code="host_key",
            )

    return Refusing()


@contextmanager
def _plainly(location: Location) -> Iterator[None]:
    """Say what goes wrong with the connection in our own words."""
    import paramiko

    root = location.root
    try:
        yield
    except paramiko.BadHostKeyException as problem:
        entry = location.host if location.port == 22 else f"[{location.host}]:{location.port}"
        raise FileRefused(
            f"{root}: the server's key has changed. It has the fingerprint {problem.key.fingerprint}, and "
            f"{problem.expected_key.fingerprint} is recorded. Somebody may be listening. If its owner confirms the "
            f"new one: ssh-keygen -R '{entry}', then ssh-keyscan -p {location.port} {location.host} "
            ">> ~/.ssh/known_hosts",
            code="host_key",
        ) from None
    except paramiko.AuthenticationException:
        raise FileRefused(
            f"{root}: the server does not let us in. Look at the user, --password and --key.", code="not_allowed"
        ) from None
    except PermissionError as problem:
        raise FileRefused(f"{root}: {problem.strerror or 'permission denied'}.", code="not_allowed") from None
    except (paramiko.SSHException, EOFError, OSError) as problem:
        if str(problem) == "No authentication methods available":
            raise FileRefused(
                f"{root}: there is no key and no password to log in with. Give --key or --password.", code="not_allowed"
            ) from None
        words = getattr(problem, "strerror", None) or str(problem) or type(problem).__name__
        raise Unreachable(f"{root} could not be reached: {words}.") from None


class Sftp:
    """A folder of a server, over one connection."""

    looks = 2

    def __init__(self, client: "SSHClient", sftp: "SFTPClient", location: Location, names: Names) -> None:
        """Look for `names` over an open connection."""
        self.names = names
        self.wanted = location.shown(names.path)
        self._client, self._sftp, self._location = client, sftp, location

    def list(self) -> list[Listed]:
        """The files that are asked for; raises FileRefused (`no_file`, `not_a_file`, `not_allowed`)."""
        folder = self._there(self.names.folder)
        if self.names.kind == FIXED:
            state = self._stat(join(folder, self.names.text))
            if state is not None and stat.S_ISDIR(state.st_mode or 0):
                raise FileRefused(f"{self.wanted} is a folder. Name a file in it, or a pattern.", code="not_a_file")
            return [] if state is None else [self._listed(join(folder, self.names.text), state)]
        with _plainly(self._location):
            try:
                names = sorted(name for name in self._sftp.listdir(folder) if self.names.matches(name))
            except FileNotFoundError:
                raise FileRefused(f"There is no folder {self._location.shown(folder)}.", code="no_file") from None
        found = [(join(folder, name), self._stat(join(folder, name))) for name in names]
        return [self._listed(path, state) for path, state in found if state and stat.S_ISREG(state.st_mode or 0)]

    def _there(self, folder: str) -> str:
        """A folder as the server knows it: `/~/` is where a user lands."""
        return folder.removeprefix("/~/") or "." if folder.startswith("/~/") else folder

    def _stat(self, path: str) -> "SFTPAttributes | None":
        with _plainly(self._location):
            try:
                return self._sftp.stat(path)
            except FileNotFoundError:
                return None

    def _listed(self, path: str, state: "SFTPAttributes") -> Listed:
        shown = path if path.startswith("/") else f"/~/{path.removeprefix('./')}"
        location = self._location.shown(shown)
        return Listed(basename(path), path, location, state.st_size or 0, (state.st_mtime or 0) * 10**9)

    def beside(self, file: Listed, named: str) -> Listed | None:
        """The file of that name in the same folder."""
        path = join(dirname(file.where), named)
        state = self._stat(path)
        return self._listed(path, state) if state and stat.S_ISREG(state.st_mode or 0) else None

    def read(self, file: Listed) -> bytes:
        """The beginning of a file."""
        with _plainly(self._location), self._sftp.open(file.where, "rb") as content:
            return content.read(SMALL)

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:
        """Bring the file here, and see that it did not change meanwhile.

        Raises:
            FileRefused: it came short (`truncated_download`), changed (`file_changed`) or is gone (`no_file`).
        """
        done = 0
        with _plainly(self._location):
            try:
                content = self._sftp.open(file.where, "rb")
            except FileNotFoundError:
                raise FileRefused(f"{file.location} is gone. Run it again.", code="no_file") from None
            with content, os.fdopen(private(target), "wb") as copy:
                content.prefetch(file.bytes, max_concurrent_requests=AHEAD)
                while piece := content.read(PIECE):
                    copy.write(piece)
                    done += len(piece)
                    fetching(done, max(file.bytes, done))
        if not self.unchanged(file):
            raise FileRefused(
                f"{file.location} changed while it was read. Run it when it is whole.", code="file_changed"
            )
        if done != file.bytes:
            raise FileRefused(
                f"{file.location} came short: {done} of {file.bytes} bytes arrived.", code="truncated_download"
            )
        return fetched(file, target)

    def unchanged(self, file: Listed) -> bool:
        """Whether size and time are still what was listed."""
        state = self._stat(file.where)
        return state is not None and self._listed(file.where, state) == file

    def move(self, file: Listed, where: str) -> bool:
        """Give the file another path; where the server would replace what is there, it is not asked to."""
        with _plainly(self._location):
            if dirname(where) != dirname(file.where) and self._stat(dirname(where)) is None:
                self._sftp.mkdir(dirname(where))
            if self._stat(where) is not None:
                return False
            self._sftp.rename(file.where, where)
        return True

    def delete(self, file: Listed) -> None:
        """Remove the file."""
        with _plainly(self._location):
            self._sftp.remove(file.where)

    def close(self) -> None:
        """End the connection."""
        self._sftp.close()
        self._client.close()


SOURCE = SourceKind(
    schemes=("sftp",),
    title="an {scheme} source",
    credentials=("password", "key"),
    instead="",
    package="paramiko",
    has_folder=True,
    has_companions=True,
    check=as_given,
    open=open_sftp,
    settings=(KNOWN_HOSTS,),
)
