//! Forms: those of other sites are refused, and those of ours do what they say.

use model::AccessLevel;
use testkit::Form;

use super::Site;

const SETTINGS: &str = "/ada/tool/-/settings/ci_cd";
const TRIGGERS: &str = "/ada/tool/-/triggers";

#[tokio::test]
async fn forged_forms_are_refused_and_do_nothing() {
    let site = Site::start().await;
    let ada = site.ada().await;
    let bob = site.member("bob", AccessLevel::Maintainer).await;
    let own = site.get(&ada, SETTINGS).await.token();
    let other = site.get(&bob, SETTINGS).await.token();
    assert_ne!(own, other);
    let form = || Form::of([("description", "forged")]);
    let with = |token: &str| form().with("authenticity_token", token);
    for (name, form, headers) in [
        ("no token", form(), vec![]),
        ("a wrong token", with("00"), vec![]),
        ("somebody else's token", with(&other), vec![]),
        (
            "another site, says the browser",
            with(&own),
            vec![("sec-fetch-site", "cross-site")],
        ),
        (
            "a neighbour, says the browser",
            with(&own),
            vec![("sec-fetch-site", "same-site")],
        ),
        ("another origin", with(&own), vec![("origin", "https://evil.example")]),
        ("no origin at all", with(&own), vec![("origin", "null")]),
    ] {
        let page = site.post(&ada, TRIGGERS, form, &headers).await;
        assert_eq!(page.status, 403, "{name}");
        page.has("The form has expired");
    }
    site.get(&ada, SETTINGS).await.has_not("forged");
    let page = site
        .post(&ada, TRIGGERS, with(&own), &[("sec-fetch-site", "same-origin")])
        .await;
    assert_eq!(page.status, 201);
}

#[tokio::test]
async fn a_trigger_token_is_made_seen_and_revoked() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let bob = site.member("bob", AccessLevel::Maintainer).await;
    let page = site
        .submit(&mut ada, SETTINGS, TRIGGERS, Form::of([("description", "shop")]))
        .await;
    assert_eq!(page.status, 201);
    let (_, rest) = page.html.split_once("glptt-").expect("the token is shown");
    let token: String = rest.chars().take(20).collect();
    site.get(&ada, SETTINGS).await.has(&token);
    let seen = site.get(&bob, SETTINGS).await;
    seen.has(&format!(">{}</code>", &token[..4]));
    seen.has_not(&token);
    let id = page
        .html
        .split("id=\"trigger-")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let page = site
        .submit(&mut ada, SETTINGS, &format!("{TRIGGERS}/{id}/revoke"), Form::of([]))
        .await;
    assert_eq!((page.status, page.location()), (303, SETTINGS));
    let page = site.get(&ada, SETTINGS).await;
    page.has("The token has been revoked.");
    page.has_not(&token);
}

#[tokio::test]
async fn a_project_is_made_and_says_how_to_push() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let form = |name: &str| Form::of([("name", name), ("visibility", "private")]);
    let page = site
        .submit(&mut ada, "/projects/new", "/projects", form("Web Shop"))
        .await;
    assert_eq!((page.status, page.location()), (303, "/ada/web-shop"));
    let page = site.get(&ada, "/ada/web-shop").await;
    page.has("git push --set-upstream tripline --all");
    page.has("/ada/web-shop.git");
    let page = site
        .submit(&mut ada, "/projects/new", "/projects", form("Web Shop"))
        .await;
    assert_eq!(page.status, 422);
    page.has("is taken already: choose another");
}

#[tokio::test]
async fn a_pipeline_is_previewed_and_run_by_the_form_of_its_inputs() {
    let site = Site::start().await;
    let config = "spec:\n  inputs:\n    target:\n      options: [staging, production]\n      default: staging\n    \
                  version:\n      regex: ^\\d+$\n      description: Which <one>\n---\n\
                  deploy-$[[ inputs.target ]]: {script: \"echo $[[ inputs.version ]]\"}\n";
    site.configure(config, "inputs").await;
    let mut ada = site.ada().await;
    // The commit that skips CI is one.
    let before = site.server.pipelines().await.len();
    let new = "/ada/tool/-/pipelines/new";
    let page = site.get(&ada, new).await;
    page.has("<option value=\"production\">");
    page.has("Which &#60;one&#62;");
    let form = |version: &str, action: &str| {
        Form::of([
            ("ref", "main"),
            ("inputs[target]", "production"),
            ("inputs[version]", version),
            ("variables", "A=1\nB=2"),
            ("do", action),
        ])
    };
    let page = site.submit(&mut ada, new, new, form("x", "run")).await;
    assert_eq!(page.status, 422);
    page.has("aria-invalid=\"true\"");
    let page = site.submit(&mut ada, new, new, form("7", "preview")).await;
    assert_eq!(page.status, 200);
    page.has("deploy-production");
    assert_eq!(site.server.pipelines().await.len(), before);
    let page = site.submit(&mut ada, new, new, form("7", "run")).await;
    assert_eq!(page.status, 303);
    let page = site.get(&ada, page.location()).await;
    page.has("deploy-production");
    page.has("<code>A</code>");
    let made = site.server.pipelines().await;
    assert_eq!(made.len(), before + 1);
    assert_eq!(made[before].source, model::Source::Web);
}

