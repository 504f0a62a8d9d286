//! `GET /version` and `GET /metadata` (rest-api.md 21).

use app::App;
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use wire::version::{Kas, Metadata};

use crate::call::{Call, UserScope};
use crate::respond::ApiResult;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/version", get(metadata))
        .route("/metadata", get(metadata))
}

async fn metadata(State(app): State<App>, call: Call<UserScope>) -> ApiResult<Json<Metadata>> {
    call.user()?;
    let version = &app.settings.version;
    Ok(Json(Metadata {
        version: version.version.clone(),
        revision: version.revision.clone(),
        kas: Kas::default(),
        enterprise: false,
    }))
}
