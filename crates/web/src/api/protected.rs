//! Protected branches and tags.

use app::App;
use app::protected_refs::{self, Kind, Levels};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::AccessLevel;
use wire::repository::{ProtectedBranch, ProtectedTag};

use crate::call::Call;
use crate::page;
use crate::params::Reader;
use crate::present::refs::{protected_branch, protected_tag};
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route(
            "/projects/{id}/protected_branches",
            get(list_branches).post(protect_branch),
        )
        .route(
            "/projects/{id}/protected_branches/{name}",
            get(show_branch).patch(change_branch).delete(unprotect_branch),
        )
        .route("/projects/{id}/protected_tags", get(list_tags).post(protect_tag))
        .route(
            "/projects/{id}/protected_tags/{name}",
            get(show_tag).delete(unprotect_tag),
        )
}

async fn list_branches(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let all = protected_refs::list(&app, &call.caller, call.project()?, Kind::Branches).await?;
    let listed = page.cut(all).map(|(number, rule)| protected_branch(number, &rule));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show_branch(State(app): State<App>, call: Call) -> ApiResult<Json<ProtectedBranch>> {
    call.user()?;
    let name = call.segment("name");
    let (number, rule) = protected_refs::get(&app, &call.caller, call.project()?, Kind::Branches, name).await?;
    Ok(Json(protected_branch(number, &rule)))
}

async fn protect_branch(State(app): State<App>, call: Call) -> ApiResult<Created<ProtectedBranch>> {
    call.user()?;
    let mut reader = call.reader();
    let name = reader.filled_text("name");
    let push = level(&mut reader, "push_access_level");
    let merge = level(&mut reader, "merge_access_level");
    let levels = Levels {
        push: push.unwrap_or(Some(AccessLevel::Maintainer)),
        merge: merge.unwrap_or(Some(AccessLevel::Maintainer)),
    };
    refuse_force_push(&mut reader);
    reader.finish()?;
    let made = protected_refs::create(&app, &call.caller, call.project()?, Kind::Branches, name, levels);
    let (number, rule) = made.await?;
    Ok(Created(protected_branch(number, &rule)))
}

async fn change_branch(State(app): State<App>, call: Call) -> ApiResult<Json<ProtectedBranch>> {
    call.user()?;
    let mut reader = call.reader();
    let levels = (
        level(&mut reader, "push_access_level"),
        level(&mut reader, "merge_access_level"),
    );
    refuse_force_push(&mut reader);
    reader.finish()?;
    let name = call.segment("name");
    let (number, rule) = protected_refs::update(&app, &call.caller, call.project()?, name, levels).await?;
    Ok(Json(protected_branch(number, &rule)))
}

async fn unprotect_branch(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let name = call.segment("name");
    protected_refs::delete(&app, &call.caller, call.project()?, Kind::Branches, name).await?;
    Ok(NoContent)
}

async fn list_tags(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let page = call.page()?;
    let all = protected_refs::list(&app, &call.caller, call.project()?, Kind::Tags).await?;
    let listed = page.cut(all).map(|(_, rule)| protected_tag(&rule));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show_tag(State(app): State<App>, call: Call) -> ApiResult<Json<ProtectedTag>> {
    call.user()?;
    let name = call.segment("name");
    let (_, rule) = protected_refs::get(&app, &call.caller, call.project()?, Kind::Tags, name).await?;
    Ok(Json(protected_tag(&rule)))
}

async fn protect_tag(State(app): State<App>, call: Call) -> ApiResult<Created<ProtectedTag>> {
    call.user()?;
    let mut reader = call.reader();
    let name = reader.filled_text("name");
    let create = level(&mut reader, "create_access_level").unwrap_or(Some(AccessLevel::Maintainer));
    reader.finish()?;
    let levels = Levels {
        push: create,
        merge: None,
    };
    let made = protected_refs::create(&app, &call.caller, call.project()?, Kind::Tags, name, levels);
    let (_, rule) = made.await?;
    Ok(Created(protected_tag(&rule)))
}

async fn unprotect_tag(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let name = call.segment("name");
    protected_refs::delete(&app, &call.caller, call.project()?, Kind::Tags, name).await?;
    Ok(NoContent)
}

/// Reads a role: 0 = nobody, 30, 40, or 60, which an administrator always has.
fn level(reader: &mut Reader<'_>, name: &str) -> Option<Option<AccessLevel>> {
    let number = reader.int(name)?;
    let level = match number {
        0 => Some(None),
        30 => Some(Some(AccessLevel::Developer)),
        40 => Some(Some(AccessLevel::Maintainer)),
        60 => Some(Some(AccessLevel::Owner)),
        _ => None,
    };
    reader.check(name, level.is_some());
    level
}

/// Protected branches are never force-pushed to; asking for it must not look granted.
fn refuse_force_push(reader: &mut Reader<'_>) {
    if reader.boolean("allow_force_push") == Some(true) {
        reader.problem("allow_force_push", "does not have a valid value");
    }
}
