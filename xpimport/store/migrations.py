"""The schema's whole history; nothing else makes or changes tables, but for the columns of attributes.

Instants are UTC text of fixed width (`clock.to_text`), so that text order is time order; the ledger, which has
a row per person, keeps unix seconds instead. Durations are seconds. Lists and maps are JSON text.
"""

from typing import Any

import sqlite_utils  # noqa: TID253 - this module is loaded only when the schema has to change

from xpimport.store import schema_4
from xpimport.store.location import APPLICATION_ID

migrations = sqlite_utils.Migrations("xpimport")


def migrate(connection: Any) -> None:
    """Apply what is pending, inside the write transaction that the caller holds."""
    db = sqlite_utils.Database(connection, execute_plugins=False)
    migrations.apply(db)
    version = len(migrations.applied(db))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")


def _run(db: sqlite_utils.Database, script: str) -> None:
    # Not executescript: that one commits the transaction around it first.
    for statement in script.split(";\n"):
        if statement.strip():
            db.conn.execute(statement)


@migrations()
def m001_first(db: sqlite_utils.Database) -> None:
    """Everything of the first version."""
    _run(db, DEFINING)
    _run(db, PEOPLE)
    _run(db, TASKS)
    _run(db, SENDING)


@migrations()
def m002_any_list_from_anywhere(db: sqlite_utils.Database) -> None:
    """What a run has to say beyond its counts, the task whose rest it sends, and how fast runs are."""
    _run(db, TASKS_2)


@migrations()
def m003_sending_engine(db: sqlite_utils.Database) -> None:
    """Who may get a campaign and how often, how it goes out, and what has to happen before the rest goes."""
    _run(db, SENDING_3)


@migrations()
def m004_keys_that_fold_no_letter(db: sqlite_utils.Database) -> None:
    """Addresses compared by a stored key, frozen content, keys with an epoch, and tables for what comes back."""
    from xpimport.rules.emails import email_key

    _run(db, schema_4.PEOPLE)
    # Only while this runs: the schema itself needs no function of ours.
    db.conn.create_function("email_key", 1, email_key, deterministic=True)
    _run(db, schema_4.KEYS)
    _run(db, schema_4.TASKS)
    _run(db, schema_4.SENDING)
    _run(db, schema_4.TRACKING)
    _run(db, schema_4.VIEWS)


DEFINING = """
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attributes (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    max_length INTEGER,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE campaigns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    channel TEXT NOT NULL,
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    live INTEGER NOT NULL DEFAULT 1 CHECK (live IN (0, 1)),
    subject TEXT NOT NULL DEFAULT '',
    text TEXT,
    html TEXT,
    sender TEXT,
    ignore_subscription INTEGER NOT NULL DEFAULT 0 CHECK (ignore_subscription IN (0, 1)),
    strict INTEGER NOT NULL DEFAULT 0 CHECK (strict IN (0, 1)),
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    removed_at TEXT
) STRICT;
CREATE UNIQUE INDEX campaigns_by_name ON campaigns (name) WHERE removed_at IS NULL;

CREATE TABLE imports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    options TEXT NOT NULL,
    schedule TEXT,
    timezone TEXT NOT NULL,
    campaign_id INTEGER REFERENCES campaigns (id),
    send_at TEXT,
    active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    next_run_at TEXT,
    created_at TEXT NOT NULL,
    changed_at TEXT NOT NULL,
    removed_at TEXT,
    CHECK (send_at IS NULL OR campaign_id IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX imports_by_name ON imports (name) WHERE removed_at IS NULL;
CREATE INDEX imports_due ON imports (next_run_at) WHERE next_run_at IS NOT NULL;
"""

PEOPLE = """
CREATE TABLE profiles (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id TEXT UNIQUE,
    email TEXT,
    email_subscription INTEGER CHECK (email_subscription IN (0, 1)),
    email_subscription_time TEXT,
    mobile_number TEXT,
    sms_subscription INTEGER CHECK (sms_subscription IN (0, 1)),
    sms_subscription_time TEXT,
    language TEXT,
    timezone TEXT,
    created_task INTEGER NOT NULL,
    changed_task INTEGER NOT NULL,
    email_key TEXT GENERATED ALWAYS AS (lower(email)) VIRTUAL,
    CHECK (user_id IS NOT NULL OR email IS NOT NULL)
) STRICT;
CREATE INDEX profiles_by_email ON profiles (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX profiles_without_user_id ON profiles (email_key) WHERE user_id IS NULL;

CREATE TABLE opt_outs (
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    opted_out_at TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressions (
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    suppressed_at TEXT NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;
"""

