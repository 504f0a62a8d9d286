//! Creation, verification and removal of runners (runner-protocol.md 1).

use app::runners::registry::{self, Draft, Serves};
use app::runners::{left_behind, registration};
use app::{App, Error};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use model::{NamespaceId, ProjectId, RunnerType};
use wire::runner::{
    RegisterRequest, RegistrationDetails, TokenDetails, TokenRequest, UnregisterRequest, VerifyRequest,
};

use super::{about, forbidden, read, runner_token};
use crate::Params;
use crate::call::{Call, CreateRunner};
use crate::respond::{ApiResult, Created, NoContent};
use crate::routing::{Router, delete, post};

pub(super) fn routes() -> Router {
    Router::new()
        .route("/user/runners", post(create))
        .route("/runners", post(register).delete(unregister))
        .route("/runners/verify", post(verify))
        .route("/runners/managers", delete(unregister_manager))
        .route("/runners/reset_authentication_token", post(reset_token))
}

/// `POST user/runners`: by a user; the only answer that shows the token.
async fn create(State(app): State<App>, call: Call<CreateRunner>) -> ApiResult<Created<RegistrationDetails>> {
    let (serves, draft) = parse(&call)?;
    let (runner, token) = registry::create(&app, call.caller, serves, draft).await?;
    Ok(Created(RegistrationDetails {
        id: runner.id.0,
        token,
        token_expires_at: None,
    }))
}

/// The runner's token; GitLab insists on one, good or bad.
fn required_token(headers: &HeaderMap, body: &str) -> Result<String, Error> {
    Some(runner_token(headers, body))
        .filter(|token| !token.is_empty())
        .ok_or_else(|| Error::parameter("token is missing"))
}

fn parse(call: &Call<CreateRunner>) -> Result<(Serves, Draft), Error> {
    let mut reader = call.reader();
    let runner_type: Option<RunnerType> = reader.choice("runner_type");
    let serves = match runner_type {
        Some(RunnerType::Group) => Serves::Group(NamespaceId(reader.required_int("group_id"))),
        Some(RunnerType::Project) => Serves::Project(ProjectId(reader.required_int("project_id"))),
        Some(RunnerType::Instance) => Serves::Instance,
        None => {
            if !reader.given("runner_type") {
                reader.problem("runner_type", "is missing");
            }
            Serves::Instance
        }
    };
    let draft = Draft {
        description: reader.text("description"),
        maintenance_note: reader.text("maintenance_note"),
        paused: reader.boolean("paused").unwrap_or(false),
        locked: reader.boolean("locked").unwrap_or(false),
        run_untagged: reader.boolean("run_untagged"),
        tags: reader.texts_or_commas("tag_list").unwrap_or_default(),
        protected_only: reader.one_of("access_level", &["not_protected", "ref_protected"]) == Some("ref_protected"),
        maximum_timeout_seconds: reader.int("maximum_timeout"),
    };
    reader.finish()?;
    Ok((serves, draft))
}

/// `POST runners`: the old way, with a registration token of the server, a group or a project.
async fn register(State(app): State<App>, params: Params) -> ApiResult<Response> {
    let ask: RegisterRequest = read(&params)?;
    if ask.token.is_empty() {
        return Err(Error::parameter("token is missing").into());
    }
    let protected_only = match ask.access_level.as_deref() {
        None | Some("not_protected") => false,
        Some("ref_protected") => true,
        Some(_) => return Err(Error::parameter("access_level does not have a valid value").into()),
    };
    let draft = Draft {
        description: ask.description,
        maintenance_note: ask.maintenance_note,
        paused: ask.paused.unwrap_or(false),
        locked: ask.locked.unwrap_or(false),
        run_untagged: ask.run_untagged,
        tags: ask.tag_list.unwrap_or_default(),
        protected_only,
        maximum_timeout_seconds: ask.maximum_timeout,
    };
    let (runner, token) = registration::register(&app, ask.token, draft).await?;
    Ok(Created(RegistrationDetails {
        id: runner.id.0,
        token,
        token_expires_at: None,
    })
    .into_response())
}

/// `POST runners/verify`: is the token good? Also the call by which a new process introduces itself.
async fn verify(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let ask: VerifyRequest = read(&params)?;
    let token = required_token(&headers, &ask.token)?;
    let Some(runner) = registry::authenticate(&app, &token).await? else {
        return Ok(forbidden(None));
    };
    let manager = registry::note_contact(&app, &runner, about(&ask.system_id, &ask.info)?).await?;
    if ask.tripline_fresh == Some(true) {
        left_behind::end(&app, &runner, &manager).await?;
    }
    Ok(Json(RegistrationDetails {
        id: runner.id.0,
        token,
        token_expires_at: None,
    })
    .into_response())
}

/// `DELETE runners`.
async fn unregister(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let ask: TokenRequest = read(&params)?;
    let token = required_token(&headers, &ask.token)?;
    let Some(runner) = registry::authenticate(&app, &token).await? else {
        return Ok(forbidden(None));
    };
    registry::delete(&app, runner.id).await?;
    Ok(NoContent.into_response())
}

/// `DELETE runners/managers`: one process goes, the runner stays.
async fn unregister_manager(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let ask: UnregisterRequest = read(&params)?;
    let token = required_token(&headers, &ask.token)?;
    let Some(runner) = registry::authenticate(&app, &token).await? else {
        return Ok(forbidden(None));
    };
    if ask.system_id.is_empty() {
        return Err(Error::parameter("system_id is missing").into());
    }
    if registry::delete_manager(&app, runner.id, ask.system_id).await? {
        Ok(NoContent.into_response())
    } else {
        Err(Error::NotFound("Runner manager").into())
    }
}

/// `POST runners/reset_authentication_token`: a new token for the old one.
async fn reset_token(State(app): State<App>, headers: HeaderMap, params: Params) -> ApiResult<Response> {
    let ask: TokenRequest = read(&params)?;
    let token = required_token(&headers, &ask.token)?;
    let Some(runner) = registry::authenticate(&app, &token).await? else {
        return Ok(forbidden(None));
    };
    let token = registry::reset_token(&app, &runner).await?;
    Ok((
        StatusCode::CREATED,
        Json(TokenDetails {
            token,
            token_expires_at: None,
        }),
    )
        .into_response())
}
