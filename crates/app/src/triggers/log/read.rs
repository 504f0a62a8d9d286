//! Reading the trigger log.

use model::{TriggerLogEntry, TriggerLogId};
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
