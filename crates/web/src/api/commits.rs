//! Commits (rest-api.md 17, 22).

use app::repository::commits::{self, Change, Wanted};
use app::{Action, App};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::Timestamp;
use wire::repository::Commit;

use crate::base64;
use crate::call::{Call, Files, OrJobToken};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/projects/{id}/repository/commits", get(list).post(create))
        .route("/projects/{id}/repository/commits/{sha}", get(show))
}

async fn list(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let seconds = |time: Timestamp| time.microseconds().div_euclid(1_000_000);
    let wanted = Wanted {
        revision: reader.text("ref_name").filter(|text| !text.is_empty()),
        path: reader.text("path").filter(|text| !text.is_empty()),
        since: reader.time("since").map(seconds),
        until: reader.time("until").map(seconds),
        first_parent: reader.boolean("first_parent").unwrap_or(false),
    };
    if reader.boolean("all") == Some(true) {
        reader.problem("all", "is not supported: name a ref");
    }
    if reader.given("author") {
        reader.problem("author", "is not supported");
    }
    reader.finish()?;
    let rows = page.of_store_and_one()?;
    let (project, found) = commits::list(&app, &call.caller, call.project()?, wanted, rows).await?;
    let url = &app.settings.external_url;
    let listed = page.uncounted(found);
    let listed = listed.map(|commit| present::commit::commit(url, &project.full_path, &commit));
    Ok(page::answer(url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call<OrJobToken>) -> ApiResult<Json<Commit>> {
    let revision = call.segment("sha");
    let (project, commit) = commits::get(&app, &call.caller, call.project()?, revision).await?;
    let url = &app.settings.external_url;
    Ok(Json(present::commit::commit(url, &project.full_path, &commit)))
}

async fn create(State(app): State<App>, call: Call<Files>) -> ApiResult<Created<Commit>> {
    call.user()?;
    let mut reader = call.reader();
    let mut change = change(&mut reader);
    let given = reader.hashes("actions");
    if given.as_ref().is_none_or(Vec::is_empty) && !(reader.given("actions") && given.is_none()) {
        reader.problem(
            "actions",
            if reader.given("actions") {
                "is empty"
            } else {
                "is missing"
            },
        );
    }
    for hash in given.unwrap_or_default() {
        let (action, last_commit) = reader.inside(&hash, action);
        change.actions.extend(action);
        change.last_commits.extend(last_commit);
    }
    reader.finish()?;
    let (project, commit) = commits::create(&app, &call.caller, call.project()?, change).await?;
    let url = &app.settings.external_url;
    Ok(Created(present::commit::commit(url, &project.full_path, &commit)))
}

/// Reads everything of a commit but its actions.
pub(super) fn change(reader: &mut Reader<'_>) -> Change {
    let start_branch = reader.text("start_branch").filter(|text| !text.is_empty());
    let start_sha = reader.text("start_sha").filter(|text| !text.is_empty());
    reader.mutually_exclusive(&["start_branch", "start_sha"]);
    Change {
        branch: reader.filled_text("branch"),
        start: start_branch.or(start_sha),
        message: reader.filled_text("commit_message"),
        actions: Vec::new(),
        author_name: reader.text("author_name").filter(|text| !text.is_empty()),
        author_email: reader.text("author_email").filter(|text| !text.is_empty()),
        last_commits: Vec::new(),
    }
}

/// Reads one action, and the commit that its file was last changed by, as far as the caller knows.
fn action(reader: &mut Reader<'_>) -> (Option<Action>, Option<(String, String)>) {
    let kinds = ["create", "update", "move", "delete", "chmod"];
    if !reader.given("action") {
        reader.problem("action", "is missing");
    }
    let kind = reader.one_of("action", &kinds);
    let path = reader.filled_text("file_path");
    let last_commit = reader.text("last_commit_id").filter(|text| !text.is_empty());
    let last_commit = last_commit.map(|commit| (path.clone(), commit));
    let executable = reader.boolean("execute_filemode").unwrap_or(false);
    let action = match kind {
        Some("create") => Some(Action::Create {
            path,
            content: content(reader).unwrap_or_default(),
            executable,
        }),
        Some("update") => Some(Action::Update {
            path,
            content: required_content(reader),
        }),
        Some("move") => Some(Action::Move {
            previous_path: reader.filled_text("previous_path"),
            path,
            content: content(reader),
        }),
        Some("delete") => Some(Action::Delete { path }),
        Some("chmod") => Some(Action::Chmod { path, executable }),
        _ => None,
    };
    (action, last_commit)
}

/// Reads `content` by its `encoding`; it must be there, but may be empty.
pub(super) fn required_content(reader: &mut Reader<'_>) -> Vec<u8> {
    if !reader.given("content") {
        reader.problem("content", "is missing");
    }
    content(reader).unwrap_or_default()
}

fn content(reader: &mut Reader<'_>) -> Option<Vec<u8>> {
    let encoding = reader.one_of("encoding", &["text", "base64"]);
    let text = reader.text("content")?;
    if encoding != Some("base64") {
        return Some(text.into_bytes());
    }
    let bytes = base64::decode(&text);
    if bytes.is_none() {
        reader.problem("content", "is invalid");
    }
    bytes
}
