//! The routes of `/api/v4`, one file per resource. A handler reads typed parameters, calls one use
//! case and answers with a type of `wire`. Paths are those below `/api/v4`.

mod access_tokens;
mod branches;
mod commits;
mod files;
mod groups;
mod jobs;
mod members;
mod pipelines;
mod projects;
mod protected;
mod tags;
mod triggers;
mod users;
mod variables;
mod version;

use app::App;
use axum::Router;

/// Returns all routes of the API.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .merge(access_tokens::routes())
        .merge(branches::routes())
        .merge(commits::routes())
        .merge(files::routes())
        .merge(groups::routes())
        .merge(members::routes())
        .merge(jobs::routes())
        .merge(pipelines::routes())
        .merge(projects::routes())
        .merge(crate::runner_api::routes())
        .merge(protected::routes())
        .merge(tags::routes())
        .merge(triggers::routes())
        .merge(users::routes())
        .merge(variables::routes())
        .merge(version::routes())
}
