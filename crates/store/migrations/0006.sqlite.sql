-- Webhooks: what is told to whom, what waits to be told, and what was told.
CREATE TABLE hooks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kinds INTEGER NOT NULL,
    settings TEXT NOT NULL,
    sealed BLOB NOT NULL,
    failures INTEGER NOT NULL,
    disabled_until INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX hooks_project ON hooks (project_id, id);

CREATE TABLE hook_events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    kinds INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX hook_events_project ON hook_events (project_id);

CREATE TABLE hook_deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    hook_id INTEGER NOT NULL REFERENCES hooks (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    delivery_key TEXT NOT NULL,
    event_key TEXT NOT NULL,
    request TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    next_attempt_at INTEGER,
    claimed_until INTEGER,
    created_at INTEGER NOT NULL,
    status_code INTEGER,
    outcome TEXT
);
CREATE INDEX hook_deliveries_hook ON hook_deliveries (hook_id, id);
CREATE INDEX hook_deliveries_due ON hook_deliveries (hook_id, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX hook_deliveries_created ON hook_deliveries (created_at);
