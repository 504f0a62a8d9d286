//! The operations, one file per entity: SQL in named statics beside the functions that run it.
//!
//! Each function takes an open transaction and plain values; several make one use case.
//! "Not found" is `None`, an update or delete of nothing is `false`. Who may do what is
//! decided above. New rows are structs with the columns a caller chooses.

/// Not ended: the condition of several partial indexes, word for word, which is what makes SQLite use them.
macro_rules! unfinished {
    () => {
        "status <> 'success' AND status <> 'failed' AND status <> 'canceled' AND status <> 'skipped'"
    };
}

pub mod access_tokens;
pub mod artifacts;
pub mod audit_events;
pub mod bots;
pub mod bridges;
pub mod definitions;
pub mod deployments;
pub mod environments;
pub mod explanations;
mod filter;
pub mod hook_deliveries;
pub mod hooks;
pub mod idempotency_keys;
pub mod inbound_deliveries;
pub mod inbound_hooks;
pub mod job_token_scope;
pub mod job_variables;
pub mod jobs;
pub mod limits;
pub mod members;
pub mod namespaces;
pub mod page;
pub mod pipelines;
pub mod preferences;
pub mod projects;
pub mod protected_refs;
pub mod queue;
pub mod redirect_routes;
pub mod resource_groups;
pub mod runners;
pub mod schedules;
pub mod sessions;
pub mod settings;
pub mod sign_in_failures;
pub mod trigger_chains;
pub mod trigger_log;
pub mod trigger_tokens;
pub mod unknown_tokens;
pub mod users;
pub mod variables;

use crate::error::StoreError;
use crate::sql::Sql;
use crate::tx::Tx;
use crate::value::Param;
use crate::wake::Wake;

/// Returns every named statement, for the test that prepares them all on both databases.
#[must_use]
pub fn statements() -> Vec<&'static Sql> {
    [
        access_tokens::STATEMENTS,
        artifacts::STATEMENTS,
        audit_events::STATEMENTS,
        bots::STATEMENTS,
        bridges::STATEMENTS,
        definitions::STATEMENTS,
        deployments::STATEMENTS,
        environments::STATEMENTS,
        explanations::STATEMENTS,
        idempotency_keys::STATEMENTS,
        inbound_deliveries::STATEMENTS,
        inbound_hooks::STATEMENTS,
        job_token_scope::STATEMENTS,
        hook_deliveries::STATEMENTS,
        hooks::STATEMENTS,
        job_variables::STATEMENTS,
        jobs::STATEMENTS,
        jobs::RESOURCE_GROUP_STATEMENTS,
        jobs::INSERT_STATEMENTS,
        limits::STATEMENTS,
        members::STATEMENTS,
        namespaces::STATEMENTS,
        pipelines::STATEMENTS,
        pipelines::INSERT_STATEMENTS,
        pipelines::month::STATEMENTS,
        preferences::STATEMENTS,
        projects::STATEMENTS,
        protected_refs::STATEMENTS,
        queue::STATEMENTS,
        redirect_routes::STATEMENTS,
        resource_groups::STATEMENTS,
        runners::STATEMENTS,
        schedules::STATEMENTS,
        sessions::STATEMENTS,
        settings::STATEMENTS,
        sign_in_failures::STATEMENTS,
        trigger_chains::STATEMENTS,
        trigger_log::STATEMENTS,
        trigger_tokens::STATEMENTS,
        unknown_tokens::STATEMENTS,
        users::STATEMENTS,
        variables::STATEMENTS,
    ]
    .concat()
}

/// Returns the form of a path or name under which letter case does not matter.
fn key(text: &str) -> String {
    text.to_lowercase()
}

/// Returns the LIKE pattern (`ESCAPE '\'`) for texts that contain `text`, lower-case.
fn like(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push('%');
    for c in key(text).chars() {
        if matches!(c, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Runs a statement after which somebody may do less than before, and tells those who rely on it.
/// Returns whether anything changed.
fn restrict(tx: &mut dyn Tx, sql: &Sql, params: &[Param<'_>]) -> Result<bool, StoreError> {
    let changed = tx.execute(sql, params)? > 0;
    if changed {
        tx.notify(Wake::Access);
    }
    Ok(changed)
}
