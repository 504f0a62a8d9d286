//! Branches, tags and other refs: look up, list, create, move, delete.
//!
//! A lookup reads the loose file itself, then the packed refs that gix keeps mapped: two system
//! calls for a ref that is there or not. Only symbolic refs take gix's longer way.

use gix::bstr::ByteSlice;
use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};
use model::{GitRef, PipelineId, Sha};

use crate::commit::{Signature, signature, text};
use crate::repository::{Repository, find, object_id, sha};
use crate::{Error, names};

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

/// The annotation of a new tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The message.
    pub message: String,
    /// Who makes the tag, and when.
    pub tagger: Signature,
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

    /// Makes `HEAD` name a branch, whether that branch exists or not.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::InvalidRefName`], [`Error::Backend`] when it cannot be written.
    pub fn set_default_branch(&self, name: &str) -> Result<(), Error> {
        self.check_writable()?;
        let branch = full_name(&format!("refs/heads/{name}"))?;
        let head = FullName::try_from("HEAD").map_err(Error::backend("name HEAD"))?;
        let edit = RefEdit::update_with_log(head, Target::Symbolic(branch), PreviousValue::Any, no_log());
        self.edit("set HEAD", edit)
    }

    /// Creates a branch at a commit.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::InvalidRefName`], [`Error::RefExists`], [`Error::NoObject`].
    pub fn create_branch(&self, name: &str, at: &Sha) -> Result<(), Error> {
        self.update_ref(&format!("refs/heads/{name}"), Some(&Sha::zero()), at)
    }

    /// Deletes a branch; returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::Backend`] when it cannot be written.
    pub fn delete_branch(&self, name: &str) -> Result<bool, Error> {
        self.delete_ref(&format!("refs/heads/{name}"), None)
    }

    /// Creates a tag at a commit: annotated when there is an annotation, otherwise lightweight.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::InvalidRefName`], [`Error::RefExists`], [`Error::NoObject`].
    pub fn create_tag(&self, name: &str, at: &Sha, annotation: Option<&Annotation>) -> Result<(), Error> {
        self.check_writable()?;
        let full = format!("refs/tags/{name}");
        full_name(&full)?;
        if self.ref_target(&full)?.is_some() {
            return Err(Error::RefExists { name: full });
        }
        let target = match annotation {
            None => at.clone(),
            Some(annotation) => self.write_tag_object(name, at, annotation)?,
        };
        self.update_ref(&full, Some(&Sha::zero()), &target)
    }

    /// Deletes a tag; returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::Backend`] when it cannot be written.
    pub fn delete_tag(&self, name: &str) -> Result<bool, Error> {
        self.delete_ref(&format!("refs/tags/{name}"), None)
    }

    /// Creates the ref that keeps a pipeline's commit alive and fetchable (runner-protocol.md 6.3);
    /// returns whether it is there now: an attached repository gets none.
    ///
    /// # Errors
    ///
    /// [`Error::NoObject`], [`Error::Backend`] when it cannot be written.
    pub fn create_pipeline_ref(&self, id: PipelineId, at: &Sha) -> Result<bool, Error> {
        if self.is_attached() {
            return Ok(false);
        }
        self.update_ref(&pipeline_ref(id), None, at)?;
        Ok(true)
    }

    /// Deletes the ref of a pipeline; returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::Backend`] when it cannot be written.
    pub fn delete_pipeline_ref(&self, id: PipelineId) -> Result<bool, Error> {
        if self.is_attached() {
            return Ok(false);
        }
        self.delete_ref(&pipeline_ref(id), None)
    }

    /// Points a ref at an object if it still holds `expected`: zeros = it must not exist, `None` = whatever it holds.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::InvalidRefName`], [`Error::NoObject`], [`Error::RefMoved`];
    /// [`Error::RefExists`] also when another ref has this name as a folder or is a folder of it.
    pub fn update_ref(&self, name: &str, expected: Option<&Sha>, new: &Sha) -> Result<(), Error> {
        self.check_writable()?;
        let full = full_name(name)?;
        let no_object = || Error::NoObject { id: new.to_string() };
        let id = object_id(new).ok_or_else(no_object)?;
        let wanted = match name.starts_with("refs/heads/") {
            true => self.with(|repo| Ok(find(repo, id, gix::objs::Kind::Commit)?.is_some()))?,
            false => self.with(|repo| repo.has_object(id)),
        };
        if !wanted {
            return Err(no_object());
        }
        if self.ref_target(name)?.is_none() {
            self.check_room(name)?;
        } else if expected.is_some_and(Sha::is_zero) {
            // gix would accept a ref that happens to hold `new` already.
            return Err(Error::RefExists { name: name.to_owned() });
        }
        let edit = RefEdit::update_with_log(full, Target::Object(id), previous(expected)?, no_log());
        self.edit("update a ref", edit)
            .map_err(|error| self.explain(error, name, expected))
    }

    /// Deletes a ref if it still holds `expected`; returns whether there was one.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`], [`Error::RefMoved`], [`Error::Backend`] when it cannot be written.
    pub fn delete_ref(&self, name: &str, expected: Option<&Sha>) -> Result<bool, Error> {
        self.check_writable()?;
        let Ok(full) = FullName::try_from(name) else {
            return Ok(false);
        };
        let Some(current) = self.ref_target(name)? else {
            return Ok(false);
        };
        let expected = expected.unwrap_or(&current);
        let change = Change::Delete {
            expected: previous(Some(expected))?,
            log: RefLog::AndReference,
        };
        let edit = RefEdit {
            change,
            name: full,
            deref: false,
        };
        self.edit("delete a ref", edit)
            .map_err(|error| self.explain(error, name, Some(expected)))?;
        Ok(true)
    }

    /// Refuses a new ref that would be a folder of another, or have another as its folder.
    fn check_room(&self, name: &str) -> Result<(), Error> {
        for (end, _) in name.match_indices('/') {
            if self.ref_target(&name[..end])?.is_some() {
                return Err(Error::RefExists {
                    name: name[..end].to_owned(),
                });
            }
        }
        let failed = "list refs";
        let below = format!("{name}/");
        let first = self.with(|repo| {
            let platform = repo.references().map_err(Error::backend(failed))?;
            let mut refs = platform.prefixed(below.as_str()).map_err(Error::backend(failed))?;
            let first = refs.next().transpose().map_err(Error::backend(failed))?;
            Ok::<_, Error>(first.map(|first| first.name().as_bstr().to_string()))
        })?;
        first.map_or(Ok(()), |name| Err(Error::RefExists { name }))
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

    fn write_tag_object(&self, name: &str, at: &Sha, annotation: &Annotation) -> Result<Sha, Error> {
        let no_object = || Error::NoObject { id: at.to_string() };
        let id = object_id(at).ok_or_else(no_object)?;
        self.with(|repo| {
            find(repo, id, gix::objs::Kind::Commit)?.ok_or_else(no_object)?;
            let tag = gix::objs::Tag {
                target: id,
                target_kind: gix::objs::Kind::Commit,
                name: name.into(),
                tagger: Some(crate::write::actor(&annotation.tagger)),
                message: crate::write::message(&annotation.message).into(),
                signature: None,
            };
            let id = repo.write_object(&tag).map_err(Error::backend("write a tag"))?;
            Ok(sha(&id))
        })
    }

    fn edit(&self, action: &'static str, edit: RefEdit) -> Result<(), Error> {
        self.with(|repo| {
            repo.edit_references_as(Some(edit), None)
                .map(drop)
                .map_err(Error::backend(action))
        })
    }

    /// Turns a failed edit into the reason the caller can act on, by looking at the ref again.
    fn explain(&self, error: Error, name: &str, expected: Option<&Sha>) -> Error {
        let (Some(expected), Ok(actual)) = (expected, self.ref_target(name)) else {
            return error;
        };
        match actual {
            Some(_) if expected.is_zero() => Error::RefExists { name: name.to_owned() },
            actual if actual.as_ref() != Some(expected) && !expected.is_zero() => Error::RefMoved {
                name: name.to_owned(),
                expected: expected.clone(),
                actual,
            },
            _ => error,
        }
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

/// Returns the ref that belongs to a pipeline.
#[must_use]
pub fn pipeline_ref(id: PipelineId) -> String {
    format!("refs/pipelines/{id}")
}

fn full_name(name: &str) -> Result<FullName, Error> {
    names::check_ref(name)?;
    FullName::try_from(name).map_err(|_| Error::InvalidRefName {
        name: name.to_owned(),
        reason: "git does not allow it",
    })
}

fn no_log() -> LogChange {
    LogChange {
        mode: RefLog::AndReference,
        force_create_reflog: false,
        message: Default::default(),
    }
}

fn previous(expected: Option<&Sha>) -> Result<PreviousValue, Error> {
    Ok(match expected {
        None => PreviousValue::Any,
        Some(sha) if sha.is_zero() => PreviousValue::MustNotExist,
        Some(sha) => {
            let id = object_id(sha).ok_or_else(|| Error::NoObject { id: sha.to_string() })?;
            PreviousValue::MustExistAndMatch(Target::Object(id))
        }
    })
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
