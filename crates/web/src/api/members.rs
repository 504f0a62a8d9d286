//! Members of projects and groups (rest-api.md 16).

use app::groups::GroupKey;
use app::members::{self, Of, Shown};
use app::{App, Error, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{AccessLevel, Timestamp, UserId};
use wire::Day;
use wire::user::Member;

use crate::call::Call;
use crate::page::{self, Page};
use crate::params::{Reader, start_of_day};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    place::<InProject>("/projects/{id}").merge(place::<InGroup>("/groups/{id}"))
}

/// The routes below one kind of place.
fn place<P: Place>(root: &str) -> Router {
    Router::new()
        .route(&format!("{root}/members"), get(list::<P>).post(add::<P>))
        .route(&format!("{root}/members/all"), get(list_all::<P>))
        .route(&format!("{root}/members/all/{{user_id}}"), get(show_any::<P>))
        .route(
            &format!("{root}/members/{{user_id}}"),
            get(show::<P>).put(update::<P>).delete(remove::<P>),
        )
}

/// Projects and groups have the same routes.
trait Place: Send + Sync + 'static {
    fn of(call: &Call) -> Result<Of>;
}

struct InProject;
struct InGroup;

impl Place for InProject {
    fn of(call: &Call) -> Result<Of> {
        call.project().map(Of::Project)
    }
}

impl Place for InGroup {
    fn of(call: &Call) -> Result<Of> {
        Ok(Of::Group(GroupKey::parse(&call.segment("id"))))
    }
}

async fn list<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list_some(&app, &call, P::of(&call)?, false).await
}

async fn list_all<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Response> {
    list_some(&app, &call, P::of(&call)?, true).await
}

async fn list_some(app: &App, call: &Call, of: Of, inherited: bool) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let query = reader.text("query").unwrap_or_default().to_lowercase();
    let ids = reader.ints_or_commas("user_ids");
    reader.finish()?;
    let mut all = members::list(app, &call.caller, of, inherited).await?;
    all.retain(|shown| {
        let names = [&shown.user.username, &shown.user.name];
        let is_found = query.is_empty() || names.iter().any(|name| name.to_lowercase().contains(&query));
        is_found && ids.as_ref().is_none_or(|ids| ids.contains(&shown.user.id.0))
    });
    let listed = page.cut(all).map(|shown| member(app, &shown));
    Ok(page::answer(&app.settings.external_url, &call.params, page, listed))
}

async fn show<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<Member>> {
    let user = UserId(call.id("user_id")?);
    let shown = members::get(&app, &call.caller, P::of(&call)?, user, false).await?;
    Ok(Json(member(&app, &shown)))
}

async fn show_any<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<Member>> {
    let user = UserId(call.id("user_id")?);
    let shown = members::get(&app, &call.caller, P::of(&call)?, user, true).await?;
    Ok(Json(member(&app, &shown)))
}

async fn add<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Created<Member>> {
    call.user()?;
    let mut reader = call.reader();
    let users = reader.ints_or_commas("user_id");
    let names = reader.texts_or_commas("username").unwrap_or_default();
    reader.mutually_exclusive(&["user_id", "username"]);
    if names.is_empty() && users.as_ref().is_none_or(Vec::is_empty) && !(reader.given("user_id") && users.is_none()) {
        reader.problem("user_id", "is missing");
    }
    let level = access_level(&mut reader);
    let expires_at = reader.date("expires_at").map(start_of_day);
    reader.finish()?;
    let users = match users {
        Some(users) => users.into_iter().map(UserId).collect(),
        None => members::named(&app, &call.caller, names).await?,
    };
    let added = members::add(&app, &call.caller, P::of(&call)?, users, level?, expires_at).await?;
    let last = added.last().ok_or(Error::NotFound("User"))?;
    Ok(Created(member(&app, last)))
}

async fn update<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<Member>> {
    call.user()?;
    let mut reader = call.reader();
    let user = UserId(reader.required_int("user_id"));
    let level = access_level(&mut reader);
    let expires_at = expiry(&mut reader);
    reader.finish()?;
    let changed = members::update(&app, &call.caller, P::of(&call)?, user, level?, expires_at).await?;
    Ok(Json(member(&app, &changed)))
}

async fn remove<P: Place>(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    let user = UserId(call.id("user_id")?);
    members::remove(&app, &call.caller, P::of(&call)?, user).await?;
    Ok(NoContent)
}

/// Reads the role; a number that is no role is a fault of the record, not of the parameters.
fn access_level(reader: &mut Reader<'_>) -> Result<AccessLevel> {
    let number = reader.required_int("access_level");
    let level = AccessLevel::from_number(number).filter(|level| *level > AccessLevel::None);
    level.ok_or_else(|| Error::invalid("access_level", "is not included in the list"))
}

/// Reads the last day: `None` = as it is, `Some(None)` = none.
fn expiry(reader: &mut Reader<'_>) -> Option<Option<Timestamp>> {
    let day = reader.date("expires_at").map(start_of_day);
    reader.given("expires_at").then_some(day)
}

fn member(app: &App, shown: &Shown) -> Member {
    let url = &app.settings.external_url;
    Member {
        user: present::user::basic(url, &shown.user),
        access_level: shown.member.level.number(),
        created_at: present::time(shown.member.created_at),
        created_by: shown.created_by.as_ref().map(|user| present::user::basic(url, user)),
        expires_at: shown.member.expires_at.map(|at| Day(at.0)),
        membership_state: "active",
    }
}
