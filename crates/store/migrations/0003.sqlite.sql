-- Why pipelines have the jobs they have. What depends on the configuration alone is stored once
-- by its content; the values that rules saw stay with the pipeline, sealed as one value.
CREATE TABLE explanations (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    body BLOB NOT NULL
);
ALTER TABLE pipeline_given ADD COLUMN explanation_id INTEGER;
ALTER TABLE pipeline_given ADD COLUMN explanation_values BLOB;
