-- The schema of the main job. Times are microseconds since 1970 UTC, JSON is text.
-- Conditions of partial indexes do without IN: SQLite builds a table of its list for every row that is written.
-- Foreign keys stand only where the child's column is indexed: deleting a parent must not scan.

CREATE TABLE settings (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE namespaces (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    parent_id INTEGER REFERENCES namespaces (id),
    user_id INTEGER,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    full_path TEXT NOT NULL,
    path_key TEXT NOT NULL UNIQUE,
    visibility TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX namespaces_parent ON namespaces (parent_id);
CREATE INDEX namespaces_user ON namespaces (user_id);

CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    email TEXT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    is_admin BOOLEAN NOT NULL,
    is_bot BOOLEAN NOT NULL,
    namespace_id INTEGER NOT NULL,
    password_hash TEXT,
    created_at INTEGER NOT NULL
);

CREATE TABLE projects (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id),
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    full_path TEXT NOT NULL,
    path_key TEXT NOT NULL UNIQUE,
    description TEXT,
    visibility TEXT NOT NULL,
    default_branch TEXT,
    creator_id INTEGER,
    attached_repository TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_activity_at INTEGER NOT NULL,
    archived BOOLEAN NOT NULL,
    settings TEXT NOT NULL
);
CREATE INDEX projects_namespace ON projects (namespace_id);

-- Apart from the projects, so that counting a pipeline locks nothing that others read.
CREATE TABLE project_counters (
    project_id INTEGER NOT NULL PRIMARY KEY REFERENCES projects (id) ON DELETE CASCADE,
    pipeline_iid INTEGER NOT NULL
);

CREATE TABLE project_members (
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    level INTEGER NOT NULL,
    created_by INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (project_id, user_id)
);
CREATE INDEX project_members_user ON project_members (user_id);

CREATE TABLE group_members (
    namespace_id INTEGER NOT NULL REFERENCES namespaces (id) ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    level INTEGER NOT NULL,
    created_by INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    PRIMARY KEY (namespace_id, user_id)
);
CREATE INDEX group_members_user ON group_members (user_id);

CREATE TABLE protected_refs (
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    is_tag BOOLEAN NOT NULL,
    pattern TEXT NOT NULL,
    push_level INTEGER,
    merge_level INTEGER,
    PRIMARY KEY (project_id, is_tag, pattern)
);

CREATE TABLE access_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    scopes TEXT NOT NULL,
    impersonation BOOLEAN NOT NULL,
    revoked_at INTEGER,
    expires_at INTEGER,
    last_used_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX access_tokens_user ON access_tokens (user_id);

CREATE TABLE trigger_tokens (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    owner_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    digest BLOB NOT NULL UNIQUE,
    description TEXT,
    short TEXT NOT NULL,
    sealed BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_used_at INTEGER,
    expires_at INTEGER
);
CREATE INDEX trigger_tokens_project ON trigger_tokens (project_id, id);
CREATE INDEX trigger_tokens_owner ON trigger_tokens (owner_id);

CREATE TABLE variables (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    owner_kind TEXT NOT NULL,
    owner_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    environment_scope TEXT NOT NULL,
    sealed BLOB NOT NULL,
    kind TEXT NOT NULL,
    protected BOOLEAN NOT NULL,
    masked BOOLEAN NOT NULL,
    hidden BOOLEAN NOT NULL,
    raw BOOLEAN NOT NULL,
    description TEXT,
    UNIQUE (owner_kind, owner_id, key, environment_scope)
);

CREATE TABLE job_definitions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    body TEXT NOT NULL
);

CREATE TABLE pipelines (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    iid INTEGER NOT NULL,
    project_id INTEGER NOT NULL REFERENCES projects (id),
    user_id INTEGER,
    sha TEXT NOT NULL,
    before_sha TEXT NOT NULL,
    ref_name TEXT NOT NULL,
    is_tag BOOLEAN NOT NULL,
    protected BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    stages TEXT,
    source TEXT NOT NULL,
    name TEXT,
    yaml_errors TEXT,
    failure_reason TEXT,
    on_new_commit TEXT NOT NULL,
    on_job_failure TEXT NOT NULL,
    trigger_token_id INTEGER,
    schedule_id INTEGER,
    upstream_job_id INTEGER,
    upstream_pipeline_id INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    duration_seconds INTEGER
);
-- Within a project iid and id have the same order (the counter is locked when the id is given), so lists go by iid.
CREATE UNIQUE INDEX pipelines_iid ON pipelines (project_id, iid);
-- What lists show unless child pipelines are asked for; counting reads nothing else.
CREATE INDEX pipelines_listed ON pipelines (project_id, iid) WHERE source <> 'parent_pipeline';
CREATE INDEX pipelines_status ON pipelines (project_id, status, iid);
CREATE INDEX pipelines_ref ON pipelines (project_id, ref_name, iid);
CREATE INDEX pipelines_sha ON pipelines (project_id, sha, iid);
CREATE INDEX pipelines_source ON pipelines (project_id, source, iid);
CREATE INDEX pipelines_user ON pipelines (project_id, user_id, iid);
CREATE INDEX pipelines_updated ON pipelines (project_id, updated_at, iid);
CREATE INDEX pipelines_name ON pipelines (project_id, name, iid) WHERE name IS NOT NULL;
CREATE INDEX pipelines_broken ON pipelines (project_id, iid) WHERE yaml_errors IS NOT NULL;
CREATE INDEX pipelines_alive ON pipelines (project_id, ref_name, iid)
    WHERE status <> 'success' AND status <> 'failed' AND status <> 'canceled' AND status <> 'skipped';
