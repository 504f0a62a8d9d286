//! Protected branches and tags: list, add, change, remove.

use model::{AccessLevel, ProtectedRef};
use store::{Tx, ops};

use crate::App;
use crate::access::{Ability, ProjectAccess};
use crate::audit::{self, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::{self, ProjectKey};
use crate::members;

/// Branches or tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Branches: who may push and merge.
    Branches,
    /// Tags: who may create.
    Tags,
}

impl Kind {
    const fn is_tag(self) -> bool {
        matches!(self, Kind::Tags)
    }

    const fn word(self) -> &'static str {
        match self {
            Kind::Branches => "branch",
            Kind::Tags => "tag",
        }
    }
}

/// Who gets through a protection; `None` = nobody.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Who may push, or create.
    pub push: Option<AccessLevel>,
    /// Who may merge.
    pub merge: Option<AccessLevel>,
}

/// Longest name or pattern.
const MAX_PATTERN: usize = 255;

/// Lists a project's protected branches or tags by name, each with its number.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(app: &App, caller: &Caller, key: ProjectKey, kind: Kind) -> Result<Vec<(i64, ProtectedRef)>> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let access = require(&this, tx, &caller, &key)?;
            numbered(tx, &access, kind)
        })
        .await
}

/// Returns one protected branch or tag by its name or pattern.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    kind: Kind,
    pattern: String,
) -> Result<(i64, ProtectedRef)> {
    let all = list(app, caller, key, kind).await?;
    all.into_iter()
        .find(|(_, rule)| rule.pattern == pattern)
        .ok_or(Error::RecordNotFound)
}

/// Protects a branch, a tag, or all that match a pattern with `*`.
///
/// # Errors
///
/// As [`list`]; 409 when the name is protected already.
pub async fn create(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    kind: Kind,
    pattern: String,
    levels: Levels,
) -> Result<(i64, ProtectedRef)> {
    if pattern.trim().is_empty() || pattern.len() > MAX_PATTERN {
        return Err(Error::invalid("name", "is invalid"));
    }
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let access = require(&this, tx, &caller, &key)?;
            if numbered(tx, &access, kind)?
                .iter()
                .any(|(_, rule)| rule.pattern == pattern)
            {
                return Err(Error::Status {
                    status: 409,
                    message: format!("Protected {} '{pattern}' already exists", kind.word()),
                });
            }
            let saved = save(tx, &access, kind, &pattern, levels)?;
            note(&this, tx, &caller, &access, kind, "created", &saved.1)?;
            Ok(saved)
        })
        .await
}

/// Changes who gets through; `None` leaves a level as it is.
///
/// # Errors
///
/// As [`get`].
pub async fn update(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    pattern: String,
    (push, merge): (Option<Option<AccessLevel>>, Option<Option<AccessLevel>>),
) -> Result<(i64, ProtectedRef)> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let access = require(&this, tx, &caller, &key)?;
            let all = numbered(tx, &access, Kind::Branches)?;
            let found = all.into_iter().find(|(_, rule)| rule.pattern == pattern);
            let (_, rule) = found.ok_or(Error::RecordNotFound)?;
            let levels = Levels {
                push: push.unwrap_or(rule.push_level),
                merge: merge.unwrap_or(rule.merge_level),
            };
            let saved = save(tx, &access, Kind::Branches, &pattern, levels)?;
            note(&this, tx, &caller, &access, Kind::Branches, "updated", &saved.1)?;
            Ok(saved)
        })
        .await
}

/// Removes a protection.
///
/// # Errors
///
/// As [`get`].
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey, kind: Kind, pattern: String) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let access = require(&this, tx, &caller, &key)?;
            let all = numbered(tx, &access, kind)?;
            let found = all.into_iter().find(|(_, rule)| rule.pattern == pattern);
            let (_, rule) = found.ok_or(Error::RecordNotFound)?;
            ops::protected_refs::delete(tx, access.project.id, kind.is_tag(), &pattern)?;
            note(&this, tx, &caller, &access, kind, "removed", &rule)
        })
        .await
}

fn require(app: &App, tx: &mut dyn Tx, caller: &Caller, key: &ProjectKey) -> Result<ProjectAccess> {
    lookup::project_for(app, tx, caller, key, Ability::AdminProject)
}

/// Writes down what became of a rule.
fn note(
    app: &App,
    tx: &mut dyn Tx,
    caller: &Caller,
    access: &ProjectAccess,
    kind: Kind,
    what: &str,
    rule: &ProtectedRef,
) -> Result<()> {
    let names = match kind {
        Kind::Branches => [
            "protected_branch_created",
            "protected_branch_updated",
            "protected_branch_removed",
        ],
        Kind::Tags => [
            "protected_tag_created",
            "protected_tag_updated",
            "protected_tag_removed",
        ],
    };
    let name = names.into_iter().find(|name| name.ends_with(what)).unwrap_or(names[0]);
    let word = |level: Option<AccessLevel>| level.map_or_else(|| "No one".to_owned(), members::word);
    let target = match kind {
        Kind::Branches => "ProtectedBranch",
        Kind::Tags => "ProtectedTag",
    };
    let event = Event::new(name, format!("protected {} {what}", kind.word()))
        .target(target, &rule.pattern, rule.pattern.as_str())
        .with("push_access_levels", word(rule.push_level))
        .with("merge_access_levels", word(rule.merge_level));
    Ok(audit::note(app, tx, caller, &access.project, event)?)
}

/// The rules of one kind with their numbers: their places in the list, for want of ids of their own.
fn numbered(tx: &mut dyn Tx, access: &ProjectAccess, kind: Kind) -> Result<Vec<(i64, ProtectedRef)>> {
    let all = ops::protected_refs::list(tx, access.project.id)?;
    let of_kind = all.into_iter().filter(|rule| rule.is_tag == kind.is_tag());
    Ok((1..).zip(of_kind).collect())
}

fn save(
    tx: &mut dyn Tx,
    access: &ProjectAccess,
    kind: Kind,
    pattern: &str,
    levels: Levels,
) -> Result<(i64, ProtectedRef)> {
    let rule = ProtectedRef {
        project_id: access.project.id,
        is_tag: kind.is_tag(),
        pattern: pattern.to_owned(),
        push_level: levels.push,
        merge_level: levels.merge.filter(|_| !kind.is_tag()),
    };
    ops::protected_refs::save(tx, &rule)?;
    let all = numbered(tx, access, kind)?;
    all.into_iter()
        .find(|(_, saved)| saved.pattern == pattern)
        .ok_or(Error::RecordNotFound)
}
