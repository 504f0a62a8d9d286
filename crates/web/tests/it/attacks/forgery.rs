//! Forms of other sites, forms of sessions that have ended, methods in disguise, cookies of a neighbour.

use serde_json::{Value, json};
use testkit::Form;

use super::none;
use crate::fixture::Server;
use crate::permissions::rows_of;
use crate::permissions::world::{Credential, World, token_of};

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn a_form_with_its_token_is_refused_all_the_same_when_another_site_sends_it() {
    let world = World::start().await;
    let (session, other) = (world.session("owner").await, world.session("owner").await);
    let mut wrong = Vec::new();
    let mut tried = 0;
    for row in rows_of("Pages of a project").into_iter().chain(rows_of("Other pages")) {
        if row.method() == "GET" {
            continue;
        }
        let path = row
            .path()
            .replace("{project}", &world.projects[0].path)
            .replace("{delivery}", "1")
            .replace("{id}", "1");
        let token = world.form_token(&session);
        for (what, token, headers) in [
            ("by its own word", &token, vec![("sec-fetch-site", "cross-site")]),
            ("by that of a neighbour", &token, vec![("sec-fetch-site", "same-site")]),
            ("from an origin", &token, vec![("origin", "https://evil.example")]),
            ("from no origin", &token, vec![("origin", "null")]),
            (
                "from a name like ours",
                &token,
                vec![("origin", "http://ci.example.evil.example"), ("host", "ci.example")],
            ),
            ("of another session", &world.form_token(&other), vec![]),
            ("empty", &String::new(), vec![]),
        ] {
            let mut browser = Credential::nobody();
            browser.headers = headers
                .into_iter()
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            browser.headers.push(("cookie", format!("tripline_session={session}")));
            let body = Form::of([("authenticity_token", token.as_str())])
                .urlencoded()
                .into_bytes();
            let status = world.status(&browser, row.method(), &path, Some((FORM, body))).await;
            tried += 1;
            if status != 403 {
                wrong.push(format!("{} {what}: {status}", row.endpoint));
            }
        }
    }
    none(&wrong);
    assert!(tried > 300);
}

#[tokio::test]
async fn the_token_of_a_form_ends_with_its_session() {
    let world = World::start().await;
    let session = world.session("owner").await;
    let cookie = format!("tripline_session={session}");
    let form = Form::of([("name", "late"), ("authenticity_token", &world.form_token(&session))]).urlencoded();
    app::sessions::sign_out(&world.api.server.app, &session).await.unwrap();
    let late = world
        .raw(
            "POST /projects",
            &[("cookie", &cookie), ("content-type", FORM)],
            form.as_bytes(),
        )
        .await;
    assert_eq!(late.status, 403);
    // Nor is it good for a browser without a session, or in the next one.
    let next = format!("tripline_session={}", world.session("owner").await);
    for cookie in ["", "tripline_browser=x", next.as_str()] {
        let late = world
            .raw(
                "POST /projects",
                &[("cookie", cookie), ("content-type", FORM)],
                form.as_bytes(),
            )
            .await;
        assert_eq!(late.status, 403, "{cookie}");
    }
    let found = world
        .api
        .call("GET /projects?search=late", &token_of("owner"), Value::Null)
        .await;
    assert_eq!(found.json(200), json!([]));
}

