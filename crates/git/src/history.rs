//! How commits are related.

use model::Sha;

use crate::Error;
use crate::repository::{Repository, find, object_id, sha};

impl Repository {
    /// Returns the best common ancestor of two commits; `None` when there is none or a commit does not exist.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn merge_base(&self, one: &Sha, two: &Sha) -> Result<Option<Sha>, Error> {
        let (Some(one), Some(two)) = (object_id(one), object_id(two)) else {
            return Ok(None);
        };
        self.with(|repo| {
            for id in [one, two] {
                if find(repo, id, gix::objs::Kind::Commit)?.is_none() {
                    return Ok(None);
                }
            }
            let cache = repo
                .commit_graph_if_enabled()
                .map_err(Error::backend("read the commit graph"))?;
            let mut graph = repo.revision_graph(cache.as_ref());
            let bases = repo
                .merge_bases_many_with_graph(one, &[two], &mut graph)
                .map_err(Error::backend("find a common ancestor"))?;
            Ok(bases.first().map(|id| sha(id)))
        })
    }

    /// Whether `ancestor` is `descendant` or can be reached from it through parents.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn is_ancestor(&self, ancestor: &Sha, descendant: &Sha) -> Result<bool, Error> {
        Ok(self.merge_base(ancestor, descendant)?.as_ref() == Some(ancestor))
    }

    /// Returns at most `max` commits reachable from `new` but not from `old` (zeros = from the beginning),
    /// newest first, following all parents; the pushed commits of a webhook.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn commits_between(&self, old: &Sha, new: &Sha, max: usize) -> Result<Vec<Sha>, Error> {
        let Some(new) = object_id(new) else { return Ok(vec![]) };
        let hidden = object_id(old).filter(|id| !id.is_null());
        self.with(|repo| {
            if find(repo, new, gix::objs::Kind::Commit)?.is_none() {
                return Ok(vec![]);
            }
            let order = gix::traverse::commit::simple::CommitTimeOrder::NewestFirst;
            let walk = repo
                .rev_walk([new])
                .with_hidden(hidden.filter(|id| repo.has_object(id)))
                .sorting(gix::revision::walk::Sorting::ByCommitTime(order))
                .all()
                .map_err(Error::backend("walk the history"))?;
            walk.take(max)
                .map(|info| {
                    info.map(|info| sha(&info.id))
                        .map_err(Error::backend("walk the history"))
                })
                .collect()
        })
    }
}
