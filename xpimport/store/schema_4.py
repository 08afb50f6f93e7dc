"""What schema 4 adds, as the statements that `migrations` runs."""

PEOPLE = """
DROP INDEX profiles_by_email;
DROP INDEX profiles_without_user_id;
ALTER TABLE profiles DROP COLUMN email_key;
ALTER TABLE profiles ADD COLUMN email_key TEXT;
CREATE TABLE folded_addresses (
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE lifted (
    list TEXT NOT NULL CHECK (list IN ('opt_outs', 'suppressions')),
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    lifted_at TEXT NOT NULL,
    PRIMARY KEY (list, medium, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE forgotten (
    kind TEXT NOT NULL CHECK (kind IN ('user_id', 'email', 'sms')),
    hash BLOB NOT NULL,
    forgotten_at TEXT NOT NULL,
    PRIMARY KEY (kind, hash)
) STRICT, WITHOUT ROWID;
"""

# The opt-outs of lists that folded more than case: who has such an address is matched by it once, when they come.
KEYS = """
UPDATE profiles SET email_key = CASE WHEN email GLOB '*[^ -~]*' THEN email_key(email) ELSE lower(email) END
    WHERE email IS NOT NULL;
CREATE INDEX profiles_by_email ON profiles (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX profiles_without_user_id ON profiles (email_key) WHERE user_id IS NULL;
INSERT INTO settings (name, value) SELECT 'store.folded', '1' WHERE EXISTS
    (SELECT 1 FROM opt_outs WHERE medium = 'email' UNION ALL SELECT 1 FROM suppressions WHERE medium = 'email');
"""

TASKS = """
ALTER TABLE tasks ADD COLUMN waiting_because TEXT;
UPDATE tasks SET waiting_because = substr(progress, 10), progress = NULL WHERE progress LIKE 'waiting: %';
UPDATE tasks SET progress = NULL WHERE progress NOT LIKE '{%';
ALTER TABLE tasks ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN problem TEXT;
ALTER TABLE tasks ADD COLUMN opted_out_of_rejected INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN time_ahead INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tasks ADD COLUMN forecast TEXT;
CREATE TABLE blanked (
    task_id INTEGER NOT NULL REFERENCES tasks (id),
    row INTEGER NOT NULL,
    "column" TEXT NOT NULL,
    value TEXT,
    reason TEXT NOT NULL,
    PRIMARY KEY (task_id, row, "column")
) STRICT, WITHOUT ROWID;
ALTER TABLE categories ADD COLUMN cool_down_days INTEGER;
UPDATE categories SET cool_down_days = cool_down / 86400, cool_down = NULL WHERE cool_down % 86400 = 0;
"""

SENDING = """
CREATE TABLE contents (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL UNIQUE,
    content BLOB NOT NULL
) STRICT;
ALTER TABLE triggers ADD COLUMN content_id INTEGER REFERENCES contents (id);
ALTER TABLE triggers ADD COLUMN key_epoch INTEGER;
ALTER TABLE triggers ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN setbacks INTEGER NOT NULL DEFAULT 0;
ALTER TABLE triggers ADD COLUMN closed_at TEXT;
UPDATE triggers SET key_epoch = 1 WHERE began_at IS NULL;
CREATE INDEX triggers_by_content ON triggers (content_id) WHERE content_id IS NOT NULL;
ALTER TABLE deliveries ADD COLUMN refused_claims INTEGER NOT NULL DEFAULT 0;
CREATE TABLE high_water (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    generation INTEGER NOT NULL,
    intents INTEGER NOT NULL,
    key_epoch INTEGER NOT NULL,
    journalled INTEGER NOT NULL
) STRICT;
INSERT INTO high_water VALUES (1, 1, 0, 1, 0);
"""

TRACKING = """
CREATE TABLE links (
    trigger_id INTEGER NOT NULL REFERENCES triggers (id),
    number INTEGER NOT NULL,
    url TEXT NOT NULL,
    template TEXT,
    form INTEGER NOT NULL DEFAULT 0 CHECK (form IN (0, 1)),
    PRIMARY KEY (trigger_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    trigger_id INTEGER NOT NULL,
    profile_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    event_key INTEGER NOT NULL,
    at INTEGER NOT NULL,
    machine INTEGER NOT NULL DEFAULT 0,
    link INTEGER,
    detail TEXT,
    gone INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trigger_id, profile_id, kind, event_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE engagement (
    trigger_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    people INTEGER NOT NULL DEFAULT 0,
    machine_total INTEGER NOT NULL DEFAULT 0,
    machine_people INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trigger_id, kind)
) STRICT, WITHOUT ROWID;
CREATE TABLE link_counts (
    trigger_id INTEGER NOT NULL,
    url TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    people INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (trigger_id, url)
) STRICT, WITHOUT ROWID;
CREATE TABLE delivery_counts (
    trigger_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    people INTEGER NOT NULL,
    PRIMARY KEY (trigger_id, state, reason)
) STRICT, WITHOUT ROWID;
INSERT INTO delivery_counts SELECT trigger_id, state, coalesce(reason, ''), count(*) FROM deliveries WHERE trigger_id IN
    (SELECT id FROM triggers WHERE state NOT IN ('scheduled', 'sending')) GROUP BY 1, 2, 3;
CREATE TABLE spool_read (
    segment TEXT PRIMARY KEY,
    "offset" INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE rejected_events (
    id INTEGER PRIMARY KEY,
    event_key INTEGER NOT NULL UNIQUE,
    received_at TEXT NOT NULL,
    provider TEXT NOT NULL,
    reason TEXT NOT NULL,
    kind TEXT,
    address TEXT,
    at TEXT,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    "by" TEXT NOT NULL,
    command TEXT NOT NULL,
    before TEXT,
    after TEXT
) STRICT;
"""

# For whoever opens the store in Datasette or sqlite3: names in place of numbers, times as text.
VIEWS = """
CREATE VIEW triggers_shown AS SELECT g.id AS trigger, g.task_id AS task, i.name AS import, c.name AS campaign, g.state,
    g.reason, g.send_at, g.began_at, g.finished_at, g.approval FROM triggers g JOIN imports i ON i.id = g.import_id
    JOIN campaigns c ON c.id = g.campaign_id;
CREATE VIEW tasks_shown AS SELECT t.id AS task, t.type, i.name AS import, t.status, t.scheduled_for, t.started_at,
    t.finished_at, t.rows_read, t.rows_created, t.rows_updated, t.rows_unchanged, t.rows_merged, t.rows_rejected,
    t.error_code, t.error_message FROM tasks t LEFT JOIN imports i ON i.id = t.import_id;
CREATE VIEW deliveries_shown AS SELECT d.trigger_id AS trigger, g.task_id AS task, c.name AS campaign, d.profile_id AS profile,
    p.user_id, coalesce(d.address, CASE c.medium WHEN 'sms' THEN p.mobile_number ELSE p.email END) AS address, d.state,
    d.reason, d.detail, d.attempts, strftime('%Y-%m-%dT%H:%M:%SZ', d.changed_at, 'unixepoch') AS changed_at,
    strftime('%Y-%m-%dT%H:%M:%SZ', d.retry_at, 'unixepoch') AS retry_at
    FROM deliveries d JOIN triggers g ON g.id = d.trigger_id JOIN campaigns c ON c.id = g.campaign_id
    LEFT JOIN profiles p ON p.id = d.profile_id;
"""
