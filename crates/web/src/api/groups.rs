//! Groups and namespaces (rest-api.md 14).

use app::groups::{self, GroupKey, Named, NewGroup, Wanted};
use app::{App, Error};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{AccessLevel, NamespaceId, Visibility};
use wire::project::{Group, Namespace};

use crate::call::Call;
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{Accepted, ApiResult, Created};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/groups", get(list).post(create))
        .route("/groups/{id}", get(show).delete(remove))
        .route("/namespaces", get(list_namespaces))
        .route("/namespaces/{id}", get(show_namespace))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = Wanted {
        search: reader.text("search").filter(|text| !text.is_empty()),
        owned: reader.boolean("owned").unwrap_or(false),
        min_access_level: access_level(&mut reader, "min_access_level"),
        top_level: reader.boolean("top_level_only").unwrap_or(false),
        personal: false,
    };
    reader.finish()?;
    let (found, total) = groups::list(&app, &call.caller, wanted, page.of_store()?).await?;
    let listed = page.counted(found, total).map(|group| group_json(&app, &group));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<Group>> {
    let found = groups::get(&app, &call.caller, GroupKey::parse(&call.segment("id"))).await?;
    Ok(Json(group_json(&app, &found)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<Group>> {
    call.user()?;
    let mut reader = call.reader();
    let new = NewGroup {
        name: reader.required_text("name"),
        path: reader.required_text("path"),
        parent_id: reader.int("parent_id").map(NamespaceId),
        visibility: reader.choice("visibility").unwrap_or(Visibility::Private),
    };
    reader.finish()?;
    let made = groups::create(&app, &call.caller, new).await.map_err(not_saved)?;
    Ok(Created(group_json(&app, &made)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<Accepted> {
    groups::delete(&app, &call.caller, GroupKey::parse(&call.segment("id"))).await?;
    Ok(Accepted)
}

async fn list_namespaces(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let owned = reader.boolean("owned_only").unwrap_or(false);
    let wanted = Wanted {
        search: reader.text("search").filter(|text| !text.is_empty()),
        owned,
        // Administrators see all namespaces, everybody else those of their own.
        min_access_level: (!call.caller.is_admin()).then_some(AccessLevel::Guest),
        top_level: reader.boolean("top_level_only").unwrap_or(false),
        personal: true,
    };
    reader.finish()?;
    let (found, total) = groups::list(&app, &call.caller, wanted, page.of_store()?).await?;
    let url = &app.settings.external_url;
    let listed = page
        .counted(found, total)
        .map(|one| present::project::namespace(url, &one.namespace));
    Ok(page::answer(url, &call.params, page, listed))
}

async fn show_namespace(State(app): State<App>, call: Call) -> ApiResult<Json<Namespace>> {
    call.user()?;
    let found = groups::namespace(&app, &call.caller, GroupKey::parse(&call.segment("id"))).await?;
    Ok(Json(present::project::namespace(
        &app.settings.external_url,
        &found.namespace,
    )))
}

/// GitLab tells what is wrong with a new group as Ruby shows a hash.
fn not_saved(error: Error) -> Error {
    let Error::Invalid(fields) = error else { return error };
    let field = |(name, texts): (&&str, &Vec<String>)| format!(":{name}=>{texts:?}");
    let fields: Vec<String> = fields.iter().map(field).collect();
    Error::Status {
        status: 400,
        message: format!("Failed to save group {{{}}}", fields.join(", ")),
    }
}

fn group_json(app: &App, group: &Named) -> Group {
    present::project::group(&app.settings.external_url, &group.namespace, &group.full_name)
}

/// Reads a role by its number.
pub(super) fn access_level(reader: &mut Reader<'_>, name: &str) -> Option<AccessLevel> {
    let number = reader.int(name)?;
    let level = AccessLevel::from_number(number);
    reader.check(name, level.is_some());
    level
}
