"""Standard input, which is kept as a file first, and read once only."""

import os
import shutil
import sys
from pathlib import Path

from xpimport.errors import FileRefused
from xpimport.importing.sources.local import private
from xpimport.importing.sources.source import Source, SourceFile, SourceKind, as_given
from xpimport.rules.definition import Definition
from xpimport.rules.locations import STDIN, Location
from xpimport.rules.names import Names
from xpimport.rules.settings import Settings


def copy_stdin(target: Path) -> SourceFile:
    """Keep standard input as a private file, so that it can be read like any other.

    Raises:
        FileRefused: standard input is a terminal (`no_file`).
    """
    if sys.stdin.isatty():
        raise FileRefused("Standard input is a terminal. Pipe a list into the command, or name a file.", code="no_file")
    with os.fdopen(private(target), "wb") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
    state = target.stat()
    return SourceFile(STDIN, target, state.st_size, state.st_mtime_ns, location=STDIN)


def _not_opened(_location: Location, _names: Names, _definition: Definition, _settings: Settings) -> Source:
    raise FileRefused("Standard input can be read once only, as the list of a run.", code="no_file")


SOURCE = SourceKind(
    schemes=(STDIN,),
    title="standard input",
    credentials=(),
    instead="",
    package=None,
    has_folder=False,
    # The import's own are left alone where a single run reads standard input.
    has_companions=True,
    check=as_given,
    open=_not_opened,
    settings=(),
)
