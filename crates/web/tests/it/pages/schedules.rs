//! Schedules: the form, when they run, what each role may do to them.

use model::AccessLevel;
use testkit::Form;

use super::{Browser, Site};

const LIST: &str = "/ada/tool/-/pipeline_schedules";
const NEW: &str = "/ada/tool/-/pipeline_schedules/new";

const CONFIG: &str = "spec:\n  inputs:\n    target: {options: [staging, production], default: staging}\n    \
                      size: {type: number, default: 1}\n---\njob-$[[ inputs.target ]]: {script: \"echo $[[ inputs.size ]]\"}\n";

fn form(description: &str, cron: &str) -> Form {
    Form::of([
        ("description", description),
        ("cron", cron),
        ("cron_timezone", "Asia/Tokyo"),
        ("ref", "main"),
        ("active", "true"),
        ("inputs[target]", "production"),
        ("inputs[size]", "3"),
        ("do", "save"),
    ])
}

/// Makes a schedule with the form; returns the address of its page.
async fn made(site: &Site, browser: &mut Browser) -> String {
    let page = site.submit(browser, NEW, LIST, form("Nightly", "0 3 * * *")).await;
    assert_eq!(page.status, 303, "{}", page.html);
    page.location().trim_end_matches("/edit").to_owned()
}

#[tokio::test]
async fn a_schedule_is_made_changed_played_and_deleted() {
    let site = Site::start().await;
    site.configure(CONFIG, "one").await;
    let mut ada = site.ada().await;
    let here = made(&site, &mut ada).await;
    let page = site.get(&ada, LIST).await;
    page.has("Nightly");
    page.has("<code>0 3 * * *</code>");
    let edit = format!("{here}/edit");
    let page = site.get(&ada, &edit).await;
    page.has("<option value=\"production\" selected>");
    page.has("name=\"inputs[size]\" value=\"3\"");
    let page = site.submit(&mut ada, &edit, &here, form("Weekly", "@weekly")).await;
    assert_eq!((page.status, page.location()), (303, LIST));
    let before = site.server.pipelines().await.len();
    let page = site.submit(&mut ada, LIST, &format!("{here}/play"), Form::of([])).await;
    assert_eq!((page.status, page.location()), (303, LIST));
    assert_eq!(site.server.pipelines().await.len(), before + 1);
    let page = site.get(&ada, LIST).await;
    page.has("Weekly");
    page.has("The pipeline of the schedule has been started.");
    let page = site
        .submit(&mut ada, LIST, &format!("{here}/delete"), Form::of([]))
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, LIST).await.has("No schedule yet");
}

#[tokio::test]
async fn the_next_runs_are_shown_in_the_readers_zone_before_anything_is_made() {
    let site = Site::start().await;
    let mut ada = site.ada().await;
    ada.cookies.push(("tripline_zone".to_owned(), "Asia/Tokyo".to_owned()));
    let preview = form("x", "30 9 * * *").with("do", "preview");
    let page = site.submit(&mut ada, NEW, LIST, preview).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.html.matches(" 09:30:00 JST</time>").count(), 5, "{}", page.html);
    site.get(&ada, LIST).await.has("No schedule yet");
}

#[tokio::test]
async fn what_is_wrong_with_a_schedule_stands_next_to_its_field() {
    let site = Site::start().await;
    site.configure(CONFIG, "one").await;
    let mut ada = site.ada().await;
    for (name, value, text) in [
        ("cron", "61 * * * *", "This is not a cron line"),
        ("cron_timezone", "Nowhere/Else", "That time zone is not known."),
        ("ref", "no-such", "There is no such branch or tag"),
        ("description", " ", "must not be empty"),
    ] {
        let wrong = form("Nightly", "0 3 * * *").with(name, value);
        let page = site.submit(&mut ada, NEW, LIST, wrong).await;
        assert_eq!(page.status, 422, "{name}: {}", page.html);
        page.has("<span class=\"bad\"");
        page.has(text);
    }
    site.get(&ada, LIST).await.has("No schedule yet");
}

#[tokio::test]
async fn values_of_a_schedules_variables_are_shown_when_asked_for() {
    let site = Site::start().await;
    site.configure(CONFIG, "one").await;
    let mut ada = site.ada().await;
    let here = made(&site, &mut ada).await;
    let edit = format!("{here}/edit");
    let variable = Form::of([
        ("key", "PHRASE"),
        ("value", "open-sesame"),
        ("variable_type", "env_var"),
    ]);
    let page = site
        .submit(&mut ada, &edit, &format!("{here}/variables"), variable)
        .await;
    assert_eq!(page.status, 303, "{}", page.html);
    let page = site.get(&ada, &edit).await;
    page.has("PHRASE");
    page.has_not("open-sesame");
    site.get(&ada, &format!("{edit}?reveal=true")).await.has("open-sesame");
    let bad = Form::of([("key", "no key"), ("value", "x")]);
    let page = site.submit(&mut ada, &edit, &format!("{here}/variables"), bad).await;
    assert_eq!(page.status, 422);
    let gone = Form::of([("key", "PHRASE")]);
    let page = site
        .submit(&mut ada, &edit, &format!("{here}/variables/remove"), gone)
        .await;
    assert_eq!(page.status, 303);
    site.get(&ada, &edit).await.has_not("PHRASE");
}

#[tokio::test]
async fn a_schedule_of_somebody_else_is_looked_at_and_taken_over_by_a_maintainer() {
    let site = Site::start().await;
    site.configure(CONFIG, "one").await;
    let mut dev = site.member("dev", AccessLevel::Developer).await;
    let mut other = site.member("other", AccessLevel::Developer).await;
    let mut bob = site.member("bob", AccessLevel::Maintainer).await;
    let reporter = site.member("rep", AccessLevel::Reporter).await;
    // Pushing to the branch protected it.
    site.server.protect("main", false, Some(AccessLevel::Developer)).await;
    let here = made(&site, &mut dev).await;
    let page = site.get(&reporter, LIST).await;
    page.has("Nightly");
    page.has_not("/play");
    assert_eq!(site.get(&other, &format!("{here}/edit")).await.status, 403);
    for action in ["delete", "take_ownership", "variables"] {
        let form = Form::of([("key", "A"), ("value", "b")]);
        let page = site.submit(&mut other, LIST, &format!("{here}/{action}"), form).await;
        assert_eq!(page.status, 403, "{action}");
    }
    let page = site
        .submit(&mut bob, LIST, &format!("{here}/take_ownership"), Form::of([]))
        .await;
    assert_eq!(page.status, 303, "{}", page.html);
    assert_eq!(site.get(&bob, &format!("{here}/edit")).await.status, 200);
    assert_eq!(site.get(&dev, &format!("{here}/edit")).await.status, 403);
}
