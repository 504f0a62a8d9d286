//! What comes from outside and goes into a header, and headers that claim what they should not.

use axum::http::{HeaderMap, header};
use serde_json::{Value, json};
use testkit::{Form, encode_segment};

use super::none;
use crate::permissions::rows_of;
use crate::permissions::world::{World, token_of};

/// A header of its own, once as it is and once as an address would carry it.
const SPLIT: &str = "x\r\nX-Planted: yes\r\n\r\n<script>";

fn planted(headers: &HeaderMap) -> bool {
    headers.contains_key("x-planted") || headers.values().any(|value| value.as_bytes().contains(&b'\n'))
}

#[tokio::test]
async fn no_text_of_the_outside_becomes_a_header_of_an_answer() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let cookie = format!("tripline_session={}", world.session("owner").await);
    let evil = encode_segment(SPLIT);
    let at = format!("/api/v4/projects/{}", project.id);
    let path = &project.path;
    let mut wrong = Vec::new();
    for line in [
        format!("GET /{evil}"),
        format!("GET /{evil}/"),
        format!("GET /{path}/-/pipelines?ref={evil}"),
        format!("GET /{path}/-/jobs/{evil}/raw"),
        format!("GET /{path}/-/jobs/1/artifacts/raw/{evil}"),
        format!("GET /{path}/-/jobs/1/artifacts/file/{evil}"),
        format!("GET /users/sign_in?return_to=/{evil}"),
        format!("GET /explore?search={evil}&page=2&sort={evil}"),
        format!("GET {at}/pipelines?ref={evil}&per_page=1"),
        format!("GET {at}/jobs?scope[]={evil}"),
        format!("GET {at}/repository/files/{evil}/raw?ref=main"),
        format!("GET {at}/repository/files/a.txt/raw?ref={evil}"),
        format!("GET {at}/repository/tree?path={evil}"),
        format!("GET {at}/jobs/artifacts/{evil}/download?job=job"),
        format!("GET {at}/triggers?per_page=1&page=2&x={evil}"),
        format!("GET /api/v4/projects/{evil}"),
        format!("GET /{path}.git/info/refs?service={evil}"),
        format!("POST {at}/trigger/pipeline?token={evil}&ref={evil}"),
    ] {
        for signed in [true, false] {
            let headers = match signed {
                true => vec![
                    ("private-token", owner.as_str()),
                    ("cookie", cookie.as_str()),
                    ("x-request-id", "a b"),
                ],
                false => vec![("x-request-id", "<a>")],
            };
            let answer = world.raw(&line, &headers, b"").await;
            if planted(&answer.headers) || answer.status >= 500 {
                wrong.push(format!("{line}: {} {:?}", answer.status, answer.headers));
            }
            let id = answer.headers["x-request-id"].to_str().unwrap();
            assert!(
                id.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')),
                "{id}"
            );
        }
    }
    none(&wrong);
}

#[tokio::test]
async fn one_is_sent_to_no_other_site() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for to in [
        "https://evil.example",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/%0a/evil.example",
        "http:evil.example",
        "javascript:alert(1)",
        "/x\r\nX-Planted: yes",
        "/..//evil.example",
        " //evil.example",
        "/\u{a0}/evil.example",
        "evil.example",
        "?x",
        "data:text/html,x",
        "//evil.example@x/",
        "/@evil.example",
        ".evil.example",
        "@evil.example",
        ":80/",
        "/\u{2028}/evil.example",
    ] {
        let browser = "tripline_browser=a-browser";
        let token = world.form_token("a-browser");
        let form = |more: &[(&str, &str)]| {
            let mut form = Form::of([("authenticity_token", token.as_str()), ("return_to", to)]);
            for (name, value) in more {
                form = form.with(name, value);
            }
            form.urlencoded().into_bytes()
        };
        let headers = [
            ("cookie", browser),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let signed_in = form(&[("login", "root"), ("password", "a long password")]);
        for (line, body) in [
            ("POST /users/sign_in".to_owned(), signed_in),
            ("POST /-/preferences".to_owned(), form(&[("theme", "dark")])),
            (
                format!("GET /users/sign_in?return_to={}", encode_segment(to)),
                Vec::new(),
            ),
        ] {
            let answer = world.raw(&line, &headers, &body).await;
            let Some(location) = answer.headers.get(header::LOCATION) else {
                continue;
            };
            let location = String::from_utf8_lossy(location.as_bytes()).into_owned();
            let is_local = location.starts_with('/')
                && !location[1..].starts_with(['/', '\\'])
                && !location.chars().any(|c| c.is_control() || c == '\\');
            if !is_local || planted(&answer.headers) {
                wrong.push(format!("{line} with {to:?}: {location}"));
            }
        }
    }
    none(&wrong);
}

