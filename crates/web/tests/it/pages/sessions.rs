//! Signing in and out, and what a browser may do with its session.

use testkit::Form;

use super::{Browser, Site};

fn credentials(login: &str, password: &str) -> Form {
    Form::of([("login", login), ("password", password)])
}

const SIGN_IN: &str = "/users/sign_in";

#[tokio::test]
async fn a_session_begins_with_the_right_password_and_ends_by_signing_out() {
    let site = Site::start().await;
    let mut browser = Browser::default();
    let page = site
        .submit(&mut browser, SIGN_IN, SIGN_IN, credentials("root", "wrong"))
        .await;
    assert_eq!(page.status, 422);
    page.has("Invalid login or password.");
    page.has("value=\"root\"");
    let wrong_name = site
        .submit(&mut browser, SIGN_IN, SIGN_IN, credentials("nobody", "wrong"))
        .await;
    assert_eq!(wrong_name.status, 422);
    wrong_name.has("Invalid login or password.");
    let page = site
        .submit(&mut browser, SIGN_IN, SIGN_IN, credentials("root", "a long password"))
        .await;
    assert_eq!((page.status, page.location()), (303, "/"));
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("tripline_session=") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"));
    site.get(&browser, "/").await.has("Sign out");
    let before = browser.clone();
    let page = site.submit(&mut browser, "/", "/users/sign_out", Form::of([])).await;
    assert_eq!(page.status, 303);
    for one in [&before, &browser] {
        let page = site.get(one, "/-/user_settings/profile").await;
        assert_eq!(page.status, 303);
    }
}

#[tokio::test]
async fn signing_in_anew_ends_the_session_before() {
    let site = Site::start().await;
    let mut browser = Browser::default();
    site.submit(&mut browser, SIGN_IN, SIGN_IN, credentials("root", "a long password"))
        .await;
    let before = browser.clone();
    let token = site.get(&before, "/").await.token();
    let form = credentials("root", "a long password").with("authenticity_token", &token);
    let page = site.post(&before, SIGN_IN, form, &[]).await;
    browser.take(&page);
    assert_ne!(browser.cookies, before.cookies);
    assert_eq!(site.get(&before, "/-/user_settings/profile").await.status, 303);
    assert_eq!(site.get(&browser, "/-/user_settings/profile").await.status, 200);
}

#[tokio::test]
async fn one_comes_back_to_addresses_of_this_server_only() {
    let site = Site::start().await;
    for (to, expected) in [
        ("/ada/tool", "/ada/tool"),
        ("//evil.example/x", "/"),
        ("https://evil.example", "/"),
        ("/\\evil.example", "/"),
    ] {
        let mut browser = Browser::default();
        let form = credentials("root", "a long password").with("return_to", to);
        let page = site.submit(&mut browser, SIGN_IN, SIGN_IN, form).await;
        assert_eq!((page.status, page.location()), (303, expected), "{to}");
    }
}

#[tokio::test]
async fn guessing_is_answered_with_too_many() {
    let site = Site::start().await;
    let mut browser = Browser::default();
    let mut last = 0;
    for _ in 0..101 {
        // Without an address of the caller, only the name counts.
        let page = site
            .submit(&mut browser, SIGN_IN, SIGN_IN, credentials("root", &"x".repeat(129)))
            .await;
        last = page.status;
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn a_session_reads_the_api_and_changes_nothing_there() {
    let site = Site::start().await;
    let ada = site.ada().await;
    let path = format!("/api/v4/projects/{}", site.server.project.id);
    let page = site.get_with(&ada, &path, &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(page.status, 200);
    let page = site.get_with(&ada, &path, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(page.status, 404);
    let opened = [("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "document")];
    assert_eq!(site.get_with(&ada, &path, &opened).await.status, 404);
    let form = Form::of([("description", "x")]);
    let page = site
        .post(
            &ada,
            &format!("{path}/triggers"),
            form,
            &[("sec-fetch-site", "same-origin")],
        )
        .await;
    assert_eq!(page.status, 401, "{}", page.html);
    let page = site
        .get(
            &Browser {
                cookies: vec![("tripline_session".to_owned(), "old".to_owned())],
            },
            "/api/v4/user",
        )
        .await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
async fn language_and_theme_follow_the_browser_until_they_are_chosen() {
    let site = Site::start().await;
    let mut browser = Browser::default();
    let japanese = [("accept-language", "ja,en;q=0.5")];
    site.get_with(&browser, SIGN_IN, &japanese).await.has("lang=\"ja\"");
    let form = Form::of([("language", "en"), ("theme", "dark"), ("return_to", SIGN_IN)]);
    let page = site.submit(&mut browser, SIGN_IN, "/-/preferences", form).await;
    assert_eq!((page.status, page.location()), (303, SIGN_IN));
    let page = site.get_with(&browser, SIGN_IN, &japanese).await;
    page.has("<html lang=\"en\" data-theme=\"dark\"");
}

#[tokio::test]
async fn what_a_user_has_chosen_holds_on_every_browser() {
    let site = Site::start().await;
    let mut first = site.ada().await;
    let form = Form::of([("language", "ja"), ("theme", "dark"), ("zone", "Asia/Tokyo")]);
    let page = site.submit(&mut first, "/", "/-/preferences", form).await;
    assert_eq!(page.status, 303);
    // Another browser, with cookies of its own.
    let mut second = Browser {
        cookies: vec![first.cookies[0].clone()],
    };
    assert!(second.cookies[0].0.contains("session"));
    second.cookies.push(("tripline_language".to_owned(), "en".to_owned()));
    second
        .cookies
        .push(("tripline_zone".to_owned(), "Europe/Paris".to_owned()));
    let page = site.get(&second, "/-/user_settings/profile").await;
    page.has("<html lang=\"ja\" data-theme=\"dark\"");
    page.has("value=\"Asia/Tokyo\"");
    // Nothing else of them is lost when one of them changes.
    let page = site
        .submit(&mut second, "/", "/-/preferences", Form::of([("theme", "light")]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&first, "/")
        .await
        .has("<html lang=\"ja\" data-theme=\"light\"");
    let bad = Form::of([("zone", "No/Where")]);
    assert_eq!(site.submit(&mut second, "/", "/-/preferences", bad).await.status, 422);
    site.get(&first, "/-/user_settings/profile")
        .await
        .has("value=\"Asia/Tokyo\"");
}
