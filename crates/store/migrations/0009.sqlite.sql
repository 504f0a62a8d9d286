-- Keys of calls that made a pipeline: the same call sent again answers with that one. A pipeline may be deleted
-- before its key is forgotten, and is not made again.
CREATE TABLE idempotency_keys (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    key_digest BLOB NOT NULL,
    payload_digest BLOB NOT NULL,
    pipeline_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (project_id, key_digest)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
