//! Signing in and out, and how a browser likes its pages.

use std::sync::Arc;

use ::pages::views::SignInPage;
use ::pages::{Language, Notice, Theme};
use app::Error;
use app::sessions::{self, Attempt, Outcome};
use axum::http::StatusCode;

use crate::cookies;
use crate::pages::visit::{PREFERENCE_AGE, Visit, zone};
use crate::pages::{PageResult, act, read};
use crate::routing::Router;

pub(super) fn routes() -> Router {
    Router::new()
        .route("/r/users/sign_in", read(show).merge(act(sign_in)))
        .route("/r/users/sign_out", act(sign_out))
        .route("/r/-/preferences", act(prefer))
}

async fn show(visit: Arc<Visit>) -> PageResult {
    if visit.caller.user().is_some() {
        return Ok(visit.redirect("/"));
    }
    Ok(visit.page(&form(&visit, String::new())))
}

fn form(visit: &Visit, login: String) -> SignInPage {
    SignInPage {
        f: visit.frame(visit.language().sign_in()),
        login,
        return_to: visit.return_to().unwrap_or_default(),
    }
}

async fn sign_in(visit: Arc<Visit>) -> PageResult {
    let t = visit.language();
    let login = visit.text("login").trim().to_owned();
    let attempt = Attempt {
        login: login.clone(),
        password: visit.text("password").to_owned(),
        address: visit.address.clone(),
        user_agent: visit.user_agent.clone(),
        before: visit.session.clone(),
    };
    let (status, text) = match sessions::sign_in(&visit.app, attempt).await {
        Ok(Outcome::SignedIn(text)) => {
            let to = visit.return_to().unwrap_or_else(|| "/".to_owned());
            let mut response = visit.redirect(&to);
            visit.set_session(&mut response, Some(&text));
            return Ok(response);
        }
        Ok(Outcome::Refused) => (StatusCode::UNPROCESSABLE_ENTITY, t.sign_in_refused().to_owned()),
        Err(Error::TooMany { retry_after }) => {
            (StatusCode::TOO_MANY_REQUESTS, t.sign_in_later(retry_after.div_ceil(60)))
        }
        Err(error) => return Err(error),
    };
    let mut page = form(&visit, login);
    page.f.notices.push(Notice::Problem(text));
    Ok(visit.page_with(status, &page))
}

async fn sign_out(visit: Arc<Visit>) -> PageResult {
    if let Some(text) = &visit.session {
        sessions::sign_out(&visit.app, text).await?;
    }
    let mut response = visit.redirect("/users/sign_in");
    visit.set_session(&mut response, None);
    Ok(response)
}

async fn prefer(visit: Arc<Visit>) -> PageResult {
    let mut response = visit.redirect(&visit.return_to().unwrap_or_else(|| "/".to_owned()));
    let mut chosen = visit
        .current
        .as_ref()
        .map(|current| current.preferences.clone())
        .unwrap_or_default();
    if let Some(language) = Language::of_code(visit.text("language")) {
        visit.set_cookie(&mut response, cookies::LANGUAGE, language.code(), PREFERENCE_AGE);
        chosen.language = Some(language.code().to_owned());
    }
    if let Some(theme) = Theme::of_word(visit.text("theme")) {
        visit.set_cookie(&mut response, cookies::THEME, theme.as_str(), PREFERENCE_AGE);
        chosen.theme = Some(theme.as_str().to_owned());
    }
    match visit.params.text("zone").map(str::trim) {
        None => {}
        Some("") => {
            visit.set_cookie(&mut response, cookies::ZONE, "", 0);
            chosen.time_zone = None;
        }
        Some(name) if zone(name).is_some() => {
            visit.set_cookie(&mut response, cookies::ZONE, name, PREFERENCE_AGE);
            chosen.time_zone = Some(name.to_owned());
        }
        Some(_) => {
            return Err(Error::Status {
                status: 422,
                message: visit.language().zone_unknown().to_owned(),
            });
        }
    }
    if visit.caller.user().is_some() {
        sessions::prefer(&visit.app, &visit.caller, chosen).await?;
    }
    Ok(response)
}
