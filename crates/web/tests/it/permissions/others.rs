//! Requests of calls that are about no project and no group: the server's own, and those with tokens of their own.

use serde_json::{Value, json};

use super::table::Row;
use super::world::{Credential, World, archive, token_of};

impl World {
    /// Makes a call about the server; `whose` names the user to whom its things belong.
    pub(crate) async fn server_call(&self, row: &Row, whose: &str, who: &Credential) -> u16 {
        let number = self.number();
        let below = row.path().strip_prefix("/api/v4").expect("a call of the API");
        let owner = if self.users.contains_key(whose) { whose } else { "owner" };
        // Strangers and nobody ask for what is somebody else's.
        let owner = if matches!(owner, "stranger" | "blocked" | "nobody") {
            "owner"
        } else {
            owner
        };
        let mut path = row.path().to_owned();
        if below.starts_with("/personal_access_tokens/{id}") {
            let user = &self.users[owner];
            let text = format!("glpat-of-{owner}-{number}");
            self.api.server.token(user, &text, &["api"]).await;
            let shown = self
                .made_by(&text, "GET /personal_access_tokens/self", Value::Null)
                .await;
            path = path.replace("{id}", &shown["id"].to_string());
        } else if below.starts_with("/namespaces") {
            path = path.replace("{id}", &self.users[owner].username);
        } else if below == "/users" && row.method() == "GET" {
            path.push_str("?username=root");
        } else if below.starts_with("/users/") {
            let user = self.api.server.user(&format!("somebody-{number}")).await;
            path = path
                .replace("{id}", &user.id.to_string())
                .replace("{user_id}", &user.id.to_string());
        } else if below.starts_with("/runners/{id}") {
            let runner = self
                .made("POST /user/runners", json!({"runner_type": "instance_type"}))
                .await;
            path = path.replace("{id}", &runner["id"].to_string());
        } else if below.starts_with("/audit_events/") {
            let events = self.made("GET /audit_events", Value::Null).await;
            path = path.replace("{audit_event_id}", &events[0]["id"].to_string());
        } else if below.ends_with("/{key}") {
            path = path.replace("{key}", "Bash");
        }
        // What a call uses up is the caller's own token: a copy of it.
        let who = &self.copy_for(row, who).await;
        let body = match (row.method(), below) {
            ("POST", "/users") => json!({"email": format!("n{number}@example.com"), "name": "n",
                "username": format!("n{number}"), "force_random_password": true}),
            ("POST", "/projects") => json!({"name": format!("p-{number}")}),
            ("POST", "/groups") => json!({"name": "g", "path": format!("g-{number}")}),
            ("POST", "/user/personal_access_tokens") => json!({"name": "t", "scopes": ["self_rotate"]}),
            ("POST", path) if path.ends_with("_tokens") => json!({"name": "t", "scopes": ["api"]}),
            ("POST", "/user/runners") => json!({"runner_type": "instance_type"}),
            ("PUT", "/application/settings") => json!({"allow_runner_registration_token": true}),
            ("PUT", "/runners/{id}") => json!({"description": "d"}),
            _ => Value::Null,
        };
        let body = (!body.is_null()).then(|| ("application/json", body.to_string().into_bytes()));
        self.status(who, row.method(), &path, body).await
    }

