//! `GET /version` and `GET /metadata` (rest-api.md 21).

use app::App;
use axum::Json;
use axum::extract::State;
use wire::version::{Kas, Metadata};

use crate::call::{Call, UserScope};
use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
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
