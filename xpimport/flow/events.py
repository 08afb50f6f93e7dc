"""Events that come back: from a provider's file or a mailbox into the figures of the runs that sent the messages."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, cast

from xpimport.errors import Failed
from xpimport.rules.events import NotUnderstood
from xpimport.store.database import Store
from xpimport.tracking.intake import Said, Taken, take_in
from xpimport.tracking.json_values import SHOWN, values
from xpimport.tracking.providers.declaration import ProviderKind
from xpimport.tracking.providers.registry import provider_kind


def ingest(store: Store, file: str, provider: str) -> Taken:
    """Take a provider's file of events in (`-`: from stdin).

    Raises:
        Invalid: there is no such provider.
        Failed: the file cannot be read, or is no such file at all.
    """
    kind = provider_kind(provider)
    with _opened(file) as stream:
        return take_in(store, _said(values(stream, file), kind))


def _said(found: Iterator[object], kind: ProviderKind) -> Iterator[Said]:
    for value in found:
        if isinstance(value, NotUnderstood):
            yield replace(value, provider=kind.name)
            continue
        for said in kind.parse(value):
            if isinstance(said, NotUnderstood):
                said = replace(said, provider=kind.name, body=said.body or json.dumps(value)[:SHOWN])  # noqa: PLW2901
            yield said


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        with Path(file).open("rb") as stream:
            if stream.peek(2)[:2] == b"\x1f\x8b":
                with gzip.open(stream) as unpacked:
                    yield cast("IO[bytes]", unpacked)
            else:
                yield stream
    except OSError as problem:
        raise Failed(f"Cannot read {file}: {problem.strerror or problem}.") from None
