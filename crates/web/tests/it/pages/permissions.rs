//! Each page by each role: a table.

use model::AccessLevel;

use super::{Browser, Site};

/// Page of `ada/tool`; status for stranger, guest, reporter, developer, maintainer, owner. 303 asks to sign in.
const TABLE: &[(&str, [u16; 7])] = &[
    ("", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/pipelines", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/pipelines/{pipeline}", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/pipelines/{pipeline}/why", [303, 404, 403, 200, 200, 200, 200]),
    ("/-/pipelines/new", [303, 404, 403, 403, 200, 200, 200]),
    ("/-/jobs", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/jobs/{job}", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/jobs/{job}/log", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/ci/lint", [303, 404, 403, 200, 200, 200, 200]),
    ("/-/project_members", [303, 404, 200, 200, 200, 200, 200]),
    ("/-/settings/ci_cd", [303, 404, 403, 403, 403, 200, 200]),
    ("/-/settings/ci_cd/variables", [303, 404, 403, 403, 403, 200, 200]),
    ("/-/settings/ci_cd/runners", [303, 404, 403, 403, 403, 200, 200]),
    ("/-/settings/repository", [303, 404, 403, 403, 403, 200, 200]),
    ("/-/edit", [303, 404, 403, 403, 403, 200, 200]),
];

#[tokio::test]
async fn each_page_is_for_those_who_may_see_it() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", serde_json::json!({})).await;
    let stranger = site.server.user("stranger").await;
    let browsers = [
        Browser::default(),
        site.signed_in(&stranger).await,
        site.member("guest", AccessLevel::Guest).await,
        site.member("reporter", AccessLevel::Reporter).await,
        site.member("developer", AccessLevel::Developer).await,
        site.member("maintainer", AccessLevel::Maintainer).await,
        site.ada().await,
    ];
    for (path, expected) in TABLE {
        let path = path
            .replace("{pipeline}", &pipeline.to_string())
            .replace("{job}", &job.to_string());
        for (browser, expected) in browsers.iter().zip(expected) {
            let page = site.get(browser, &format!("/ada/tool{path}")).await;
            assert_eq!(page.status, *expected, "{path} for {browser:?}");
        }
    }
}

#[tokio::test]
async fn what_is_hidden_looks_like_what_does_not_exist() {
    let site = Site::start().await;
    let stranger = site.server.user("stranger").await;
    let stranger = site.signed_in(&stranger).await;
    // A form's token is another text on every page.
    let own = |page: super::Page| {
        page.html
            .replace("/ada/nothing", "/ada/tool")
            .replace(&page.token(), "TOKEN")
    };
    for path in [
        "",
        "/-/pipelines",
        "/-/pipelines/1",
        "/-/pipelines/1/why",
        "/-/pipelines/new",
        "/-/jobs/1",
        "/-/jobs/1/raw",
        "/-/jobs/1/artifacts/browse",
        "/-/jobs/1/artifacts/raw/a",
        "/-/pipeline_schedules",
        "/-/pipeline_schedules/1/edit",
        "/-/ci/lint",
        "/-/project_members",
        "/-/settings/ci_cd",
        "/-/settings/ci_cd/variables",
        "/-/settings/ci_cd/runners",
        "/-/settings/ci_cd/token_access",
        "/-/settings/repository",
        "/-/hooks",
        "/-/inbound_hooks",
        "/-/hooks/1/edit",
        "/-/edit",
        "/-/no/such/page",
    ] {
        let hidden = site.get(&stranger, &format!("/ada/tool{path}")).await;
        let absent = site.get(&stranger, &format!("/ada/nothing{path}")).await;
        assert_eq!((hidden.status, absent.status), (404, 404), "{path}");
        assert_eq!(own(hidden), own(absent), "{path}");
        let hidden = site.get(&Browser::default(), &format!("/ada/tool{path}")).await;
        let absent = site.get(&Browser::default(), &format!("/ada/nothing{path}")).await;
        assert_eq!(hidden.status, absent.status, "{path}");
    }
}

#[tokio::test]
async fn administration_is_for_administrators() {
    let site = Site::start().await;
    let ada = site.ada().await;
    let found = site
        .server
        .app
        .store
        .read(|tx| store::ops::users::by_username(tx, "root"));
    let root = site.signed_in(&found.await.unwrap().unwrap()).await;
    for path in [
        "/admin",
        "/admin/users",
        "/admin/runners",
        "/admin/queue",
        "/admin/storage",
    ] {
        assert_eq!(site.get(&Browser::default(), path).await.status, 303, "{path}");
        assert_eq!(site.get(&ada, path).await.status, 404, "{path}");
        assert_eq!(site.get(&root, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn ids_of_other_projects_lead_nowhere() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", serde_json::json!({})).await;
    let other = site.server.user("eve").await;
    site.server.project(&other, "own").await;
    let eve = site.signed_in(&other).await;
    for path in [
        format!("pipelines/{pipeline}"),
        format!("jobs/{job}"),
        format!("jobs/{job}/raw"),
    ] {
        assert_eq!(
            site.get(&eve, &format!("/eve/own/-/{path}")).await.status,
            404,
            "{path}"
        );
    }
    let token = site.get(&eve, "/").await.token();
    for path in [
        format!("pipelines/{pipeline}/cancel"),
        format!("pipelines/{pipeline}/delete"),
        format!("jobs/{job}/erase"),
        "triggers/1/revoke".to_owned(),
    ] {
        for project in ["ada/tool", "eve/own"] {
            let form = testkit::Form::of([("authenticity_token", token.as_str())]);
            let page = site.post(&eve, &format!("/{project}/-/{path}"), form, &[]).await;
            assert_eq!(page.status, 404, "{project} {path}");
        }
    }
}

#[tokio::test]
async fn the_pages_of_a_renamed_project_send_on() {
    let site = Site::start().await;
    site.api("PUT /projects/1", serde_json::json!({"path": "hammer"})).await;
    let ada = site.ada().await;
    for (from, to) in [
        ("/ada/tool", "/ada/hammer"),
        ("/ada/tool/-/pipelines?ref=/-/", "/ada/hammer/-/pipelines?ref=/-/"),
    ] {
        let page = site.get(&ada, from).await;
        assert_eq!((page.status, page.location()), (301, to));
    }
    let eve = site.server.user("eve").await;
    let eve = site.signed_in(&eve).await;
    assert_eq!(site.get(&eve, "/ada/tool").await.status, 404);
    let nobody = site.get(&Browser::default(), "/ada/tool").await;
    assert_eq!(nobody.status, 303, "as for an address of nothing");
}
