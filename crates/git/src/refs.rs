//! Branches, tags and other refs: look up and list them; [`change`] creates, moves and deletes.
//!
//! A lookup reads the loose file itself, then the packed refs that gix keeps mapped: two system
//! calls for a ref that is there or not. Only symbolic refs take gix's longer way.

mod change;

use gix::bstr::ByteSlice;
use model::{GitRef, Sha};

use crate::commit::{Signature, signature, text};
use crate::repository::{Repository, find, sha};
use crate::{Error, names};

pub use change::{Annotation, pipeline_ref};

/// What a name given by a user stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A branch or a tag.
    Found(Resolved),
    /// Both a branch and a tag have this short name.
    Ambiguous,
    /// Neither a branch nor a tag, or one that leads to no commit.
    NotFound,
}

/// A branch or tag and its commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The branch or tag.
    pub git_ref: GitRef,
    /// The commit, with tag objects peeled off.
    pub sha: Sha,
    /// What the ref itself holds: the commit, or the tag object of an annotated tag.
    pub target: Sha,
}

/// A branch or tag in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefEntry {
    /// Short name.
    pub name: String,
    /// What the ref holds: a commit, or the tag object of an annotated tag.
    pub target: Sha,
}

/// A tag in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Short name.
    pub name: String,
    /// What the ref holds: the tag object of an annotated tag, otherwise the commit.
    pub target: Sha,
    /// The commit, with tag objects peeled off.
    pub sha: Sha,
    /// Message of an annotated tag, without its signature.
    pub message: Option<String>,
    /// Who made an annotated tag, and when.
    pub tagger: Option<Signature>,
}

impl Repository {
    /// Resolves the name of a branch or tag (rest-api.md 2.1).
    ///
    /// `refs/heads/…` and `refs/tags/…` are taken literally; any other text is a short name: the
    /// branch, else the tag, and ambiguous when both exist. A commit id is no name.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Io`] when the repository is damaged.
    pub fn resolve(&self, name: &str) -> Result<Resolution, Error> {
        self.with(|repo| {
            if let Some(git_ref) = GitRef::from_full_name(name) {
                return found(repo, git_ref);
            }
            if name.starts_with("refs/") {
                return Ok(Resolution::NotFound);
            }
            let branch = found(repo, GitRef::branch(name))?;
            let tag = GitRef::tag(name);
            match branch {
                Resolution::NotFound => found(repo, tag),
                _ if target(repo, &tag.full_name())?.is_some() => Ok(Resolution::Ambiguous),
                branch => Ok(branch),
            }
        })
    }

    /// Returns the commit a text stands for wherever the API takes any revision: a full or
    /// abbreviated commit id, a full ref name, `HEAD`, a branch, a tag; each may be followed by `~n` or `^n`.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Io`] when the repository is damaged.
    pub fn revision(&self, text: &str) -> Result<Option<Sha>, Error> {
        let base_len = text.find(['~', '^']).unwrap_or(text.len());
        let (base, steps) = text.split_at(base_len);
        let digits_only = steps.bytes().all(|b| matches!(b, b'~' | b'^' | b'0'..=b'9'));
        if base.is_empty() || base.contains([':', '@']) || !digits_only || steps.len() > 64 {
            return Ok(None);
        }
        self.with(|repo| {
            let Some(id) = base_commit(repo, base)? else {
                return Ok(None);
            };
            if steps.is_empty() {
                return Ok(Some(sha(&id)));
            }
            let spec = format!("{}{steps}", id.to_hex());
            let Ok(id) = repo.rev_parse_single(spec.as_str()) else {
                return Ok(None);
            };
            Ok(peel_to_commit(repo, id.detach())?.map(|id| sha(&id)))
        })
    }

    /// Returns what a ref holds, by its full name; symbolic refs are followed, tag objects are not peeled.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Io`] when the repository is damaged.
    pub fn ref_target(&self, full_name: &str) -> Result<Option<Sha>, Error> {
        self.with(|repo| Ok(target(repo, full_name)?.map(|id| sha(&id))))
    }

