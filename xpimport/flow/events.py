"""Events that come back: from a provider's file or a mailbox into the figures of the runs that sent the messages."""

import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, cast

from xpimport.errors import Failed
from xpimport.rules.events import MAIL, NotUnderstood, Reported
from xpimport.store.database import Store
from xpimport.tracking.intake import Said, Taken, take_in
from xpimport.tracking.json_values import SHOWN, values
from xpimport.tracking.mail_reports import NoKey, parse
from xpimport.tracking.mailboxes import messages
from xpimport.tracking.matching import Matcher
from xpimport.tracking.providers import reading
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
        return take_in(store, _said(values(stream, "Standard input" if file == "-" else file), kind))


def _said(found: Iterator[object], kind: ProviderKind) -> Iterator[Said]:
    for value in found:
        if isinstance(value, NotUnderstood):
            yield replace(value, provider=kind.name)
            continue
        # One by one, so that of a batch each that is not understood is kept for itself.
        for item in reading.each(value):
            for said in kind.parse(item):
                yield replace(said, provider=kind.name, body=_shown(item)) if isinstance(said, NotUnderstood) else said


def _shown(value: object) -> str:
    try:
        return json.dumps(value)[:SHOWN]
    except RecursionError:
        return "nested too deeply"


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


@dataclass
class BouncesTaken:
    """What came of a mailbox: the events, and how many mails say nothing of a message of ours."""

    taken: Taken
    mails: int
    other: int


def bounces(store: Store, mailbox: str) -> BouncesTaken:
    """Take in what the mails of a Maildir, an mbox, a file or stdin (`-`) say of our messages; none is moved or deleted.

    Raises:
        Failed: that is no mailbox.
    """
    matcher, found = Matcher(store), BouncesTaken(Taken(), 0, 0)

    def said() -> Iterator[Said]:
        for _, octets in messages(mailbox, sys.stdin.buffer):
            found.mails += 1
            told = parse(octets, matcher.is_ours)
            if told is None:
                found.other += 1
            elif isinstance(told, NotUnderstood):
                yield replace(told, provider=MAIL, body=told.body or octets[:SHOWN].decode("latin-1"))
            else:
                yield from (_without_key(one) if isinstance(one, NoKey) else one for one in told)

    found.taken = take_in(store, said())
    return found


def _without_key(said: NoKey) -> Reported:
    return Reported(said.kind, MAIL, said.time, None, said.address, gone=said.gone, detail=said.detail)