TASKS = """
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    type TEXT NOT NULL CHECK (type IN ('profile_import', 'excluded_users_report')),
    import_id INTEGER REFERENCES imports (id),
    about_task_id INTEGER REFERENCES tasks (id),
    status TEXT NOT NULL CHECK (status IN ('running', 'waiting_for_file', 'completed', 'failed', 'skipped')),
    attempt INTEGER NOT NULL DEFAULT 1,
    scheduled_for TEXT,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    error_code TEXT,
    error_message TEXT,
    definition TEXT,
    again INTEGER NOT NULL DEFAULT 0 CHECK (again IN (0, 1)),
    files TEXT NOT NULL DEFAULT '[]',
    content_hash TEXT,
    look TEXT,
    guard TEXT,
    wait_until TEXT,
    header TEXT,
    ignored_columns TEXT NOT NULL DEFAULT '[]',
    stage TEXT NOT NULL DEFAULT 'reading' CHECK (stage IN ('reading', 'merging', 'done')),
    cursor INTEGER NOT NULL DEFAULT 0,
    rows_read INTEGER NOT NULL DEFAULT 0,
    rows_created INTEGER NOT NULL DEFAULT 0,
    rows_updated INTEGER NOT NULL DEFAULT 0,
    rows_unchanged INTEGER NOT NULL DEFAULT 0,
    rows_merged INTEGER NOT NULL DEFAULT 0,
    rows_rejected INTEGER NOT NULL DEFAULT 0,
    rows_not_imported INTEGER NOT NULL DEFAULT 0,
    kept_unsubscribed INTEGER NOT NULL DEFAULT 0,
    progress TEXT,
    missed_first TEXT,
    missed_last TEXT,
    missed_count INTEGER,
    output TEXT,
    owner TEXT,
    heartbeat TEXT,
    wake_at TEXT,
    UNIQUE (import_id, scheduled_for),
    CHECK (status <> 'completed' OR type <> 'profile_import' OR (rows_not_imported = 0 AND rows_read =
        rows_created + rows_updated + rows_unchanged + rows_merged + rows_rejected))
) STRICT;
CREATE INDEX tasks_due ON tasks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX tasks_by_import ON tasks (import_id, id);
CREATE INDEX tasks_open ON tasks (status) WHERE status IN ('running', 'waiting_for_file');

CREATE TABLE rejections (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    row INTEGER NOT NULL,
    "column" TEXT,
    value TEXT,
    reason TEXT NOT NULL,
    cells TEXT NOT NULL,
    PRIMARY KEY (task_id, row)
) STRICT, WITHOUT ROWID;

CREATE TABLE audience (
    task_id INTEGER NOT NULL,
    profile_id INTEGER NOT NULL,
    row INTEGER NOT NULL,
    PRIMARY KEY (task_id, profile_id)
) STRICT, WITHOUT ROWID;
"""

TASKS_2 = """
ALTER TABLE tasks DROP COLUMN cursor;
ALTER TABLE tasks ADD COLUMN cursor_key TEXT;
ALTER TABLE tasks ADD COLUMN rest_of INTEGER REFERENCES tasks (id);
ALTER TABLE tasks ADD COLUMN work_began_at TEXT;
ALTER TABLE tasks ADD COLUMN same_people REAL;
ALTER TABLE tasks ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';
"""

SENDING = """
CREATE TABLE triggers (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    task_id INTEGER NOT NULL UNIQUE REFERENCES tasks (id),
    import_id INTEGER NOT NULL REFERENCES imports (id),
    campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
    state TEXT NOT NULL CHECK (state IN
        ('waiting', 'scheduled', 'sending', 'sent', 'ignored', 'missed', 'held', 'stopped', 'failed')),
    reason TEXT,
    send_at TEXT,
    grace INTEGER NOT NULL,
    retry_for INTEGER NOT NULL,
    began_at TEXT,
    decided_at TEXT,
    finished_at TEXT,
    generation INTEGER NOT NULL DEFAULT 0,
    problem TEXT,
    owner TEXT,
    heartbeat TEXT,
    wake_at TEXT
) STRICT;
CREATE INDEX triggers_due ON triggers (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX triggers_by_import ON triggers (import_id, send_at);
CREATE INDEX triggers_by_campaign ON triggers (campaign_id, id);

CREATE TABLE trigger_moves (
    id INTEGER PRIMARY KEY,
    trigger_id INTEGER NOT NULL REFERENCES triggers (id),
    moved_at TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    reason TEXT,
    "by" TEXT NOT NULL
) STRICT;
CREATE INDEX trigger_moves_by_trigger ON trigger_moves (trigger_id, id);

CREATE TABLE deliveries (
    trigger_id INTEGER NOT NULL,
    profile_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN
        ('pending', 'attempting', 'accepted', 'failed', 'uncertain', 'retry', 'excluded')),
    reason TEXT,
    detail TEXT,
    address TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    retry_at INTEGER,
    PRIMARY KEY (trigger_id, profile_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_open ON deliveries (trigger_id, state, retry_at)
    WHERE state IN ('attempting', 'retry');
"""

SENDING_3 = """
ALTER TABLE campaigns ADD COLUMN category TEXT;
ALTER TABLE campaigns ADD COLUMN segment TEXT;
ALTER TABLE campaigns ADD COLUMN control_group REAL;
ALTER TABLE campaigns ADD COLUMN options TEXT NOT NULL DEFAULT '{}';
CREATE TABLE campaign_files (
    campaign_id INTEGER NOT NULL REFERENCES campaigns (id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (campaign_id, name)
) STRICT;
CREATE TABLE categories (
    name TEXT PRIMARY KEY,
    per_day INTEGER,
    per_week INTEGER,
    per_month INTEGER,
    cool_down INTEGER,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE triggers ADD COLUMN approval TEXT CHECK (approval IN ('needed', 'given'));
ALTER TABLE triggers ADD COLUMN canary TEXT;
ALTER TABLE triggers ADD COLUMN canary_below INTEGER;
ALTER TABLE triggers ADD COLUMN canary_until TEXT;
"""
