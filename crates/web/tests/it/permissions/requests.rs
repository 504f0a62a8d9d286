//! For each endpoint a request that succeeds for whoever may make it.
//!
//! What a call uses up (deletes, plays, erases) is made anew for each call that is expected to succeed.

use model::AccessLevel;
use serde_json::{Value, json};

use super::table::Row;
use super::world::{Place, World, token_of};

/// A path with its query, and a body (null = none).
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl World {
    /// Makes the request of a row about a place. `fresh`: what it uses up is made for it.
    pub(crate) async fn request(&self, row: &Row, place: &Place, fresh: bool) -> Request {
        let mut path = row.path().to_owned();
        while let Some((start, rest)) = path.split_once('{') {
            let (name, end) = rest.split_once('}').expect("braces come in pairs");
            let value = self.value(row, name.trim_start_matches('*'), place, fresh).await;
            path = format!("{start}{value}{end}");
        }
        Request {
            path: path + query(row.path()),
            body: self.body(row, place, fresh).await,
        }
    }

    /// Makes what a name in a path stands for.
    async fn value(&self, row: &Row, name: &str, place: &Place, fresh: bool) -> String {
        let (path, deletes) = (row.path(), row.method() == "DELETE");
        let fresh = fresh && row.method() != "GET";
        let last = path.rsplit('/').next().unwrap_or_default();
        let is_last = last.trim_matches(['{', '}']) == name;
        let at = format!("/projects/{}", place.id);
        let shared = || {
            place
                .things
                .get(name)
                .cloned()
                .unwrap_or_else(|| panic!("{name} of {path}"))
        };
        match name {
            "id" | "group_id" if path.starts_with("/api/v4/groups") => {
                if fresh && deletes && is_last {
                    let number = self.number();
                    return self.group(&format!("gone-{number}"), "private").await.id.to_string();
                }
                place.id.to_string()
            }
            "id" if fresh && deletes && is_last => self.doomed_project(place).await,
            "id" => place.id.to_string(),
            "environment_id" if fresh && deletes => {
                let new = json!({"name": format!("gone-{}", self.number())});
                let made = self.made(&format!("POST {at}/environments"), new).await;
                self.made(&format!("POST {at}/environments/{}/stop", made["id"]), Value::Null)
                    .await;
                made["id"].to_string()
            }
            "deployment_id" if fresh => {
                let status = if deletes { "failed" } else { "running" };
                self.made(&format!("POST {at}/deployments"), deployment(status)).await["id"].to_string()
            }
            "pipeline_id" if fresh => self.pipeline(place).await.0,
            "job_id" if fresh && (last == "erase" || deletes) => self.finished(place).await.1,
            "job_id" if fresh && last == "retry" => {
                let (pipeline, job) = self.finished(place).await;
                let _ = pipeline;
                job
            }
            "job_id" if fresh && matches!(last, "play") => self.pipeline(place).await.1,
            "job_id" if fresh && last == "cancel" => self.running(place).await.1,
            "artifact_path" => "out/a.txt".to_owned(),
            "latest" => {
                self.finished(place).await;
                "main/download".to_owned()
            }
            "hook_id" if path.contains("inbound_hooks") && fresh && deletes => {
                let new = json!({"name": "gone", "provider": "generic", "secret": "inbound-secret"});
                let line = format!("POST {at}/inbound_hooks");
                self.made_by(&token_of("owner"), &line, new).await["id"].to_string()
            }
            "hook_id" if path.contains("inbound_hooks") => place.things["inbound_hook"].clone(),
            "hook_id" if fresh && deletes && is_last => {
                let hook = self
                    .made(&format!("POST {at}/hooks"), json!({"url": "https://1.2.3.4/"}))
                    .await;
                hook["id"].to_string()
            }
            "trigger" => "push_events".to_owned(),
            "key" => self.key(row, place, fresh && deletes).await,
            "trigger_id" if fresh && deletes => {
                let made = self
                    .made(&format!("POST {at}/triggers"), json!({"description": "d"}))
                    .await;
                made["id"].to_string()
            }
            "pipeline_schedule_id" if fresh && (deletes && is_last || last == "take_ownership") => {
                let new = json!({"description": "s", "ref": "main", "cron": "0 1 * * *", "active": false});
                let line = format!("POST {at}/pipeline_schedules");
                self.made_by(&token_of("owner"), &line, new).await["id"].to_string()
            }
            "user_id" if fresh && deletes => {
                let user = self.api.server.user(&format!("leaver-{}", self.number())).await;
                let root = if path.starts_with("/api/v4/groups") {
                    "groups"
                } else {
                    "projects"
                };
                let body = json!({"user_id": user.id.0, "access_level": AccessLevel::Guest.number()});
                self.made(&format!("POST /{root}/{}/members", place.id), body).await;
                user.id.to_string()
            }
            "name" => {
                let kind = if path.contains("protected_tags") {
                    "tags"
                } else {
                    "branches"
                };
                match (fresh && deletes, kind) {
                    (true, kind) => {
                        let name = format!("rule-{}", self.number());
                        self.made(&format!("POST {at}/protected_{kind}"), json!({"name": name}))
                            .await;
                        name
                    }
                    (false, "tags") => "v*".to_owned(),
                    (false, _) => "stable".to_owned(),
                }
            }
            "token_id" if fresh => {
                let root = if path.starts_with("/api/v4/groups") {
                    "groups"
                } else {
                    "projects"
                };
                let line = format!("POST /{root}/{}/access_tokens", place.id);
                self.made(&line, access_token("gone")).await["id"].to_string()
            }
            "target_project_id" | "target_group_id" => self.target(name, place).await,
            "runner_id" => self.runner(place).await,
            "branch" if deletes && fresh => {
                let branch = format!("b-{}", self.number());
                let new = json!({"branch": branch, "ref": "main"});
                self.made(&format!("POST {at}/repository/branches"), new).await;
                branch
            }
            "branch" => "side".to_owned(),
            "tag_name" if deletes && fresh => {
                let tag = format!("t-{}", self.number());
                self.made(
                    &format!("POST {at}/repository/tags"),
                    json!({"tag_name": tag, "ref": "main"}),
                )
                .await;
                tag
            }
            "tag_name" => "t1".to_owned(),
            "sha" => "main".to_owned(),
            "file_path" => self.file(row, place, fresh).await,
            _ => shared(),
        }
    }

    async fn doomed_project(&self, place: &Place) -> String {
        let visibility = place
            .path
            .rsplit('/')
            .next()
            .filter(|name| *name != "home")
            .unwrap_or("private");
        let name = format!("gone-{}", self.number());
        let made = self
            .made("POST /projects", json!({"name": name, "visibility": visibility}))
            .await;
        let owner = json!({"user_id": self.users["owner"].id.0, "access_level": 50});
        self.made(&format!("POST /projects/{}/members", made["id"]), owner)
            .await;
        made["id"].to_string()
    }

    async fn key(&self, row: &Row, place: &Place, anew: bool) -> String {
        let path = row.path();
        let (at, key) = (format!("/projects/{}", place.id), format!("k{}", self.number()));
        let value = json!({"value": "v"});
        if path.contains("resource_groups") {
            return "prod".to_owned();
        }
        for (pairs, known) in [("custom_headers", "X-A"), ("url_variables", "v")] {
            if !path.contains(pairs) {
                continue;
            }
            if !anew {
                return known.to_owned();
            }
            let hook = &place.things["hook_id"];
            self.made(&format!("PUT {at}/hooks/{hook}/{pairs}/{key}"), value).await;
            return key;
        }
        if !anew {
            return "SHARED".to_owned();
        }
        let new = json!({"key": key, "value": "value"});
        if path.contains("pipeline_schedules") {
            let schedule = &place.things["pipeline_schedule_id"];
            let line = format!("POST {at}/pipeline_schedules/{schedule}/variables");
            self.made_by(&token_of("owner"), &line, new).await;
        } else if path.contains("/groups/") {
            self.made(&format!("POST /groups/{}/variables", place.id), new).await;
        } else {
            self.made(&format!("POST {at}/variables"), new).await;
        }
        key
    }

    /// Something on the list of the job token scope.
    pub(crate) async fn target(&self, name: &str, place: &Place) -> String {
        let (list, root) = match name {
            "target_project_id" => ("allowlist", "projects"),
            _ => ("groups_allowlist", "groups"),
        };
        let path = format!("listed-{}", self.number());
        let new = json!({"name": path, "path": path, "visibility": "public"});
        let made = self.made(&format!("POST /{root}"), new).await["id"].clone();
        let line = format!("POST /projects/{}/job_token_scope/{list}", place.id);
        self.made(&line, json!({name: made})).await;
        made.to_string()
    }

    /// A runner of the project at home that serves this place as well.
    async fn runner(&self, place: &Place) -> String {
        let id = self.homely_runner().await;
        self.made(
            &format!("POST /projects/{}/runners", place.id),
            json!({"runner_id": id}),
        )
        .await;
        id.to_string()
    }

    async fn homely_runner(&self) -> Value {
        let new = json!({"runner_type": "project_type", "project_id": self.home.id});
        self.made("POST /user/runners", new).await["id"].clone()
    }

    async fn file(&self, row: &Row, place: &Place, fresh: bool) -> String {
        let name = format!("f-{}", self.number());
        match row.method() {
            "POST" => name,
            "DELETE" if fresh => {
                let new = json!({"branch": "side", "commit_message": "[skip ci]", "content": "x"});
                self.made(&format!("POST /projects/{}/repository/files/{name}", place.id), new)
                    .await;
                name
            }
            _ => "a.txt".to_owned(),
        }
    }

    /// What a call sends.
    async fn body(&self, row: &Row, place: &Place, fresh: bool) -> Value {
        let number = self.number();
        let (group, project) = ("/api/v4/groups/", "/api/v4/projects/{id}");
        let below = row.path().strip_prefix(project).unwrap_or(row.path());
        let commit =
            json!({"branch": "side", "commit_message": format!("{number} [skip ci]"), "content": format!("{number}")});
        match (row.method(), below) {
            ("PUT", "") => json!({"description": "d"}),
            ("POST", "/pipeline") => json!({"ref": "main"}),
            ("PUT", "/pipelines/{pipeline_id}/metadata") => json!({"name": "n"}),
            ("POST", "/ci/lint") => json!({"content": CONTENT}),
            ("POST" | "PUT", "/triggers" | "/triggers/{trigger_id}") => json!({"description": "d"}),
            ("POST", "/variables" | "/api/v4/groups/{group_id}/variables")
            | ("POST", "/pipeline_schedules/{pipeline_schedule_id}/variables") => {
                json!({"key": format!("N{number}"), "value": "value"})
            }
            ("POST", path) if path.ends_with("/access_tokens") => access_token("new"),
            ("POST", "/trigger_log/{log_id}/repeat") => json!({"commit": "newest"}),
            ("POST" | "PUT", "/hooks" | "/hooks/{hook_id}") => json!({"url": "https://1.2.3.4/"}),
            ("POST", path) if path.ends_with("/members") => {
                let user = match fresh {
                    true => self.api.server.user(&format!("joiner-{number}")).await.id.0,
                    false => self.users["stranger"].id.0,
                };
                json!({"user_id": user, "access_level": 10})
            }
            ("PUT", path) if path.ends_with("/members/{user_id}") => json!({"access_level": 10}),
            ("PUT", path) if path.ends_with("/{key}") && !path.starts_with("/resource_groups") => {
                json!({"value": "value"})
            }
            ("PUT", "/resource_groups/{key}") => json!({"process_mode": "oldest_first"}),
            ("POST", "/inbound_hooks") => json!({"name": format!("i-{number}"), "provider": "generic"}),
            ("PUT", "/inbound_hooks/{hook_id}") => json!({"enabled": true}),
            ("POST", "/pipeline_schedules") => {
                json!({"description": "s", "ref": "main", "cron": "0 1 * * *", "active": false})
            }
            ("PUT", "/pipeline_schedules/{pipeline_schedule_id}") => json!({"description": "s"}),
            ("POST", "/protected_branches" | "/protected_tags") => json!({"name": format!("r-{number}")}),
            ("PATCH", "/protected_branches/{name}") => json!({"allow_force_push": false}),
            ("PATCH", "/job_token_scope") => json!({"enabled": true}),
            ("POST", "/job_token_scope/allowlist") => json!({"target_project_id": match fresh {
                true => self.made("POST /projects", json!({"name": format!("t-{number}"), "visibility": "public"})).await["id"].clone(),
                false => json!(self.home.id),
            }}),
            ("POST", "/job_token_scope/groups_allowlist") => json!({"target_group_id": match fresh {
                true => {
                    let new = json!({"name": "g", "path": format!("g-{number}"), "visibility": "public"});
                    self.made("POST /groups", new).await["id"].clone()
                }
                false => json!(1),
            }}),
            ("POST", "/runners") => json!({"runner_id": match fresh {
                true => self.homely_runner().await,
                false => json!(1),
            }}),
            ("POST", "/environments") => json!({"name": format!("e-{number}")}),
            ("PUT", "/environments/{environment_id}") => json!({"tier": "other"}),
            ("POST", "/environments/stop_stale") => json!({"before": "2020-01-01"}),
            ("POST", "/deployments") => deployment("failed"),
            ("PUT", "/deployments/{deployment_id}") => json!({"status": "success"}),
            ("POST", "/repository/branches") => json!({"branch": format!("n-{number}"), "ref": "main"}),
            ("POST", "/repository/tags") => json!({"tag_name": format!("n-{number}"), "ref": "main"}),
            ("POST", "/repository/commits") => {
                let action = json!({"action": "create", "file_path": format!("c-{number}"), "content": "c"});
                json!({"branch": "side", "commit_message": "[skip ci]", "actions": [action]})
            }
            ("POST" | "PUT" | "DELETE", "/repository/files/{file_path}") => commit,
            _ => {
                debug_assert!(!below.is_empty() || below != group);
                let _ = place;
                Value::Null
            }
        }
    }
}

/// A deployment that another system made.
pub(crate) fn deployment(status: &str) -> Value {
    json!({"environment": "live", "sha": "main", "ref": "main", "tag": false, "status": status})
}

const CONTENT: &str = "job: {script: x}";

/// What has to stand in the address.
fn query(path: &str) -> &'static str {
    match path.strip_prefix("/api/v4/projects/{id}").unwrap_or_default() {
        "/jobs/artifacts/{*latest}" => "?job=job",
        "/repository/files/{file_path}" | "/repository/files/{file_path}/raw" => "?ref=main",
        _ => "",
    }
}

/// A project or group access token to be made.
pub(crate) fn access_token(name: &str) -> Value {
    json!({"name": name, "scopes": ["read_api"], "access_level": 10})
}
