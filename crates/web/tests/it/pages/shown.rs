//! What pages show of pipelines, jobs and logs.

use model::AccessLevel;
use serde_json::json;

use super::Site;

#[tokio::test]
async fn the_trigger_token_of_a_job_is_shown_by_four_characters_and_its_description() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("warehouse", json!({"A": "1"})).await;
    let developer = site.member("dev", AccessLevel::Developer).await;
    let page = site.get(&developer, &format!("/ada/tool/-/jobs/{job}")).await;
    page.has("warehouse");
    page.has("triggered");
    page.has_not("glptt-");
    site.get(&developer, "/ada/tool/-/jobs")
        .await
        .has("<span class=\"label strong\">triggered</span>");
    site.get(&developer, &format!("/ada/tool/-/pipelines/{pipeline}"))
        .await
        .has("warehouse");
    site.get(&developer, "/ada/tool/-/pipelines").await.has("warehouse");
}

#[tokio::test]
async fn values_of_variables_are_for_maintainers_and_only_when_asked_for() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", json!({"PASSPHRASE": "open-sesame"})).await;
    let developer = site.member("dev", AccessLevel::Developer).await;
    let maintainer = site.member("main", AccessLevel::Maintainer).await;
    for path in [
        format!("/ada/tool/-/pipelines/{pipeline}"),
        format!("/ada/tool/-/jobs/{job}"),
    ] {
        for asked in [&path, &format!("{path}?reveal=true")] {
            let page = site.get(&developer, asked).await;
            page.has("PASSPHRASE");
            page.has_not("open-sesame");
            page.has("Values are for Maintainers and Owners.");
        }
        site.get(&maintainer, &path).await.has_not("open-sesame");
        site.get(&maintainer, &format!("{path}?reveal=true"))
            .await
            .has("open-sesame");
    }
}

#[tokio::test]
async fn a_long_log_comes_in_pages_of_a_thousand_lines() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (_, job) = site.triggered("bot", json!({})).await;
    let log: String = (1..=2_345).map(|line| format!("line number {line}\n")).collect();
    let traces = &site.server.app.blobs.traces;
    traces.append(model::JobId(job), 0, log.into(), 1 << 20).await.unwrap();
    let ada = site.ada().await;
    let here = format!("/ada/tool/-/jobs/{job}");
    let last = site.get(&ada, &here).await;
    last.has("Lines 2,001 to 2,345 of 2,345");
    last.has("id=\"L2345\"");
    last.has_not("id=\"L2000\"");
    let first = site.get(&ada, &format!("{here}?page=1")).await;
    first.has("id=\"L1\"");
    first.has("id=\"L1000\"");
    first.has_not("id=\"L1001\"");
    let found = site.get(&ada, &format!("{here}?search=NUMBER%201234")).await;
    found.has(&format!("{here}?page=2#L1234"));
    let grown = site.get(&ada, &format!("{here}/log?after=2340")).await;
    assert_eq!(grown.html.matches("<div>").count(), 5);
    for odd in ["?page=0", "?page=99", "?page=x", "?page=-1", "?search=%00"] {
        assert!(site.get(&ada, &format!("{here}{odd}")).await.status < 500, "{odd}");
    }
}

#[tokio::test]
async fn lists_of_pipelines_are_filtered_and_read_by_key() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let project = site.server.project.id;
    let mut ids = Vec::new();
    for _ in 0..35 {
        let made = site
            .api(&format!("POST /projects/{project}/pipeline"), json!({"ref": "main"}))
            .await;
        ids.push(made["id"].as_i64().unwrap());
    }
    let (triggered, _) = site.triggered("bot", json!({})).await;
    let ada = site.ada().await;
    let rows = |page: &super::Page| page.html.matches("id=\"pipeline-").count();
    let newest = site.get(&ada, "/ada/tool/-/pipelines").await;
    assert_eq!(rows(&newest), 30);
    // 35, the triggered one, and that of the commit which skips CI.
    newest.has("37 pipelines in the last 30 days");
    let older = newest
        .html
        .split("rel=\"next\" href=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let older = site.get(&ada, &older.replace("&#38;", "&").replace("&amp;", "&")).await;
    assert_eq!(rows(&older), 7);
    older.has(&format!("id=\"pipeline-{}\"", ids[0]));
    let newer = older
        .html
        .split("rel=\"prev\" href=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let newer = site.get(&ada, &newer.replace("&#38;", "&").replace("&amp;", "&")).await;
    assert_eq!(rows(&newer), 30);
    for (query, expected) in [
        ("source=trigger", 1),
        ("status=success", 0),
        ("ref=main&source=api", 30),
        ("ref=none", 0),
        ("username=ada", 30),
        ("username=bob", 0),
        ("token=1", 1),
        (&format!("search=%23{triggered}"), 1),
        ("search=0000000", 0),
        ("search=No%20such%20name", 0),
        ("status=x&source=y&below=z&token=t", 30),
    ] {
        let page = site.get(&ada, &format!("/ada/tool/-/pipelines?{query}")).await;
        assert_eq!((page.status, rows(&page)), (200, expected), "{query}");
    }
}

#[tokio::test]
async fn every_page_of_a_project_is_small_and_speaks_both_languages() {
    let site = Site::start().await;
    let jobs: String = (0..200)
        .map(|n| format!("job-{n}: {{script: x, stage: test}}\n"))
        .collect();
    site.configure(&jobs, "many").await;
    let (pipeline, job) = site.triggered("bot", json!({})).await;
    let ada = site.ada().await;
    for (path, english, japanese) in [
        ("/".to_owned(), "Projects", "プロジェクト"),
        ("/ada/tool".to_owned(), "Latest pipelines", "最近のパイプライン"),
        ("/ada/tool/-/pipelines".to_owned(), "Run pipeline", "パイプラインを実行"),
        (format!("/ada/tool/-/pipelines/{pipeline}/why"), "Why", "理由"),
        (format!("/ada/tool/-/jobs/{job}"), "Trigger token", "トリガートークン"),
        ("/ada/tool/-/settings/ci_cd".to_owned(), "Add token", "トークンを追加"),
        (
            "/-/user_settings/profile".to_owned(),
            "Access tokens",
            "アクセストークン",
        ),
    ] {
        let page = site.get(&ada, &path).await;
        assert_eq!(page.status, 200, "{path}");
        page.has(english);
        assert!(
            page.html.len() < 200_000,
            "{path}: {} bytes before they are compressed",
            page.html.len()
        );
        site.get_with(&ada, &path, &[("accept-language", "ja")])
            .await
            .has(japanese);
        let packed = site.get_with(&ada, &path, &[("accept-encoding", "gzip")]).await;
        // Whole tokens are on it: it goes as it is.
        let holds_secrets = path.ends_with("/settings/ci_cd");
        assert_eq!(
            packed.headers.contains_key("content-encoding"),
            !holds_secrets,
            "{path}"
        );
        assert!(packed.size < 100_000, "{path}: {} bytes over the wire", packed.size);
    }
}