    /// Returns a branch.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Io`] when the repository is damaged.
    pub fn branch(&self, name: &str) -> Result<Option<RefEntry>, Error> {
        let target = self.ref_target(&format!("refs/heads/{name}"))?;
        Ok(target.map(|target| RefEntry {
            name: name.to_owned(),
            target,
        }))
    }

    /// Returns a tag; `None` also when it leads to no commit.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] or [`Error::Io`] when the repository is damaged.
    pub fn tag(&self, name: &str) -> Result<Option<Tag>, Error> {
        self.with(|repo| {
            let Some(id) = target(repo, &format!("refs/tags/{name}"))? else {
                return Ok(None);
            };
            let Some(commit) = peel_to_commit(repo, id)? else {
                return Ok(None);
            };
            let mut tag = Tag {
                name: name.to_owned(),
                target: sha(&id),
                sha: sha(&commit),
                message: None,
                tagger: None,
            };
            if let Some(object) = find(repo, id, gix::objs::Kind::Tag)? {
                let annotated =
                    gix::objs::TagRef::from_bytes(&object.data, id.kind()).map_err(Error::backend("decode a tag"))?;
                tag.message = Some(text(annotated.message.trim_end().as_bstr()));
                tag.tagger = annotated.tagger().ok().flatten().map(|tagger| signature(Some(tagger)));
            }
            Ok(Some(tag))
        })
    }

    /// Returns all branches whose names match `search` (see [`matches_search`]), sorted bytewise.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn branches(&self, search: Option<&str>) -> Result<Vec<RefEntry>, Error> {
        self.list("refs/heads/", search)
    }

    /// Returns all tags whose names match `search` (see [`matches_search`]), sorted bytewise.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn tags(&self, search: Option<&str>) -> Result<Vec<RefEntry>, Error> {
        self.list("refs/tags/", search)
    }

    /// Returns the branch that `HEAD` names, whether that branch exists or not; `None` when `HEAD` is detached.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when the repository is damaged.
    pub fn default_branch(&self) -> Result<Option<String>, Error> {
        self.with(|repo| {
            let name = repo.head_name().map_err(Error::backend("read HEAD"))?;
            Ok(name.and_then(|name| {
                name.as_bstr()
                    .to_str()
                    .ok()?
                    .strip_prefix("refs/heads/")
                    .map(str::to_owned)
            }))
        })
    }

    fn list(&self, prefix: &'static str, search: Option<&str>) -> Result<Vec<RefEntry>, Error> {
        let failed = "list refs";
        self.with(|repo| {
            let platform = repo.references().map_err(Error::backend(failed))?;
            let mut list = Vec::new();
            for reference in platform.prefixed(prefix).map_err(Error::backend(failed))? {
                let mut reference = reference.map_err(Error::backend(failed))?;
                // A name that is not UTF-8 cannot be given to us by anybody, so it is in no list.
                let Ok(name) = reference.name().as_bstr().to_str() else {
                    continue;
                };
                let Some(name) = name.strip_prefix(prefix).map(str::to_owned) else {
                    continue;
                };
                if search.is_some_and(|search| !matches_search(&name, search)) {
                    continue;
                }
                let Ok(target) = reference.follow_to_object() else {
                    continue;
                };
                list.push(RefEntry {
                    name,
                    target: sha(&target),
                });
            }
            list.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            Ok(list)
        })
    }
}

/// Whether a name matches the `search` parameter of GitLab's lists, in any letter case:
/// `^term` = it starts with it, `term$` = it ends with it, otherwise it contains it.
#[must_use]
pub fn matches_search(name: &str, search: &str) -> bool {
    let (name, search) = (name.to_lowercase(), search.to_lowercase());
    match (search.strip_prefix('^'), search.strip_suffix('$')) {
        (Some(head), None) => name.starts_with(head),
        (None, Some(tail)) => name.ends_with(tail),
        (Some(_), Some(_)) => name == search[1..search.len() - 1],
        (None, None) => name.contains(&search),
    }
}

fn found(repo: &gix::Repository, git_ref: GitRef) -> Result<Resolution, Error> {
    let Some(id) = target(repo, &git_ref.full_name())? else {
        return Ok(Resolution::NotFound);
    };
    Ok(match peel_to_commit(repo, id)? {
        Some(commit) => Resolution::Found(Resolved {
            git_ref,
            sha: sha(&commit),
            target: sha(&id),
        }),
        None => Resolution::NotFound,
    })
}

