-- Paths that projects had once: old addresses still lead to them, until something new has the path.
CREATE TABLE redirect_routes (
    path_key TEXT NOT NULL PRIMARY KEY,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE
);
CREATE INDEX redirect_routes_project ON redirect_routes (project_id);

-- Refused calls are written down a moment later than accepted ones: ids are not the order of time.
CREATE INDEX trigger_log_time ON trigger_log (project_id, created_at, id);
