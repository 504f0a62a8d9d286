-- Environments and what was deployed to them.

CREATE TABLE environments (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    folder TEXT,
    slug TEXT NOT NULL,
    tier TEXT NOT NULL,
    external_url TEXT,
    description TEXT,
    state TEXT NOT NULL,
    auto_stop_setting TEXT NOT NULL,
    auto_stop_at INTEGER,
    delete_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (project_id, name),
    UNIQUE (project_id, slug)
);
CREATE INDEX environments_project ON environments (project_id, id);
CREATE INDEX environments_state ON environments (project_id, state, id);
CREATE INDEX environments_auto_stop ON environments (auto_stop_at) WHERE state = 'available' AND auto_stop_at IS NOT NULL;
CREATE INDEX environments_stopping ON environments (updated_at) WHERE state = 'stopping';
CREATE INDEX environments_delete ON environments (delete_at) WHERE delete_at IS NOT NULL;

-- Numbers of deployments are counted beside those of pipelines: whoever makes both has the row already.
ALTER TABLE project_counters ADD COLUMN deployment_iid INTEGER NOT NULL DEFAULT 0;

CREATE TABLE deployments (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    iid INTEGER NOT NULL,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    environment_id INTEGER NOT NULL REFERENCES environments (id) ON DELETE CASCADE,
    pipeline_id INTEGER,
    job_id INTEGER,
    user_id INTEGER,
    ref_name TEXT NOT NULL,
    is_tag BOOLEAN NOT NULL,
    sha TEXT NOT NULL,
    status TEXT NOT NULL,
    on_stop TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE UNIQUE INDEX deployments_job ON deployments (job_id) WHERE job_id IS NOT NULL;
CREATE UNIQUE INDEX deployments_iid ON deployments (project_id, iid);
CREATE INDEX deployments_project ON deployments (project_id, id);
CREATE INDEX deployments_status ON deployments (project_id, status, id);
CREATE INDEX deployments_updated ON deployments (project_id, updated_at, id);
CREATE INDEX deployments_ref ON deployments (project_id, ref_name, id);
CREATE INDEX deployments_finished ON deployments (project_id, finished_at, id) WHERE status = 'success';
CREATE INDEX deployments_environment ON deployments (environment_id, id);
CREATE INDEX deployments_last ON deployments (environment_id, status, finished_at, id);
CREATE INDEX deployments_pipeline ON deployments (environment_id, pipeline_id);

-- Jobs that did something to an environment which is still to be written down: its address, when it stops.
CREATE TABLE environment_updates (
    job_id INTEGER NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE
);
