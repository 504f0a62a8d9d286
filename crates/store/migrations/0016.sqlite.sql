-- Users that exist for the access tokens of a project or a group: exactly one of the two is there.
CREATE TABLE resource_bots (
    user_id INTEGER NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    project_id INTEGER REFERENCES projects (id) ON DELETE CASCADE,
    namespace_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE
);
CREATE INDEX resource_bots_project ON resource_bots (project_id) WHERE project_id IS NOT NULL;
CREATE INDEX resource_bots_namespace ON resource_bots (namespace_id) WHERE namespace_id IS NOT NULL;
