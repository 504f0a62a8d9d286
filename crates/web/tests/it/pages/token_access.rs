//! Whose job tokens a project accepts.

use testkit::Form;

use super::Site;

const HERE: &str = "/ada/tool/-/settings/ci_cd/token_access";

#[tokio::test]
async fn projects_and_groups_are_put_on_the_list_and_taken_off() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let ada_user = site.server.ada.clone();
    site.server.project(&ada_user, "other").await;
    let group = site
        .api("POST /groups", serde_json::json!({"name": "Team", "path": "team"}))
        .await;
    for (target, text) in [("ada/other", "ada/other"), ("/team/", "team")] {
        let page = site
            .submit(&mut ada, HERE, &format!("{HERE}/add"), Form::of([("target", target)]))
            .await;
        assert_eq!((page.status, page.location()), (303, HERE), "{}", page.html);
        site.get(&ada, HERE).await.has(&format!("href=\"/{text}\">{text}</a>"));
    }
    for (target, text) in [
        ("ada/other", "It is on the list already."),
        ("no/such", "There is no project or group with this path"),
        ("", "There is no project or group with this path"),
    ] {
        let page = site
            .submit(&mut ada, HERE, &format!("{HERE}/add"), Form::of([("target", target)]))
            .await;
        assert_eq!(page.status, 422, "{target}");
        page.has(text);
    }
    let form = Form::of([("kind", "group"), ("target", &group["id"].to_string())]);
    let page = site.submit(&mut ada, HERE, &format!("{HERE}/remove"), form).await;
    assert_eq!(page.status, 303);
    site.get(&ada, HERE).await.has_not("href=\"/team\"");
    let page = site
        .submit(&mut ada, HERE, HERE, Form::of([("enabled", "false")]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, HERE).await.has("value=\"false\" checked");
}
