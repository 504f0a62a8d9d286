//! What people do on the pages: push, run a pipeline by its form, watch it.

use testkit::{BrowserOptions, Repository};

use crate::{CONFIG, server, signed_in};

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
fn a_pipeline_is_run_by_the_form_with_a_wrong_and_then_a_right_input() {
    let server = server(0);
    let project = server.api().project(&[(".gitlab-ci.yml", CONFIG)]);
    let browser = signed_in(&server, &BrowserOptions::default());
    browser.open(&format!("/{}/-/pipelines", project.path));
    browser.click("a[href$=\"/-/pipelines/new\"]");
    browser.choose("#input-target", "production");
    browser.fill("#input-version", "one");
    browser.click("button[value=run]");
    // Said once, at its field, with a summary that leads there.
    browser.sees("#bad-version", "version does not have the form that is asked for.");
    assert_eq!(browser.count(".bad"), 1);
    assert_eq!(browser.property("#input-version", "ariaInvalid"), "true");
    browser.click("#wrong a");
    assert!(browser.path().ends_with("#input-version"), "{}", browser.path());
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
