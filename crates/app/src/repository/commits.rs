//! Commits: list, get, create.

use git::{Action, Commit, History, NewCommit, Signature};
use model::{Project, Sha};
use store::ops::page::Page;

use super::tags::signature;
use super::{Opened, explain, may_not_push, refused};
use crate::App;
use crate::access::Ability;
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::ProjectKey;

/// Which commits to list.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Branch, tag or commit to start at; the default branch otherwise.
    pub revision: Option<String>,
    /// Only commits that changed this file or folder.
    pub path: Option<String>,
    /// Only commits at or after this moment, in seconds since 1970.
    pub since: Option<i64>,
    /// Only commits at or before this moment, in seconds since 1970.
    pub until: Option<i64>,
    /// Follow first parents only.
    pub first_parent: bool,
}

/// A commit to make on a branch.
#[derive(Clone, Debug)]
pub struct Change {
    /// The branch.
    pub branch: String,
    /// Where a new branch starts.
    pub start: Option<String>,
    /// The message.
    pub message: String,
    /// What to do, in this order.
    pub actions: Vec<Action>,
    /// Name of the author; the caller otherwise.
    pub author_name: Option<String>,
    /// Mail address of the author; the caller's otherwise.
    pub author_email: Option<String>,
    /// Paths and the commits that last changed them, as far as the caller knows: refused when that is no longer so.
    pub last_commits: Vec<(String, String)>,
}

/// Lists commits, newest first; one more than a page holds, when there are more.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say; `404 Commit Not Found` for an unknown revision.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    wanted: Wanted,
    page: Page,
) -> Result<(Project, Vec<Commit>)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let project = opened.project().clone();
            let revision = wanted.revision.as_deref().unwrap_or("HEAD");
            let Some(start) = opened.revision(revision)? else {
                return match wanted.revision {
                    Some(_) => Err(Error::NotFound("Commit")),
                    None => Ok((project, Vec::new())),
                };
            };
            let history = History {
                path: wanted.path.as_deref(),
                since: wanted.since,
                until: wanted.until,
                first_parent: wanted.first_parent,
                skip: usize::try_from(page.offset).unwrap_or(usize::MAX),
                max: usize::try_from(page.limit).unwrap_or(usize::MAX),
                ..History::of(&start)
            };
            let found = opened.repository.history(&history)?;
            let commits: Result<Vec<Option<Commit>>, _> =
                found.iter().map(|sha| opened.repository.commit(sha)).collect();
            Ok((project, commits?.into_iter().flatten().collect()))
        })
        .await
}

/// Returns the commit of any revision.
///
/// # Errors
///
/// As [`list`].
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, revision: String) -> Result<(Project, Commit)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let sha = opened.revision(&revision)?.ok_or(Error::NotFound("Commit"))?;
            let commit = opened.repository.commit(&sha)?.ok_or(Error::NotFound("Commit"))?;
            Ok((opened.project().clone(), commit))
        })
        .await
}

/// Makes a commit on a branch, which is created when it is not there.
///
/// # Errors
///
/// As [`list`] for who may push to the branch; 400 when a change does not fit what is there.
pub async fn create(app: &App, caller: &Caller, key: ProjectKey, change: Change) -> Result<(Project, Commit)> {
    let opened = Opened::new(app, caller, key, Ability::PushCode).await?;
    if !opened.may_push(&change.branch, false) {
        return Err(may_not_push());
    }
    let ref_name = format!("refs/heads/{}", change.branch);
    let now = app.clock.now();
    let (old, commit) = opened.work(move |opened| commit(opened, &change, now.0)).await?;
    let project = opened.project().clone();
    opened.moved(app, ref_name, old, Some(commit.sha.clone())).await?;
    Ok((project, commit))
}

/// Makes the commit; returns where the branch was before.
fn commit(opened: &Opened, change: &Change, now_micros: i64) -> Result<(Option<Sha>, Commit)> {
    let old = opened.repository.ref_target(&format!("refs/heads/{}", change.branch))?;
    let start = start(opened, change, old.as_ref())?;
    if let Some(head) = old.as_ref().or(start.as_ref()) {
        check_last_commits(opened, change, head)?;
    }
    let committer = signature(&opened.caller, now_micros);
    let author = Signature {
        name: change.author_name.clone().unwrap_or_else(|| committer.name.clone()),
        email: change.author_email.clone().unwrap_or_else(|| committer.email.clone()),
        time: committer.time,
    };
    let new = NewCommit {
        branch: &change.branch,
        start: start.as_ref(),
        actions: &change.actions,
        author: &author,
        committer: &committer,
        message: &change.message,
    };
    let sha = opened.repository.commit_files(&new).map_err(explain)?;
    let commit = opened.repository.commit(&sha)?.ok_or(Error::NotFound("Commit"))?;
    Ok((old, commit))
}

/// Finds where a new branch starts; only the first branch of all may start from nothing.
fn start(opened: &Opened, change: &Change, old: Option<&Sha>) -> Result<Option<Sha>> {
    match (old, &change.start) {
        (Some(_), Some(start)) if *start != change.branch => Err(refused(format!(
            "A branch called '{}' already exists. Switch to that branch in order to make changes",
            change.branch
        ))),
        (Some(_), _) => Ok(None),
        (None, Some(start)) => {
            let sha = opened.revision(start)?;
            sha.map(Some)
                .ok_or_else(|| refused(format!("Invalid reference name: {start}")))
        }
        (None, None) if opened.repository.branches(None)?.is_empty() => Ok(None),
        (None, None) => Err(refused("You can only create or edit files when you are on a branch")),
    }
}

fn check_last_commits(opened: &Opened, change: &Change, head: &Sha) -> Result<()> {
    for (path, expected) in &change.last_commits {
        let actual = opened.repository.last_change(head, path)?;
        if actual.is_some_and(|actual| actual.as_str() != expected) {
            return Err(refused(
                "You are attempting to update a file that has changed since you started editing it.",
            ));
        }
    }
    Ok(())
}
