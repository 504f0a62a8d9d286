//! Project and group access tokens.

use app::access_tokens::Wanted;
use app::groups::GroupKey;
use app::members::Of;
use app::resource_tokens::{self, Made, NewToken, SCOPES};
use app::{App, Result};
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use model::{AccessLevel, AccessTokenId, Timestamp};
use wire::token::ResourceAccessToken;

use super::access_tokens::{day, wanted};
use crate::call::{Call, SelfRotate};
use crate::page::{self, Page};
use crate::params::Reader;
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    place::<InProject>("/projects/{id}").merge(place::<InGroup>("/groups/{id}"))
}

/// The routes below one kind of place.
fn place<P: Place>(root: &str) -> Router {
    Router::new()
        .route(&format!("{root}/access_tokens"), get(list::<P>).post(create::<P>))
        .route(&format!("{root}/access_tokens/self/rotate"), post(rotate_self::<P>))
        .route(
            &format!("{root}/access_tokens/{{token_id}}"),
            get(show::<P>).delete(revoke::<P>),
        )
        .route(&format!("{root}/access_tokens/{{token_id}}/rotate"), post(rotate::<P>))
}

/// Projects and groups have the same routes.
trait Place: Send + Sync + 'static {
    fn of<C>(call: &Call<C>) -> Result<Of>;
}

struct InProject;
struct InGroup;

impl Place for InProject {
    fn of<C>(call: &Call<C>) -> Result<Of> {
        call.project().map(Of::Project)
    }
}

impl Place for InGroup {
    fn of<C>(call: &Call<C>) -> Result<Of> {
        Ok(Of::Group(GroupKey::parse(&call.segment("id"))))
    }
}

async fn list<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Response> {
    call.user()?;
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = Wanted {
        user_id: None,
        ..wanted(&mut reader)
    };
    reader.finish()?;
    let (tokens, total) = resource_tokens::list(&app, &call.caller, P::of(&call)?, wanted, page.of_store()?).await?;
    let now = app.clock.now();
    let shown = tokens
        .iter()
        .map(|shown| present::token::resource_token(shown, now, None))
        .collect();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.counted(shown, total),
    ))
}

async fn show<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<ResourceAccessToken>> {
    call.user()?;
    let found = resource_tokens::get(&app, &call.caller, P::of(&call)?, token_id(&call)).await?;
    Ok(Json(present::token::resource_token(&found, app.clock.now(), None)))
}

async fn create<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Created<ResourceAccessToken>> {
    call.user()?;
    let mut reader = call.reader();
    let new = new_token(&mut reader);
    reader.finish()?;
    let made = resource_tokens::create(&app, &call.caller, P::of(&call)?, new).await?;
    Ok(Created(shown(&app, made)))
}

async fn rotate<P: Place>(State(app): State<App>, call: Call) -> ApiResult<Json<ResourceAccessToken>> {
    call.user()?;
    let expires_at = expires_at(&call)?;
    let id = token_id(&call);
    let made = resource_tokens::rotate(&app, &call.caller, P::of(&call)?, id, expires_at).await?;
    Ok(Json(shown(&app, made)))
}

async fn rotate_self<P: Place>(State(app): State<App>, call: Call<SelfRotate>) -> ApiResult<Json<ResourceAccessToken>> {
    call.user()?;
    let expires_at = expires_at(&call)?;
    let made = resource_tokens::rotate_self(&app, &call.caller, P::of(&call)?, expires_at).await?;
    Ok(Json(shown(&app, made)))
}

async fn revoke<P: Place>(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    call.user()?;
    resource_tokens::revoke(&app, &call.caller, P::of(&call)?, token_id(&call)).await?;
    Ok(NoContent)
}

fn new_token(reader: &mut Reader<'_>) -> NewToken {
    let name = reader.required_text("name");
    let scopes = reader.texts_or_commas("scopes");
    if !reader.given("scopes") {
        reader.problem("scopes", "is missing");
    }
    let scopes = scopes.unwrap_or_default();
    if scopes.iter().any(|scope| !SCOPES.contains(&scope.as_str())) {
        reader.problem("scopes", "does not have a valid value");
    }
    let level = match reader.int("access_level") {
        None => Some(AccessLevel::Maintainer),
        Some(number) => AccessLevel::from_number(number).filter(|level| *level > AccessLevel::None),
    };
    if level.is_none() {
        reader.problem("access_level", "does not have a valid value");
    }
    NewToken {
        name,
        description: reader.text("description"),
        scopes,
        expires_at: day(reader, "expires_at"),
        level: level.unwrap_or(AccessLevel::None),
    }
}

fn expires_at<C>(call: &Call<C>) -> Result<Option<Timestamp>> {
    let mut reader = call.reader();
    let expires_at = day(&mut reader, "expires_at");
    reader.finish()?;
    Ok(expires_at)
}

/// Reads the id in the path, which is a text in GitLab: what is no number is the id of no token.
fn token_id(call: &Call) -> AccessTokenId {
    AccessTokenId(call.segment("token_id").parse().unwrap_or(0))
}

fn shown(app: &App, made: Made) -> ResourceAccessToken {
    present::token::resource_token(&made.shown, app.clock.now(), Some(made.text))
}
