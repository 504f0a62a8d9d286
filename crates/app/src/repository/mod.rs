//! Branches, tags, commits and files through the API (rest-api.md 17).
//!
//! What changes a ref counts as a push: the same permissions, and the same pipelines afterwards.

pub mod branches;
pub mod commits;
pub mod files;
pub mod tags;

use git::{PushCommand, PushOptions, Repository};
use model::{Project, ProtectedRef, Sha};
use store::ops;

use crate::App;
use crate::access::{self, Ability, ProjectAccess};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::git_access::GitAccess;
use crate::lookup::{self, ProjectKey};
use crate::push;

/// A project's repository, opened for a caller who may do what was asked.
#[derive(Clone)]
struct Opened {
    access: ProjectAccess,
    caller: Caller,
    protected: Vec<ProtectedRef>,
    repository: Repository,
}

impl Opened {
    async fn new(app: &App, caller: &Caller, key: ProjectKey, ability: Ability) -> Result<Opened> {
        let (this, asking) = (app.clone(), caller.clone());
        let (access, protected) = app
            .store
            .read(move |tx| {
                let access = lookup::project_for(&this, tx, &asking, &key, ability)?;
                let protected = ops::protected_refs::list(tx, access.project.id)?;
                Ok::<_, Error>((access, protected))
            })
            .await?;
        let repository = app.repositories.open(&access.project)?;
        Ok(Opened {
            access,
            caller: caller.clone(),
            protected,
            repository,
        })
    }

    const fn project(&self) -> &Project {
        &self.access.project
    }

    /// Whether the caller may push to a branch, create or delete a tag.
    fn may_push(&self, name: &str, is_tag: bool) -> bool {
        self.access.allows(&self.caller, Ability::PushCode)
            && access::may_push_to(&self.protected, name, is_tag, self.access.role, self.caller.is_admin())
    }

    /// Runs work on the repository off the async threads.
    async fn work<T: Send + 'static>(&self, work: impl FnOnce(&Opened) -> Result<T> + Send + 'static) -> Result<T> {
        let this = self.clone();
        crate::blocking(move || work(&this)).await
    }

    /// Returns the commit of a revision that the caller named.
    fn revision(&self, text: &str) -> Result<Option<Sha>> {
        if text == "HEAD" || text.is_empty() {
            let Some(branch) = &self.project().default_branch else {
                return Ok(None);
            };
            return Ok(self.repository.ref_target(&format!("refs/heads/{branch}"))?);
        }
        Ok(self.repository.revision(text)?)
    }

    /// Does what follows from a ref that moved: notes it, protects the first branch, starts pipelines.
    /// Goes on when the caller does not wait for it.
    async fn moved(self, app: &App, ref_name: String, old: Option<Sha>, new: Option<Sha>) -> Result<()> {
        let update = PushCommand {
            old: old.unwrap_or_else(Sha::zero),
            new: new.unwrap_or_else(Sha::zero),
            ref_name,
        };
        let mut access = GitAccess {
            project: self.access.project,
            caller: self.caller,
            role: self.access.role,
            protected: self.protected,
        };
        let app = app.clone();
        let after = async move {
            push::after(&app, &mut access, &[update], &PushOptions::default()).await;
        };
        tokio::spawn(after).await.map_err(Error::internal)
    }
}

/// 400 `{"message": text}`: the form of this part of the API.
fn refused(message: impl Into<String>) -> Error {
    Error::Status {
        status: 400,
        message: message.into(),
    }
}

/// The answer to somebody who may not push to a branch.
fn may_not_push() -> Error {
    Error::Forbidden(Some("You are not allowed to push into this branch".to_owned()))
}

/// Turns what git says about a write into an answer.
fn explain(error: git::Error) -> Error {
    match error {
        git::Error::ReadOnly { .. } => Error::Forbidden(Some(
            "The repository of this project is attached and read-only".to_owned(),
        )),
        git::Error::FileExists { .. } => refused("A file with this name already exists"),
        git::Error::FileMissing { .. } => refused("A file with this name doesn't exist"),
        git::Error::InvalidPath { .. } => Error::parameter("file_path should be a valid file path"),
        git::Error::InvalidRefName { .. } => refused("Branch name is invalid"),
        git::Error::RefMoved { name, .. } | git::Error::RefExists { name } => {
            refused(format!("Could not update {name}. Please refresh and try again."))
        }
        git::Error::TooLarge { .. } => Error::Status {
            status: 413,
            message: "413 Request Entity Too Large".to_owned(),
        },
        other => Error::internal(other),
    }
}
