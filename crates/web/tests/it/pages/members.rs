//! Members of projects and groups, and projects that move.

use serde_json::{Value, json};
use testkit::Form;

use super::Site;

fn form(pairs: &[(&str, &str)]) -> Form {
    pairs
        .iter()
        .fold(Form::of([]), |form, (name, value)| form.with(name, value))
}

#[tokio::test]
async fn members_of_a_group_are_added_changed_and_removed() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let group = site.api("POST /groups", json!({"name": "Team", "path": "team"})).await;
    let bob = site.server.user("bob").await;
    let list = "/groups/team/-/group_members";
    let page = site.get(&ada, "/team").await;
    page.has(&format!("href=\"{list}\""));
    let add = form(&[
        ("username", "bob"),
        ("access_level", "30"),
        ("expires_at", "2099-12-31"),
    ]);
    let page = site.submit(&mut ada, list, list, add).await;
    assert_eq!((page.status, page.location()), (303, list), "{}", page.html);
    let at = format!("GET /groups/{}/members/{}", group["id"], bob.id);
    let made = site.api(&at, Value::Null).await;
    assert_eq!(
        (&made["access_level"], &made["expires_at"]),
        (&json!(30), &json!("2099-12-31"))
    );
    // A second time there is a reason, and the form keeps what was typed.
    let again = form(&[
        ("username", "bob"),
        ("access_level", "30"),
        ("expires_at", "2099-12-31"),
    ]);
    let page = site.submit(&mut ada, list, list, again).await;
    assert_eq!(page.status, 422);
    page.has("Is a member already.");
    page.has("value=\"2099-12-31\"");
    let change = form(&[("access_level", "40"), ("expires_at", "")]);
    let page = site.submit(&mut ada, list, &format!("{list}/{}", bob.id), change).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let made = site.api(&at, Value::Null).await;
    assert_eq!((&made["access_level"], &made["expires_at"]), (&json!(40), &Value::Null));
    // Whoever is no Owner sees the list and no form.
    let browser = site.signed_in(&bob).await;
    let page = site.get(&browser, list).await;
    page.has("@bob");
    page.has_not("id=\"username\"");
    let page = site
        .submit(&mut ada, list, &format!("{list}/{}/remove", bob.id), form(&[]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, list).await.has_not("@bob");
}

#[tokio::test]
async fn a_project_moves_when_its_path_is_typed() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let group = site.api("POST /groups", json!({"name": "Team", "path": "team"})).await;
    let target = group["id"].to_string();
    let (edit, transfer) = ("/ada/tool/-/edit", "/ada/tool/-/transfer");
    site.get(&ada, edit)
        .await
        .has(&format!("<option value=\"{target}\">team</option>"));
    for confirm in ["", "tool", "ada/Tool"] {
        let page = site
            .submit(
                &mut ada,
                edit,
                transfer,
                form(&[("confirm", confirm), ("namespace", &target)]),
            )
            .await;
        assert_eq!(page.status, 422, "{confirm}");
        page.has("That is not the project&#39;s path.");
    }
    let wrong = form(&[("confirm", "ada/tool"), ("namespace", "999999")]);
    assert_eq!(site.submit(&mut ada, edit, transfer, wrong).await.status, 422);
    let page = site
        .submit(
            &mut ada,
            edit,
            transfer,
            form(&[("confirm", "ada/tool"), ("namespace", &target)]),
        )
        .await;
    assert_eq!((page.status, page.location()), (303, "/team/tool"), "{}", page.html);
    assert_eq!(site.get(&ada, "/team/tool").await.status, 200);
    let before = site.get(&ada, "/ada/tool").await;
    assert_eq!((before.status, before.location()), (301, "/team/tool"));
    let shown = site
        .api(&format!("GET /projects/{}", site.server.project.id), Value::Null)
        .await;
    assert_eq!(shown["path_with_namespace"], json!("team/tool"));
}
