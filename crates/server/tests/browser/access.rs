//! Everybody can use the pages: by keyboard, without scripts, with a screen reader.

use serde_json::Value;
use testkit::{BrowserOptions, ENTER, Form, Project};

use crate::{CONFIG, server, signed_in};

/// Every page, of a project with a pipeline whose first job has run.
pub(crate) fn paths(project: &Project, pipeline: &Value) -> Vec<String> {
    let job = &project.jobs(pipeline)[0]["id"];
    // Made by whichever test comes first with a server.
    let team = serde_json::json!({"name": "Team", "path": "team"});
    drop(project.api.request("POST", "/groups").json(&team).send());
    let of_project = [
        String::new(),
        "/-/pipelines".to_owned(),
        "/-/pipelines?status=failed".to_owned(),
        "/-/pipelines/new".to_owned(),
        format!("/-/pipelines/{}", pipeline["id"]),
        format!("/-/pipelines/{}/why", pipeline["id"]),
        "/-/jobs".to_owned(),
        format!("/-/jobs/{job}"),
        format!("/-/jobs/{job}?search=echo"),
        format!("/-/jobs/{job}/artifacts/browse"),
        "/-/pipeline_schedules".to_owned(),
        "/-/pipeline_schedules/new".to_owned(),
        "/-/hooks".to_owned(),
        "/-/inbound_hooks".to_owned(),
        "/-/settings/ci_cd/token_access".to_owned(),
        "/-/ci/editor".to_owned(),
        "/-/environments".to_owned(),
        "/-/environments?scope=stopped".to_owned(),
        "/-/environments/1".to_owned(),
        "/-/ci/lint".to_owned(),
        "/-/project_members".to_owned(),
        "/-/settings/ci_cd".to_owned(),
        "/-/settings/ci_cd/trigger_log".to_owned(),
        "/-/triggers/1/edit".to_owned(),
        "/-/settings/ci_cd/variables".to_owned(),
        "/-/settings/ci_cd/runners".to_owned(),
        "/-/settings/repository".to_owned(),
        "/-/edit".to_owned(),
    ];
    let others = [
        "/",
        "/projects/new",
        "/team",
        "/groups/team/-/group_members",
        "/-/user_settings/profile",
        "/admin",
        "/admin/users",
        "/admin/runners",
        "/admin/queue",
        "/admin/storage",
        "/no/such/page",
    ];
    let of_project = of_project.iter().map(|rest| format!("/{}{rest}", project.path));
    of_project.chain(others.iter().map(|path| (*path).to_owned())).collect()
}

#[test]
fn axe_finds_nothing_wrong_with_any_page() {
    let server = server(2);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("ref", "main"), ("variables[A]", "1")]));
    let variable = serde_json::json!({"key": "KEY", "value": "value"});
    project.request("POST", "/variables").json(&variable).send().expect(201);
    _ = project.finished(&pipeline);
    let mut found = Vec::new();
    for dark in [false, true] {
        let options = BrowserOptions {
            dark,
            ..BrowserOptions::default()
        };
        let browser = testkit::Browser::start(&server.url(), &options);
        browser.open("/users/sign_in");
        found.extend(
            browser
                .violations()
                .into_iter()
                .map(|one| format!("/users/sign_in: {one}")),
        );
        crate::sign_in(&browser, "root", server.root_password());
        for path in paths(&project, &pipeline) {
            browser.open(&path);
            found.extend(
                browser
                    .violations()
                    .into_iter()
                    .map(|one| format!("{path} (dark: {dark}): {one}")),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_job_is_played_with_the_keyboard_alone() {
    let server = server(2);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("ref", "main")]));
    _ = project.finished(&pipeline);
    let browser = testkit::Browser::start(&server.url(), &BrowserOptions::default());
    browser.open("/users/sign_in");
    browser.tab_to("#login");
    browser.press("root");
    browser.tab_to("#password");
    browser.press(server.root_password());
    browser.press(ENTER);
    browser.sees("h1", "Projects");
    browser.tab_to("main table a.title");
    browser.press(ENTER);
    browser.sees("h1", "");
    browser.tab_to(".tabs a[href$=pipelines]");
    browser.press(ENTER);
    browser.tab_to("#pipelines a.title");
    browser.press(ENTER);
    browser.tab_to("#jobs button[aria-label=\"Play release\"]");
    browser.press(ENTER);
    browser.sees(".notice", "The job has been started.");
}

#[test]
fn everything_but_live_updates_works_without_scripts() {
    let server = server(2);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let options = BrowserOptions {
        scripts: false,
        ..BrowserOptions::default()
    };
    let browser = signed_in(&server, &options);
    browser.open(&format!("/{}/-/pipelines/new", project.path));
    browser.fill("#input-version", "2.0.0");
    browser.click("button[value=run]");
    browser.sees("#graph", "compile");
    let pipeline: i64 = browser
        .path()
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("the id of a pipeline");
    _ = project.finished(&serde_json::json!({"id": pipeline}));
    browser.open(&format!("/{}/-/pipelines/{pipeline}", project.path));
    browser.sees("#head", "passed");
    browser.click("#jobs a.title");
    browser.sees("#log", "compiling");
    browser.open(&format!("/{}/-/settings/ci_cd", project.path));
    browser.fill("#description", "no scripts");
    browser.click("form[aria-labelledby=add-title] button");
    browser.sees("#tokens", "no scripts");
    browser.click("#tokens details:last-of-type summary");
    browser.click("#tokens details:last-of-type button.danger");
    browser.sees(".notice", "revoked");
    browser.click(".me button");
    browser.sees("h1", "Sign in");
}
