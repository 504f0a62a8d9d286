//! The chapters on the user interface, a test each: create a trigger token, see it, revoke it, see which token was
//! used, the label `triggered`, variables for Maintainers only.

use serde_json::json;
use testkit::{Browser, BrowserOptions, Form, Project, TestServer};

use crate::{CONFIG, member, server, sign_in, signed_in};

fn settings(project: &Project) -> String {
    format!("/{}/-/settings/ci_cd", project.path)
}

/// Signs somebody in who was made by [`member`].
fn as_member(server: &TestServer, name: &str) -> Browser {
    let browser = Browser::start(&server.url(), &BrowserOptions::default());
    sign_in(&browser, name, "a long password");
    browser
}

/// Makes a token through the page and returns it.
fn created(browser: &Browser, project: &Project, description: &str) -> String {
    browser.open(&settings(project));
    browser.fill("#description", description);
    browser.click("form[aria-labelledby=add-title] button.primary");
    browser.property("#new-token", "value")
}

#[test]
fn create_a_trigger_token() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let browser = signed_in(&server, &BrowserOptions::default());
    let token = created(&browser, &project, "Warehouse");
    assert!(token.starts_with("glptt-") && token.len() == 26, "{token}");
    let permission = json!({"origin": server.url(), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.devtools("Browser.grantPermissions", &permission);
    browser.click("button[data-copy=new-token]");
    browser.sees("#announcement", "Copied");
    assert_eq!(browser.script("return navigator.clipboard.readText()"), json!(token));
    // The snippets are ready to be used: with this project's id.
    let calls = format!("/api/v4/projects/{}/trigger/pipeline", project.id);
    browser.sees("#curl", &calls);
    browser.sees("#ci-job", &calls);
    browser.sees(
        "#webhook",
        &format!("/api/v4/projects/{}/ref/main/trigger/pipeline?token=TOKEN", project.id),
    );
    _ = project.triggered(&token, Form::of([("ref", "main")]));
}

#[test]
fn see_a_trigger_token() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    member(&server, &project, "bob", 40);
    let browser = signed_in(&server, &BrowserOptions::default());
    let token = created(&browser, &project, "Warehouse");
    browser.open(&settings(&project));
    browser.sees("#tokens", "never");
    assert_eq!(browser.text("#tokens tbody code"), token);
    _ = project.triggered(&token, Form::of([("ref", "main")]));
    browser.open(&settings(&project));
    browser.sees("#tokens", "just now");
    let other = as_member(&server, "bob");
    other.open(&settings(&project));
    other.sees("#tokens", "Warehouse");
    assert_eq!(other.text("#tokens tbody code"), token["glptt-".len()..][..4]);
    assert!(!other.source().contains(&token));
    assert_eq!(other.count("#tokens a[href$=edit]"), 0);
}

#[test]
fn revoke_a_trigger_token() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let browser = signed_in(&server, &BrowserOptions::default());
    let token = created(&browser, &project, "Warehouse");
    browser.open(&settings(&project));
    browser.click("#tokens details:last-of-type summary");
    browser.sees("#tokens details[open] .ask", "cannot be undone");
    browser.click("#tokens details:last-of-type button.danger");
    browser.sees(".notice", "The token has been revoked.");
    assert!(!browser.source().contains(&token));
    let refused = project
        .trigger()
        .form(&Form::of([("token", token.as_str()), ("ref", "main")]))
        .send();
    assert_eq!(refused.status, 404);
}

#[test]
fn see_which_trigger_token_was_used() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    let browser = signed_in(&server, &BrowserOptions::default());
    let token = created(&browser, &project, "Warehouse");
    let pipeline = project.triggered(&token, Form::of([("ref", "main")]));
    let job = &project.jobs(&pipeline)[0]["id"];
    let short = &token["glptt-".len()..][..4];
    for path in [format!("jobs/{job}"), format!("pipelines/{}", pipeline["id"])] {
        browser.open(&format!("/{}/-/{path}", project.path));
        browser.sees("main", short);
        browser.sees("main", "Warehouse");
        assert!(!browser.source().contains(&token), "{path}");
    }
    browser.open(&format!("/{}/-/jobs/{job}", project.path));
    browser.sees("#trigger-token", short);
    browser.sees("#trigger-token", "Warehouse");
}

#[test]
fn jobs_of_triggered_pipelines_have_the_label_triggered() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    project.push("main");
    let token = project.trigger_token();
    _ = project.triggered(&token, Form::of([("ref", "main")]));
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/jobs", project.path));
    assert_eq!(browser.count("tbody tr"), 2);
    assert_eq!(browser.count("tbody .label.strong"), 1);
    browser.sees("tbody tr:first-child .label.strong", "triggered");
    browser.click("tbody tr:first-child a.title");
    browser.sees("#head .label.strong", "triggered");
}

#[test]
fn variables_are_seen_by_maintainers_only() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    member(&server, &project, "dev", 30);
    member(&server, &project, "mia", 40);
    let token = project.trigger_token();
    let variables = [("ref", "main"), ("variables[PHRASE]", "open-sesame")];
    let pipeline = project.triggered(&token, Form::of(variables));
    let job = &project.jobs(&pipeline)[0]["id"];
    let paths = [
        format!("/{}/-/pipelines/{}", project.path, pipeline["id"]),
        format!("/{}/-/jobs/{job}", project.path),
    ];
    let developer = as_member(&server, "dev");
    for path in paths
        .iter()
        .flat_map(|path| [path.clone(), format!("{path}?reveal=true")])
    {
        developer.open(&path);
        developer.sees("#variables", "PHRASE");
        developer.sees("#variables", "Values are for Maintainers and Owners.");
        assert!(!developer.source().contains("open-sesame"), "{path}");
    }
    let maintainer = as_member(&server, "mia");
    for path in &paths {
        maintainer.open(path);
        assert!(!maintainer.source().contains("open-sesame"), "{path}");
        maintainer.click("#variables header a");
        maintainer.sees("#variables", "open-sesame");
    }
}
