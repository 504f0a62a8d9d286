//! What somebody may not see does not exist: no answer tells it from what is not there.

use serde_json::{Value, json};
use testkit::{Form, encode_segment};

use super::none;
use crate::permissions::browsing::base64;
use crate::permissions::rows_of;
use crate::permissions::world::{Credential, Place, World, token_of};

/// A place whose every name and number is nothing's.
fn nowhere(like: &Place) -> Place {
    let mut place = like.clone();
    place.id = 987_654;
    place.path = "owner/nothing-here".to_owned();
    for value in place.things.values_mut() {
        *value = if value.parse::<i64>().is_ok() {
            "987654".to_owned()
        } else {
            format!("{value}-not")
        };
    }
    place
}

#[tokio::test]
async fn a_private_project_answers_strangers_as_none_does() {
    let world = World::start().await;
    let there = &world.projects[0];
    let not_there = nowhere(there);
    let mut wrong = Vec::new();
    let mut compared = 0;
    for row in rows_of("Projects") {
        // What a call uses is its own affair: nothing is made for a project that is not there.
        let request = world.request(&row, there, false).await;
        let other = request.path.replacen(
            &format!("/projects/{}", there.id),
            &format!("/projects/{}", not_there.id),
            1,
        );
        for token in [String::new(), token_of("stranger")] {
            let mut answers = Vec::new();
            for path in [&request.path, &other] {
                let line = format!("{} {}", row.method(), path.trim_start_matches("/api/v4"));
                answers.push(world.api.call(&line, &token, request.body.clone()).await);
            }
            compared += 1;
            if (answers[0].status, &answers[0].text) != (answers[1].status, &answers[1].text) {
                wrong.push(format!(
                    "{} by {token:.14}: {} {:.100} / {} {:.100}",
                    row.endpoint, answers[0].status, answers[0].text, answers[1].status, answers[1].text
                ));
            }
        }
    }
    none(&wrong);
    assert!(compared > 200);
}

#[tokio::test]
async fn a_private_project_shows_strangers_no_page_and_no_repository() {
    let world = World::start().await;
    let there = &world.projects[0];
    let mut wrong = Vec::new();
    let stranger = format!("tripline_session={}", world.session("stranger").await);
    for row in rows_of("Pages of a project") {
        if row.method() != "GET" || row.path().contains("{*") {
            continue;
        }
        for cookie in ["tripline_browser=x", stranger.as_str()] {
            let mut answers = Vec::new();
            for project in [there.path.as_str(), "owner/nothing-here"] {
                let path = row
                    .path()
                    .replace("{project}", project)
                    .replace("{id}", "1")
                    .replace("{delivery}", "1");
                let answer = world.raw(&format!("GET {path}"), &[("cookie", cookie)], b"").await;
                let location = answer.headers.get("location").map(|to| to.to_str().unwrap().to_owned());
                let shown = location.unwrap_or_default() + &scrubbed(&answer.text);
                answers.push((
                    answer.status,
                    shown.replace(project, "*").replace(&encode_segment(project), "*"),
                ));
            }
            if answers[0] != answers[1] {
                wrong.push(format!("{} as {cookie:.20}: {:?}", row.endpoint, answers));
            }
        }
    }
    for row in rows_of("Git over HTTP") {
        for password in [String::new(), token_of("stranger"), "wrong".to_owned()] {
            let mut other = there.clone();
            other.path = "owner/nothing-here".to_owned();
            let answers = (
                world.git(&row, there, &password).await,
                world.git(&row, &other, &password).await,
            );
            if answers.0 != answers.1 {
                wrong.push(format!("{} with `{password:.14}`: {answers:?}", row.endpoint));
            }
        }
    }
    none(&wrong);
}