    /// A token of the same user and scopes, when the call ends the one that it is made with.
    async fn copy_for(&self, row: &Row, who: &Credential) -> Credential {
        let ends = row.path().contains("/self") && row.method() != "GET";
        let Some((_, text)) = who.headers.first().filter(|(name, _)| ends && *name == "private-token") else {
            return who.clone();
        };
        let shown = self
            .api
            .call("GET /personal_access_tokens/self", text, Value::Null)
            .await;
        if shown.status != 200 {
            return who.clone();
        }
        let shown = shown.json(200);
        let user = self
            .users
            .values()
            .find(|user| shown["user_id"] == user.id.0)
            .expect("one of ours");
        let scopes: Vec<&str> = shown["scopes"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let copy = format!("glpat-copy-{}", self.number());
        self.api.server.token(user, &copy, &scopes).await;
        Credential::token(who.name.clone(), &copy)
    }

    /// Makes a call with the token it wants, or with another text in its place and a credential besides.
    pub(crate) async fn by_own_token(&self, row: &Row, instead: Option<(&str, &Credential)>) -> u16 {
        let project = &self.projects[0];
        let (method, below) = (
            row.method(),
            row.path().strip_prefix("/api/v4").expect("a call of the API"),
        );
        let credential = instead.map_or_else(Credential::nobody, |(_, credential)| credential.clone());
        let text = |own: &str| instead.map_or_else(|| own.to_owned(), |(text, _)| text.to_owned());
        let path = row.path().replace("{ref}", "main");
        if below.ends_with("/deliver") {
            let address = &project.things["inbound_address"];
            let at = address.split_once("/api/").map_or("", |(_, rest)| rest);
            let (place, key) = at
                .split_once("/inbound_hooks/")
                .expect("the address of an inbound hook");
            let key = text(key.split('/').next().unwrap_or_default());
            let mut sender = credential;
            sender.headers.retain(|(name, _)| *name != "authorization");
            sender
                .headers
                .push(("authorization", "Bearer inbound-secret".to_owned()));
            let path = format!("/api/{place}/inbound_hooks/{key}/deliver");
            return self
                .status(&sender, method, &path, Some(("application/json", b"{}".to_vec())))
                .await;
        }
        if below.starts_with("/projects") {
            let token = text(&project.things["trigger_token"]);
            let call = json!({"token": project.things["trigger_token"], "ref": "main"});
            let started = self
                .made_by("", &format!("POST /projects/{}/trigger/pipeline", project.id), call)
                .await;
            let list = format!("GET /projects/{}/pipelines/{}/jobs", project.id, started["id"]);
            let jobs = self.made(&list, Value::Null).await;
            let path = path
                .replace("{id}", &project.id.to_string())
                .replace("{pipeline_id}", &started["id"].to_string())
                .replace("{job_id}", &jobs[0]["id"].to_string());
            let body = format!("token={token}&ref=main").into_bytes();
            let form = "application/x-www-form-urlencoded";
            return match method {
                "GET" => {
                    self.status(&credential, method, &format!("{path}?token={token}"), None)
                        .await
                }
                _ => self.status(&credential, method, &path, Some((form, body))).await,
            };
        }
        let json_body = |value: Value| Some(("application/json", value.to_string().into_bytes()));
        if below.starts_with("/jobs/{id}") {
            let (job, own) = self.own_job(row).await;
            let path = path.replace("{id}", &job);
            let mut credential = credential;
            credential.headers.push(("job-token", text(&own)));
            credential.headers.push(("content-range", "0-0".to_owned()));
            let body = match (method, below) {
                ("PUT", _) => json_body(json!({"token": text(&own), "state": "running"})),
                ("PATCH", _) => Some(("text/plain", b"x".to_vec())),
                ("POST", _) => Some(("multipart/form-data; boundary=x", archive())),
                _ => None,
            };
            return self.status(&credential, method, &path, body).await;
        }
        let own = match below {
            "/runners" if method == "POST" => {
                let made = self.made("POST /runners/reset_registration_token", Value::Null).await;
                made["token"].as_str().unwrap().to_owned()
            }
            _ => {
                let made = self.made(
                    "POST /user/runners",
                    json!({"runner_type": "instance_type", "paused": true}),
                );
                made.await["token"].as_str().unwrap().to_owned()
            }
        };
        if below == "/runners/managers" {
            self.made_by("", "POST /runners/verify", json!({"token": own, "system_id": "s"}))
                .await;
        }
        let body = json_body(json!({"token": text(&own), "system_id": "s"}));
        self.status(&credential, method, &path, body).await
    }

    /// A running job, with an archive where one is to be read.
    async fn own_job(&self, row: &Row) -> (String, String) {
        let (_, id, token) = self.running(&self.projects[0]).await;
        if row.method() == "GET" {
            let form = Some(("multipart/form-data; boundary=x", archive()));
            let path = format!("/api/v4/jobs/{id}/artifacts");
            assert_eq!(
                self.status(&Credential::job("job", &token), "POST", &path, form).await,
                201
            );
        }
        (id, token)
    }

    /// Makes the tokens anew that calls have used up.
    pub(crate) async fn refresh_tokens(&mut self) {
        for name in ["stranger", "owner"] {
            let answer = self.api.call("GET /user", &token_of(name), Value::Null).await;
            assert_eq!(answer.status, 200, "{name} has lost the token");
        }
    }
}
