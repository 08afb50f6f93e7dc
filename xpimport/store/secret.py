"""What a store signs its keys and tokens with."""

import secrets

from xpimport.store.database import Store


def secret_of(store: Store) -> bytes:
    """What this store signs opt-out tokens with; made when first asked for."""
    found = store.scalar("SELECT value FROM settings WHERE name = 'store.secret'")
    if found is None:
        with store.writing():
            store.db.execute(
                "INSERT INTO settings (name, value) VALUES ('store.secret', ?) ON CONFLICT DO NOTHING",
                (secrets.token_hex(32),),
            )
        found = store.scalar("SELECT value FROM settings WHERE name = 'store.secret'")
    return bytes.fromhex(found)
