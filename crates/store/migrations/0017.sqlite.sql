-- Who changed what. Entries outlive what they are about, so they refer to nothing.
CREATE TABLE audit_events (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    created_at INTEGER NOT NULL,
    author_id INTEGER,
    author_name TEXT NOT NULL,
    author_email TEXT,
    entity_type TEXT NOT NULL,
    entity_id INTEGER NOT NULL,
    entity_path TEXT NOT NULL,
    event_name TEXT NOT NULL,
    target_type TEXT NOT NULL,
    target_id TEXT,
    target_details TEXT NOT NULL,
    address TEXT,
    -- What changed, as GitLab says it: an object.
    change TEXT NOT NULL
);
CREATE INDEX audit_events_entity ON audit_events (entity_type, entity_id, id);
CREATE INDEX audit_events_created ON audit_events (created_at);
