//! Members of projects and groups (rest-api.md 16).

use model::{AccessLevel, Timestamp, User, UserId};
use store::ops::members::{self, Member, Place};
use store::ops::page::Page;
use store::{StoreError, Tx, ops};

use crate::App;
use crate::access::Ability;
use crate::audit::{self, Entity, Event};
use crate::caller::Caller;
use crate::error::{Error, Result};
use crate::groups::{self, GroupKey};
use crate::lookup::{self, ProjectKey};

/// Microseconds of a day.
const DAY: i64 = 24 * 3600 * 1_000_000;

/// The project or group whose members a call is about.
#[derive(Clone, Debug)]
pub enum Of {
    /// A project.
    Project(ProjectKey),
    /// A group.
    Group(GroupKey),
}

/// A member with who they are and who added them.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The membership.
    pub member: Member,
    /// Who.
    pub user: User,
    /// Who added them.
    pub created_by: Option<User>,
}

/// A place and the caller's role in it.
struct Found {
    place: Place,
    role: AccessLevel,
    is_admin: bool,
}

/// Lists members by user id; `inherited` adds those of the groups around a project.
///
/// # Errors
///
/// 401 for nobody, 404 for a place that the caller may not see.
pub async fn list(app: &App, caller: &Caller, of: Of, inherited: bool) -> Result<Vec<Shown>> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .read(move |tx| {
            let found = find(&this, tx, &caller, &of, false)?;
            let all = all(tx, found.place, inherited)?;
            Ok(show(tx, all)?)
        })
        .await
}

/// Returns one member.
///
/// # Errors
///
/// As [`list`]; `404 Not found`.
pub async fn get(app: &App, caller: &Caller, of: Of, user: UserId, inherited: bool) -> Result<Shown> {
    let all = list(app, caller, of, inherited).await?;
    all.into_iter()
        .find(|shown| shown.user.id == user)
        .ok_or(Error::RecordNotFound)
}

/// Finds users by their names.
///
/// # Errors
///
/// 401; `404 User Not Found` when one of them is nobody's.
pub async fn named(app: &App, caller: &Caller, names: Vec<String>) -> Result<Vec<UserId>> {
    caller.user().ok_or(Error::Unauthorized)?;
    app.store
        .read(move |tx| {
            let found = |name: &String| Ok(ops::users::by_username(tx, name)?.ok_or(Error::NotFound("User"))?.id);
            names.iter().map(found).collect()
        })
        .await
}

/// A membership cannot have ended when it is made.
fn check_end(app: &App, end: Option<Timestamp>) -> Result<()> {
    let today = app.clock.now().0.div_euclid(DAY) * DAY;
    match end {
        Some(end) if end.0 < today => Err(Error::invalid("expires_at", "cannot be a date in the past")),
        _ => Ok(()),
    }
}

/// Adds members, all or none.
///
/// # Errors
///
/// 401, 403, 404; `404 User Not Found`; 409 for somebody who is a member already.
pub async fn add(
    app: &App,
    caller: &Caller,
    of: Of,
    users: Vec<UserId>,
    level: AccessLevel,
    expires_at: Option<Timestamp>,
) -> Result<Vec<Shown>> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let found = find(&this, tx, &caller, &of, true)?;
            found.require_above(level)?;
            check_end(&this, expires_at)?;
            let mut added = Vec::with_capacity(users.len());
            for user in &users {
                let is_bot = ops::users::get(tx, *user)?.ok_or(Error::NotFound("User"))?.is_bot;
                if is_bot && members::get(tx, found.place, *user)?.is_none() {
                    return Err(Error::invalid(
                        "user",
                        "project bots cannot be added to other groups / projects",
                    ));
                }
                let member = Member {
                    user_id: *user,
                    level,
                    created_by: caller.user().map(|user| user.id),
                    created_at: this.clock.now(),
                    expires_at,
                };
                if !members::add(tx, found.place, &member)? {
                    return Err(Error::Status {
                        status: 409,
                        message: "Member already exists".to_owned(),
                    });
                }
                let event = member_event(tx, "member_created", *user)?
                    .with("add", "user_access")
                    .with("as", word(level));
                let entity = Entity::of_place(tx, found.place)?;
                audit::note(&this, tx, &caller, entity, event)?;
                added.push(member);
            }
            Ok(show(tx, added)?)
        })
        .await
}

/// Changes a member's role and end.
///
/// # Errors
///
/// 401, 403, 404; `404 Not found` for somebody who is no member.
pub async fn update(
    app: &App,
    caller: &Caller,
    of: Of,
    user: UserId,
    level: AccessLevel,
    expires_at: Option<Option<Timestamp>>,
) -> Result<Shown> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let found = find(&this, tx, &caller, &of, true)?;
            let member = members::get(tx, found.place, user)?.ok_or(Error::RecordNotFound)?;
            refuse_bot(tx, user)?;
            found.require_above(member.level)?;
            found.require_above(level)?;
            check_end(&this, expires_at.flatten())?;
            if member.level == AccessLevel::Owner && level != AccessLevel::Owner {
                check_other_owner(tx, found.place, user)?;
            }
            let expires_at = expires_at.unwrap_or(member.expires_at);
            members::update(tx, found.place, user, level, expires_at)?;
            let event = member_event(tx, "member_updated", user)?
                .with("change", "access_level")
                .with("from", word(member.level))
                .with("to", word(level));
            let entity = Entity::of_place(tx, found.place)?;
            audit::note(&this, tx, &caller, entity, event)?;
            let member = Member {
                level,
                expires_at,
                ..member
            };
            let shown = show(tx, vec![member])?.into_iter().next();
            shown.ok_or(Error::RecordNotFound)
        })
        .await
}

