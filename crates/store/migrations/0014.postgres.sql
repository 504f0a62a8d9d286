-- How users like the pages; what is missing follows the browser.
CREATE TABLE user_preferences (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    language TEXT,
    theme TEXT,
    time_zone TEXT
);

-- The pipelines that a trigger token started, newest first.
CREATE INDEX pipelines_token ON pipelines (project_id, trigger_token_id, iid) WHERE trigger_token_id IS NOT NULL;

-- How much a project's artifacts take.
CREATE INDEX job_artifacts_sizes ON job_artifacts (project_id, size);
