//! Requests for pages, as browsers make them, and those of git clients.

use serde_json::{Value, json};
use testkit::Form;

use super::table::Row;
use super::world::{Credential, Place, World, token_of};

impl World {
    /// Looks at a page or sends its form, signed in unless nobody calls; `fresh`: what it uses up is made for it.
    pub(crate) async fn page(&self, row: &Row, place: &Place, who: &str, fresh: bool) -> u16 {
        self.visit(row, place, who, fresh, true).await
    }

    /// Sends a form without what proves that it is ours.
    pub(crate) async fn forged_page(&self, row: &Row, place: &Place, who: &str) -> u16 {
        self.visit(row, place, who, false, false).await
    }

    async fn visit(&self, row: &Row, place: &Place, who: &str, fresh: bool, proven: bool) -> u16 {
        // Users who are blocked lose their sessions; signing in is refused to them.
        let who = if who == "blocked" { "nobody" } else { who };
        let (cookie, secret) = match who {
            "nobody" => ("tripline_browser", "a-browser".to_owned()),
            who => ("tripline_session", self.session(who).await),
        };
        let browser = Credential {
            name: who.to_owned(),
            headers: vec![("cookie", format!("{cookie}={secret}"))],
        };
        let path = self.address(row, place, who, fresh && row.method() != "GET").await;
        if row.method() == "GET" {
            return self.status(&browser, "GET", &path, None).await;
        }
        let mut form = self.form(row, place, fresh).await;
        if proven {
            form = form.with("authenticity_token", &self.form_token(&secret));
        }
        let body = form.urlencoded().into_bytes();
        self.status(
            &browser,
            "POST",
            &path,
            Some(("application/x-www-form-urlencoded", body)),
        )
        .await
    }

    /// The address of a page, with things that are there.
    async fn address(&self, row: &Row, place: &Place, who: &str, fresh: bool) -> String {
        let shown = row.path();
        let mut path = shown.replace("{namespace}", "public-group");
        if shown.starts_with("/{project}") {
            let project = match shown {
                "/{project}/-/delete" | "/{project}/-/transfer" if fresh => self.doomed(place).await,
                _ => place.path.clone(),
            };
            path = path.replace("{project}", &project);
        }
        path = path.replace("{group}", &place.path);
        if !path.contains("{id}") {
            return path;
        }
        // Groups have no webhooks.
        let delivery = place.things.get("hook_event_id").map_or("", String::as_str);
        let path = path.replace("{delivery}", delivery).replace(
            "{*file}",
            match shown {
                shown if shown.contains("/browse/") => "out",
                _ => "out/a.txt",
            },
        );
        let at = format!("/projects/{}", place.id);
        let last = shown.rsplit('/').next().unwrap_or_default();
        let id = match (shown, last) {
            (shown, last) if shown.starts_with("/{project}/-/jobs") => match last {
                "cancel" if fresh => self.running(place).await.1,
                "play" if fresh => self.pipeline(place).await.1,
                "erase" | "retry" if fresh => self.finished(place).await.1,
                _ => place.things["job_id"].clone(),
            },
            (shown, _) if shown.starts_with("/{project}/-/pipelines") && fresh => self.pipeline(place).await.0,
            (shown, _) if shown.starts_with("/{project}/-/pipelines") => place.things["pipeline_id"].clone(),
            (shown, last) if shown.starts_with("/{project}/-/hooks") => match last {
                "delete" if fresh => {
                    let hook = json!({"url": "https://1.2.3.4/"});
                    self.made(&format!("POST {at}/hooks"), hook).await["id"].to_string()
                }
                _ => place.things["hook_id"].clone(),
            },
            (shown, last) if shown.starts_with("/{project}/-/inbound_hooks") => match last {
                "delete" if fresh => {
                    let new = json!({"name": "gone", "provider": "generic", "secret": "inbound-secret"});
                    let line = format!("POST {at}/inbound_hooks");
                    self.made(&line, new).await["id"].to_string()
                }
                _ => place.things["inbound_hook"].clone(),
            },
            (shown, last) if shown.starts_with("/{project}/-/pipeline_schedules") => match last {
                "take_ownership" | "delete" if fresh => {
                    let new = json!({"description": "s", "ref": "main", "cron": "0 1 * * *", "active": false});
                    let line = format!("POST {at}/pipeline_schedules");
                    self.made_by(&token_of("owner"), &line, new).await["id"].to_string()
                }
                _ => place.things["pipeline_schedule_id"].clone(),
            },
            (shown, _) if shown.starts_with("/{project}/-/environments") => place.things["environment_id"].clone(),
            (shown, last) if shown.starts_with("/{project}/-/triggers") => {
                let (line, new) = (format!("POST {at}/triggers"), json!({"description": "d"}));
                let made = match last {
                    "rotate" | "edit" | "{id}" => self.made_by(&token_of("owner"), &line, new).await,
                    _ => self.made(&line, new).await,
                };
                made["id"].to_string()
            }
            (shown, _) if shown.contains("/trigger_log/") => place.things["log_id"].clone(),
            (shown, _) if shown.starts_with("/{project}/-/project_members") => {
                let user = self.api.server.user(&format!("leaver-{}", self.number())).await.id;
                self.made(
                    &format!("POST {at}/members"),
                    json!({"user_id": user.0, "access_level": 10}),
                )
                .await;
                user.to_string()
            }
            (shown, _) if shown.starts_with("/groups/{group}/-/group_members") => {
                let user = self.api.server.user(&format!("leaver-{}", self.number())).await.id;
                let line = format!("POST /groups/{}/members", place.id);
                self.made(&line, json!({"user_id": user.0, "access_level": 10})).await;
                user.to_string()
            }
            (shown, _) if shown.starts_with("/{project}/-/settings/ci_cd/runners") => {
                let new = json!({"runner_type": "project_type", "project_id": place.id});
                self.made("POST /user/runners", new).await["id"].to_string()
            }
            (shown, _) if shown.starts_with("/admin/runners") => self
                .made("POST /user/runners", json!({"runner_type": "instance_type"}))
                .await["id"]
                .to_string(),
            (shown, _) if shown.starts_with("/admin/users") => self
                .api
                .server
                .user(&format!("somebody-{}", self.number()))
                .await
                .id
                .to_string(),
            (shown, _) if shown.contains("personal_access_tokens") => self.token_id(who).await,
            // Whoever has no such session is told nothing about it.
            _ => "1".to_owned(),
        };
        path.replace("{id}", &id)
    }

