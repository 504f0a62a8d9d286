//! Webhooks: secrets stay out of the pages, and what is wrong is said.

use model::AccessLevel;
use serde_json::json;
use testkit::Form;

use super::Site;

const LIST: &str = "/ada/tool/-/hooks";

#[tokio::test]
async fn a_webhook_is_added_changed_and_deleted_and_keeps_its_secrets() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let form = Form::of([
        ("url", "https://user:hidden-1@hook.invalid/in?x={key}"),
        ("name", "Chat"),
        ("pipeline_events", "true"),
        ("token", "hidden-2"),
        ("headers", "X-Own: hidden-3"),
        ("url_variables", "key=hidden-4"),
        ("enable_ssl_verification", "true"),
    ]);
    let page = site.submit(&mut ada, LIST, LIST, form).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let edit = page.location().to_owned();
    let here = edit.trim_end_matches("/edit").to_owned();
    for path in [LIST, &edit] {
        let page = site.get(&ada, path).await;
        page.has("hook.invalid/in?x={key}");
        page.has_not("hidden-");
    }
    // The address as it is shown is no other address: the secrets stay.
    let changed = Form::of([
        ("url", "https://hook.invalid/in?x={key}"),
        ("name", "Chat 2"),
        ("job_events", "true"),
    ]);
    let page = site.submit(&mut ada, &edit, &here, changed).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let page = site.get(&ada, &edit).await;
    page.has("Chat 2");
    page.has("X-Own");
    page.has("name=\"job_events\" value=\"true\" checked");
    page.has("name=\"pipeline_events\" value=\"true\">");
    page.has("name=\"forget_token\"");
    let page = site
        .submit(&mut ada, LIST, &format!("{here}/delete"), Form::of([]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, LIST).await.has("No webhook yet.");
}

#[tokio::test]
async fn an_address_that_must_not_be_asked_is_refused_with_what_was_filled_in() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    for (url, headers) in [
        ("http://127.0.0.1/x", ""),
        ("nonsense", ""),
        ("https://hook.invalid/", "no header"),
    ] {
        let form = Form::of([("url", url), ("name", "kept name"), ("headers", headers)]);
        let page = site.submit(&mut ada, LIST, LIST, form).await;
        assert_eq!(page.status, 422, "{url}");
        page.has("kept name");
        page.has("notice problem");
    }
    site.get(&ada, LIST).await.has("No webhook yet.");
}

#[tokio::test]
async fn a_test_that_cannot_work_says_why() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let hooks = format!("/projects/{}/hooks", site.server.project.id);
    let made = site
        .api(&format!("POST {hooks}"), json!({"url": "https://hook.invalid/"}))
        .await;
    let here = format!("{LIST}/{}", made["id"]);
    let to = format!("{here}/test");
    let page = site
        .submit(&mut ada, LIST, &to, Form::of([("trigger", "pipeline_events")]))
        .await;
    assert_eq!(page.status, 422);
    page.has("Ensure the project has CI pipelines.");
    site.configure("job: {script: x}", "one").await;
    let page = site
        .submit(&mut ada, LIST, &to, Form::of([("trigger", "push_events")]))
        .await;
    assert_eq!(page.status, 422);
    // What was tried is in the log, and can be looked at and sent again.
    let page = site.get(&ada, &format!("{here}/edit")).await;
    page.has("no answer");
    let log = page
        .html
        .split("/hook_logs/")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let log = format!("{here}/hook_logs/{log}");
    let page = site.get(&ada, &log).await;
    page.has("&#34;object_kind&#34;: &#34;push&#34;");
    let page = site.submit(&mut ada, &log, &format!("{log}/retry"), Form::of([])).await;
    assert_eq!(page.status, 422);
}

#[tokio::test]
async fn webhooks_are_for_maintainers() {
    let site = Site::start().await;
    let dev = site.member("dev", AccessLevel::Developer).await;
    let stranger = site.signed_in(&site.server.user("eve").await).await;
    assert_eq!(site.get(&dev, LIST).await.status, 403);
    for path in [
        LIST.to_owned(),
        format!("{LIST}/1/edit"),
        format!("{LIST}/1/hook_logs/1"),
    ] {
        assert_eq!(site.get(&stranger, &path).await.status, 404, "{path}");
    }
}