/// A page without what is new each time.
fn scrubbed(html: &str) -> String {
    let mut rest = html;
    let mut out = String::new();
    while let Some((before, after)) = rest.split_once("name=\"authenticity_token\" value=\"") {
        out.push_str(before);
        rest = after.split_once('"').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[tokio::test]
async fn signing_in_tells_nothing_of_who_there_is() {
    let world = World::start().await;
    let mut answers = Vec::new();
    let blocked = world.users["blocked"].username.clone();
    for login in [
        "root",
        "nobody-of-this-name",
        &blocked,
        "root@localhost",
        "nobody@example.com",
        "' OR 1=1 --",
        "ROOT",
    ] {
        let token = world.form_token("a-browser");
        let form = Form::of([("login", login), ("password", "wrong"), ("authenticity_token", &token)]).urlencoded();
        let headers = [
            ("cookie", "tripline_browser=a-browser"),
            ("content-type", "application/x-www-form-urlencoded"),
        ];
        let answer = world.raw("POST /users/sign_in", &headers, form.as_bytes()).await;
        let escaped = login.replace('\'', "&#39;");
        let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        let text = scrubbed(&answer.text).replace(&escaped, "*").replace(login, "*");
        answers.push((login.to_owned(), answer.status, names, text));
    }
    for answer in &answers[1..] {
        assert_eq!((answer.1, &answer.2), (answers[0].1, &answers[0].2), "{}", answer.0);
        let same = answer.3.len().abs_diff(answers[0].3.len());
        assert!(same <= 16, "{}: {}\n{}", answer.0, answer.3, answers[0].3);
    }
    // Git over HTTP: a name counts for nothing, a wrong password is a wrong password.
    for name in ["root", "nobody-of-this-name"] {
        let path = format!("/{}.git/info/refs?service=git-upload-pack", world.projects[0].path);
        let mut client = Credential::nobody();
        let password = base64(&format!("{name}:wrong"));
        client.headers.push(("authorization", format!("Basic {password}")));
        assert_eq!(world.status(&client, "GET", &path, None).await, 401, "{name}");
    }
    // Whatever names a user, by name or number, is for those who are signed in.
    for (there, not_there) in [
        ("/users?username=root", "/users?username=nobody-of-this-name"),
        ("/users?search=root", "/users?search=nobody-of-this-name"),
        ("/users/1", "/users/987654"),
        ("/namespaces/root", "/namespaces/nobody-of-this-name"),
        ("/groups/private-group", "/groups/no-such-group"),
        ("/groups/private-group/projects", "/groups/no-such-group/projects"),
    ] {
        let one = world.api.call(&format!("GET {there}"), "", Value::Null).await;
        let other = world.api.call(&format!("GET {not_there}"), "", Value::Null).await;
        assert!(matches!(one.status, 401 | 403 | 404), "{there}: {}", one.status);
        assert_eq!((one.status, one.text), (other.status, other.text), "{there}");
    }
}

#[tokio::test]
async fn a_trigger_call_without_a_good_token_learns_nothing() {
    let world = World::start().await;
    let there = &world.projects[0];
    let foreign = &world.projects[2].things["trigger_token"];
    let mut answers = Vec::new();
    for project in [
        there.id.to_string(),
        "987654".to_owned(),
        encode_segment(&there.path),
        "no%2Fthing".to_owned(),
        "%2e%2e".to_owned(),
    ] {
        for token in [
            "glptt-not-there",
            foreign,
            &token_of("stranger"),
            &token_of("owner"),
            "x",
        ] {
            for more in [
                json!({}),
                json!({"variables": {"A": "1"}}),
                json!({"inputs": {"no": "such"}}),
                json!({"ref": "no-such-ref"}),
            ] {
                let mut body = json!({"token": token, "ref": "main"});
                for (name, value) in more.as_object().unwrap() {
                    body[name] = value.clone();
                }
                let answer = world
                    .api
                    .call(&format!("POST /projects/{project}/trigger/pipeline"), "", body)
                    .await;
                let names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
                answers.push((answer.status, answer.text, names, format!("{project} {token} {more}")));
            }
        }
    }
    for answer in &answers {
        assert_eq!(
            (answer.0, &answer.1, &answer.2),
            (404, &answers[0].1, &answers[0].2),
            "{}",
            answer.3
        );
    }
}