#[tokio::test]
async fn a_host_that_a_client_makes_up_stands_in_no_answer() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let cookie = format!("tripline_session={}", world.session("owner").await);
    let claims = [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-server", "evil.example"),
        ("x-forwarded-proto", "evil"),
        ("x-forwarded-prefix", "/evil.example"),
        ("x-original-url", "/admin/evil.example"),
        ("x-rewrite-url", "/admin/evil.example"),
        ("forwarded", "for=127.0.0.1;host=evil.example;proto=https"),
    ];
    let (mut wrong, mut looked) = (Vec::new(), 0);
    for section in ["Projects", "Pages of a project", "Other pages", "The server"] {
        for row in rows_of(section) {
            let is_stream =
                row.path().ends_with("/events") && !row.path().contains("hooks") || row.path().ends_with("/follow");
            if row.method() != "GET" || is_stream || row.path().contains("{*") {
                continue;
            }
            let path = if section == "Projects" {
                world.request(&row, project, false).await.path
            } else {
                let mut path = row
                    .path()
                    .replace("{project}", &project.path)
                    .replace("{namespace}", "owner");
                let id = match path.as_str() {
                    path if path.contains("/jobs/") => project.things["job_id"].clone(),
                    path if path.contains("/pipelines/") => project.things["pipeline_id"].clone(),
                    path if path.contains("/environments/") => project.things["environment_id"].clone(),
                    _ => "1".to_owned(),
                };
                path = path
                    .replace("{id}", &id)
                    .replace("{user_id}", "1")
                    .replace("{key}", "Bash")
                    .replace("{delivery}", "1");
                path
            };
            let mut headers = claims.to_vec();
            headers.push(if section.contains("ages") {
                ("cookie", &cookie)
            } else {
                ("private-token", &owner)
            });
            let answer = world.raw(&format!("GET {path}"), &headers, b"").await;
            looked += usize::from(answer.status == 200);
            let in_headers = answer
                .headers
                .values()
                .any(|value| value.as_bytes().windows(4).any(|four| four == b"evil"));
            if answer.text.contains("evil.example") || in_headers || answer.status >= 500 {
                wrong.push(format!("{path}: {} {:?}", answer.status, answer.headers));
            }
        }
    }
    none(&wrong);
    assert!(looked > 60, "{looked} answers were looked at");
}

#[tokio::test]
async fn names_in_archives_do_not_split_the_header_that_carries_them() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let names = [
        "a\r\nX-Planted: yes",
        "a\"; filename=\"b.exe",
        "ü\u{202e}gpj.exe",
        "a;b,c",
        "a\\",
        "..",
        "../../x",
        "/etc/passwd",
    ];
    let zip = {
        use std::io::Write as _;
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for name in names {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(b"<script>alert(1)</script>").unwrap();
        }
        zip.finish().unwrap().into_inner()
    };
    let (_, id, token) = world.running(project).await;
    for (file, expected) in [
        ("out.zip", 201),
        ("a\u{202e}piz.zip", 201),
        ("../../out.zip", 201),
        ("o\";x=\"y.zip", 201),
    ] {
        let mut body =
            format!("--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\r\n").into_bytes();
        body.extend_from_slice(&zip);
        body.extend_from_slice(b"\r\n--x--\r\n");
        let headers = [
            ("job-token", token.as_str()),
            ("content-type", "multipart/form-data; boundary=x"),
        ];
        let answer = world
            .raw(&format!("POST /api/v4/jobs/{id}/artifacts"), &headers, &body)
            .await;
        assert!(
            answer.status == expected || answer.status == 400,
            "{file}: {} {}",
            answer.status,
            answer.text
        );
    }
    let over = json!({"token": token, "state": "success"});
    world.made_by("", &format!("PUT /jobs/{id}"), over).await;
    let cookie = format!("tripline_session={}", world.session("owner").await);
    let mut wrong = Vec::new();
    let job = format!("/{}/-/jobs/{id}/artifacts", project.path);
    let mut lines = vec![
        format!("GET /api/v4/projects/{}/jobs/{id}/artifacts", project.id),
        format!("GET {job}/download"),
    ];
    for name in names {
        let name = encode_segment(name);
        lines.push(format!(
            "GET /api/v4/projects/{}/jobs/{id}/artifacts/{name}",
            project.id
        ));
        lines.extend(["raw", "file", "browse"].map(|kind| format!("GET {job}/{kind}/{name}")));
    }
    for line in lines {
        let answer = world
            .raw(&line, &[("private-token", &owner), ("cookie", &cookie)], b"")
            .await;
        let disposition = answer
            .headers
            .get(header::CONTENT_DISPOSITION)
            .map(|value| value.as_bytes().to_vec());
        let disposition = disposition
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        // One name, in quotes or encoded, and no character that turns the rest around.
        let is_plain = !disposition.contains(['\u{202e}', '\r', '\n']) && disposition.matches('"').count() <= 2;
        let is_page = answer
            .headers
            .get("content-type")
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/html"));
        let runs = is_page && answer.text.contains("<script>alert") && !is_sandboxed(&answer.headers);
        if planted(&answer.headers) || !is_plain || runs || answer.status >= 500 {
            wrong.push(format!("{line}: {} {:?}", answer.status, answer.headers));
        }
    }
    none(&wrong);
}

