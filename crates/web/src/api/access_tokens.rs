//! Personal and impersonation access tokens (rest-api.md 15).

use app::access_tokens::{self, Made, NewToken, OrderBy, SCOPES, Wanted, Which};
use app::{App, Sort};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{AccessTokenId, Timestamp, UserId};
use wire::token::AccessToken;

use crate::call::{AnyScope, Call, SelfRotate};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/personal_access_tokens", get(list))
        .route("/personal_access_tokens/self", get(show_self).delete(revoke_self))
        .route("/personal_access_tokens/self/rotate", post(rotate_self))
        .route("/personal_access_tokens/{id}", get(show).delete(revoke))
        .route("/personal_access_tokens/{id}/rotate", post(rotate))
        .route("/user/personal_access_tokens", post(create_own))
        .route("/users/{user_id}/personal_access_tokens", post(create))
        .route("/users/{user_id}/impersonation_tokens", post(create_impersonation))
}

async fn list(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = wanted(&mut reader);
    reader.finish()?;
    let (tokens, total) = access_tokens::list(&app, &call.caller, wanted, page.of_store()?).await?;
    let now = app.clock.now();
    let shown = tokens
        .iter()
        .map(|token| present::token::access_token(token, now, None))
        .collect();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.counted(shown, total),
    ))
}

/// Reads which tokens to list. A word that `sort` does not know counts as none, as in GitLab.
pub(super) fn wanted(reader: &mut Reader<'_>) -> Wanted {
    let sort = reader.text("sort").unwrap_or_default();
    let (by, direction) = sort.rsplit_once('_').unwrap_or_default();
    let order_by = match by {
        "created" => OrderBy::Created,
        "expires" => OrderBy::Expires,
        "last_used" => OrderBy::LastUsed,
        "name" => OrderBy::Name,
        _ => OrderBy::Id,
    };
    let sort = match direction {
        "desc" => Sort::Desc,
        _ => Sort::Asc,
    };
    Wanted {
        user_id: reader.int("user_id").map(UserId),
        active: reader
            .one_of("state", &["active", "inactive"])
            .map(|state| state == "active"),
        revoked: reader.boolean("revoked"),
        search: reader.text("search"),
        created: (reader.time("created_after"), reader.time("created_before")),
        last_used: (reader.time("last_used_after"), reader.time("last_used_before")),
        expires: (day(reader, "expires_after"), day(reader, "expires_before")),
        order_by,
        sort,
    }
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<AccessToken>> {
    let which = Which::Id(AccessTokenId(call.id("id")?));
    show_one(&app, &call, which).await
}

async fn show_self(State(app): State<App>, call: Call<AnyScope>) -> ApiResult<Json<AccessToken>> {
    show_one(&app, &call, Which::Presented).await
}

async fn show_one<P>(app: &App, call: &Call<P>, which: Which) -> ApiResult<Json<AccessToken>> {
    let token = access_tokens::get(app, &call.caller, which).await?;
    Ok(Json(present::token::access_token(&token, app.clock.now(), None)))
}

async fn revoke(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    let which = Which::Id(AccessTokenId(call.id("id")?));
    access_tokens::revoke(&app, &call.caller, which).await?;
    Ok(NoContent)
}

async fn revoke_self(State(app): State<App>, call: Call<AnyScope>) -> ApiResult<NoContent> {
    access_tokens::revoke(&app, &call.caller, Which::Presented).await?;
    Ok(NoContent)
}

async fn rotate(State(app): State<App>, call: Call) -> ApiResult<Json<AccessToken>> {
    let which = Which::Id(AccessTokenId(call.id("id")?));
    rotate_one(&app, &call, which).await
}

async fn rotate_self(State(app): State<App>, call: Call<SelfRotate>) -> ApiResult<Json<AccessToken>> {
    rotate_one(&app, &call, Which::Presented).await
}

async fn rotate_one<P>(app: &App, call: &Call<P>, which: Which) -> ApiResult<Json<AccessToken>> {
    call.user()?;
    let mut reader = call.reader();
    let expires_at = day(&mut reader, "expires_at");
    reader.finish()?;
    let made = access_tokens::rotate(app, &call.caller, which, expires_at).await?;
    Ok(Json(shown(app, made)))
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<AccessToken>> {
    create_for(&app, &call, false).await
}

async fn create_impersonation(State(app): State<App>, call: Call) -> ApiResult<Created<AccessToken>> {
    create_for(&app, &call, true).await
}

async fn create_for(app: &App, call: &Call, impersonation: bool) -> ApiResult<Created<AccessToken>> {
    access_tokens::require_admin(&call.caller)?;
    let mut reader = call.reader();
    let user = UserId(reader.required_int("user_id"));
    let new = new_token(&mut reader, impersonation);
    reader.finish()?;
    let made = access_tokens::create_for(app, &call.caller, user, new).await?;
    Ok(Created(shown(app, made)))
}

async fn create_own(State(app): State<App>, call: Call) -> ApiResult<Created<AccessToken>> {
    call.user()?;
    let mut reader = call.reader();
    let new = new_token(&mut reader, false);
    reader.finish()?;
    let made = access_tokens::create_own(&app, &call.caller, new).await?;
    Ok(Created(shown(&app, made)))
}

fn new_token(reader: &mut Reader<'_>, impersonation: bool) -> NewToken {
    let name = reader.required_text("name");
    let scopes = reader.texts_or_commas("scopes");
    if !reader.given("scopes") {
        reader.problem("scopes", "is missing");
    }
    let scopes = scopes.unwrap_or_default();
    if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        reader.problem("scopes", "does not have a valid value");
    }
    NewToken {
        name,
        description: reader.text("description"),
        scopes,
        expires_at: day(reader, "expires_at"),
        impersonation,
    }
}

/// Reads a day as its first moment in UTC.
pub(super) fn day(reader: &mut Reader<'_>, name: &str) -> Option<Timestamp> {
    reader.date(name).map(crate::params::start_of_day)
}

fn shown(app: &App, made: Made) -> AccessToken {
    present::token::access_token(&made.token, app.clock.now(), Some(made.text))
}
