//! The trigger log and the limits of trigger tokens, as a Maintainer uses them.

use serde_json::json;
use testkit::{BrowserOptions, Form};

use crate::{CONFIG, server, signed_in};

#[test]
fn a_call_is_found_in_the_trigger_log_and_repeated() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let token = project.trigger_token();
    let first = project.triggered(&token, Form::of([("ref", "main"), ("variables[ORDER]", "8841")]));
    let refused = Form::of([("token", token.as_str()), ("ref", "nowhere")]);
    project.trigger().form(&refused).send().expect(400);
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/settings/ci_cd", project.path));
    browser.click("nav.side a[href$=trigger_log]");
    browser.sees("#calls tbody tr:first-child", "There is no such branch or tag");
    browser.sees(
        "#calls tbody tr:first-child",
        "Push it, or correct the ref of the call.",
    );
    browser.sees("#calls tbody tr:last-child", &format!("Pipeline #{}", first["id"]));
    browser.choose("select[name=outcome]", "accepted");
    browser.click(".filters button");
    browser.sees("#calls tbody tr:first-child", "accepted");
    assert_eq!(browser.count("#calls tbody tr"), 1);
    // What is exported is what is filtered.
    let csv = browser.property(".head .end a", "href");
    assert!(csv.contains("outcome=accepted&format=csv"), "{csv}");
    let text = browser.script(&format!("return fetch('{csv}').then((answer) => answer.text())"));
    assert_eq!(text.as_str().map(|text| text.lines().count()), Some(2), "{text}");
    // The branch moves on; the call is repeated on the commit of then, and on that of now.
    project.repository.commit("more [skip ci]", &[("more.txt", "more")]);
    project.push("main");
    for (commit, is_same) in [("same", true), ("newest", false)] {
        browser.open(&format!(
            "/{}/-/settings/ci_cd/trigger_log?outcome=accepted",
            project.path
        ));
        browser.click("#calls tbody tr:last-child details summary");
        browser.sees("#calls details[open] .ask", "starts in your name");
        browser.click(&format!("#calls tbody tr:last-child button[value={commit}]"));
        browser.sees(".notice", "The call has been repeated");
        let id = browser.path().rsplit('/').next().unwrap_or_default().to_owned();
        let again = project.get(&format!("/pipelines/{id}"));
        assert_eq!(again["sha"] == first["sha"], is_same, "{again}");
        let variables = project.get(&format!("/pipelines/{id}/variables"));
        assert!(variables.to_string().contains("8841"), "{variables}");
    }
}

#[test]
fn limits_and_fixed_values_of_a_token_are_changed() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", "job: {script: x}")]);
    let token = project.trigger_token();
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/settings/ci_cd", project.path));
    browser.click("#tokens a[href$=edit]");
    browser.fill("#allowed_networks", "everywhere");
    browser.fill("#fixed_variables", "TARGET=staging");
    browser.click("main form button.primary");
    // What is wrong stands at its field, and nothing that was typed is lost.
    browser.sees("#bad-allowed_networks", "everywhere is no network");
    assert_eq!(browser.property("#fixed_variables", "value"), "TARGET=staging");
    browser.fill("#allowed_networks", "127.0.0.0/8");
    browser.fill("#allowed_refs", "main");
    browser.click("main form button.primary");
    browser.sees(".notice", "The token has been changed.");
    browser.sees("#tokens .limits", "127.0.0.0/8");
    browser.sees("#tokens .limits", "TARGET");
    let pipeline = project.triggered(&token, Form::of([("ref", "main")]));
    let variables = project.get(&format!("/pipelines/{}/variables", pipeline["id"]));
    assert_eq!(variables[0]["key"], json!("TARGET"), "{variables}");
    assert_eq!(variables[0]["value"], json!("staging"));
}
