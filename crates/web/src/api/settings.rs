//! Settings of the whole server (`/application/settings`).

use app::{App, instance_settings};
use axum::Json;
use axum::extract::State;
use wire::settings::ApplicationSettings;

use crate::call::Call;
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new().route("/application/settings", get(show).put(update))
}

async fn show(State(app): State<App>, call: Call) -> ApiResult<Json<ApplicationSettings>> {
    let settings = instance_settings::get(&app, call.caller).await?;
    Ok(Json(shown(settings)))
}

async fn update(State(app): State<App>, call: Call) -> ApiResult<Json<ApplicationSettings>> {
    let mut reader = call.reader();
    let allow = reader.boolean("allow_runner_registration_token");
    reader.finish()?;
    let settings = instance_settings::update(&app, call.caller, allow).await?;
    Ok(Json(shown(settings)))
}

const fn shown(settings: instance_settings::InstanceSettings) -> ApplicationSettings {
    ApplicationSettings {
        allow_runner_registration_token: settings.allow_runner_registration_token,
    }
}
