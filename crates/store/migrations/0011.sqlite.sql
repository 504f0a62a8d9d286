-- Addresses at which a project takes webhooks of other systems. They act as the owner of a trigger token and end with it.
CREATE TABLE inbound_hooks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    trigger_token_id INTEGER NOT NULL REFERENCES trigger_tokens (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE,
    settings TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);
CREATE INDEX inbound_hooks_project ON inbound_hooks (project_id);
CREATE INDEX inbound_hooks_trigger_token ON inbound_hooks (trigger_token_id);

-- What arrived there: the newest of each hook.
CREATE TABLE inbound_deliveries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    hook_id INTEGER NOT NULL REFERENCES inbound_hooks (id) ON DELETE CASCADE,
    outcome TEXT NOT NULL,
    reason TEXT NOT NULL,
    event TEXT,
    delivery TEXT,
    digest BLOB NOT NULL,
    pipeline_id INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX inbound_deliveries_hook ON inbound_deliveries (hook_id);

-- Which pipelines led to a pipeline, for those that others led to.
CREATE TABLE trigger_chains (
    pipeline_id INTEGER NOT NULL PRIMARY KEY REFERENCES pipelines (id) ON DELETE CASCADE,
    links TEXT NOT NULL
);

-- The pipeline that a webhook is told of: what comes of it is to know where it comes from.
ALTER TABLE hook_deliveries ADD COLUMN pipeline_id INTEGER;
