"""A folder of lists, as the producer of them sees it, on each kind of place that can be listed."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from servers.sshd import Sshd


class Place(Protocol):
    """Somewhere lists are delivered to."""

    options: tuple[str, ...]
    """What `import add` needs besides --source."""
    looks: int

    def source(self, pattern: str) -> str: ...

    def location(self, name: str) -> str: ...

    def put(self, name: str, text: str, age: float | None = None) -> None:
        """Deliver a file, written `age` seconds ago; where times cannot be set, later than all before."""

    def files(self) -> dict[str, str]:
        """Every file with its text; those in folders with the folder's name."""


@dataclass
class Folder:
    """A folder of this machine, read in place or over sftp."""

    folder: Path
    root: str = ""
    options: tuple[str, ...] = ()
    looks: int = 2

    def source(self, pattern: str) -> str:
        return f"{self.root}{self.folder}/{pattern}"

    def location(self, name: str) -> str:
        # No user in what is shown.
        scheme, _, rest = self.root.partition("://")
        root = f"{scheme}://{rest.rpartition('@')[2]}" if rest else ""
        return f"{root}{self.folder}/{name}"

    def put(self, name: str, text: str, age: float | None = None) -> None:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        if age is not None:
            written = int(time.time() - age)
            os.utime(path, (written, written))

    def files(self) -> dict[str, str]:
        found = [path for path in self.folder.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.folder)): path.read_text(encoding="utf-8") for path in found}


@dataclass
class Bucket:
    """A bucket of an S3 server, with the lists under `in/`."""

    name: str
    store: Any
    options: tuple[str, ...] = ()
    looks: int = 1

    def source(self, pattern: str) -> str:
        return f"s3://{self.name}/in/{pattern}"

    location = source

    def put(self, name: str, text: str, age: float | None = None) -> None:
        import obstore

        # A bucket dates objects itself, to the second.
        newest = max((meta["last_modified"].timestamp() for meta in self._all()), default=0.0)
        time.sleep(max(0.0, newest + 1.05 - time.time()))
        obstore.put(self.store, f"in/{name}", text.encode())

    def _all(self) -> list[Any]:
        import obstore

        return [meta for batch in obstore.list(self.store, "in") for meta in batch]

    def files(self) -> dict[str, str]:
        import obstore

        keys = [meta["path"] for meta in self._all()]
        return {key.removeprefix("in/"): bytes(obstore.get(self.store, key).bytes()).decode() for key in keys}


def over_sftp(folder: Path, server: Sshd) -> Folder:
    server.be_known()
    return Folder(folder, server.root, ("--key", f"file:{server.user_key}"))
