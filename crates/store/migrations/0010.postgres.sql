-- Bridges that follow pipelines which they did not start, and those that lag behind.

-- The pipeline that a bridge mirrors (needs:pipeline). Not a reference: checking it would lock the mirrored pipeline.
CREATE TABLE bridge_mirrors (
    job_id BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    pipeline_id BIGINT NOT NULL
);
CREATE INDEX bridge_mirrors_pipeline ON bridge_mirrors (pipeline_id);

-- Bridges whose pipelines went on (a job was retried or played), until they have noticed.
CREATE TABLE bridges_taken_up (
    job_id BIGINT NOT NULL PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE
);
