//! Script in whatever comes from outside runs on no page, and other sites' forms do nothing.

use serde_json::json;
use testkit::{Browser, BrowserOptions, Form};

use crate::{member, server, sign_in, signed_in};

/// Would leave a mark on the page, were it ever more than text.
const EVIL: &str =
    "<img src=x onerror=window.harmed=1><script>window.harmed=1</script>\"'><svg onload=window.harmed=1>";

#[test]
fn script_in_every_name_ref_message_log_variable_and_description_does_not_run() {
    let server = server(0);
    let runner = server.api().runner();
    let text = serde_json::to_string(EVIL).expect("a text is JSON");
    let config = format!(
        "spec:\n  inputs:\n    note: {{default: {text}, description: {text}}}\n---\nworkflow: {{name: {text}}}\nstages: [{text}]\n\
         {text}:\n  stage: {text}\n  script: x\n  environment: {{name: review}}\n"
    );
    let project = server.api().project(&[(".gitlab-ci.yml", config.as_str())]);
    project.repository.commit(EVIL, &[("x.txt", "x")]);
    project.push("main");
    // No blank and no `<` of a tag with attributes fits into a ref; this is what git lets through.
    let evil_ref = "<script>window.harmed=1</script>";
    project.push(&format!("main:refs/heads/{evil_ref}"));
    project
        .request("PUT", "")
        .json(&json!({"description": EVIL}))
        .send()
        .expect(200);
    let made = project
        .request("POST", "/triggers")
        .json(&json!({"description": EVIL}))
        .send();
    let token = made.expect(201).json()["token"].as_str().expect("a token").to_owned();
    let call = json!({"token": token, "ref": "main", "variables": {"EVIL": EVIL}, "inputs": {"note": EVIL}});
    let pipeline = project.trigger().json(&call).send().expect(201).json();
    for (path, body) in [
        ("/variables", json!({"key": "EVIL", "value": EVIL, "description": EVIL})),
        (
            "/pipeline_schedules",
            json!({"description": EVIL, "ref": "main", "cron": "@daily"}),
        ),
        ("/hooks", json!({"url": "https://hook.invalid/", "name": EVIL})),
        (
            "/inbound_hooks",
            json!({"name": EVIL, "provider": "generic", "secret": "a-long-secret"}),
        ),
    ] {
        project.request("POST", path).json(&body).send().expect(201);
    }
    member(&server, &project, "eve", 30);
    let mut job = runner.take();
    while job.name() != EVIL || project.jobs(&pipeline)[0]["id"] != job.id() {
        job.succeed();
        job = runner.take();
    }
    job.trace(&format!(
        "{EVIL}\n\x1b[31m{EVIL}\x1b[0m\nsection_start:1:a\r\x1b[0K{EVIL}\n\x1b]8;;javascript:window.harmed=1\x07x\n"
    ));
    job.fail(1);
    let browser = signed_in(&server, &BrowserOptions::default());
    let mut paths = crate::access::paths(&project, &pipeline);
    paths.extend([
        format!("/{}/-/pipelines/{}?reveal=true", project.path, pipeline["id"]),
        format!("/{}/-/jobs/{}?reveal=true", project.path, job.id()),
        format!("/{}/-/jobs/{}?search=script", project.path, job.id()),
        format!("/{}/-/settings/ci_cd/variables?reveal=true", project.path),
        format!("/{}/-/pipeline_schedules/1/edit", project.path),
        format!("/{}/-/hooks/1/edit", project.path),
        format!("/{}/-/inbound_hooks/1/edit", project.path),
        format!("/?search={}", testkit::encode_segment(EVIL)),
    ]);
    for path in paths {
        browser.open(&path);
        let harmed = browser.script("return [Boolean(window.harmed), document.querySelectorAll('main img[src=x], main script, main svg[onload]').length]");
        assert_eq!(harmed, json!([false, 0]), "{path}");
    }
    browser.open(&format!("/{}/-/jobs/{}", project.path, job.id()));
    browser.sees("#log", EVIL);
}

#[test]
fn forms_of_other_sites_are_refused() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    let browser = signed_in(&server, &BrowserOptions::default());
    // A page of another origin: the same server under another name, which for a browser is another site.
    let action = format!("{}/{}/-/triggers", server.url(), project.path);
    let other = server.url().replace("127.0.0.1", "localhost");
    let script = format!("location.href = '{other}/users/sign_in'; return true");
    _ = browser.script(&script);
    browser.sees("h1", "Sign in");
    _ = browser.script(&format!(
        "const form = document.createElement('form'); form.method = 'post'; form.action = '{action}';\
         form.innerHTML = '<input name=description value=stolen><button></button>'; document.body.append(form);\
         form.submit(); return true"
    ));
    // The page's own policy stops it before it is sent; sent by hand, it is refused.
    let tokens = project.get("/triggers");
    assert_eq!(tokens, json!([]), "{tokens}");
    let client = server.http();
    for (name, value) in [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")] {
        let form = Form::of([("description", "stolen")]);
        let path = format!("/{}/-/triggers", project.path);
        let answer = client.clone().with_header(name, value).post(&path).form(&form).send();
        assert_eq!(answer.status, 403, "{name}");
    }
    assert_eq!(project.get("/triggers"), json!([]));
}

#[test]
fn what_may_not_be_seen_looks_like_what_does_not_exist() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    let other = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    member(&server, &other, "bob", 30);
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("ref", "main")]));
    let browser = Browser::start(&server.url(), &BrowserOptions::default());
    sign_in(&browser, "bob", "a long password");
    browser.open("/no/such-project");
    let missing = browser.text("main");
    assert!(missing.contains("Page not found"), "{missing}");
    for path in crate::access::paths(&project, &pipeline) {
        if path.starts_with(&format!("/{}", project.path)) {
            browser.open(&path);
            assert_eq!(browser.text("main"), missing, "{path}");
        }
    }
}
