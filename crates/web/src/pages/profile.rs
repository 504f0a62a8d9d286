//! One's own account: access tokens, sessions, password, preferences.

use std::sync::Arc;

use ::pages::Notice;
use ::pages::views::{ProfilePage, SessionRow};
use app::access_tokens::{self, NewToken, Wanted, Which};
use app::{Error, Rows, sessions};
use axum::http::StatusCode;
use axum::response::Response;
use model::{AccessTokenId, SessionId};

use crate::pages::failed::told;
use crate::pages::settings::expiry;
use crate::pages::visit::{Done, Visit};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

/// Most tokens on the page.
const MOST_TOKENS: i64 = 500;

/// Scopes that mean something here, in the order of the form.
const SCOPES: &[&str] = &[
    "api",
    "read_api",
    "read_user",
    "create_runner",
    "manage_runner",
    "read_repository",
    "write_repository",
    "self_rotate",
];

/// Scopes for administrators.
const ADMIN_SCOPES: &[&str] = &["sudo", "admin_mode"];

const HERE: &str = "/-/user_settings/profile";

pub(super) fn routes() -> Router {
    Router::new()
        .route("/r/-/user_settings/profile", read(show))
        .route(
            "/r/-/user_settings/personal_access_tokens",
            read(show).merge(act(create)),
        )
        .route("/r/-/user_settings/personal_access_tokens/{id}/revoke", act(revoke))
        .route("/r/-/user_settings/active_sessions", read(show))
        .route("/r/-/user_settings/active_sessions/{id}/revoke", act(end_session))
        .route("/r/-/user_settings/password", act(change_password))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    Ok(visit.page(&page(&visit).await?))
}

async fn page(visit: &Visit) -> app::Result<ProfilePage> {
    let user = visit.caller.user().ok_or(Error::Unauthorized)?;
    let wanted = Wanted {
        user_id: Some(user.id),
        active: Some(true),
        ..Wanted::default()
    };
    let rows = Rows {
        limit: MOST_TOKENS,
        offset: 0,
    };
    let (tokens, _) = access_tokens::list(&visit.app, &visit.caller, wanted, rows).await?;
    let this = visit.current.as_ref().map(|current| current.session.id);
    let session = |session: model::Session| SessionRow {
        is_this: Some(session.id) == this,
        session,
    };
    let for_admins = ADMIN_SCOPES.iter().filter(|_| user.is_admin);
    Ok(ProfilePage {
        f: visit.frame(visit.language().profile()),
        name: user.name.clone(),
        email: user.email.clone(),
        zone: visit.zone.clone(),
        tokens,
        new_token: None,
        scopes: SCOPES.iter().chain(for_admins).copied().collect(),
        sessions: sessions::list(&visit.app, &visit.caller)
            .await?
            .into_iter()
            .map(session)
            .collect(),
    })
}

async fn create(visit: Arc<Visit>) -> PageResult {
    let new = NewToken {
        name: visit.text("name").trim().to_owned(),
        description: None,
        scopes: visit.texts("scopes"),
        expires_at: expiry(&visit)?,
        impersonation: false,
    };
    let made = access_tokens::create_in_session(&visit.app, &visit.caller, new).await;
    let mut page = page(&visit).await?;
    match made {
        Ok(made) => {
            page.new_token = Some(made.text);
            Ok(visit.page_with(StatusCode::CREATED, &page))
        }
        Err(error) => refused(&visit, page, error),
    }
}

fn refused(visit: &Visit, mut page: ProfilePage, error: Error) -> app::Result<Response> {
    match error {
        Error::Invalid(_) | Error::Parameters(_) | Error::BadRequest(_) => {
            page.f.notices.push(Notice::Problem(told(visit.language(), &error)));
            Ok(visit.page_with(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        other => Err(other),
    }
}

async fn revoke(visit: Arc<Visit>) -> PageResult {
    let which = Which::Id(AccessTokenId(visit.id()?));
    access_tokens::revoke(&visit.app, &visit.caller, which).await?;
    Ok(visit.done(HERE, Done::TokenRevoked))
}

async fn end_session(visit: Arc<Visit>) -> PageResult {
    sessions::revoke(&visit.app, &visit.caller, SessionId(visit.id()?)).await?;
    Ok(visit.done(HERE, Done::SessionEnded))
}

async fn change_password(visit: Arc<Visit>) -> PageResult {
    let current = visit.current.as_ref().ok_or(Error::Unauthorized)?;
    let old = visit.text("current_password").to_owned();
    let new = visit.text("password").to_owned();
    match sessions::change_password(&visit.app, current, old, new).await {
        Ok(()) => Ok(visit.done(HERE, Done::PasswordChanged)),
        Err(error) => {
            let page = page(&visit).await?;
            refused(&visit, page, error)
        }
    }
}
