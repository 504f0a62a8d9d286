//! The routes of `/api/v4`, one file per resource. A handler reads typed parameters, calls one use
//! case and answers with a type of `wire`. Paths are those below `/api/v4`.

mod access_tokens;
mod artifacts;
mod audit_events;
mod branches;
mod chain;
mod commits;
mod deployments;
mod environments;
mod files;
mod groups;
mod hooks;
mod idempotency;
mod inbound_hooks;
mod job_token_scope;
mod jobs;
mod lint;
mod live;
mod members;
mod openapi;
mod pipelines;
mod projects;
mod protected;
mod resource_groups;
mod resource_tokens;
mod runners;
mod schedules;
mod settings;
mod tags;
mod templates;
pub(crate) mod trigger_log;
mod trigger_tokens;
mod triggers;
mod users;
mod variables;
mod version;

use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate as _, SizeAbove};

use crate::routing::Router;

/// Answers smaller than this are sent as they are: compressing them costs more than it saves.
const COMPRESS_FROM: u64 = 8 << 10;

/// Returns all routes of the API.
pub(crate) fn routes() -> Router {
    let worth_it = SizeAbove::new(COMPRESS_FROM).and(NotForContentType::const_new("application/octet-stream"));
    Router::new()
        .merge(access_tokens::routes())
        .merge(artifacts::routes())
        .merge(audit_events::routes())
        .merge(branches::routes())
        .merge(commits::routes())
        .merge(deployments::routes())
        .merge(environments::routes())
        .merge(files::routes())
        .merge(groups::routes())
        .merge(hooks::routes())
        .merge(members::routes())
        .merge(job_token_scope::routes())
        .merge(jobs::routes())
        .merge(lint::routes())
        .merge(openapi::routes())
        .merge(pipelines::routes())
        .merge(projects::routes())
        .merge(protected::routes())
        .merge(resource_groups::routes())
        .merge(resource_tokens::routes())
        .merge(runners::routes())
        .merge(schedules::routes())
        .merge(settings::routes())
        .merge(tags::routes())
        .merge(users::routes())
        .merge(variables::routes())
        .merge(templates::routes())
        .merge(version::routes())
        .layer(CompressionLayer::new().compress_when(worth_it))
        // Small answers by the thousand, logs that runners ask for byte by byte, streams that must not wait.
        .merge(crate::runner_api::routes())
        .merge(inbound_hooks::routes())
        .merge(live::routes())
        .merge(trigger_log::routes())
        .merge(trigger_tokens::routes())
        .merge(triggers::routes())
}
