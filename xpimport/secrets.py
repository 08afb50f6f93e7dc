"""Secrets are kept outside the store; a setting only says where."""

import os
import stat
from pathlib import Path

from xpimport.errors import Invalid


class Secret(str):
    """A text that does not show itself where variables are printed, as tracebacks with locals do."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Hide the text."""
        return "Secret('***')"


def resolve(reference: str) -> str:
    """The secret that `env:NAME` or `file:PATH` refers to; one line end at its end is dropped.

    Raises:
        Invalid: anything that is no reference (it is not repeated, since it may be the secret itself), an
            unset variable, a file that cannot be read, is no regular file, or that others may read.
    """
    kind, colon, place = reference.partition(":")
    if not colon or not place or kind not in ("env", "file"):
        raise Invalid("A secret is given as env:NAME or file:PATH, never by itself.")
    if kind == "file":
        return _from_file(Path(place).expanduser())
    value = os.environ.get(place)
    if not value:
        raise Invalid(f"env:{place}: the variable is not set. Under cron use file:PATH.")
    return Secret(value)


def _from_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Invalid(f"file:{path}: not a regular file.")
            if status.st_mode & 0o077:
                raise Invalid(f"file:{path}: others may read it. Run: chmod 600 {path}")
            value = Secret(file.read(65536).decode())
    except OSError as error:
        raise Invalid(f"file:{path}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise Invalid(f"file:{path}: not UTF-8 text.") from None
    value = Secret(value.removesuffix("\n").removesuffix("\r"))
    if not value:
        raise Invalid(f"file:{path}: the file is empty.")
    return value