CREATE INDEX pipelines_upstream ON pipelines (upstream_pipeline_id) WHERE upstream_pipeline_id IS NOT NULL;

-- What the caller gave, apart because lists do not need it. The variables are sealed as one value.
CREATE TABLE pipeline_given (
    pipeline_id INTEGER NOT NULL PRIMARY KEY REFERENCES pipelines (id) ON DELETE CASCADE,
    variables BLOB,
    inputs TEXT
);

CREATE TABLE jobs (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    pipeline_id INTEGER NOT NULL REFERENCES pipelines (id),
    name TEXT NOT NULL,
    stage TEXT NOT NULL,
    stage_index INTEGER NOT NULL,
    definition_id INTEGER NOT NULL,
    is_bridge BOOLEAN NOT NULL,
    status TEXT NOT NULL,
    run_when TEXT NOT NULL,
    allow_failure BOOLEAN NOT NULL,
    allow_failure_exit_codes BOOLEAN NOT NULL,
    needs TEXT,
    rule_variables TEXT,
    tags TEXT,
    environment TEXT,
    resource_group TEXT,
    interruptible BOOLEAN,
    protected BOOLEAN NOT NULL,
    start_in_seconds INTEGER,
    scheduled_at INTEGER,
    enqueue_immediately BOOLEAN NOT NULL,
    user_id INTEGER,
    runner_id INTEGER,
    runner_manager_id INTEGER,
    claim INTEGER NOT NULL,
    acknowledged BOOLEAN NOT NULL,
    failure_reason TEXT,
    exit_code INTEGER,
    retried BOOLEAN NOT NULL,
    timeout_seconds INTEGER,
    coverage REAL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    queued_at INTEGER,
    started_at INTEGER,
    finished_at INTEGER,
    erased_at INTEGER
);
CREATE INDEX jobs_pipeline ON jobs (pipeline_id, id);
CREATE INDEX jobs_project ON jobs (project_id, id);
-- The queue, and the jobs that something watches or asks for by status; those that went well are in none of these.
CREATE INDEX jobs_pending ON jobs (id) WHERE status = 'pending';
CREATE INDEX jobs_executing ON jobs (project_id) WHERE status IN ('running', 'canceling');
CREATE INDEX jobs_scheduled ON jobs (scheduled_at) WHERE status = 'scheduled';
CREATE INDEX jobs_unfinished ON jobs (project_id, status, id) WHERE status <> 'success' AND status <> 'failed' AND status <> 'canceled' AND status <> 'skipped';
CREATE INDEX jobs_unlucky ON jobs (project_id, status, id) WHERE (status = 'failed' OR status = 'canceled' OR status = 'skipped');
CREATE INDEX jobs_resource ON jobs (project_id, resource_group, id)
    WHERE resource_group IS NOT NULL AND status <> 'success' AND status <> 'failed' AND status <> 'canceled' AND status <> 'skipped';
CREATE INDEX jobs_runner ON jobs (runner_id, id) WHERE runner_id IS NOT NULL;

-- Sealed variables of one job: those given when it was played, those its dotenv report set.
CREATE TABLE job_variables (
    job_id INTEGER NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (job_id, kind)
);

CREATE TABLE job_artifacts (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    project_id INTEGER NOT NULL,
    job_id INTEGER NOT NULL REFERENCES jobs (id),
    kind TEXT NOT NULL,
    format TEXT NOT NULL,
    filename TEXT NOT NULL,
    size INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    blob_key TEXT NOT NULL,
    access TEXT,
    expire_at INTEGER,
    created_at INTEGER NOT NULL,
    UNIQUE (job_id, kind)
);
CREATE INDEX job_artifacts_expire ON job_artifacts (expire_at) WHERE expire_at IS NOT NULL;

CREATE TABLE runners (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    digest BLOB NOT NULL UNIQUE,
    runner_type TEXT NOT NULL,
    description TEXT,
    maintenance_note TEXT,
    paused BOOLEAN NOT NULL,
    locked BOOLEAN NOT NULL,
    run_untagged BOOLEAN NOT NULL,
    tags TEXT,
    access TEXT NOT NULL,
    maximum_timeout_seconds INTEGER,
    group_id INTEGER REFERENCES namespaces (id) ON DELETE CASCADE,
    creator_id INTEGER,
    token_expires_at INTEGER,
    registered_by_token BOOLEAN NOT NULL,
    created_at INTEGER NOT NULL,
    contacted_at INTEGER
);
CREATE INDEX runners_group ON runners (group_id);

CREATE TABLE runner_projects (
    runner_id INTEGER NOT NULL REFERENCES runners (id) ON DELETE CASCADE,
    project_id INTEGER NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    PRIMARY KEY (runner_id, project_id)
);
CREATE INDEX runner_projects_project ON runner_projects (project_id);

CREATE TABLE runner_managers (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    runner_id INTEGER NOT NULL REFERENCES runners (id) ON DELETE CASCADE,
    system_id TEXT NOT NULL,
    version TEXT,
    revision TEXT,
    platform TEXT,
    architecture TEXT,
    executor TEXT,
    ip_address TEXT,
    features TEXT,
    created_at INTEGER NOT NULL,
    contacted_at INTEGER,
    UNIQUE (runner_id, system_id)
);
