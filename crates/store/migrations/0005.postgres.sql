-- Bridges, and what job tokens of other projects may reach.

-- A running bridge has no runner: those who look for jobs with runners need not see it.
DROP INDEX jobs_executing;
CREATE INDEX jobs_executing ON jobs (project_id) WHERE status IN ('running', 'canceling') AND NOT is_bridge;
-- Bridges that are to start their downstream pipelines, or wait for them.
CREATE INDEX jobs_bridges ON jobs (id) WHERE is_bridge AND (status = 'pending' OR status = 'running');

-- Why a downstream pipeline was not created, as JSON, apart because few bridges fail.
CREATE TABLE bridge_messages (
    job_id BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    messages TEXT NOT NULL
);

-- Projects and groups whose job tokens a project accepts.
CREATE TABLE job_token_projects (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    target_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    added_by BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, target_id)
);
CREATE INDEX job_token_projects_target ON job_token_projects (target_id);

CREATE TABLE job_token_groups (
    project_id BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    target_id BIGINT NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    added_by BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, target_id)
);
CREATE INDEX job_token_groups_target ON job_token_groups (target_id);