#[tokio::test]
async fn no_other_method_hides_in_a_call() {
    let world = World::start().await;
    let project = &world.projects[0];
    let token = token_of("owner");
    let one = format!("/api/v4/projects/{}/variables/SHARED", project.id);
    for (line, headers, body) in [
        (
            format!("POST {one}"),
            vec![("x-http-method-override", "DELETE")],
            "_method=DELETE",
        ),
        (
            format!("POST {one}"),
            vec![("x-http-method", "DELETE"), ("x-method-override", "DELETE")],
            "",
        ),
        (
            format!("GET {one}?_method=DELETE"),
            vec![("x-http-method-override", "DELETE")],
            "",
        ),
        (format!("PATCH {one}?_method=delete"), vec![], "_method=delete"),
        (format!("QUERY {one}"), vec![], ""),
        (format!("delete {one}"), vec![], ""),
        (format!("TRACE {one}"), vec![("x-secret", "marker")], ""),
        (format!("OPTIONS {one}"), vec![("origin", "https://evil.example")], ""),
    ] {
        let mut headers = headers;
        headers.extend([("private-token", token.as_str()), ("content-type", FORM)]);
        let answer = world.raw(&line, &headers, body.as_bytes()).await;
        assert!(matches!(answer.status, 200 | 400..=405), "{line}: {}", answer.status);
        assert!(!answer.text.contains("marker"), "{line}: {}", answer.text);
        // Pages elsewhere may read what they ask for with a token of their own, never what a browser adds by itself.
        let origin = answer.headers.get("access-control-allow-origin");
        assert!(origin.is_none_or(|origin| origin == "*"), "{line}: {origin:?}");
        assert!(
            !answer.headers.contains_key("access-control-allow-credentials"),
            "{line}"
        );
        let left = format!("GET {}", one.trim_start_matches("/api/v4"));
        let left = world.api.call(&left, &token, Value::Null).await;
        assert_eq!(left.status, 200, "{line}");
    }
    // A page that changes something is not to be had by GET, whatever it says.
    let session = world.session("owner").await;
    let cookie = format!("tripline_session={session}");
    for row in rows_of("Pages of a project") {
        if row.method() == "GET"
            || rows_of("Pages of a project")
                .iter()
                .any(|other| other.method() == "GET" && other.path() == row.path())
        {
            continue;
        }
        let path = row
            .path()
            .replace("{project}", &project.path)
            .replace("{delivery}", "1")
            .replace("{id}", "1");
        let line = format!(
            "GET {path}?_method=post&authenticity_token={}",
            world.form_token(&session)
        );
        let answer = world.raw(&line, &[("cookie", &cookie)], b"").await;
        assert!(matches!(answer.status, 404 | 405), "{line}: {}", answer.status);
    }
}

/// A neighbour (another host below the same domain, or the plain-text side of this one) can set cookies for this host,
/// but none whose name begins with `__Host-`.
#[tokio::test]
async fn with_https_a_session_counts_only_in_the_cookie_that_no_neighbour_can_set() {
    for (url, good, planted) in [
        (
            "https://ci.example",
            "__Host-tripline_session",
            ["tripline_session", "__Secure-tripline_session"],
        ),
        (
            "https://ci.example/ci",
            "__Secure-tripline_session",
            ["tripline_session", "__Host-tripline_session"],
        ),
    ] {
        let server = Server::start_as(|_| url.to_owned()).await;
        let session = server.session("ada").await;
        let text = session.split_once('=').unwrap().1;
        let router = web::router(server.app.clone());
        let ask = async |cookie: String, path: &str, headers: &[(&str, &str)]| {
            use tower::ServiceExt as _;
            let mut request = axum::http::Request::builder().uri(path).header("cookie", cookie);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(axum::body::Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let profile = "/-/user_settings/profile";
        let shown = ask(format!("{good}={text}"), profile, &[]).await;
        assert_eq!(shown.status(), 200, "{url}");
        for name in planted {
            let shown = ask(format!("{name}={text}"), profile, &[]).await;
            assert_eq!(shown.status(), 303, "{url}: {name}");
            let read = ask(
                format!("{name}={text}"),
                "/api/v4/user",
                &[("sec-fetch-site", "same-origin")],
            )
            .await;
            assert_eq!(read.status(), 401, "{url}: {name}");
            // A planted one does not hide the good one either.
            let shown = ask(format!("{name}=planted; {good}={text}"), profile, &[]).await;
            assert_eq!(shown.status(), 200, "{url}: {name}");
        }
    }
}
