//! The editor: what a configuration becomes for a chosen source, without storing anything.

use testkit::Form;

use super::Site;

const LINT: &str = "/ada/tool/-/ci/lint";

const CONFIG: &str =
    "always: {script: x}\nnightly: {script: x, needs: [always], rules: [{if: $CI_PIPELINE_SOURCE == \"schedule\"}]}\n";

fn form(source: &str) -> Form {
    Form::of([
        ("content", CONFIG),
        ("ref", "main"),
        ("source", source),
        ("dry_run", "true"),
    ])
}

#[tokio::test]
async fn jobs_graph_and_reasons_are_those_of_the_chosen_source() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let before = site.server.pipelines().await.len();
    let mut ada = site.ada().await;
    let page = site.submit(&mut ada, LINT, LINT, form("push")).await;
    assert_eq!(page.status, 200);
    page.has("href=\"#planned-1\"");
    page.has_not("id=\"planned-2\"");
    page.has("$CI_PIPELINE_SOURCE == &#34;schedule&#34;");
    let page = site.submit(&mut ada, LINT, LINT, form("schedule")).await;
    page.has("id=\"planned-2\"");
    page.has("<option value=\"schedule\" selected>");
    page.has("Whole configuration");
    assert_eq!(site.server.pipelines().await.len(), before);
}

#[tokio::test]
async fn a_wrong_configuration_is_told_with_its_line() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let mut ada = site.ada().await;
    let form = Form::of([
        ("content", "job: {scrip: x}\n"),
        ("ref", "main"),
        ("source", "nonsense"),
    ]);
    let page = site.submit(&mut ada, LINT, LINT, form).await;
    assert_eq!(page.status, 200);
    page.has("The configuration is not valid.");
}
