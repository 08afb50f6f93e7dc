"""Where lists come from: finding the files that a source names, and seeing that they are finished."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SourceFile:
    """A list to read: its bare name, where it is, its size in bytes, when it was last written (unix nanoseconds)."""

    name: str
    path: Path
    bytes: int
    modified: int