#[tokio::test]
async fn pipelines_and_jobs_are_canceled_and_retried() {
    let site = Site::start().await;
    site.configure("job: {script: x}", "one").await;
    let (pipeline, job) = site.triggered("bot", serde_json::json!({})).await;
    let mut ada = site.ada().await;
    let here = format!("/ada/tool/-/pipelines/{pipeline}");
    let page = site
        .submit(&mut ada, &here, &format!("{here}/cancel"), Form::of([]))
        .await;
    assert_eq!((page.status, page.location()), (303, here.as_str()));
    site.get(&ada, &here).await.has("canceled");
    let to = format!("/ada/tool/-/jobs/{job}/retry");
    let page = site
        .submit(&mut ada, &here, &to, Form::of([("return_to", &here)]))
        .await;
    assert_eq!((page.status, page.location()), (303, here.as_str()));
    site.get(&ada, &here).await.has("pending");
}

#[tokio::test]
async fn variables_members_and_protected_refs_are_changed() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    site.server.user("bob").await;
    let variables = "/ada/tool/-/settings/ci_cd/variables";
    let form = Form::of([("key", "KEY"), ("value", "s3cret-value"), ("masked", "true")]);
    let page = site.submit(&mut ada, variables, variables, form).await;
    assert_eq!(page.status, 303, "{}", page.html);
    site.get(&ada, variables).await.has_not("s3cret-value");
    site.get(&ada, &format!("{variables}?reveal=true"))
        .await
        .has("s3cret-value");
    let form = Form::of([("key", "not a key"), ("value", "x")]);
    assert_eq!(site.submit(&mut ada, variables, variables, form).await.status, 422);

    let members = "/ada/tool/-/project_members";
    let form = |name: &str| Form::of([("username", name), ("access_level", "30")]);
    let page = site.submit(&mut ada, members, members, form("nobody")).await;
    assert_eq!(page.status, 422);
    let page = site.submit(&mut ada, members, members, form("bob")).await;
    assert_eq!(page.status, 303, "{}", page.html);
    site.get(&ada, members).await.has("@bob");

    let settings = "/ada/tool/-/settings/repository";
    let form = Form::of([
        ("kind", "branch"),
        ("name", "release/*"),
        ("push", "0"),
        ("merge", "40"),
    ]);
    let page = site.submit(&mut ada, settings, "/ada/tool/-/protected", form).await;
    assert_eq!(page.status, 303, "{}", page.html);
    let page = site.get(&ada, settings).await;
    page.has("release/*");
    page.has("No one");
}

#[tokio::test]
async fn access_tokens_of_a_session_have_any_scope_and_work() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let here = "/-/user_settings/profile";
    let to = "/-/user_settings/personal_access_tokens";
    let form = Form::of([("name", "push"), ("scopes[]", "write_repository"), ("scopes[]", "api")]);
    let page = site.submit(&mut ada, here, to, form).await;
    assert_eq!(page.status, 201);
    let (_, rest) = page.html.split_once("glpat-").expect("the token is shown");
    let token: String = rest.chars().take(20).collect();
    site.get(&ada, here).await.has_not(&token);
    let token = format!("glpat-{token}");
    let answer = site
        .get_with(&super::Browser::default(), "/api/v4/user", &[("private-token", &token)])
        .await;
    assert_eq!(answer.status, 200);
    let page = site.submit(&mut ada, here, to, Form::of([("name", "none")])).await;
    assert_eq!(page.status, 422);
}

#[tokio::test]
async fn a_trigger_token_is_limited_shown_once_and_replaced() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    let wrong = Form::of([("description", "shop"), ("allowed_networks", "10.0.0.0/99")]);
    let page = site.submit(&mut ada, SETTINGS, TRIGGERS, wrong).await;
    assert_eq!(page.status, 422);
    page.has("allowed_networks");
    page.has("value=\"10.0.0.0/99\"");
    let uses = Form::of([("description", "shop"), ("uses_per_minute", "many")]);
    assert_eq!(site.submit(&mut ada, SETTINGS, TRIGGERS, uses).await.status, 422);
    let right = Form::of([
        ("description", "shop"),
        ("allowed_refs", "main release/*"),
        ("allowed_variables", "TARGET, DEPLOY_*"),
        ("allowed_networks", "203.0.113.0/24"),
        ("uses_per_minute", "7"),
        ("show_once", "true"),
    ]);
    let page = site.submit(&mut ada, SETTINGS, TRIGGERS, right).await;
    assert_eq!(page.status, 201);
    let first = token_in(&page.html);
    let page = site.get(&ada, SETTINGS).await;
    page.has_not(&first);
    for shown in [
        "main release/*",
        "TARGET DEPLOY_*",
        "203.0.113.0/24",
        "<dd><code>7</code></dd>",
    ] {
        page.has(shown);
    }
    let page = site
        .submit(
            &mut ada,
            SETTINGS,
            &format!("{TRIGGERS}/1/rotate"),
            Form::of([("x", "")]),
        )
        .await;
    assert_eq!(page.status, 201);
    assert_ne!(token_in(&page.html), first);
    page.has("main release/*");
    let mut bob = site.member("bob", AccessLevel::Maintainer).await;
    site.get(&bob, SETTINGS).await.has_not("/triggers/1/rotate");
    let page = site
        .submit(
            &mut bob,
            SETTINGS,
            &format!("{TRIGGERS}/1/rotate"),
            Form::of([("x", "")]),
        )
        .await;
    assert_eq!(page.status, 403);
}

/// The whole trigger token that a page shows.
fn token_in(html: &str) -> String {
    let (_, rest) = html.split_once("glptt-").expect("the token is shown");
    rest.chars().take(20).collect()
}
