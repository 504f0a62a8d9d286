//! Pushes of branches and tags.

use git::Repository;
use model::Sha;
use serde_json::{Value as Json, json};

use super::{About, commit, git_ref, project, repository};
use crate::App;
use crate::error::{Error, Result};
use crate::hooks::happened::Push;

/// Commits that a payload shows (GitLab's limit).
const MAX_COMMITS: usize = 20;

/// Commits that are counted.
const MAX_COUNTED: usize = 100_000;

/// Paths of one commit that a payload shows.
const MAX_PATHS: usize = 1000;

pub(super) fn payload(app: &App, about: &About, push: &Push, repo: &Repository) -> Result<Json> {
    let before: Sha = push.before.parse().map_err(Error::internal)?;
    let after: Sha = push.after.parse().map_err(Error::internal)?;
    let moved = git_ref(&push.git_ref);
    let kind = if moved.is_tag { "tag_push" } else { "push" };
    // For an annotated tag the commit behind it; nothing when the ref is gone.
    let checkout = if after.is_zero() {
        None
    } else {
        repo.revision(after.as_str())?
    };
    let commits = match &checkout {
        Some(checkout) if !moved.is_tag => pushed(about, repo, &before, checkout, &moved.name)?,
        Some(checkout) => vec![checkout.clone()],
        None => Vec::new(),
    };
    let mut shown = Vec::new();
    for sha in commits.iter().take(MAX_COMMITS).rev() {
        if let Some(found) = repo.commit(sha)? {
            shown.push(with_paths(app, about, repo, &found)?);
        }
    }
    let message = if moved.is_tag {
        repo.tag(&moved.name)?.and_then(|tag| tag.message)
    } else {
        None
    };
    let user = about.user.as_ref();
    Ok(json!({
        "object_kind": kind,
        "event_name": kind,
        "before": push.before,
        "after": push.after,
        "ref": push.git_ref,
        "ref_protected": about.ref_protected,
        "checkout_sha": checkout.map(|sha| sha.to_string()),
        "message": message,
        "user_id": push.user,
        "user_name": user.map(|user| &user.name),
        "user_username": user.map(|user| &user.username),
        "user_email": null,
        "user_avatar": null,
        "project_id": about.project.id.0,
        "project": project(app, about, true),
        "commits": shown,
        "total_commits_count": commits.len(),
        "push_options": if push.skip_ci { json!({ "ci": { "skip": true } }) } else { json!({}) },
        "repository": repository(app, &about.project),
    }))
}

/// The commits that a branch got, newest first: of a new branch those that the default branch has not.
fn pushed(about: &About, repo: &Repository, before: &Sha, after: &Sha, branch: &str) -> Result<Vec<Sha>> {
    let default = about.project.default_branch.as_deref();
    let from = match default {
        Some(default) if before.is_zero() && default != branch => repo.branch(default)?.map(|entry| entry.target),
        _ => None,
    };
    Ok(repo.commits_between(from.as_ref().unwrap_or(before), after, MAX_COUNTED)?)
}

/// A commit with the paths that it added, changed and removed.
fn with_paths(app: &App, about: &About, repo: &Repository, found: &git::Commit) -> Result<Json> {
    let parent = found.parents.first().cloned().unwrap_or_else(Sha::zero);
    let paths = repo.changed_paths(&parent, &found.sha, MAX_PATHS)?;
    let (mut added, mut modified, mut removed) = (Vec::new(), Vec::new(), Vec::new());
    for path in paths.map(|list| list.paths).unwrap_or_default() {
        let had = !parent.is_zero() && repo.blob_id(&parent, &path)?.is_some();
        let has = repo.blob_id(&found.sha, &path)?.is_some();
        match (had, has) {
            (false, _) => added.push(path),
            (true, true) => modified.push(path),
            (true, false) => removed.push(path),
        }
    }
    let mut json = commit(app, &about.project, found);
    json["added"] = Json::from(added);
    json["modified"] = Json::from(modified);
    json["removed"] = Json::from(removed);
    Ok(json)
}
