//! The configurations that `include: template` finds, for everybody to read.

use app::{App, templates};
use axum::Json;
use axum::extract::{Path, State};
use wire::lint::{Template, TemplateName};

use crate::respond::ApiResult;
use crate::routing::{Router, get};

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/templates/gitlab_ci_ymls", get(list))
        .route("/templates/gitlab_ci_ymls/{key}", get(show))
}

async fn list() -> Json<Vec<TemplateName>> {
    let named = |key: &str| TemplateName {
        key: key.to_owned(),
        name: key.to_owned(),
    };
    Json(templates::keys().map(named).collect())
}

async fn show(State(_): State<App>, Path(key): Path<String>) -> ApiResult<Json<Template>> {
    Ok(Json(Template {
        content: templates::content(&key)?.to_owned(),
        name: key,
    }))
}