/// Returns what a ref holds, symbolic refs followed.
fn target(repo: &gix::Repository, name: &str) -> Result<Option<gix::ObjectId>, Error> {
    let Ok(full) = <&gix::refs::FullNameRef>::try_from(name) else {
        return Ok(None);
    };
    let path = repo.common_dir().join(name);
    match std::fs::read(&path) {
        Ok(content) => match gix::ObjectId::from_hex(content.trim_ascii_end()) {
            Ok(id) => Ok(Some(id)),
            Err(_) => follow(repo, full),
        },
        Err(error) if is_absent(&error) => {
            let packed = repo
                .refs
                .cached_packed_buffer()
                .map_err(Error::backend("read the packed refs"))?;
            let Some(packed) = packed else { return Ok(None) };
            let found = packed
                .try_find(full)
                .map_err(Error::backend("search the packed refs"))?;
            Ok(found.map(|reference| reference.target()))
        }
        Err(error) => Err(Error::io("read ref", path)(error)),
    }
}

fn follow(repo: &gix::Repository, name: &gix::refs::FullNameRef) -> Result<Option<gix::ObjectId>, Error> {
    let found = repo.try_find_reference(name).map_err(Error::backend("read a ref"))?;
    // gix also tries `refs/tags/<name>` and the like; only the very name counts.
    let Some(mut reference) = found.filter(|found| found.name() == name) else {
        return Ok(None);
    };
    Ok(reference.follow_to_object().ok().map(gix::Id::detach))
}

/// The errors that mean "there is no such file": missing, below a file, a folder, or a name the file system cannot have.
fn is_absent(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as K;
    matches!(
        error.kind(),
        K::NotFound | K::NotADirectory | K::IsADirectory | K::InvalidInput | K::InvalidFilename
    )
}

/// Follows tag objects to the commit; `None` when they lead elsewhere.
fn peel_to_commit(repo: &gix::Repository, mut id: gix::ObjectId) -> Result<Option<gix::ObjectId>, Error> {
    // A chain of tags longer than this is somebody's joke.
    for _ in 0..16 {
        let object = repo.try_find_object(id).map_err(Error::backend("read an object"))?;
        match object.map(|object| (object.kind, object)) {
            Some((gix::objs::Kind::Commit, _)) => return Ok(Some(id)),
            Some((gix::objs::Kind::Tag, tag)) => {
                let tag = tag.into_tag();
                id = tag.target_id().map_err(Error::backend("decode a tag"))?.detach();
            }
            _ => return Ok(None),
        }
    }
    Ok(None)
}

fn base_commit(repo: &gix::Repository, text: &str) -> Result<Option<gix::ObjectId>, Error> {
    if names::looks_like_sha(text) {
        let Ok(id) = gix::ObjectId::from_hex(text.as_bytes()) else {
            return Ok(None);
        };
        return peel_to_commit(repo, id);
    }
    for candidate in [
        text.to_owned(),
        format!("refs/heads/{text}"),
        format!("refs/tags/{text}"),
    ] {
        let is_full = candidate.starts_with("refs/") || candidate == "HEAD";
        if let Some(id) = if is_full { target(repo, &candidate)? } else { None } {
            return peel_to_commit(repo, id);
        }
    }
    let is_prefix = text.len() >= 4 && text.len() < 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match is_prefix.then(|| repo.rev_parse_single(format!("{text}^{{commit}}").as_str())) {
        Some(Ok(id)) => peel_to_commit(repo, id.detach()),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::matches_search;

    #[test]
    fn a_search_may_be_anchored() {
        for (name, search, expected) in [
            ("Feature/x", "ture", true),
            ("feature/x", "FEAT", true),
            ("feature/x", "^feat", true),
            ("a/feature", "^feat", false),
            ("a/feature", "ture$", true),
            ("feature/x", "ture$", false),
            ("main", "^main$", true),
            ("main2", "^main$", false),
            ("main", "", true),
            ("main", "^", true),
        ] {
            assert_eq!(matches_search(name, search), expected, "{name} {search}");
        }
    }
}
