//! Branches.

use git::{Commit, RefEntry};
use model::{AccessLevel, Project, Sha};
use store::ops::page::Page;

use super::{Opened, explain, may_not_push, refused};
use crate::App;
use crate::access::{self, Ability};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::ProjectKey;

/// A branch as one caller sees it.
#[derive(Clone, Debug)]
pub struct Branch {
    /// Short name.
    pub name: String,
    /// Newest commit.
    pub commit: Commit,
    /// Whether the default branch contains it.
    pub is_merged: bool,
    /// Whether it is protected.
    pub is_protected: bool,
    /// Whether it is protected and Developers may push to it.
    pub developers_can_push: bool,
    /// Whether it is protected and Developers may merge into it.
    pub developers_can_merge: bool,
    /// Whether the caller may push to it.
    pub can_push: bool,
    /// Whether it is the default branch.
    pub is_default: bool,
}

/// Lists branches by name, one page of them, and their number.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    search: Option<String>,
    page: Page,
) -> Result<(Project, Vec<Branch>, i64)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let found = opened.repository.branches(search.as_deref())?;
            let total = i64::try_from(found.len()).unwrap_or(i64::MAX);
            let shown: Result<Vec<Option<Branch>>> = cut(found, page).map(|entry| show(opened, entry)).collect();
            Ok((opened.project().clone(), shown?.into_iter().flatten().collect(), total))
        })
        .await
}

/// Returns a branch.
///
/// # Errors
///
/// As [`list`]; `404 Branch Not Found`, 400 for a name that no branch can have.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, name: String) -> Result<(Project, Branch)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    if git::names::check_ref(&format!("refs/heads/{name}")).is_err() {
        return Err(refused("The branch refname is invalid"));
    }
    opened
        .work(move |opened| {
            let entry = opened.repository.branch(&name)?.ok_or(Error::NotFound("Branch"))?;
            let branch = show(opened, entry)?.ok_or(Error::NotFound("Branch"))?;
            Ok((opened.project().clone(), branch))
        })
        .await
}

/// Creates a branch at any revision.
///
/// # Errors
///
/// As [`list`] for who may push; 400 for a bad or taken name or an unknown revision.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    name: String,
    from: String,
) -> Result<(Project, Branch)> {
    let opened = Opened::new(app, caller, key, Ability::PushCode).await?;
    if !opened.may_push(&name, false) {
        return Err(may_not_push());
    }
    let made = name.clone();
    let (branch, sha) = opened
        .work(move |opened| {
            if git::names::check_ref(&format!("refs/heads/{name}")).is_err() {
                return Err(refused("Branch name is invalid"));
            }
            if opened.repository.branch(&name)?.is_some() {
                return Err(refused("Branch already exists"));
            }
            let sha = opened.revision(&from)?;
            let sha = sha.ok_or_else(|| refused(format!("Invalid reference name: {from}")))?;
            opened
                .repository
                .create_branch(&name, &sha)
                .map_err(|error| match error {
                    git::Error::RefExists { .. } => refused("Branch already exists"),
                    other => explain(other),
                })?;
            let entry = RefEntry {
                name,
                target: sha.clone(),
            };
            Ok((show(opened, entry)?.ok_or(Error::NotFound("Branch"))?, sha))
        })
        .await?;
    let project = opened.project().clone();
    opened.moved(app, format!("refs/heads/{made}"), None, Some(sha)).await?;
    Ok((project, branch))
}

/// Deletes a branch. A protected one takes a Maintainer, the default one stays.
///
/// # Errors
///
/// As [`list`] for who may push; `404 Branch Not Found`; 405 for those that must stay.
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey, name: String) -> Result<()> {
    let opened = Opened::new(app, caller, key, Ability::PushCode).await?;
    let gone = name.clone();
    let old = opened
        .work(move |opened| {
            let entry = opened.repository.branch(&name)?.ok_or(Error::NotFound("Branch"))?;
            check_deletable(opened, &name)?;
            opened.repository.delete_branch(&name).map_err(explain)?;
            Ok(entry.target)
        })
        .await?;
    opened.moved(app, format!("refs/heads/{gone}"), Some(old), None).await
}

fn check_deletable(opened: &Opened, name: &str) -> Result<()> {
    let stays = |message: &str| Error::Status {
        status: 405,
        message: message.to_owned(),
    };
    if opened.project().default_branch.as_deref() == Some(name) {
        return Err(stays("Cannot remove HEAD branch"));
    }
    let is_maintainer = opened.caller.is_admin() || opened.access.role >= AccessLevel::Maintainer;
    if access::is_protected(&opened.protected, name, false) && !is_maintainer {
        return Err(stays("You dont have push access to repo"));
    }
    Ok(())
}

/// Returns the entries of a page.
pub(super) fn cut<T>(all: Vec<T>, page: Page) -> impl Iterator<Item = T> {
    let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(page.limit).unwrap_or(usize::MAX);
    all.into_iter().skip(skip).take(take)
}

/// Adds what a branch's JSON shows; `None` when it leads to no commit.
fn show(opened: &Opened, entry: RefEntry) -> Result<Option<Branch>> {
    let Some(commit) = opened.repository.commit(&entry.target)? else {
        return Ok(None);
    };
    let name = entry.name;
    let is_default = opened.project().default_branch.as_deref() == Some(name.as_str());
    let is_protected = access::is_protected(&opened.protected, &name, false);
    let developer = AccessLevel::Developer;
    Ok(Some(Branch {
        is_merged: !is_default && is_merged(opened, &entry.target)?,
        is_protected,
        developers_can_push: is_protected && access::may_push_to(&opened.protected, &name, false, developer, false),
        developers_can_merge: is_protected && access::may_run_on(&opened.protected, &name, false, developer, false),
        can_push: opened.may_push(&name, false),
        is_default,
        commit,
        name,
    }))
}

fn is_merged(opened: &Opened, tip: &Sha) -> Result<bool> {
    let Some(default) = &opened.project().default_branch else {
        return Ok(false);
    };
    match opened.repository.ref_target(&format!("refs/heads/{default}"))? {
        Some(head) if head != *tip => Ok(opened.repository.is_ancestor(tip, &head)?),
        _ => Ok(false),
    }
}
