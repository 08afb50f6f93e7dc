"""What a trigger sends, frozen at its first claim: a send that is taken up again, or retried, sends the same.

Equal contents are stored once. Where it connects, how fast it goes and its secrets are not part of it: those are always
what is set now.
"""

import hashlib
import json
from base64 import b64decode, b64encode
from typing import Any

from xpimport.sending.content.compose import MessageContent
from xpimport.sending.triggers import Trigger
from xpimport.store.database import Store

_FROZEN = ("channel", "subject", "text", "html", "strict", "sender")
_FROZEN_OPTIONS = ("reply_to", "preheader", "headers", "unsubscribe", "attachments", "track")


def frozen_content(store: Store, trigger: Trigger, content: MessageContent) -> MessageContent:
    """What a claimed trigger sends: `content` as it is now at its first claim, else as it was then."""
    if trigger.content_id is None:
        _freeze(store, trigger.id, content)
        return content
    return _thawed(store, trigger.content_id, content)


def _freeze(store: Store, trigger: int, content: MessageContent) -> None:
    octets = _octets(content)
    digest = hashlib.sha256(octets).hexdigest()
    with store.writing():
        store.db.execute("INSERT OR IGNORE INTO contents (sha256, content) VALUES (?, ?)", (digest, octets))
        store.db.execute(
            "UPDATE triggers SET content_id = (SELECT id FROM contents WHERE sha256 = ?)"
            " WHERE id = ? AND content_id IS NULL",
            (digest, trigger),
        )


def _thawed(store: Store, content_id: int, content: MessageContent) -> MessageContent:
    kept = json.loads(store.scalar("SELECT content FROM contents WHERE id = ?", content_id))
    options = {name: value for name, value in content["options"].items() if name not in _FROZEN_OPTIONS}
    files = [(name, kind, b64decode(octets)) for name, kind, octets in kept["files"]]
    own = {name: kept[name] for name in _FROZEN}
    return {**content, **own, "options": {**options, **kept["options"]}, "files": files}


def is_frozen_as(store: Store, content_id: int, content: MessageContent) -> bool:
    """Whether the content as it is now is what was frozen."""
    digest = hashlib.sha256(_octets(content)).hexdigest()
    return bool(store.scalar("SELECT 1 FROM contents WHERE id = ? AND sha256 = ?", content_id, digest))


def _octets(content: MessageContent) -> bytes:
    options = content["options"]
    kept: dict[str, Any] = {name: content[name] for name in _FROZEN}
    kept["options"] = {name: options[name] for name in _FROZEN_OPTIONS if name in options}
    kept["files"] = [[name, kind, b64encode(octets).decode("ascii")] for name, kind, octets in content["files"]]
    return json.dumps(kept, ensure_ascii=False, sort_keys=True).encode()
