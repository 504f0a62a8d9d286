//! Tags.

use std::cmp::Ordering;

use git::refs::Annotation;
use git::{Commit, CommitTime, Signature};
use model::{Project, Sha};
use store::ops::page::{Page, Sort};

use super::branches::cut;
use super::{Opened, explain, refused};
use crate::App;
use crate::access::{self, Ability};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::lookup::ProjectKey;

/// A tag with its commit.
#[derive(Clone, Debug)]
pub struct Tag {
    /// The tag.
    pub tag: git::Tag,
    /// The commit it leads to.
    pub commit: Commit,
    /// Whether it is protected.
    pub is_protected: bool,
}

/// Order of the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By the time of the tag, or of its commit.
    #[default]
    Updated,
    /// By name.
    Name,
    /// By the numbers in the name.
    Version,
}

/// What a new tag is to be.
#[derive(Clone, Debug)]
pub struct NewTag {
    /// Short name.
    pub name: String,
    /// The revision it leads to.
    pub from: String,
    /// Message: makes an annotated tag.
    pub message: Option<String>,
}

/// Lists tags, one page of them, and their number.
///
/// # Errors
///
/// 404, 401 or 403 as the project and the caller's role say.
pub async fn list(
    app: &App,
    caller: &Caller,
    key: ProjectKey,
    search: Option<String>,
    (order, sort): (Order, Sort),
    page: Page,
) -> Result<(Project, Vec<Tag>, i64)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let names = opened.repository.tags(search.as_deref())?;
            let total = i64::try_from(names.len()).unwrap_or(i64::MAX);
            let mut names: Vec<String> = names.into_iter().map(|entry| entry.name).collect();
            let tags = match order {
                Order::Updated => {
                    let mut all = show_all(opened, names)?;
                    all.sort_by_key(updated);
                    reverse(&mut all, sort);
                    cut(all, page).collect()
                }
                Order::Name | Order::Version => {
                    if order == Order::Version {
                        names.sort_by(|a, b| by_version(a, b));
                    }
                    reverse(&mut names, sort);
                    show_all(opened, cut(names, page).collect())?
                }
            };
            Ok((opened.project().clone(), tags, total))
        })
        .await
}

/// Returns a tag.
///
/// # Errors
///
/// As [`list`]; `404 Tag Not Found`.
pub async fn get(app: &App, caller: &Caller, key: ProjectKey, name: String) -> Result<(Project, Tag)> {
    let opened = Opened::new(app, caller, key, Ability::ReadCode).await?;
    opened
        .work(move |opened| {
            let tag = show(opened, &name)?.ok_or(Error::NotFound("Tag"))?;
            Ok((opened.project().clone(), tag))
        })
        .await
}

/// Creates a tag.
///
/// # Errors
///
/// As [`list`] for who may push and create such a tag; 400 for a bad or taken name or an unknown revision.
pub async fn create(app: &App, caller: &Caller, key: ProjectKey, new: NewTag) -> Result<(Project, Tag)> {
    let opened = Opened::new(app, caller, key, Ability::PushCode).await?;
    if !opened.may_push(&new.name, true) {
        return Err(Error::forbidden());
    }
    let full_name = format!("refs/tags/{}", new.name);
    let now = app.clock.now();
    let tag = opened
        .work(move |opened| {
            if git::names::check_ref(&format!("refs/tags/{}", new.name)).is_err() {
                return Err(refused("Tag name invalid"));
            }
            let sha = opened.revision(&new.from)?;
            let sha = sha.ok_or_else(|| refused(format!("Target {} is invalid", new.from)))?;
            let annotation = new
                .message
                .filter(|message| !message.trim().is_empty())
                .map(|message| Annotation {
                    message,
                    tagger: signature(&opened.caller, now.0),
                });
            let created = opened.repository.create_tag(&new.name, &sha, annotation.as_ref());
            created.map_err(|error| match error {
                git::Error::RefExists { .. } => refused(format!("Tag {} already exists", new.name)),
                other => explain(other),
            })?;
            show(opened, &new.name)?.ok_or(Error::NotFound("Tag"))
        })
        .await?;
    let (project, target) = (opened.project().clone(), tag.tag.target.clone());
    opened.moved(app, full_name, None, Some(target)).await?;
    Ok((project, tag))
}

/// Deletes a tag.
///
/// # Errors
///
/// As [`create`]; `404 Tag Not Found`.
pub async fn delete(app: &App, caller: &Caller, key: ProjectKey, name: String) -> Result<()> {
    let opened = Opened::new(app, caller, key, Ability::PushCode).await?;
    let full_name = format!("refs/tags/{name}");
    let old: Sha = opened
        .work(move |opened| {
            let target = opened.repository.ref_target(&format!("refs/tags/{name}"))?;
            let target = target.ok_or(Error::NotFound("Tag"))?;
            if !opened.may_push(&name, true) {
                return Err(Error::forbidden());
            }
            opened.repository.delete_tag(&name).map_err(explain)?;
            Ok(target)
        })
        .await?;
    opened.moved(app, full_name, Some(old), None).await
}

/// Returns who a caller is to git.
pub(super) fn signature(caller: &Caller, now_micros: i64) -> Signature {
    let (name, email) = match caller.user() {
        Some(user) => (user.name.clone(), user.email.clone()),
        None => (String::new(), String::new()),
    };
    Signature {
        name,
        email,
        time: CommitTime {
            seconds: now_micros.div_euclid(1_000_000),
            offset_seconds: 0,
        },
    }
}

fn show_all(opened: &Opened, names: Vec<String>) -> Result<Vec<Tag>> {
    let shown: Result<Vec<Option<Tag>>> = names.iter().map(|name| show(opened, name)).collect();
    Ok(shown?.into_iter().flatten().collect())
}

fn show(opened: &Opened, name: &str) -> Result<Option<Tag>> {
    let Some(tag) = opened.repository.tag(name)? else {
        return Ok(None);
    };
    let Some(commit) = opened.repository.commit(&tag.sha)? else {
        return Ok(None);
    };
    Ok(Some(Tag {
        is_protected: access::is_protected(&opened.protected, name, true),
        tag,
        commit,
    }))
}

fn updated(tag: &Tag) -> (CommitTime, String) {
    let tagger = tag.tag.tagger.as_ref().map(|tagger| tagger.time);
    (tagger.unwrap_or(tag.commit.committer.time), tag.tag.name.clone())
}

fn reverse<T>(list: &mut [T], sort: Sort) {
    if sort == Sort::Desc {
        list.reverse();
    }
}

/// Compares names so that `v1.10` comes after `v1.9`: runs of digits as numbers, the rest as text.
fn by_version(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        if a.is_empty() || b.is_empty() {
            return a.len().cmp(&b.len());
        }
        let ((x, rest_a), (y, rest_b)) = (run(a), run(b));
        let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let order = if is_number(x) && is_number(y) {
            let (x, y) = (x.trim_start_matches('0'), y.trim_start_matches('0'));
            x.len().cmp(&y.len()).then_with(|| x.cmp(y))
        } else {
            x.cmp(y)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

/// Splits off the digits, or the other characters, that a text starts with.
fn run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let mut names = ["v1.10", "v1.9", "v1.9.1", "v01.9", "w0", "v2", "v1.9-rc1"];
        names.sort_by(|a, b| by_version(a, b));
        assert_eq!(names, ["v1.9", "v01.9", "v1.9-rc1", "v1.9.1", "v1.10", "v2", "w0"]);
    }
}
