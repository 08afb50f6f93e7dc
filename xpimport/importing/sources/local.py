"""Lists on this machine, where they are read in place."""

import errno
import os
import shutil
from dataclasses import replace
from pathlib import Path

from xpimport.errors import FileRefused
from xpimport.importing.sources.source import SMALL, Fetching, Listed, SourceFile, SourceKind
from xpimport.rules.definition import Definition
from xpimport.rules.locations import Location
from xpimport.rules.names import FIXED, Names, split


def absolute(path: str) -> str:
    """A local path or pattern with its folder made absolute."""
    folder, name = split(path)
    base = str(Path(folder or ".").expanduser().absolute())
    return f"{base.rstrip('/')}/{name}"


class Local:
    """A folder of this machine."""

    looks = 2

    def __init__(self, names: Names) -> None:
        """Look for `names`, whose folder is absolute."""
        self.names = names
        self.wanted = names.path
        self._folder = Path(names.folder)

    def list(self) -> list[Listed]:
        """The files that are asked for; raises FileRefused (`no_file`, `not_a_file`)."""
        if self.names.kind == FIXED:
            path = self._folder / self.names.text
            if path.is_dir():
                raise FileRefused(
                    f"{path} is a directory. Name a file in it, or a pattern like {path}/*.csv", code="not_a_file"
                )
            return [self._listed(path)] if path.exists() else []
        try:
            entries = sorted(self._folder.iterdir())
        except OSError as problem:
            raise FileRefused(f"Cannot look into {self._folder}: {problem.strerror}.", code="no_file") from None
        return [self._listed(entry) for entry in entries if self.names.matches(entry.name) and entry.is_file()]

    def _listed(self, path: Path) -> Listed:
        try:
            state = path.stat()
        except OSError as problem:
            raise FileRefused(f"Cannot look at {path}: {problem.strerror}.", code="no_file") from None
        return Listed(path.name, str(path), str(path), state.st_size, state.st_mtime_ns)

    def beside(self, file: Listed, named: str) -> Listed | None:
        """The file of that name in the same folder."""
        path = Path(file.where).parent / named
        return self._listed(path) if path.is_file() else None

    def read(self, file: Listed) -> bytes:
        """The beginning of a file."""
        with Path(file.where).open("rb") as content:
            return content.read(SMALL)

    def fetch(self, file: Listed, target: Path, fetching: Fetching) -> SourceFile:  # noqa: ARG002 - it is here
        """The file itself: it is read where it lies."""
        return SourceFile(
            file.name, Path(file.where), file.bytes, file.modified or 0, location=file.location, origin=file
        )

    def unchanged(self, file: Listed) -> bool:
        """Whether size and time are still what was listed."""
        path = Path(file.where)
        return path.is_file() and self._listed(path) == file

    def move(self, file: Listed, where: str) -> bool:
        """Give the file another path, without ever replacing one that is there."""
        target = Path(where)
        target.parent.mkdir(mode=0o700, exist_ok=True)
        return _move(Path(file.where), target)

    def delete(self, file: Listed) -> None:
        """Remove the file."""
        Path(file.where).unlink()

    def close(self) -> None:
        """Nothing is open."""


def _move(path: Path, target: Path) -> bool:
    try:
        # A link, unlike a rename, fails where the name is taken.
        os.link(path, target, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError as problem:
        if problem.errno == errno.EXDEV:
            return _copy_away(path, target)
        if problem.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}:
            raise
        if os.path.lexists(target):
            return False
        path.rename(target)
        return True
    path.unlink()
    return True


def _copy_away(path: Path, target: Path) -> bool:
    """To another file system: the original goes only when the copy is on the disk."""
    try:
        with path.open("rb") as content, target.open("xb") as copy:
            shutil.copyfileobj(content, copy, 1 << 20)
            copy.flush()
            os.fsync(copy.fileno())
    except FileExistsError:
        return False
    except OSError:
        target.unlink(missing_ok=True)
        raise
    shutil.copystat(path, target)
    path.unlink()
    return True


def private(target: Path) -> int:
    """Open `target` anew for writing, readable by its owner only; returns the descriptor."""
    return os.open(target, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_NOFOLLOW, 0o600)


def fetched(file: Listed, target: Path) -> SourceFile:
    """A file that was brought to `target`, dated as it was at its source."""
    modified = file.modified or 0
    os.utime(target, ns=(modified, modified))
    state = target.stat()
    return SourceFile(file.name, target, state.st_size, state.st_mtime_ns, location=file.location, origin=file)


def _absolute(definition: Definition, location: Location) -> Definition:
    return replace(definition, source=absolute(location.path))


SOURCE = SourceKind(
    schemes=("file",),
    title="a local source",
    credentials=(),
    instead="",
    package=None,
    has_folder=True,
    has_companions=True,
    check=_absolute,
    open=lambda _location, names, _definition, _settings: Local(names),
    settings=(),
)
