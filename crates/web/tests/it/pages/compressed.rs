//! What is compressed, and what never: secrets beside texts that somebody else chose.

use serde_json::json;
use testkit::Form;

use super::{Page, Site};

const GZIP: &[(&str, &str)] = &[("accept-encoding", "gzip")];

fn is_compressed(page: &Page) -> bool {
    page.headers
        .get("content-encoding")
        .is_some_and(|encoding| encoding == "gzip")
}

#[tokio::test]
async fn pages_and_long_lists_are_compressed_and_secrets_are_not() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", json!({"A": "1"})).await;
    for number in 0..30 {
        let body = json!({"key": format!("KEY_{number}"), "value": "value-of-it"});
        site.api(&format!("POST /projects/{}/variables", site.server.project.id), body)
            .await;
    }
    let mut ada = site.ada().await;
    for (path, expected) in [
        ("/".to_owned(), true),
        ("/ada/tool/-/pipelines".to_owned(), true),
        (format!("/ada/tool/-/pipelines/{pipeline}"), true),
        (format!("/ada/tool/-/pipelines/{pipeline}?reveal=true"), false),
        (format!("/ada/tool/-/jobs/{job}?reveal=true"), false),
        ("/ada/tool/-/settings/ci_cd".to_owned(), false),
        ("/ada/tool/-/settings/ci_cd/variables".to_owned(), false),
        (format!("/api/v4/projects/{}/pipelines", site.server.project.id), false),
        (format!("/api/v4/projects/{}/jobs", site.server.project.id), true),
    ] {
        let page = site.get_with(&ada, &path, GZIP).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(is_compressed(&page), expected, "{path}");
    }
    // What was just made is in the answer to the form.
    let page = site
        .submit(
            &mut ada,
            "/-/user_settings/profile",
            "/-/user_settings/personal_access_tokens",
            Form::of([("name", "laptop"), ("scopes[]", "api")]),
        )
        .await;
    page.has("glpat-");
    assert!(!is_compressed(&page));
}

#[tokio::test]
async fn the_token_of_forms_is_another_text_on_every_page_and_each_works() {
    let site = Site::start().await;
    let ada = site.ada().await;
    let (first, second) = (site.get(&ada, "/").await.token(), site.get(&ada, "/").await.token());
    assert_ne!(first, second);
    for token in [&first, &second] {
        let form = Form::of([("language", "ja"), ("authenticity_token", token)]);
        assert_eq!(site.post(&ada, "/-/preferences", form, &[]).await.status, 303);
    }
}
