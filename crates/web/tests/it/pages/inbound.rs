//! Inbound webhooks: made and changed on pages, their secrets shown once.

use serde_json::json;
use testkit::Form;

use super::Site;

const LIST: &str = "/ada/tool/-/inbound_hooks";

#[tokio::test]
async fn an_inbound_webhook_is_added_changed_and_deleted() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    site.get(&ada, LIST).await.has("No inbound webhook yet.");
    let form = Form::of([
        ("name", "octo/app"),
        ("provider", "github"),
        ("ref", ""),
        ("ref_path", "ref"),
        (
            "filters",
            "header:X-GitHub-Event equals push\r\n\r\nref starts_with refs/heads/",
        ),
        ("inputs", "version = after"),
        ("variables", "PUSHER? = pusher.name"),
        ("enabled", "true"),
    ]);
    let page = site.submit(&mut ada, LIST, LIST, form).await;
    assert_eq!(page.status, 201, "{}", page.html);
    page.has("This is its secret. Copy it now");
    page.has("/inbound_hooks/tlih-");
    page.has("Content type application/json, the secret as Secret");
    let secret = page.html.split("id=\"new-secret\" readonly value=\"").nth(1).unwrap();
    let secret = secret.split('"').next().unwrap().to_owned();

    let edit = format!("{LIST}/1/edit");
    let page = site.get(&ada, &edit).await;
    page.has_not(&secret);
    page.has("header:X-GitHub-Event equals push\nref starts_with refs/heads/</textarea>");
    page.has("version = after</textarea>");
    page.has("Nothing has arrived yet.");
    page.has("name=\"pass_payload\" value=\"true\">");
    let changed = Form::of([("name", "octo/<app>"), ("provider", "gitea"), ("ref", "main")]);
    let page = site.submit(&mut ada, &edit, &format!("{LIST}/1"), changed).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let page = site.get(&ada, LIST).await;
    page.has("octo/&#60;app&#62;");
    page.has("Gitea");
    page.has(">off<");
    let page = site
        .submit(&mut ada, LIST, &format!("{LIST}/1/delete"), Form::of([]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, LIST).await.has("No inbound webhook yet.");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_what_was_filled_in() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    for (filters, secret) in [("ref is main", ""), ("ref equals main", "short")] {
        let form = Form::of([
            ("name", "kept name"),
            ("provider", "generic"),
            ("filters", filters),
            ("secret", secret),
        ]);
        let page = site.submit(&mut ada, LIST, LIST, form).await;
        assert_eq!(page.status, 422);
        page.has("kept name");
        page.has(filters);
        page.has("notice problem");
    }
    site.get(&ada, LIST).await.has("No inbound webhook yet.");
}

#[tokio::test]
async fn what_arrived_is_listed_with_its_outcome_in_both_languages() {
    let site = Site::start().await;
    let ada = site.ada().await;
    let hooks = format!("/projects/{}/inbound_hooks", site.server.project.id);
    let fields = json!({"name": "x", "provider": "generic", "secret": "long-enough"});
    let made = site.api(&format!("POST {hooks}"), fields).await;
    site.configure("job: {script: x}", "one").await;
    let path = made["url"]
        .as_str()
        .unwrap()
        .split("/api/v4")
        .nth(1)
        .unwrap()
        .to_owned();
    let _ = site
        .api(&format!("POST {path}?token=long-enough"), json!({"a": 1}))
        .await;
    let edit = format!("{LIST}/{}/edit", made["id"]);
    let page = site.get(&ada, &edit).await;
    page.has(">started<");
    page.has("/ada/tool/-/pipelines/");
    let page = site.get_with(&ada, &edit, &[("accept-language", "ja")]).await;
    page.has(">開始<");
    page.has("送信元での設定");
    page.has_not("long-enough");
}
