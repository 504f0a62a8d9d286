//! The user-interface chapters: tokens, the form, logs, labels, variables.

use testkit::{Browser, BrowserOptions, Form, Repository};

use crate::{CONFIG, member, server, sign_in, signed_in};

#[test]
fn a_project_is_made_pushed_to_and_runs() {
    let server = server(2);
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open("/");
    browser.click("a[href=\"/projects/new\"]");
    browser.fill("#name", "Web shop");
    browser.click("main button.primary");
    browser.sees("h1", "Web shop");
    let commands = browser.text("#push");
    let address = commands
        .split_whitespace()
        .find(|word| word.ends_with(".git"))
        .expect("an address to push to");
    assert!(address.ends_with("/root/web-shop.git"), "{address}");
    let repository = Repository::of(&[(".gitlab-ci.yml", CONFIG)]);
    let address = address.replace("http://", &format!("http://root:{}@", server.root_token()));
    repository.git(&["push", &address, "main"]);
    browser.open("/root/web-shop");
    browser.click("main table a");
    browser.sees("#graph", "compile");
    // Live: nobody reloads the page.
    browser.sees("#head", "passed");
    browser.sees("#jobs", "Play");
    browser.click("#jobs button[aria-label=\"Play release\"]");
    browser.sees(".notice", "The job has been started.");
    browser.sees("#job-6", "passed");
}

#[test]
fn a_trigger_token_is_created_copied_and_revoked_and_others_see_four_characters() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    member(&server, &project, "bob", 40);
    let browser = signed_in(&server, &BrowserOptions::default());
    let settings = format!("/{}/-/settings/ci_cd", project.path);
    browser.open(&settings);
    browser.fill("#description", "Warehouse");
    browser.click("form[aria-labelledby=add-title] button");
    let token = browser.property("#new-token", "value");
    assert!(token.starts_with("glptt-") && token.len() == 26, "{token}");
    let permission =
        serde_json::json!({"origin": server.url(), "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]});
    browser.devtools("Browser.grantPermissions", &permission);
    browser.click("button[data-copy=new-token]");
    browser.sees("#announcement", "Copied");
    _ = project.triggered(&token, Form::of([("ref", "main")]));

    let other = Browser::start(&server.url(), &BrowserOptions::default());
    sign_in(&other, "bob", "a long password");
    other.open(&settings);
    other.sees("#tokens", "Warehouse");
    assert_eq!(other.text("#tokens tbody code"), token["glptt-".len()..][..4]);
    assert!(!other.source().contains(&token));

    browser.open(&settings);
    browser.sees("#tokens", "just now");
    browser.click("#tokens details:last-of-type summary");
    browser.click("#tokens details:last-of-type button.danger");
    browser.sees(".notice", "The token has been revoked.");
    assert!(!browser.source().contains(&token));
    let refused = project
        .trigger()
        .form(&Form::of([("token", &token), ("ref", "main")]))
        .send();
    assert_eq!(refused.status, 404);
}

#[test]
fn a_pipeline_is_run_by_the_form_with_a_wrong_and_then_a_right_input() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/pipelines", project.path));
    browser.click("a[href$=\"/-/pipelines/new\"]");
    browser.choose("#input-target", "production");
    browser.fill("#input-version", "one");
    browser.click("button[value=run]");
    browser.sees(".bad", "version");
    assert_eq!(browser.property("#input-target", "value"), "production");
    browser.fill("#input-version", "1.2.3");
    browser.click("button[value=preview]");
    browser.sees("#preview", "It would have 6 jobs");
    browser.click("button[value=run]");
    browser.sees("#graph", "release");
    browser.sees("#variables", "1.2.3");
    browser.click("nav.sub a[href$=why]");
    browser.sees("main", "release");
}

#[test]
fn a_log_grows_while_somebody_looks() {
    let server = server(0);
    let runner = server.api().runner();
    let project = server.api().project(&[(".gitlab-ci.yml", "slow: {script: x}")]);
    project.push("main");
    let mut job = runner.take();
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/jobs/{}", project.path, job.id()));
    browser.sees("#head", "running");
    job.trace("first line\nsection_start:1:inner\r\x1b[0KA section\ninside\n");
    browser.sees("#log", "first line");
    browser.sees("#log summary", "A section");
    job.trace("\x1b[31mmore inside\x1b[0m\nsection_end:5:inner\r\x1b[0Klast line <b>\n");
    browser.sees("#log details", "more inside");
    browser.sees("#log", "last line <b>");
    browser.sees("#log .took", "4s");
    job.succeed();
    browser.sees("#head", "passed");
    assert_eq!(browser.count("#log details"), 1);
}

#[test]
fn jobs_of_triggered_pipelines_have_the_label_and_the_token() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    project.push("main");
    let token = project.trigger_token();
    let pipeline = project.triggered(&token, Form::of([("ref", "main"), ("variables[TARGET]", "shop")]));
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/jobs", project.path));
    assert_eq!(browser.count("tbody tr"), 2);
    assert_eq!(browser.count("tbody .label.strong"), 1);
    browser.sees("tbody tr:first-child .label.strong", "triggered");
    browser.click("tbody tr:first-child a.title");
    browser.sees("#trigger-token", &token["glptt-".len()..][..4]);
    browser.sees("#head", "triggered");
    assert!(!browser.source().contains(&token));
    browser.click("#variables a");
    browser.sees("#variables", "shop");
    assert!(pipeline["id"].is_i64());
}

#[test]
fn values_of_variables_are_hidden_from_a_developer() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    member(&server, &project, "dev", 30);
    let token = project.trigger_token();
    let pipeline = project.triggered(
        &token,
        Form::of([("ref", "main"), ("variables[PHRASE]", "open-sesame")]),
    );
    let browser = Browser::start(&server.url(), &BrowserOptions::default());
    sign_in(&browser, "dev", "a long password");
    let path = format!("/{}/-/pipelines/{}", project.path, pipeline["id"]);
    for path in [path.clone(), format!("{path}?reveal=true")] {
        browser.open(&path);
        browser.sees("#variables", "PHRASE");
        browser.sees("#variables", "Values are for Maintainers and Owners.");
        assert!(!browser.source().contains("open-sesame"));
    }
}
