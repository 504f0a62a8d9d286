-- Calls to trigger endpoints. They outlive token and pipeline, so nothing here refers to those.
CREATE TABLE trigger_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    reason TEXT,
    status INTEGER NOT NULL,
    token_id INTEGER,
    token_short TEXT,
    token_description TEXT,
    job_id INTEGER,
    user_id INTEGER,
    address TEXT,
    ref_name TEXT,
    is_tag BOOLEAN,
    sha TEXT,
    pipeline_id INTEGER,
    payload_digest BLOB,
    repeats_id INTEGER,
    -- Calls that this entry stands for: more than one beyond what is written down singly.
    calls INTEGER NOT NULL,
    -- What the pipeline was given, sealed as there; only when the pipeline is gone.
    variables BLOB,
    inputs TEXT
);
CREATE INDEX trigger_log_project ON trigger_log (project_id, id);
CREATE INDEX trigger_log_token ON trigger_log (project_id, token_id, id);
CREATE INDEX trigger_log_reason ON trigger_log (project_id, reason, id) WHERE reason IS NOT NULL;
CREATE INDEX trigger_log_pipeline ON trigger_log (pipeline_id) WHERE pipeline_id IS NOT NULL;

-- Calls with tokens that nobody made, by address.
CREATE TABLE unknown_token_calls (
    address TEXT NOT NULL PRIMARY KEY,
    first_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    calls INTEGER NOT NULL
);
CREATE INDEX unknown_token_calls_last ON unknown_token_calls (last_at);
