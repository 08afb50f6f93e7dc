"""How this operator calls the program: what stands in hints for `xpimport`, and the store that --db named."""

import os
import re
import shlex
import shutil
import sys
from contextvars import ContextVar
from pathlib import Path

from xpimport.defining.crontab import program

named_store: ContextVar[Path | None] = ContextVar("named_store", default=None)
"""The store that --db named, None where the environment or the default did."""

_HINT = re.compile(r"(^ *|: )xpimport(?= [a-z])", re.MULTILINE)
_WHOLE = re.compile(r"(?:^ *|(?<=: ))(?:(?:\* ){5}|systemctl )", re.MULTILINE)


def as_called() -> str:
    """The words that start this very program in the operator's shell, quoted."""
    found = shutil.which("xpimport")
    return "xpimport" if found is not None and _starts_us(found) else shlex.join(program())


def _starts_us(script: str) -> bool:
    """Whether a script runs in this Python: installers write its path into the first lines."""
    try:
        with Path(script).open("rb") as file:
            head = file.read(4096)
    except OSError:
        return False
    return os.fsencode(Path(sys.executable).parent / "python") in head


def pasteable(text: str) -> str:
    """The text with its hints as they can be pasted."""
    if not _HINT.search(text):
        return text
    store = named_store.get()
    called = as_called() + ("" if store is None else f" --db {shlex.quote(str(store))}")
    return _HINT.sub(lambda found: found[1] + called, text)


def split_hint(line: str) -> tuple[str, str]:
    """A line as what is said, and what ends it and is to be pasted in one piece: a hint, a line for cron."""
    found = _HINT.search(line) or _WHOLE.search(line)
    if found is None:
        return line, ""
    begins = found.end(1) if found.re is _HINT else found.start()
    return line[:begins], line[begins:]
