//! A server whose addresses begin with a path: everything that a page points at does so too.

use model::{AccessLevel, Visibility};
use serde_json::json;
use testkit::Form;

use super::{Browser, Site};

/// Every address in the attributes of a page.
fn addresses(html: &str) -> Vec<&str> {
    ["href=\"", "src=\"", "action=\"", "data-events=\"", "data-grows=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

#[tokio::test]
async fn every_address_of_every_page_begins_with_the_path_of_the_server() {
    let site = Site::start_below("/ci").await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", json!({"A": "1"})).await;
    let ada = site.ada().await;
    for path in [
        "/".to_owned(),
        "/ada/tool".to_owned(),
        "/ada/tool/-/pipelines".to_owned(),
        "/ada/tool/-/pipelines/new".to_owned(),
        format!("/ada/tool/-/pipelines/{pipeline}"),
        format!("/ada/tool/-/jobs/{job}"),
        "/ada/tool/-/pipeline_schedules".to_owned(),
        "/ada/tool/-/settings/ci_cd".to_owned(),
        "/ada/tool/-/hooks".to_owned(),
        "/-/user_settings/profile".to_owned(),
        "/no/such".to_owned(),
    ] {
        let page = site.get(&ada, &format!("/ci{path}")).await;
        let found = addresses(&page.html);
        assert!(found.len() > 5, "{path}: {}", page.html);
        for address in found {
            assert!(
                address.starts_with("/ci/") || address.starts_with('#') || address.starts_with("http"),
                "{path}: {address}"
            );
        }
        page.has("data-root=\"/ci/\"");
    }
    let style = site.get(&ada, "/ci/").await;
    let style = style.html.split("rel=\"stylesheet\" href=\"").nth(1).unwrap();
    assert_eq!(site.get(&ada, style.split('"').next().unwrap()).await.status, 200);
}

#[tokio::test]
async fn cookies_redirects_and_the_api_have_the_path_too() {
    let site = Site::start_below("/ci").await;
    let mut browser = Browser::default();
    let page = site.get(&browser, "/ci/ada/tool").await;
    assert_eq!(page.location(), "/ci/users/sign_in?return_to=%2Fada%2Ftool");
    let form = Form::of([
        ("login", "root"),
        ("password", "a long password"),
        ("return_to", "/admin"),
    ]);
    let page = site
        .submit(&mut browser, "/ci/users/sign_in", "/ci/users/sign_in", form)
        .await;
    assert_eq!((page.status, page.location()), (303, "/ci/admin"));
    let cookies: Vec<&str> = page
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|one| one.to_str().unwrap())
        .collect();
    assert!(
        !cookies.is_empty() && cookies.iter().all(|one| one.contains("; Path=/ci;")),
        "{cookies:?}"
    );
    assert_eq!(site.get(&browser, "/ci/admin").await.status, 200);
    site.server
        .change(site.server.project.id, |project| {
            project.visibility = Visibility::Public
        })
        .await;
    let project = site.get(&Browser::default(), "/ci/api/v4/projects/ada%2Ftool").await;
    let project: serde_json::Value = serde_json::from_str(&project.html).unwrap();
    let url = project["web_url"].as_str().unwrap();
    assert!(url.ends_with("/ci/ada/tool"), "{url}");
    let list = site.get(&Browser::default(), "/ci/api/v4/projects?per_page=1").await;
    let link = list.headers["link"].to_str().unwrap();
    assert!(link.contains("/ci/api/v4/projects?"), "{link}");
    // A group of the same name, and what only begins like the path.
    _ = site.member("bob", AccessLevel::Developer).await;
    assert_eq!(site.get(&browser, "/cities/x").await.status, 404);
    // Without the path: the embedded runner, and proxies that take it away.
    assert_eq!(site.get(&browser, "/api/v4/projects/ada%2Ftool").await.status, 200);
}
