//! Users (rest-api.md 15).

use app::App;
use app::users::{self, NewAccount, Wanted};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use model::{User, UserId};
use wire::user::CurrentUser;

use crate::call::{Call, UserScope};
use crate::page::{self, Page};
use crate::present;
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, get, post};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/user", get(current))
        .route("/users", get(list).post(create))
        .route("/users/{id}", get(show).delete(remove))
        .route("/users/{id}/block", post(block))
        .route("/users/{id}/unblock", post(unblock))
}

async fn current(State(app): State<App>, call: Call<UserScope>) -> ApiResult<Json<CurrentUser>> {
    let url = &app.settings.external_url;
    Ok(Json(present::user::whole(url, call.user()?, call.caller.is_admin())))
}

async fn list(State(app): State<App>, call: Call<UserScope>) -> ApiResult<Response> {
    let mut reader = call.reader();
    let page = Page::read(&mut reader);
    let wanted = Wanted {
        username: reader.text("username").filter(|text| !text.is_empty()),
        search: reader.text("search").filter(|text| !text.is_empty()),
    };
    reader.finish()?;
    let (users, total) = users::list(&app, &call.caller, wanted, page.of_store()?).await?;
    let shown = users.iter().map(|user| shown(&app, &call, user)).collect();
    Ok(page::answer(
        &app.settings.external_url,
        &call.params,
        page,
        page.counted(shown, total),
    ))
}

async fn show(State(app): State<App>, call: Call<UserScope>) -> ApiResult<Response> {
    let user = users::get(&app, &call.caller, UserId(call.id("id")?)).await?;
    let url = &app.settings.external_url;
    Ok(match call.caller.is_admin() {
        true => Json(present::user::whole(url, &user, true)).into_response(),
        false => Json(present::user::profile(url, &user)).into_response(),
    })
}

async fn create(State(app): State<App>, call: Call) -> ApiResult<Created<CurrentUser>> {
    app::access_tokens::require_admin(&call.caller)?;
    let mut reader = call.reader();
    let new = NewAccount {
        email: reader.required_text("email"),
        name: reader.required_text("name"),
        username: reader.required_text("username"),
        password: reader.text("password"),
        is_admin: reader.boolean("admin").unwrap_or(false),
    };
    for flag in ["reset_password", "force_random_password", "skip_confirmation"] {
        reader.boolean(flag);
    }
    reader.at_least_one_of(&["password", "reset_password", "force_random_password"]);
    reader.finish()?;
    let user = users::create(&app, &call.caller, new).await?;
    Ok(Created(present::user::whole(&app.settings.external_url, &user, true)))
}

async fn remove(State(app): State<App>, call: Call) -> ApiResult<NoContent> {
    users::delete(&app, &call.caller, UserId(call.id("id")?)).await?;
    Ok(NoContent)
}

async fn block(State(app): State<App>, call: Call) -> ApiResult<Created<bool>> {
    users::set_blocked(&app, &call.caller, UserId(call.id("id")?), true).await?;
    Ok(Created(true))
}

async fn unblock(State(app): State<App>, call: Call) -> ApiResult<Created<bool>> {
    users::set_blocked(&app, &call.caller, UserId(call.id("id")?), false).await?;
    Ok(Created(true))
}

/// Administrators see more of each user.
fn shown(app: &App, call: &Call<UserScope>, user: &User) -> UserInList {
    let url = &app.settings.external_url;
    match call.caller.is_admin() {
        true => UserInList::Whole(Box::new(present::user::whole(url, user, true))),
        false => UserInList::Basic(present::user::basic(url, user)),
    }
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum UserInList {
    Basic(wire::user::UserBasic),
    Whole(Box<CurrentUser>),
}