/// Removes a member; everybody may remove themselves.
///
/// # Errors
///
/// As [`update`]; 403 for the last owner of a group.
pub async fn remove(app: &App, caller: &Caller, of: Of, user: UserId) -> Result<()> {
    let (this, caller) = (app.clone(), caller.clone());
    app.store
        .write(move |tx| {
            let oneself = caller.user().is_some_and(|who| who.id == user);
            let found = find(&this, tx, &caller, &of, !oneself)?;
            let member = members::get(tx, found.place, user)?.ok_or(Error::RecordNotFound)?;
            refuse_bot(tx, user)?;
            if !oneself {
                found.require_above(member.level)?;
            }
            if member.level == AccessLevel::Owner {
                check_other_owner(tx, found.place, user)?;
            }
            let event = member_event(tx, "member_destroyed", user)?
                .with("remove", "user_access")
                .with("as", word(member.level));
            members::remove(tx, found.place, user)?;
            let entity = Entity::of_place(tx, found.place)?;
            Ok(audit::note(&this, tx, &caller, entity, event)?)
        })
        .await
}

impl Found {
    /// Nobody hands out, changes or takes away a role above their own.
    fn require_above(&self, level: AccessLevel) -> Result<()> {
        if self.is_admin || self.role >= level {
            Ok(())
        } else {
            Err(Error::forbidden())
        }
    }
}

/// Finds the place; whoever wants to change members has to be Maintainer of a project, Owner of a group.
fn find(app: &App, tx: &mut dyn Tx, caller: &Caller, of: &Of, manage: bool) -> Result<Found> {
    caller.user().ok_or(Error::Unauthorized)?;
    let is_admin = caller.is_admin();
    match of {
        Of::Project(key) => {
            let ability = if manage {
                Ability::AdminProject
            } else {
                Ability::ReadMembers
            };
            let access = lookup::project_for(app, tx, caller, key, ability)?;
            Ok(Found {
                place: Place::Project(access.project.id),
                role: access.role,
                is_admin,
            })
        }
        Of::Group(key) => {
            let least = if manage { AccessLevel::Owner } else { AccessLevel::None };
            let group = groups::require(app, tx, caller, key, least)?;
            Ok(Found {
                place: Place::Group(group.id),
                role: groups::role(app, tx, caller, &group)?,
                is_admin,
            })
        }
    }
}

fn member_event(tx: &mut dyn Tx, name: &'static str, user: UserId) -> Result<Event, StoreError> {
    let user_name = ops::users::get(tx, user)?.map(|user| user.name).unwrap_or_default();
    let message = match name {
        "member_created" => "Membership created",
        "member_updated" => "Membership updated",
        _ => "Membership destroyed",
    };
    Ok(Event::new(name, message).target("User", user, user_name))
}

/// A role as GitLab's events name it.
pub(crate) fn word(level: AccessLevel) -> String {
    format!("{level:?}")
}

/// The role of a bot is that of its token.
fn refuse_bot(tx: &mut dyn Tx, user: UserId) -> Result<()> {
    match ops::bots::place(tx, user)? {
        Some(_) => Err(Error::forbidden()),
        None => Ok(()),
    }
}

/// A group without an owner could only be mended by an administrator.
fn check_other_owner(tx: &mut dyn Tx, place: Place, user: UserId) -> Result<()> {
    let Place::Group(_) = place else { return Ok(()) };
    let others = members::list(tx, place, Page::all())?;
    let is_other_owner = |member: &Member| member.user_id != user && member.level == AccessLevel::Owner;
    if others.iter().any(is_other_owner) {
        return Ok(());
    }
    Err(Error::forbidden())
}

fn all(tx: &mut dyn Tx, place: Place, inherited: bool) -> Result<Vec<Member>, StoreError> {
    match place {
        Place::Project(id) if inherited => members::list_with_inherited(tx, id, Page::all()),
        place => members::list(tx, place, Page::all()),
    }
}

fn show(tx: &mut dyn Tx, all: Vec<Member>) -> Result<Vec<Shown>, StoreError> {
    let mut ids: Vec<UserId> = all.iter().map(|member| member.user_id).collect();
    ids.extend(all.iter().filter_map(|member| member.created_by));
    ids.sort_unstable();
    ids.dedup();
    let users = ops::users::get_many(tx, &ids)?;
    let user = |id: UserId| users.iter().find(|user| user.id == id).cloned();
    let shown = all.into_iter().filter_map(|member| {
        Some(Shown {
            user: user(member.user_id)?,
            created_by: member.created_by.and_then(user),
            member,
        })
    });
    Ok(shown.collect())
}
