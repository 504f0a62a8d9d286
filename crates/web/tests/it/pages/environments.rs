//! Environments: the list, one of them, stopping, what a job page says.

use axum::body::Body;
use axum::http::Request;
use model::AccessLevel;
use serde_json::{Value, json};
use testkit::Form;

use super::{Page, Site};
use crate::fixture::TOKEN;

const LIST: &str = "/ada/tool/-/environments";

/// Calls the API as the owner of `ada/tool`.
async fn api(site: &Site, path: &str, body: Value) -> Page {
    let request = Request::builder()
        .method("POST")
        .uri(format!("/api/v4/projects/1{path}"))
        .header("private-token", TOKEN)
        .header("content-type", "application/json");
    site.send(request.body(Body::from(body.to_string())).unwrap()).await
}

#[tokio::test]
async fn environments_are_listed_and_stopped_by_those_who_may() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    for (name, url) in [
        ("review/<b>", "https://x.example"),
        ("live", "https://live.example/a?b"),
        ("odd", "ftp://odd.example"),
    ] {
        let made = api(&site, "/environments", json!({"name": name, "external_url": url})).await;
        assert_eq!(made.status == 201, name != "review/<b>", "{}", made.html);
    }
    let deployment = json!({"environment": "live", "sha": "main", "ref": "main", "tag": false, "status": "success"});
    assert_eq!(api(&site, "/deployments", deployment).await.status, 201);
    let reporter = site.member("rita", AccessLevel::Reporter).await;
    let mut ada = site.ada().await;

    let page = site.get(&reporter, LIST).await;
    page.has("href=\"https://live.example/a?b\"");
    assert!(
        !page.html.contains("ftp://odd.example"),
        "no link, so no address in the list"
    );
    assert!(!page.html.contains("/stop\""), "a reporter stops nothing");
    let page = site.get(&reporter, &format!("{LIST}/2")).await;
    page.has("<dd class=\"wrap\">ftp://odd.example</dd>");
    page.has("Nothing has been deployed here yet.");

    let stop = format!("{LIST}/1/stop");
    let page = site.submit(&mut ada, LIST, &stop, Form::of([])).await;
    assert_eq!((page.status, page.location()), (303, "/ada/tool/-/environments/1"));
    let page = site.get(&ada, "/ada/tool/-/environments/1").await;
    page.has("stopped");
    page.has("there now");
    assert!(!page.html.contains(&stop), "what is stopped cannot be stopped");
    assert!(!site.get(&ada, LIST).await.html.contains("live.example"));
    site.get(&ada, &format!("{LIST}?scope=stopped")).await.has(">live</a>");
    for page in ["0", "-1", "x", "99999999999999999999"] {
        assert_eq!(
            site.get(&ada, &format!("{LIST}?page={page}")).await.status,
            200,
            "{page}"
        );
    }
    assert_eq!(site.get(&ada, &format!("{LIST}/9")).await.status, 404);
}

#[tokio::test]
async fn the_page_of_a_job_says_where_it_deploys_in_both_languages() {
    let site = Site::start().await;
    site.configure("job: {script: x, environment: production}", "one").await;
    let (_, job) = site.triggered("bot", json!({})).await;
    let ada = site.ada().await;
    let path = format!("/ada/tool/-/jobs/{job}");
    let page = site.get(&ada, &path).await;
    page.has("This job deploys to <a href=\"/ada/tool/-/environments/1\">production</a>");
    let page = site.get_with(&ada, &path, &[("accept-language", "ja")]).await;
    page.has("このジョブのデプロイ先: <a href=\"/ada/tool/-/environments/1\">production</a>");
    site.get_with(&ada, LIST, &[("accept-language", "ja")])
        .await
        .has("<h1>環境</h1>");
}
