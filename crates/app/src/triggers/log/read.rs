//! Reading the trigger log.

use model::{Pipeline, TriggerLogEntry, TriggerLogId};
use store::ops;
use store::ops::page::Page;
use store::ops::trigger_log::LogFilter;
use store::ops::unknown_tokens::UnknownCalls;

use super::queue;
use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::pipelines::chain::{self, Link};

/// Lists the trigger log of a project, the newest first, and counts it up to a limit.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(
    app: &App,
    caller: Caller,
    key: ProjectKey,
    filter: LogFilter,
    page: Page,
) -> Result<(Vec<TriggerLogEntry>, i64)> {
    queue::flush(app, false).await?;
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            Ok((
                ops::trigger_log::list(tx, access.project.id, &filter, page)?,
                ops::trigger_log::count(tx, access.project.id, &filter)?,
            ))
        })
        .await
}

/// An entry with what is around it.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The entry.
    pub entry: TriggerLogEntry,
    /// As whom the call was made.
    pub username: Option<String>,
    /// The pipeline, while it exists.
    pub pipeline: Option<Pipeline>,
    /// Which pipelines led to it, the first of all first.
    pub chain: Vec<Link>,
}

/// A part of a project's trigger log.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The project and the caller's role in it.
    pub access: ProjectAccess,
    /// The entries, the newest first.
    pub rows: Vec<Shown>,
}

/// Lists the trigger log of a project as [`list`] does, with the pipelines that came of the calls.
///
/// # Errors
///
/// As [`list`].
pub async fn overview(app: &App, caller: Caller, key: ProjectKey, filter: LogFilter, page: Page) -> Result<Listed> {
    queue::flush(app, false).await?;
    let this = app.clone();
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            let entries = ops::trigger_log::list(tx, access.project.id, &filter, page)?;
            let users: Vec<_> = entries.iter().filter_map(|entry| entry.user_id).collect();
            let users = ops::users::get_many(tx, &users)?;
            let pipelines: Vec<_> = entries.iter().filter_map(|entry| entry.pipeline_id).collect();
            let pipelines = ops::pipelines::get_many(tx, &pipelines)?;
            let mut rows = Vec::with_capacity(entries.len());
            for entry in entries {
                let user = users.iter().find(|user| Some(user.id) == entry.user_id);
                let pipeline = pipelines.iter().find(|pipeline| {
                    Some(pipeline.id) == entry.pipeline_id && pipeline.project_id == access.project.id
                });
                rows.push(Shown {
                    chain: match pipeline {
                        Some(pipeline) => chain::led_to(&this, tx, &caller, pipeline)?,
                        None => Vec::new(),
                    },
                    username: user.map(|user| user.username.clone()),
                    pipeline: pipeline.cloned(),
                    entry,
                });
            }
            Ok(Listed { access, rows })
        })
        .await
}

/// Finds an entry, for a Maintainer who may see pipeline variables.
pub(in crate::triggers) async fn find(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    id: TriggerLogId,
) -> Result<(ProjectAccess, TriggerLogEntry)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let access = lookup::project_for(&this, tx, &caller, &key, Ability::ManageTriggers)?;
            access.require(&caller, Ability::ReadPipelineVariables)?;
            let entry = ops::trigger_log::get(tx, access.project.id, id)?.ok_or(Error::RecordNotFound)?;
            Ok((access, entry))
        })
        .await
}

/// Lists addresses that called with tokens that nobody made, the latest first.
///
/// # Errors
///
/// 401 or 403 unless an administrator asks.
pub async fn unknown(app: &App, caller: &Caller, page: Page) -> Result<(Vec<UnknownCalls>, i64)> {
    if !caller.is_authenticated() {
        return Err(Error::Unauthorized);
    }
    if !caller.is_admin() {
        return Err(Error::forbidden());
    }
    queue::flush(app, false).await?;
    Ok(app.store.read(move |tx| ops::unknown_tokens::list(tx, page)).await?)
}
