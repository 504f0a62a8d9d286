//! The history of a branch or of one file, for lists of commits.

use model::Sha;

use crate::Error;
use crate::repository::{Repository, find, object_id, sha};
use crate::tree::{entry_below, tree_id};

/// Most commits looked at for one answer. Lists of a file's commits stop there.
///
/// A file that was changed once, long ago, would otherwise cost a walk over the whole history for each call.
const MAX_WALK: usize = 20_000;

/// Which commits to list, newest first.
#[derive(Clone, Debug)]
pub struct History<'a> {
    /// The newest commit.
    pub start: &'a Sha,
    /// Only commits that changed this file or folder.
    pub path: Option<&'a str>,
    /// Only commits at or after this moment, in seconds since 1970.
    pub since: Option<i64>,
    /// Only commits at or before this moment, in seconds since 1970.
    pub until: Option<i64>,
    /// Follow first parents only.
    pub first_parent: bool,
    /// How many to leave out.
    pub skip: usize,
    /// How many to return.
    pub max: usize,
}

impl<'a> History<'a> {
    /// The history from a commit.
    #[must_use]
    pub const fn of(start: &'a Sha) -> History<'a> {
        History {
            start,
            path: None,
            since: None,
            until: None,
            first_parent: false,
            skip: 0,
            max: usize::MAX,
        }
    }
}

impl Repository {
    /// Lists commits by their time, newest first; none when `start` is no commit.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn history(&self, wanted: &History<'_>) -> Result<Vec<Sha>, Error> {
        let Some(start) = object_id(wanted.start) else {
            return Ok(vec![]);
        };
        self.with(|repo| {
            if find(repo, start, gix::objs::Kind::Commit)?.is_none() {
                return Ok(vec![]);
            }
            let order = gix::traverse::commit::simple::CommitTimeOrder::NewestFirst;
            let mut walk = repo
                .rev_walk([start])
                .sorting(gix::revision::walk::Sorting::ByCommitTime(order));
            if wanted.first_parent {
                walk = walk.first_parent_only();
            }
            let walk = walk.all().map_err(Error::backend("walk the history"))?;
            let mut list = Vec::new();
            let mut left_out = 0;
            for info in walk.take(MAX_WALK) {
                let info = info.map_err(Error::backend("walk the history"))?;
                if list.len() >= wanted.max {
                    break;
                }
                if !is_wanted(repo, wanted, &info)? {
                    continue;
                }
                if left_out < wanted.skip {
                    left_out += 1;
                } else {
                    list.push(sha(&info.id));
                }
            }
            Ok(list)
        })
    }

    /// Returns the newest commit, `start` included, that changed a file; `None` when there is none within reach.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn last_change(&self, start: &Sha, path: &str) -> Result<Option<Sha>, Error> {
        let wanted = History {
            path: Some(path),
            max: 1,
            ..History::of(start)
        };
        Ok(self.history(&wanted)?.into_iter().next())
    }
}

fn is_wanted(
    repo: &gix::Repository,
    wanted: &History<'_>,
    info: &gix::revision::walk::Info<'_>,
) -> Result<bool, Error> {
    let time = info.commit_time.unwrap_or_default();
    if wanted.since.is_some_and(|since| time < since) || wanted.until.is_some_and(|until| time > until) {
        return Ok(false);
    }
    match wanted.path {
        None => Ok(true),
        Some(path) => changed(repo, info, path),
    }
}

/// Whether what is at the path differs from all parents.
fn changed(repo: &gix::Repository, info: &gix::revision::walk::Info<'_>, path: &str) -> Result<bool, Error> {
    let here = at(repo, info.id, path)?;
    let mut has_parents = false;
    for parent in info.parent_ids() {
        has_parents = true;
        if at(repo, parent.detach(), path)? == here {
            return Ok(false);
        }
    }
    Ok(has_parents || here.is_some())
}

fn at(repo: &gix::Repository, commit: gix::ObjectId, path: &str) -> Result<Option<gix::ObjectId>, Error> {
    match tree_id(repo, &sha(&commit))? {
        Some(tree) => Ok(entry_below(repo, tree, path)?.map(|(_, id)| id)),
        None => Ok(None),
    }
}