/// What a job made is shown, if at all, where nothing of it runs as this site.
fn is_sandboxed(headers: &HeaderMap) -> bool {
    let says = |name: &str, text: &str| {
        headers
            .get(name)
            .is_some_and(|value| String::from_utf8_lossy(value.as_bytes()).contains(text))
    };
    says("content-security-policy", "sandbox") || says("content-disposition", "attachment")
}

#[tokio::test]
async fn headers_of_hooks_are_lines_of_their_own() {
    let world = World::start().await;
    let (project, owner) = (&world.projects[0], token_of("owner"));
    let at = format!("/projects/{}/hooks", project.id);
    let mut wrong = Vec::new();
    let name = |key: &str| json!({"url": "https://1.2.3.4/", "custom_headers": [{"key": key, "value": "v"}]});
    let value = |value: &str| json!({"url": "https://1.2.3.4/", "custom_headers": [{"key": "X-A", "value": value}]});
    for body in [
        json!({"url": "https://1.2.3.4/\r\nX-Planted: yes"}),
        json!({"url": "https://1.2.3.4/ HTTP/1.1\r\nHost: evil\r\n\r\n"}),
        json!({"url": "https://1.2.3.4/", "token": "a\r\nX-Planted: yes"}),
        name("X-A\r\nX-Planted"),
        name("X A"),
        name("X-A:"),
        name("Host"),
        name("Content-Length"),
        name("Transfer-Encoding"),
        name("Connection"),
        value("v\r\nX-Planted: yes"),
        value("v\nX-Planted: yes"),
        value("v\u{0}"),
        json!({"url": "https://1.2.3.4/{part}", "url_variables": [{"key": "part", "value": "x HTTP/1.1\r\nX-Planted: yes"}]}),
        json!({"url": "https://{host}/", "url_variables": [{"key": "host", "value": "127.0.0.1"}]}),
        json!({"url": "https://{host}/", "url_variables": [{"key": "host", "value": "1.2.3.4@127.0.0.1"}]}),
        json!({"url": "https://1.2.3.4{part}/", "url_variables": [{"key": "part", "value": "@127.0.0.1:22"}]}),
        json!({"url": "http://[::ffff:169.254.169.254]/"}),
        json!({"url": "http://2852039166/"}),
        json!({"url": "http://0251.0376.0251.0376/"}),
        json!({"url": "http://0.0.0.0/"}),
        json!({"url": "http://user:pass@127.0.0.1/"}),
        json!({"url": "http://1.2.3.4#@127.0.0.1/"}),
        json!({"url": "file:///etc/passwd"}),
        json!({"url": "gopher://1.2.3.4/_x"}),
        json!({"url": "http://127.0.0.1:0/"}),
    ] {
        let answer = world.api.call(&format!("POST {at}"), &owner, body.clone()).await;
        let is_harmless = body["url"] == "http://1.2.3.4#@127.0.0.1/";
        if !matches!(answer.status, 400 | 422) && !is_harmless {
            wrong.push(format!("{body}: {} {}", answer.status, answer.text));
        }
    }
    let hook = &project.things["hook_id"];
    for (pairs, key, value) in [
        ("custom_headers", "X-B", "v\r\nX-Planted: yes"),
        ("custom_headers", "X-B%0d%0aX-Planted", "v"),
        ("custom_headers", "Host", "127.0.0.1"),
        ("url_variables", "b", "x\r\nX-Planted: yes"),
    ] {
        let answer = world
            .api
            .call(
                &format!("PUT {at}/{hook}/{pairs}/{key}"),
                &owner,
                json!({"value": value}),
            )
            .await;
        if !matches!(answer.status, 400 | 404 | 422) {
            wrong.push(format!("{pairs} {key} {value:?}: {} {}", answer.status, answer.text));
        }
    }
    none(&wrong);
    let good = world
        .made_by(&owner, &format!("POST {at}"), json!({"url": "https://1.2.3.4/x?a=b"}))
        .await;
    assert_eq!(good["url"], "https://1.2.3.4/x?a=b");
    assert_ne!(good, Value::Null);
}
