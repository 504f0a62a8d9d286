//! What comes from outside comes out as text, and nothing else runs on a page.

use serde_json::json;
use testkit::Form;

use super::{Browser, Site};

const EVIL: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[tokio::test]
async fn markup_in_names_commits_refs_variables_and_logs_is_text() {
    let site = Site::start().await;
    let config = format!(
        "workflow: {{name: {evil}}}\nstages: [{evil}]\n{evil}:\n  stage: {evil}\n  script: x\n  tags: [{evil}]\n  \
         rules: [{{if: '$TARGET != \"<script>alert(1)</script>\"', when: never}}, {{when: on_success}}]\n",
        evil = serde_json::to_string(EVIL).unwrap()
    );
    site.configure(&config, EVIL).await;
    let (pipeline, job) = site
        .triggered(EVIL, json!({"TARGET": "<script>alert(1)</script>", "EVIL": EVIL}))
        .await;
    let (id, log) = (
        model::JobId(job),
        format!("{EVIL}\n\x1b[31m{EVIL}\x1b[0m\nsection_start:1:a\r\x1b[0K{EVIL}\n"),
    );
    let traces = &site.server.app.blobs.traces;
    traces.append(id, 0, log.into(), 1 << 20).await.unwrap();
    site.server
        .change(site.server.project.id, |project| {
            project.name = EVIL.to_owned();
            project.description = Some(EVIL.to_owned());
        })
        .await;
    let variables = format!("/projects/{}/variables", site.server.project.id);
    let body = json!({"key": "K", "value": EVIL, "description": EVIL});
    site.api(&format!("POST {variables}"), body).await;
    let hook = json!({"url": "https://hook.invalid/", "name": EVIL, "push_events_branch_filter": "*"});
    site.api(&format!("POST /projects/{}/hooks", site.server.project.id), hook)
        .await;
    let schedules = format!("/projects/{}/pipeline_schedules", site.server.project.id);
    let schedule = json!({"description": EVIL, "ref": "main", "cron": "@daily"});
    site.api(&format!("POST {schedules}"), schedule).await;
    let body = json!({"key": "K", "value": EVIL});
    site.api(&format!("POST {schedules}/1/variables"), body).await;
    let ada = site.ada().await;
    for path in [
        "/".to_owned(),
        "/ada".to_owned(),
        "/ada/tool".to_owned(),
        "/ada/tool/-/pipelines".to_owned(),
        format!("/ada/tool/-/pipelines?ref={}", testkit::encode_segment(EVIL)),
        format!("/ada/tool/-/pipelines/{pipeline}?reveal=true"),
        format!("/ada/tool/-/pipelines/{pipeline}/why"),
        "/ada/tool/-/pipelines/new".to_owned(),
        "/ada/tool/-/jobs".to_owned(),
        format!("/ada/tool/-/jobs/{job}?reveal=true"),
        format!("/ada/tool/-/jobs/{job}?search={}", testkit::encode_segment("<script>")),
        format!("/ada/tool/-/jobs/{job}/log?after=0"),
        "/ada/tool/-/ci/lint".to_owned(),
        "/ada/tool/-/pipeline_schedules".to_owned(),
        "/ada/tool/-/pipeline_schedules/1/edit?reveal=true".to_owned(),
        "/ada/tool/-/hooks".to_owned(),
        "/ada/tool/-/hooks/1/edit".to_owned(),
        "/ada/tool/-/settings/ci_cd/token_access".to_owned(),
        format!("/ada/tool/-/jobs/{job}?with=variables"),
        format!(
            "/ada/tool/-/jobs/{job}/artifacts/browse/{}",
            testkit::encode_segment(EVIL)
        ),
        "/ada/tool/-/project_members".to_owned(),
        "/ada/tool/-/settings/ci_cd".to_owned(),
        "/ada/tool/-/settings/ci_cd/variables?reveal=true".to_owned(),
        "/ada/tool/-/edit".to_owned(),
        format!("/?search={}", testkit::encode_segment(EVIL)),
        format!("/users/sign_in?return_to=/{}", testkit::encode_segment(EVIL)),
    ] {
        let page = site.get(&ada, &path).await;
        assert!(page.status < 500, "{path}: {}", page.status);
        assert!(!page.html.contains("<script>alert"), "{path}: {}", page.html);
        assert!(!page.html.contains("<img src=x"), "{path}: {}", page.html);
    }
    let page = site.get(&ada, &format!("/ada/tool/-/pipelines/{pipeline}")).await;
    page.has("&#60;script&#62;");
}

#[tokio::test]
async fn a_raw_log_is_no_page() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (_, job) = site.triggered("bot", json!({})).await;
    let traces = &site.server.app.blobs.traces;
    traces.append(model::JobId(job), 0, EVIL.into(), 1 << 20).await.unwrap();
    let page = site
        .get(&site.ada().await, &format!("/ada/tool/-/jobs/{job}/raw"))
        .await;
    assert_eq!(page.html, EVIL);
    assert_eq!(page.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(page.headers["x-content-type-options"], "nosniff");
}

#[tokio::test]
async fn every_answer_forbids_what_pages_do_not_need() {
    let site = Site::start().await;
    let ada = site.ada().await;
    for (browser, path) in [
        (&Browser::default(), "/users/sign_in"),
        (&Browser::default(), "/no/such"),
        (&ada, "/ada/tool"),
        (&ada, "/ada/tool/-/no/such"),
        (&ada, "/admin"),
    ] {
        let page = site.get(browser, path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe"),
            "{path}: {policy}"
        );
        assert_eq!(page.headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(page.headers["cache-control"], "private, no-store", "{path}");
        assert!(
            !page.html.contains(" style=") && !page.html.contains("onclick"),
            "{path}"
        );
        let scripts = page.html.matches("<script").count();
        assert_eq!(
            scripts,
            page.html.matches("<script type=\"module\" src=\"/-/assets/").count(),
            "{path}"
        );
    }
    let form = Form::of([]);
    let page = site.post(&ada, "/ada/tool/-/triggers", form, &[]).await;
    assert!(page.headers.contains_key("content-security-policy"));
}

#[tokio::test]
async fn assets_are_kept_for_ever_under_an_address_of_their_content() {
    let site = Site::start().await;
    let page = site.get(&Browser::default(), "/users/sign_in").await;
    for part in page.html.split("/-/assets/").skip(1) {
        let path = format!("/-/assets/{}", part.split('"').next().unwrap());
        let asset = site.get(&Browser::default(), &path).await;
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
    assert_eq!(site.get(&Browser::default(), "/-/assets/0/style.css").await.status, 404);
}
