//! Creating, moving and deleting refs. A change says what it expects to find and fails when it finds
//! something else; nothing is written to reflogs.

use gix::refs::transaction::{Change, LogChange, PreviousValue, RefEdit, RefLog};
use gix::refs::{FullName, Target};
use model::{PipelineId, Sha};

use crate::commit::Signature;
use crate::repository::{Repository, find, object_id, sha};
use crate::{Error, names};

/// The annotation of a new tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Annotation {
    /// The message.
    pub message: String,
    /// Who makes the tag, and when.
    pub tagger: Signature,
}

impl Repository {
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
        let name = pipeline_ref(id);
        if self.ref_target(&name)?.as_ref() == Some(at) {
            return Ok(true);
        }
        let no_object = || Error::NoObject { id: at.to_string() };
        let object = object_id(at).ok_or_else(no_object)?;
        if !self.with(|repo| repo.has_object(object)) {
            return Err(no_object());
        }
        // Nothing can be in its way: the names are numbers, and only pipelines have them. Looking for that would list
        // the refs of all pipelines, for each job that is handed out.
        let edit = RefEdit::update_with_log(full_name(&name)?, Target::Object(object), previous(None)?, no_log());
        self.edit("create the ref of a pipeline", edit)?;
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
        // gix takes no prefix that Windows could not have as a folder (`a<b`, `aux`): all refs of the kind, then.
        let kind: String = name.split_inclusive('/').take(2).collect();
        let first = self.with(|repo| {
            let platform = repo.references().map_err(Error::backend(failed))?;
            let refs = match platform.prefixed(below.as_str()) {
                Ok(refs) => refs,
                Err(_) => platform.prefixed(kind.as_str()).map_err(Error::backend(failed))?,
            };
            for reference in refs {
                let reference = reference.map_err(Error::backend(failed))?;
                let found = reference.name().as_bstr().to_string();
                if found.starts_with(&below) {
                    return Ok(Some(found));
                }
            }
            Ok::<_, Error>(None)
        })?;
        first.map_or(Ok(()), |name| Err(Error::RefExists { name }))
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
