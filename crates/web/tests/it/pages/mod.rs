//! The pages over HTTP, without a browser: who sees what, what is refused, what comes out as text.

mod artifacts;
mod below;
mod compressed;
mod editor;
mod environments;
mod forms;
mod growing_log;
mod hooks;
mod inbound;
mod japanese;
mod markup;
mod members;
mod permissions;
mod schedules;
mod sessions;
mod shown;
mod token_access;

use app::setup;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use model::{AccessLevel, User};
use serde_json::{Value, json};
use store::ops::{self, sessions::NewSession};
use testkit::Form;
use tower::ServiceExt as _;

use crate::fixture::{Server, TOKEN};

/// A server, and browsers that look at it.
pub(crate) struct Site {
    pub(crate) server: Server,
    router: Router,
}

/// A browser: the cookies it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: Vec<(String, String)>,
}

/// An answer, read whole.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) html: String,
    /// Bytes of the body as they were sent.
    pub(crate) size: usize,
}

impl Site {
    pub(crate) async fn start() -> Site {
        Site::start_below("").await
    }

    /// Starts a server whose addresses begin with a path.
    pub(crate) async fn start_below(root: &str) -> Site {
        let server = Server::start_below(root).await;
        let password = Some("a long password".to_owned());
        let token = Some("glpat-root-token-0123456".to_owned());
        assert!(
            setup::first_start(&server.app, token, password)
                .await
                .unwrap()
                .is_some()
        );
        let router = web::router(server.app.clone());
        Site { server, router }
    }

    /// Signs a user in without asking for a password.
    pub(crate) async fn signed_in(&self, user: &User) -> Browser {
        let text = format!("session-of-{}", user.username);
        let (digest, user_id, now) = (self.server.app.keys.digest(&text), user.id, self.server.app.clock.now());
        let begun = move |tx: &mut dyn store::Tx| {
            let new = NewSession {
                user_id,
                digest: &digest,
                address: None,
                user_agent: None,
                created_at: now,
                expires_at: now + app::sessions::IDLE,
            };
            ops::sessions::create(tx, &new)
        };
        self.server.app.store.write(begun).await.unwrap();
        Browser {
            cookies: vec![("tripline_session".to_owned(), text)],
        }
    }

    pub(crate) async fn ada(&self) -> Browser {
        self.signed_in(&self.server.ada.clone()).await
    }

    /// A new member of `ada/tool`, signed in.
    pub(crate) async fn member(&self, name: &str, level: AccessLevel) -> Browser {
        self.server.member(name, level).await;
        let name = name.to_owned();
        let found = self.server.app.store.read(move |tx| ops::users::by_username(tx, &name));
        let user = found.await.unwrap().expect("it was just made");
        self.signed_in(&user).await
    }

    pub(crate) async fn get(&self, browser: &Browser, path: &str) -> Page {
        self.get_with(browser, path, &[]).await
    }

    pub(crate) async fn get_with(&self, browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::builder().uri(path).header(header::COOKIE, browser.header());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Sends a form as the page at `from` would: with its token.
    pub(crate) async fn submit(&self, browser: &mut Browser, from: &str, to: &str, form: Form) -> Page {
        let page = self.get(browser, from).await;
        browser.take(&page);
        let form = form.with("authenticity_token", &page.token());
        let page = self.post(browser, to, form, &[("sec-fetch-site", "same-origin")]).await;
        browser.take(&page);
        page
    }

    /// Sends a form as it is.
    pub(crate) async fn post(&self, browser: &Browser, to: &str, form: Form, headers: &[(&str, &str)]) -> Page {
        let mut request = Request::builder()
            .method("POST")
            .uri(to)
            .header(header::COOKIE, browser.header())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(form.urlencoded())).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Page {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Page {
            status: parts.status.as_u16(),
            headers: parts.headers,
            size: bytes.len(),
            html: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// Calls the API as `ada`.
    pub(crate) async fn api(&self, line: &str, body: Value) -> Value {
        let (method, path) = line.split_once(' ').expect("a method and a path");
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v4{path}"))
            .header("private-token", TOKEN)
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .unwrap();
        let page = self.send(request).await;
        assert!(
            (200..300).contains(&page.status),
            "{line}: {} {}",
            page.status,
            page.html
        );
        serde_json::from_str(&page.html).unwrap_or(Value::Null)
    }

    /// Commits a configuration to `ada/tool`.
    pub(crate) async fn configure(&self, config: &str, message: &str) {
        let project = self.server.project.id;
        let action = json!({"action": "create", "file_path": ".gitlab-ci.yml", "content": config});
        let body = json!({"branch": "main", "commit_message": format!("{message} [skip ci]"), "actions": [action]});
        self.api(&format!("POST /projects/{project}/repository/commits"), body)
            .await;
    }

    /// Starts a pipeline of `ada/tool` with a trigger token; returns the ids of pipeline and first job.
    pub(crate) async fn triggered(&self, description: &str, variables: Value) -> (i64, i64) {
        let project = self.server.project.id;
        let made = self
            .api(
                &format!("POST /projects/{project}/triggers"),
                json!({"description": description}),
            )
            .await;
        let call = json!({"token": made["token"], "ref": "main", "variables": variables});
        let pipeline = self
            .api(&format!("POST /projects/{project}/trigger/pipeline"), call)
            .await;
        let id = pipeline["id"].as_i64().unwrap();
        let jobs = self
            .api(&format!("GET /projects/{project}/pipelines/{id}/jobs"), Value::Null)
            .await;
        (id, jobs[0]["id"].as_i64().unwrap())
    }
}

impl Browser {
    fn header(&self) -> String {
        let pairs = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join("; ")
    }

    /// Takes over the cookies of an answer.
    pub(crate) fn take(&mut self, page: &Page) {
        for cookie in page.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap_or_default();
            self.cookies.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.cookies.push((name.to_owned(), value.to_owned()));
            }
        }
    }
}

impl Page {
    /// The token that forms of this page send.
    pub(crate) fn token(&self) -> String {
        let (_, rest) = self
            .html
            .split_once("name=\"authenticity_token\" value=\"")
            .unwrap_or_else(|| panic!("no form in {} {}", self.status, self.html));
        rest.split('"').next().unwrap().to_owned()
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |to| to.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn has(&self, text: &str) {
        assert!(self.html.contains(text), "no `{text}` in {} {}", self.status, self.html);
    }

    #[track_caller]
    pub(crate) fn has_not(&self, text: &str) {
        assert!(!self.html.contains(text), "`{text}` in {}", self.html);
    }
}