    /// A token of the owner for strangers, otherwise one's own.
    async fn token_id(&self, who: &str) -> String {
        let whose = if matches!(who, "stranger" | "nobody") {
            "target"
        } else {
            who
        };
        let text = format!("glpat-page-{}", self.number());
        self.api.server.token(&self.users[whose], &text, &["api"]).await;
        self.made_by(&text, "GET /personal_access_tokens/self", Value::Null)
            .await["id"]
            .to_string()
    }

    async fn doomed(&self, place: &Place) -> String {
        let name = format!("gone-{}", self.number());
        let shown = self.made(&format!("GET /projects/{}", place.id), Value::Null).await;
        let made = self
            .made(
                "POST /projects",
                json!({"name": name, "visibility": shown["visibility"]}),
            )
            .await;
        let owner = json!({"user_id": self.users["owner"].id.0, "access_level": 50});
        self.made(&format!("POST /projects/{}/members", made["id"]), owner)
            .await;
        format!("root/{name}")
    }

    async fn form(&self, row: &Row, place: &Place, fresh: bool) -> Form {
        let number = self.number();
        let name = format!("n-{number}");
        match row.path() {
            "/{project}/-/pipelines/new" => Form::of([("ref", "main"), ("do", "run")]),
            "/{project}/-/ci/lint" => Form::of([("content", "job: {script: x}")]),
            "/{project}/-/project_members" | "/groups/{group}/-/group_members" => {
                if fresh {
                    self.api.server.user(&name).await;
                }
                Form::of([("username", name.as_str()), ("access_level", "10")])
            }
            "/{project}/-/project_members/{id}" | "/groups/{group}/-/group_members/{id}" => {
                Form::of([("access_level", "10")])
            }
            "/{project}/-/hooks" | "/{project}/-/hooks/{id}" => Form::of([("url", "https://1.2.3.4/")]),
            "/{project}/-/inbound_hooks" | "/{project}/-/inbound_hooks/{id}" => Form::of([
                ("name", name.as_str()),
                ("provider", "generic"),
                ("secret", "inbound-secret"),
                ("enabled", "true"),
            ]),
            "/{project}/-/hooks/{id}/test" => Form::of([("trigger", "push_events")]),
            "/{project}/-/pipeline_schedules" | "/{project}/-/pipeline_schedules/{id}" => Form::of([
                ("description", "s"),
                ("ref", "main"),
                ("cron", "0 1 * * *"),
                ("cron_timezone", "UTC"),
            ]),
            "/{project}/-/pipeline_schedules/{id}/variables" => Form::of([
                ("key", format!("S{number}").as_str()),
                ("value", "v"),
                ("variable_type", "env_var"),
            ]),
            "/{project}/-/pipeline_schedules/{id}/variables/remove" => {
                let key = format!("S{number}");
                let schedule = &place.things["pipeline_schedule_id"];
                let line = format!("POST /projects/{}/pipeline_schedules/{schedule}/variables", place.id);
                if fresh {
                    self.made_by(&token_of("owner"), &line, json!({"key": key, "value": "v"}))
                        .await;
                }
                Form::of([("key", key.as_str())])
            }
            "/{project}/-/settings/ci_cd/token_access" => Form::of([("enabled", "true")]),
            "/{project}/-/settings/ci_cd/token_access/add" => {
                let new = json!({"name": name, "visibility": "public"});
                let made = self.made("POST /projects", new).await;
                Form::of([("target", made["path_with_namespace"].as_str().unwrap_or_default())])
            }
            "/{project}/-/settings/ci_cd/token_access/remove" => {
                let target = self.target("target_project_id", place).await;
                Form::of([("kind", "project"), ("target", target.as_str())])
            }
            "/{project}/-/settings/ci_cd/trigger_log/{id}/repeat" => Form::of([("commit", "newest")]),
            "/{project}/-/triggers" | "/{project}/-/triggers/{id}" => Form::of([("description", "d")]),
            "/{project}/-/settings/ci_cd/variables" => Form::of([
                ("key", format!("P{number}").as_str()),
                ("value", "value"),
                ("variable_type", "env_var"),
            ]),
            "/{project}/-/settings/ci_cd/variables/remove" => {
                let key = format!("R{number}");
                let line = format!("POST /projects/{}/variables", place.id);
                self.made(&line, json!({"key": key, "value": "value"})).await;
                Form::of([("key", key.as_str())])
            }
            "/{project}/-/protected" => Form::of([
                ("kind", "branch"),
                ("name", name.as_str()),
                ("push", "40"),
                ("merge", "40"),
            ]),
            "/{project}/-/protected/remove" => {
                let line = format!("POST /projects/{}/protected_branches", place.id);
                self.made(&line, json!({"name": name})).await;
                Form::of([("kind", "branch"), ("name", name.as_str())])
            }
            "/{project}/-/settings/ci_cd/runners" | "/admin/runners" => Form::of([("run_untagged", "true")]),
            "/{project}/-/edit" => {
                let shown = self.made(&format!("GET /projects/{}", place.id), Value::Null).await;
                let text = |field: &str| shown[field].as_str().unwrap_or_default().to_owned();
                Form::of([
                    ("name", text("name").as_str()),
                    ("visibility", &text("visibility")),
                    ("public_jobs", "true"),
                ])
            }
            // The project was made just before its form.
            "/{project}/-/delete" if fresh => Form::of([("confirm", format!("root/gone-{}", number - 1).as_str())]),
            "/{project}/-/transfer" => {
                let target = self.users["owner"].namespace_id.to_string();
                let path = if fresh {
                    format!("root/gone-{}", number - 1)
                } else {
                    place.path.clone()
                };
                Form::of([("confirm", path.as_str()), ("namespace", target.as_str())])
            }
            "/{project}/-/delete" => Form::of([("confirm", place.path.as_str())]),
            "/projects" => Form::of([("name", name.as_str())]),
            "/users/sign_in" => Form::of([("login", "root"), ("password", "a long password")]),
            "/-/user_settings/personal_access_tokens" => Form::of([("name", "t"), ("scopes[]", "api")]),
            "/-/user_settings/password" => Form::of([("current_password", "x"), ("password", "another long one")]),
            "/admin/users" => {
                let mail = format!("{name}@example.com");
                Form::of([
                    ("username", name.as_str()),
                    ("name", "n"),
                    ("email", &mail),
                    ("password", "a long password"),
                ])
            }
            _ => Form::of([]),
        }
    }

    /// Calls as a git client with this password would.
    pub(crate) async fn git(&self, row: &Row, place: &Place, password: &str) -> u16 {
        let mut client = Credential::nobody();
        if !password.is_empty() {
            client.headers.push((
                "authorization",
                format!("Basic {}", base64(&format!("user:{password}"))),
            ));
        }
        let path = row.path().replace("{project}", &place.path);
        let service = path.rsplit(['/', '=']).next().unwrap_or_default().to_owned();
        let media_type = format!("application/x-{service}-request");
        // Nothing is wanted, nothing is pushed.
        let body = (row.method() == "POST").then(|| (media_type.as_str(), b"0000".to_vec()));
        self.status(&client, row.method(), &path, body).await
    }
}

pub(crate) fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut encoded = String::new();
    for three in text.as_bytes().chunks(3) {
        let bits = three.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for index in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * index) & 63) as usize];
            encoded.push(if index > three.len() { '=' } else { char::from(digit) });
        }
    }
    encoded
}
