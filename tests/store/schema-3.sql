PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE IF NOT EXISTS "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO _sqlite_migrations VALUES(1,'xpimport','m001_first','2026-11-25 19:38:08.626629+00:00');
INSERT INTO _sqlite_migrations VALUES(2,'xpimport','m002_any_list_from_anywhere','2026-11-25 19:38:08.628493+00:00');
INSERT INTO _sqlite_migrations VALUES(3,'xpimport','m003_sending_engine','2026-11-25 19:38:08.629978+00:00');
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO settings VALUES('file.look','0s');
INSERT INTO settings VALUES('smtp.url','smtp://127.0.0.1:2525');
INSERT INTO settings VALUES('store.id','aa67b87ebc3a4e9aae58e137e33f3112');
INSERT INTO settings VALUES('store.secret','220a3d2202dba9bcce952d8aacc5c7f93f95752d3529de6d4ac04d7ae5a446c5');
INSERT INTO settings VALUES('timezone','Europe/Dublin');
INSERT INTO settings VALUES('triggers','on');
CREATE TABLE attributes (
    name TEXT PRIMARY KEY,
    type TEXT NOT NULL,
    max_length INTEGER,
    created_at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO attributes VALUES('first_name','string',101,'2026-11-24T03:00:00.000000Z');
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
, category TEXT, segment TEXT, control_group REAL, options TEXT NOT NULL DEFAULT '{}') STRICT;
INSERT INTO campaigns VALUES(1,'welcome','smtp','email',1,'Hi {{ first_name }}','Hello {{ first_name }}',NULL,'club@example.com',0,0,'2026-11-24T03:00:00.000000Z','2026-11-24T03:00:00.000000Z',NULL,'offers',NULL,NULL,'{}');
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
INSERT INTO imports VALUES(1,'vip','/lists/one.csv','{"after": "leave", "blank": "keep", "canary": null, "canary_max_failed": 0.05, "canary_wait": 900, "catch_up": 21600, "count_file": null, "delimiter": ",", "encoding": null, "format": null, "grace": 900, "identify_by": "user_id", "key": null, "mapping": {}, "marker": null, "max_age": null, "max_change": null, "max_rejected": null, "max_rows": null, "min_rows": null, "mode": "upsert", "on_guard": "fail", "password": null, "quote": "\"", "region": null, "require_approval": false, "retry_for": 14400, "same_content": "hold", "same_people": null, "sheet": null, "source": "/lists/one.csv", "subscribe": [], "take": "newest", "token": null}',NULL,'Europe/Dublin',1,'09:00',1,NULL,'2026-11-24T03:00:00.000000Z','2026-11-24T03:00:00.000000Z',NULL);
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
    email_key TEXT GENERATED ALWAYS AS (lower(email)) VIRTUAL, "first_name" TEXT,
    CHECK (user_id IS NOT NULL OR email IS NOT NULL)
) STRICT;
INSERT INTO profiles VALUES(1,'u01','weiss@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'A');
INSERT INTO profiles VALUES(2,'u02','ιωάννησ@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'B');
INSERT INTO profiles VALUES(3,'u03','fish@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'C');
INSERT INTO profiles VALUES(4,'u04','i̇smail@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'D');
INSERT INTO profiles VALUES(5,'u05','müller@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'E');
INSERT INTO profiles VALUES(6,'u06','josé@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'F');
INSERT INTO profiles VALUES(7,'u07','ωmega@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'G');
INSERT INTO profiles VALUES(8,'u08','strasse@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'H');
INSERT INTO profiles VALUES(9,'u09','åse@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'I');
INSERT INTO profiles VALUES(10,'u10','çeli̇k@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'J');
INSERT INTO profiles VALUES(11,'u11','Plain.Case@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'K');
INSERT INTO profiles VALUES(12,'u12','zoe@xn--bcher-kva.example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'L');
INSERT INTO profiles VALUES(13,'u13','bob@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'M');
INSERT INTO profiles VALUES(14,'u14','eve@example.com',0,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'N');
INSERT INTO profiles VALUES(15,'u15','gross@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'O');
INSERT INTO profiles VALUES(16,'u16','naïve@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'P');
INSERT INTO profiles VALUES(17,'u20','p20@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q20');
INSERT INTO profiles VALUES(18,'u21','p21@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q21');
INSERT INTO profiles VALUES(19,'u22','p22@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q22');
INSERT INTO profiles VALUES(20,'u23','p23@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q23');
INSERT INTO profiles VALUES(21,'u24','p24@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q24');
INSERT INTO profiles VALUES(22,'u25','p25@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q25');
INSERT INTO profiles VALUES(23,'u26','p26@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q26');
INSERT INTO profiles VALUES(24,'u27','p27@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q27');
INSERT INTO profiles VALUES(25,'u28','p28@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q28');
INSERT INTO profiles VALUES(26,'u29','p29@example.com',1,'2026-11-24T03:00:00.000000Z',NULL,NULL,NULL,NULL,NULL,1,1,'Q29');
CREATE TABLE opt_outs (
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    opted_out_at TEXT NOT NULL,
    source TEXT NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;
INSERT INTO opt_outs VALUES('email','eve@example.com','2026-11-24T03:00:00.000000Z','import vip, task 1');
INSERT INTO opt_outs VALUES('email','fish@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','i̇smail@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','josé@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','müller@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','strasse@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','weiss@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','åse@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','çeli̇k@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','ιωάννησ@example.com','2026-11-24T03:00:00.000000Z','by hand');
INSERT INTO opt_outs VALUES('email','ωmega@example.com','2026-11-24T03:00:00.000000Z','by hand');
CREATE TABLE suppressions (
    medium TEXT NOT NULL CHECK (medium IN ('email', 'sms')),
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    suppressed_at TEXT NOT NULL,
    PRIMARY KEY (medium, address)
) STRICT, WITHOUT ROWID;
INSERT INTO suppressions VALUES('email','gone@example.com','manual','2026-11-24T03:00:00.000000Z');
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
    wake_at TEXT, cursor_key TEXT, rest_of INTEGER REFERENCES tasks (id), work_began_at TEXT, same_people REAL, notes TEXT NOT NULL DEFAULT '[]',
    UNIQUE (import_id, scheduled_for),
    CHECK (status <> 'completed' OR type <> 'profile_import' OR (rows_not_imported = 0 AND rows_read =
        rows_created + rows_updated + rows_unchanged + rows_merged + rows_rejected))
) STRICT;
INSERT INTO tasks VALUES(1,'profile_import',1,NULL,'completed',1,NULL,'2026-11-24T03:00:00.000000Z','2026-11-24T03:00:00.000000Z',NULL,NULL,'{"definition": {"after": "leave", "blank": "keep", "canary": null, "canary_max_failed": 0.05, "canary_wait": 900, "catch_up": 21600, "count_file": null, "delimiter": ",", "encoding": null, "format": null, "grace": 900, "identify_by": "user_id", "key": null, "mapping": {}, "marker": null, "max_age": null, "max_change": null, "max_rejected": null, "max_rows": null, "min_rows": null, "mode": "upsert", "on_guard": "fail", "password": null, "quote": "\"", "region": null, "require_approval": false, "retry_for": 14400, "same_content": "hold", "same_people": null, "sheet": null, "source": "/lists/one.csv", "subscribe": [], "take": "newest", "token": null}, "kinds": {"user_id": ["user_id", null], "email": ["email", null], "email_subscription": ["subscription", null], "email_subscription_time": ["datetime", null], "mobile_number": ["mobile", null], "sms_subscription": ["subscription", null], "sms_subscription_time": ["datetime", null], "language": ["language", null], "timezone": ["timezone", null], "first_name": ["string", 101]}}',0,'[{"name": "one.csv", "location": "/lists/one.csv", "bytes": 745, "sha256": "d62cfaea947b5cbb7a79de12cd20128d514b34b19c9bd2c3e3ce1934f73071ba", "modified": 1795635489829604120}]','d62cfaea947b5cbb7a79de12cd20128d514b34b19c9bd2c3e3ce1934f73071ba',NULL,NULL,NULL,'["user_id", "email", "email_subscription", "first_name"]','[]','done',26,26,0,0,0,0,0,0,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,'u29',NULL,'2026-11-24T03:00:00.000000Z',NULL,'[]');
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
INSERT INTO audience VALUES(1,1,2);
INSERT INTO audience VALUES(1,2,3);
INSERT INTO audience VALUES(1,3,4);
INSERT INTO audience VALUES(1,4,5);
INSERT INTO audience VALUES(1,5,6);
INSERT INTO audience VALUES(1,6,7);
INSERT INTO audience VALUES(1,7,8);
INSERT INTO audience VALUES(1,8,9);
INSERT INTO audience VALUES(1,9,10);
INSERT INTO audience VALUES(1,10,11);
INSERT INTO audience VALUES(1,11,12);
INSERT INTO audience VALUES(1,12,13);
INSERT INTO audience VALUES(1,13,14);
INSERT INTO audience VALUES(1,14,15);
INSERT INTO audience VALUES(1,15,16);
INSERT INTO audience VALUES(1,16,17);
INSERT INTO audience VALUES(1,17,18);
INSERT INTO audience VALUES(1,18,19);
INSERT INTO audience VALUES(1,19,20);
INSERT INTO audience VALUES(1,20,21);
INSERT INTO audience VALUES(1,21,22);
INSERT INTO audience VALUES(1,22,23);
INSERT INTO audience VALUES(1,23,24);
INSERT INTO audience VALUES(1,24,25);
INSERT INTO audience VALUES(1,25,26);
INSERT INTO audience VALUES(1,26,27);
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
, approval TEXT CHECK (approval IN ('needed', 'given')), canary TEXT, canary_below INTEGER, canary_until TEXT) STRICT;
INSERT INTO triggers VALUES(1,1,1,1,'sending',NULL,'2026-11-24T09:00:00.000000Z',900,14400,'2026-11-24T09:00:00.000000Z','2026-11-24T09:00:00.000000Z',NULL,1,NULL,'gone:1:1','2026-11-25T19:38:13.175360Z','2026-11-24T09:00:00.000000Z',NULL,NULL,NULL,NULL);
CREATE TABLE trigger_moves (
    id INTEGER PRIMARY KEY,
    trigger_id INTEGER NOT NULL REFERENCES triggers (id),
    moved_at TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    reason TEXT,
    "by" TEXT NOT NULL
) STRICT;
INSERT INTO trigger_moves VALUES(1,1,'2026-11-24T03:00:00.000000Z',NULL,'waiting','import_started','gone:1:1');
INSERT INTO trigger_moves VALUES(2,1,'2026-11-24T03:00:00.000000Z','waiting','scheduled','imported','gone:1:1');
INSERT INTO trigger_moves VALUES(3,1,'2026-11-24T09:00:00.000000Z','scheduled','sending','due','gone:1:1');
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
INSERT INTO deliveries VALUES(1,1,'excluded','unsubscribed',NULL,'weiss@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,2,'excluded','unsubscribed',NULL,'ιωάννησ@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,3,'excluded','unsubscribed',NULL,'fish@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,4,'excluded','unsubscribed',NULL,'i̇smail@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,5,'excluded','unsubscribed',NULL,'müller@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,6,'excluded','unsubscribed',NULL,'josé@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,7,'excluded','unsubscribed',NULL,'ωmega@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,8,'excluded','unsubscribed',NULL,'strasse@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,9,'excluded','unsubscribed',NULL,'åse@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,10,'excluded','unsubscribed',NULL,'çeli̇k@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,11,'attempting',NULL,NULL,'Plain.Case@example.com',1,1795510800,NULL);
INSERT INTO deliveries VALUES(1,12,'attempting',NULL,NULL,'zoe@xn--bcher-kva.example.com',1,1795510800,NULL);
INSERT INTO deliveries VALUES(1,13,'attempting',NULL,NULL,'bob@example.com',1,1795510800,NULL);
INSERT INTO deliveries VALUES(1,14,'excluded','unsubscribed',NULL,'eve@example.com',0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,15,'attempting',NULL,NULL,'gross@example.com',1,1795510800,NULL);
INSERT INTO deliveries VALUES(1,16,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,17,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,18,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,19,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,20,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,21,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,22,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,23,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,24,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,25,'pending',NULL,NULL,NULL,0,1795510800,NULL);
INSERT INTO deliveries VALUES(1,26,'pending',NULL,NULL,NULL,0,1795510800,NULL);
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
INSERT INTO categories VALUES('offers',NULL,2,NULL,86400,'2026-11-24T03:00:00.000000Z');
DELETE FROM sqlite_sequence;
INSERT INTO sqlite_sequence VALUES('campaigns',1);
INSERT INTO sqlite_sequence VALUES('imports',1);
INSERT INTO sqlite_sequence VALUES('tasks',1);
INSERT INTO sqlite_sequence VALUES('triggers',1);
INSERT INTO sqlite_sequence VALUES('profiles',26);
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX campaigns_by_name ON campaigns (name) WHERE removed_at IS NULL;
CREATE UNIQUE INDEX imports_by_name ON imports (name) WHERE removed_at IS NULL;
CREATE INDEX imports_due ON imports (next_run_at) WHERE next_run_at IS NOT NULL;
CREATE INDEX profiles_by_email ON profiles (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX profiles_without_user_id ON profiles (email_key) WHERE user_id IS NULL;
CREATE INDEX tasks_due ON tasks (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX tasks_by_import ON tasks (import_id, id);
CREATE INDEX tasks_open ON tasks (status) WHERE status IN ('running', 'waiting_for_file');
CREATE INDEX triggers_due ON triggers (wake_at) WHERE wake_at IS NOT NULL;
CREATE INDEX triggers_by_import ON triggers (import_id, send_at);
CREATE INDEX triggers_by_campaign ON triggers (campaign_id, id);
CREATE INDEX trigger_moves_by_trigger ON trigger_moves (trigger_id, id);
CREATE INDEX deliveries_open ON deliveries (trigger_id, state, retry_at)
    WHERE state IN ('attempting', 'retry');
COMMIT;
PRAGMA application_id = 2020633968;
PRAGMA user_version = 3;
